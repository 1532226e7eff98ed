package pipeline

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// follows reports whether the call is of a link instead of an input.
func (c *Call) follows() bool { return c.Link != "" || c.Follow != "" }

// buildRequest writes the request, still without credentials.
func (p *Pipeline) buildRequest(ctx context.Context, c *Call, next Next) error {
	if err := p.build(c, &c.request); err != nil {
		return err
	}
	return next(ctx, c)
}

// build writes the request of a call into req, the same one each time.
func (p *Pipeline) build(c *Call, req *request.Request) error {
	base, err := c.Binding.BaseOf(c.operation.plan.Source())
	if err != nil {
		return err
	}
	if c.raw != nil {
		*req = c.raw.Clone() // there may be another attempt
	}
	if req.Base.Host == "" { // or a raw request says where it goes
		req.Base = base
	}
	if c.arguments != nil {
		err = c.operation.plan.Build(c.arguments, req)
	}
	if err == nil && c.follows() {
		err = p.followLink(c, req)
	}
	if err != nil {
		return err
	}
	if header := c.operation.plan.Source().GetIdempotencyKeyHeader(); header != "" && c.IdempotencyKey != "" {
		if !request.ValidFieldName(header) || !request.ValidFieldValue(c.IdempotencyKey) {
			return fault.Invalid(fault.ReasonInvalidArgument, "the idempotency key cannot be sent to the API: use letters, digits and punctuation")
		}
		req.SetHeader(header, c.IdempotencyKey)
	}
	return nil
}

// followLink makes the request one of a link.
func (p *Pipeline) followLink(c *Call, req *request.Request) error {
	maker, err := p.Links(c.Binding, c.operation.plan.Source())
	if err != nil {
		return err
	}
	target := c.linked
	if c.Follow != "" {
		target = Linked{URL: c.Follow, Method: c.operation.followMethod()} // the API's own word; where it leads is checked like any request
		if opened, err := maker.Open(c.Follow); err == nil {               // or a policy has made it ours
			target.URL = opened
		}
	}
	if c.arguments == nil {
		c.operation.plan.Follow(req)
	}
	if req.Method != target.Method {
		req.Method, req.Body = target.Method, nil
		for _, name := range [...]string{"Content-Type", "Content-Encoding"} {
			delete(req.Header, name)
		}
	}
	req.Base, req.Path, req.Query, err = maker.Place(target.URL)
	return err
}

// placeLocation makes a relative Location an absolute one, since nobody else knows
// what it is relative to. It comes before everything that may set a Location of
// ours, which is relative to us.
func placeLocation(ctx context.Context, c *Call, next Next) error {
	if location := c.Response.Header.Get("Location"); location != "" && c.URL != "" {
		if absolute, ok := resolve(c.URL, location); ok {
			c.Response.Header.Set("Location", absolute)
		}
	}
	return next(ctx, c)
}

// checkLocation finds out whether the link under which an API keeps the state of a
// trigger can be followed: whoever polls wants to know before the next poll.
func (p *Pipeline) checkLocation(ctx context.Context, c *Call, next Next) error {
	location := c.Response.Header.Get("Location")
	if c.Response.Status < http.StatusMultipleChoices && location != "" {
		_, err := p.Linked(ctx, c.Binding, c.OperationID, location)
		c.LocationFault = links.Why(err)
	}
	return next(ctx, c)
}

// linkBody makes a link of ours of the one that the description of an operation's
// pages names, for raw requests: their callers know nothing of the operation, and
// follow what the body says.
func (p *Pipeline) linkBody(ctx context.Context, c *Call, next Next) error {
	if c.raw == nil || c.Response.Rest != nil || c.Response.Status >= http.StatusMultipleChoices {
		return next(ctx, c)
	}
	maker, err := p.linksOf(c.Binding, c.operation)
	if err != nil {
		return err
	}
	body, link := paging.Relink(c.operation.plan.Source(), c.Response.Body, func(found string) (string, bool) {
		if maker.Ours(found) {
			return "", false // a policy made it
		}
		if absolute, ok := resolve(c.URL, found); ok && found != "" {
			found = absolute
		}
		return maker.Make(found)
	})
	if link != "" {
		c.Response.Body, c.NextLink = body, link
		for _, name := range [...]string{"Content-Length", "Content-Md5", "Digest", "Content-Digest", "Repr-Digest"} {
			delete(c.Response.Header, name) // they speak of the body as it was
		}
	}
	return next(ctx, c)
}

// absoluteLink makes a link absolute that an API wrote without its host.
func absoluteLink(base, link string) string {
	if !strings.HasPrefix(link, "?") && (!strings.HasPrefix(link, "/") || strings.HasPrefix(link, "//")) {
		return link // or a token that is none
	}
	if absolute, ok := resolve(base, link); ok {
		return absolute
	}
	return link
}

// PolicyLink returns the link of ours to the next page that a policy put into the answer;
// empty for none.
func (c *Call) PolicyLink() string {
	if c.policies == nil {
		return ""
	}
	return c.policies.Next
}

// linkAnswer makes where a list goes on a link of ours.
func (p *Pipeline) linkAnswer(ctx context.Context, c *Call, next Next) error {
	if c.URL == "" || c.NextLink != "" {
		return next(ctx, c)
	}
	found := paging.NextLink(c.operation.plan.Source(), &paging.Answer{
		URL: c.URL, Status: c.Response.Status, Header: c.Response.Header, Body: c.Response.Body, Next: c.PolicyLink(),
	})
	if found == "" {
		return next(ctx, c)
	}
	maker, err := p.linksOf(c.Binding, c.operation)
	if err != nil {
		return err
	}
	if link, ok := maker.Make(found); ok {
		c.NextLink = link
	} else if _, err := maker.Open(found); err == nil { // a policy has made it ours
		c.NextLink = found
	}
	return next(ctx, c)
}

// resolve makes a relative reference absolute (RFC 3986, section 5).
func resolve(base, reference string) (string, bool) {
	to, err := url.Parse(reference)
	if err != nil || to.IsAbs() {
		return "", false
	}
	from, err := url.Parse(base)
	if err != nil {
		return "", false
	}
	return from.ResolveReference(to).String(), true
}
