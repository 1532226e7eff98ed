package pipeline

import (
	"context"
	"net/url"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// follows reports whether the call is of a link instead of an input.
func (c *Call) follows() bool { return c.Link != "" || c.Follow != "" }

// buildRequest writes the request, still without credentials.
func (p *Pipeline) buildRequest(ctx context.Context, c *Call, next Next) error {
	base, err := c.Binding.BaseOf(c.operation.plan.Source())
	if err != nil {
		return err
	}
	if c.raw != nil {
		c.request = c.raw.Clone() // there may be another attempt
	}
	if c.request.Base.Host == "" { // or a raw request says where it goes
		c.request.Base = base
	}
	if c.arguments != nil {
		err = c.operation.plan.Build(c.arguments, &c.request)
	}
	if err == nil && c.follows() {
		err = p.followLink(c)
	}
	if err != nil {
		return err
	}
	if header := c.operation.plan.Source().GetIdempotencyKeyHeader(); header != "" && c.IdempotencyKey != "" {
		if !request.ValidFieldName(header) || !request.ValidFieldValue(c.IdempotencyKey) {
			return fault.Invalid(fault.ReasonInvalidArgument, "the idempotency key cannot be sent to the API: use letters, digits and punctuation")
		}
		c.request.SetHeader(header, c.IdempotencyKey)
	}
	return next(ctx, c)
}

// followLink makes the request one of a link.
func (p *Pipeline) followLink(c *Call) error {
	maker, err := p.Links(c.Binding, c.operation.plan.Source())
	if err != nil {
		return err
	}
	target := c.Link
	if c.Follow != "" {
		target = c.Follow
	}
	opened, err := maker.Open(target)
	if err != nil {
		if c.Follow == "" {
			return err
		}
		opened = c.Follow // the API's own word; where it leads is checked like any request
	}
	if c.arguments == nil {
		c.operation.plan.Follow(&c.request)
	}
	c.request.Base, c.request.Path, c.request.Query, err = maker.Place(opened)
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

// linkAnswer makes where a list goes on a link of ours.
func (p *Pipeline) linkAnswer(ctx context.Context, c *Call, next Next) error {
	if c.URL == "" {
		return next(ctx, c)
	}
	found := paging.NextLink(c.operation.plan.Source(), &paging.Answer{
		URL: c.URL, Status: c.Response.Status, Header: c.Response.Header, Body: c.Response.Body,
	})
	if found == "" {
		return next(ctx, c)
	}
	maker, err := p.Links(c.Binding, c.operation.plan.Source())
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
