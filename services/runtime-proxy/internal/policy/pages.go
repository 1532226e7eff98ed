package policy

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// maxPages bounds the pages of one poll, the first included. A poll with more
// fails and its state stays: an item that was left out would never come again.
const maxPages = 100

// remember keeps the request of a poll, with handles in it, for its next pages.
func (t *Trigger) remember(_ context.Context, e *Exchange) error {
	if e.Poll != nil {
		e.Poll.request = *e.Request
		e.Poll.request.Header = cloneHeader(e.Request.Header)
		e.Poll.request.Body = nil
	}
	return nil
}

// findNextPage looks for the next page before a policy changes the link to it.
func (t *Trigger) findNextPage(_ context.Context, e *Exchange) error {
	if e.Poll == nil || e.Poll.values == nil {
		return nil
	}
	var err error
	e.Poll.page, err = t.nextOf(e.document(sectionResponse))
	return t.settings.explain(err)
}

func (t *Trigger) nextOf(d *document) (string, error) {
	found, err := d.at(d.root, t.next)
	if err != nil || found == nil || found.kind() != '"' {
		return "", err
	}
	return found.words(), nil
}

// followPages appends the items of the following pages to those of the first.
func (t *Trigger) followPages(ctx context.Context, e *Exchange, items *node) error {
	if e.Poll.page == "" || items.kind() != '[' {
		return nil
	}
	d := e.document(sectionResponse)
	seen := map[string]bool{}
	for link, from := e.Poll.page, &e.Poll.request; link != ""; {
		if seen[link] = true; len(seen) >= maxPages {
			return problem("the answer has more than 100 pages; ask for more items in a page, or poll more often")
		}
		page, next, err := t.fetchPage(ctx, e, from, link)
		if err != nil {
			return err
		}
		if err := t.appendItems(d, items, page); err != nil {
			return err
		}
		if seen[next] {
			return problem("the API's pages lead back to an earlier one; it has to be asked why")
		}
		link, from = next, page.Request
	}
	_, err := d.detach(d.root, t.next)
	d.changed = true
	return err
}

// fetchPage asks for a page, applies the response steps to it, and returns the
// link to the one after it.
func (t *Trigger) fetchPage(ctx context.Context, e *Exchange, from *request.Request, link string) (page *Exchange, next string, err error) {
	if e.Fetch == nil {
		return nil, "", problem("the pages of a poll are not read for this kind of call; invoke the operation by its name")
	}
	req, err := pageRequest(&e.Poll.request, from, link)
	if err != nil {
		return nil, "", err
	}
	// What is sent holds secrets afterwards; what is kept holds handles.
	kept := *req
	kept.Header = cloneHeader(req.Header)
	answer, err := e.Fetch(ctx, req)
	if err != nil {
		return nil, "", err
	}
	if answer.Status < http.StatusOK || answer.Status >= http.StatusMultipleChoices {
		return nil, "", t.settings.refused(e, http.MethodGet, answer, "the next page; the next poll begins again at the first")
	}
	page = &Exchange{Request: &kept, Response: answer, Parameter: e.Parameter, Argument: e.Argument, Fetch: e.Fetch}
	if next, err = t.nextOf(page.document(sectionResponse)); err != nil {
		return nil, "", err
	}
	return page, next, Run(ctx, t.response, page)
}

// appendItems copies the items of a page.
func (t *Trigger) appendItems(d *document, items *node, page *Exchange) error {
	scope := scope{e: page, by: &t.settings, section: sectionResponse}
	found, err := scope.find(t.data)
	if err != nil || found == nil || found.kind() != '[' {
		return err
	}
	if err := scope.document().visit(found); err != nil {
		return err
	}
	if err := d.visit(items); err != nil {
		return err
	}
	for _, item := range found.items {
		if d.nodes++; d.nodes > maxNodes {
			return errTooMany
		}
		own, err := d.fresh(item.append(nil))
		if err != nil {
			return err
		}
		items.items = append(items.items, own)
	}
	return nil
}

// pageRequest makes the request for a page. The link may be relative to the
// request that it was the answer to. Where it leads is judged by who sends it.
func pageRequest(first, from *request.Request, link string) (*request.Request, error) {
	const unusable = problem("the API's link to the next page cannot be followed; it has to be asked why")
	here, err := url.Parse(from.Base.Scheme + "://" + from.Base.Host + from.Target())
	if err != nil {
		return nil, unusable
	}
	there, err := here.Parse(link)
	if err != nil || there.User != nil || there.Opaque != "" {
		return nil, unusable
	}
	base, err := request.ParseBase(there.Scheme + "://" + there.Host)
	if err != nil || request.Climbs(there.EscapedPath()) {
		return nil, unusable
	}
	req := &request.Request{
		Method: http.MethodGet, Base: base, Path: there.EscapedPath(), Query: there.RawQuery, Header: cloneHeader(first.Header),
	}
	if base.Host == first.Base.Host {
		req.Host = first.Host
	}
	return req, nil
}
