package paging

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// NextLink returns the absolute URL of the page after an answer; empty if the
// answer is no list, or its last page, or if the operation's pages are asked for
// with inputs. A link that cannot be followed counts as none.
//
// An answer whose body does not hold the text "next" costs one search for it,
// unless the operation names the member of the link.
func NextLink(op *connectorv1.Operation, answer *Answer) string {
	if op.GetPagination().GetStyle() != nil || answer.Status >= http.StatusMultipleChoices {
		return ""
	}
	link, err := nextLink(op.GetPagination(), answer)
	if err != nil {
		return ""
	}
	return link
}

// nextLink finds the link to the next page and makes it absolute.
func nextLink(p *connectorv1.Pagination, answer *Answer) (string, error) {
	found, name := "", p.GetNextLinkProperty()
	if name != "" {
		found = linkAt(answer.Body, name)
	}
	if found == "" {
		found = answer.Next
	}
	if found == "" && name == "" && bytes.Contains(answer.Body, []byte("next")) {
		found = guess(answer.Body)
	}
	if found == "" {
		found = relNext(answer.Header["Link"])
	}
	if found == "" {
		return "", nil
	}
	return resolve(answer.URL, found)
}

// linkAt returns the text at a path, or that of the member href of an object
// there. Everything else is no link: the list ends.
func linkAt(body []byte, path string) string {
	v, ok := dotpath.Find(body, path)
	if ok && v.Kind() == '{' {
		v, ok = dotpath.Find(v, "href")
	}
	if !ok || v.Kind() != '"' {
		return ""
	}
	return strings.TrimSpace(dotpath.Text(v))
}

// Where links are found that nobody declared. Names that say "link" are taken at
// their word; others only if they hold something that is a link beyond doubt.
var (
	linkNames  = [...]string{"@odata.nextLink", "odata.nextLink", "nextLink", "d.__next", "_links.next", "links.next", "paging.next"}
	looseNames = [...]string{"next", "next_page_url", "next_url", "pagination.next", "meta.next"}
)

func guess(body []byte) string {
	document, ok := dotpath.Find(body, "")
	if !ok || document.Kind() != '{' {
		return ""
	}
	for _, name := range linkNames {
		if found := linkAt(document, name); found != "" && (strings.HasSuffix(name, "Link") || isLink(found)) {
			return found
		}
	}
	for _, name := range looseNames {
		if found := linkAt(document, name); isLink(found) {
			return found
		}
	}
	return ""
}

// isLink reports whether a text is an http URL or an absolute path, rather than a
// token or a page number.
func isLink(text string) bool {
	return strings.HasPrefix(text, "https://") || strings.HasPrefix(text, "http://") ||
		strings.HasPrefix(text, "?") || (strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//"))
}

// resolve makes a link absolute. One that is absolute stays as the API wrote it.
func resolve(base, link string) (string, error) {
	if len(link) > maxLink {
		return "", badLink("is longer than %d bytes", maxLink)
	}
	if scheme, _, ok := strings.Cut(link, "://"); ok && (strings.EqualFold(scheme, "https") || strings.EqualFold(scheme, "http")) {
		return link, nil
	}
	from, err := url.Parse(base)
	if err != nil || from.Host == "" {
		return "", badLink("is relative, and it is not known to what")
	}
	to, err := from.Parse(link)
	if err != nil || (to.Scheme != "https" && to.Scheme != "http") || to.Host == "" {
		return "", badLink("is no http URL")
	}
	return to.String(), nil
}

func badLink(format string, args ...any) error {
	return fault.Unavailable(fault.ReasonUpstreamInvalidResponse,
		"the API's link to the next page "+format+"; ask for pages one by one, and tell those who run the API", args...)
}

// text returns a JSON string.
func text(s string) jsontext.Value {
	v, _ := jsontext.AppendQuote(nil, s) // only text that is not UTF-8 fails, and is mended
	return v
}
