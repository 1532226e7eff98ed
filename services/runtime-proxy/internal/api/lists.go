package api

import (
	"context"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// Calls is what methods that make several calls need of the pipeline.
type Calls interface {
	// Bound finds out for whom a call is made and what its connection means, without
	// making it. Its errors are those that Invoke would have.
	Bound(ctx context.Context, c *pipeline.Call) (*pipeline.Binding, error)
	// Invoke runs a call, see [pipeline.Pipeline.Invoke].
	Invoke(ctx context.Context, c *pipeline.Call) error
	// Linked finds out what a caller's link is called as, see [pipeline.Pipeline.Linked].
	Linked(ctx context.Context, b *pipeline.Binding, operationID, link string) (pipeline.Linked, error)
	// LinksOf makes the links that answers of an operation hold.
	LinksOf(ctx context.Context, b *pipeline.Binding, operationID string) (*links.Maker, error)
}

// list is one list that is followed.
type list struct {
	calls    Calls
	template pipeline.Call // never run itself
	maker    *links.Maker
	first    paging.Ask
	walker   paging.Walker
	last     pipeline.Call // the call of the last page
}

// open prepares a list: who asks, which operation, where it begins. link is the
// caller's, empty for none; the operation becomes that of the link.
func open(ctx context.Context, calls Calls, template pipeline.Call, link string, limits *runtimev1.PageLimits) (*list, error) {
	bound, err := calls.Bound(ctx, &template)
	if err != nil {
		return nil, err
	}
	first := paging.Ask{Input: template.Input}
	if link != "" && !bound.Mock {
		linked, err := calls.Linked(ctx, bound, template.OperationID, link)
		if err != nil {
			return nil, err
		}
		first.Link, template.OperationID = linked.URL, linked.OperationID
	}
	maker, err := calls.LinksOf(ctx, bound, template.OperationID)
	if err != nil {
		return nil, err
	}
	op := operationOf(bound.Revision.Definition(), template.OperationID)
	l := &list{calls: calls, template: template, maker: maker, first: first}
	l.walker = paging.Walker{
		Operation: op, Call: l.call,
		Limits: paging.Limits{Items: int(limits.GetMaxItems()), Pages: int(limits.GetMaxPages())},
	}
	return l, nil
}

// operationOf returns an operation; for one that does not exist, its name alone:
// calling it says what is wrong.
func operationOf(def *connectorv1.Definition, id string) *connectorv1.Operation {
	for _, op := range def.GetOperations() {
		if op.GetOperationId() == id {
			return op
		}
	}
	return &connectorv1.Operation{OperationId: id}
}

// call asks for a page.
func (l *list) call(ctx context.Context, ask paging.Ask) (*paging.Answer, error) {
	l.last = l.template
	return call(ctx, l.calls, &l.last, ask)
}

// call makes a call that may follow a link of an answer. Such a link is the API's
// own word, or ours if a policy made it so; whether its host may be called is
// judged as for all calls.
func call(ctx context.Context, calls Calls, c *pipeline.Call, ask paging.Ask) (*paging.Answer, error) {
	c.Input, c.Follow = ask.Input, ask.Link
	if err := calls.Invoke(ctx, c); err != nil {
		return nil, err
	}
	return &paging.Answer{
		URL: c.URL, Status: c.Response.Status, Header: c.Response.Header, Body: c.Response.Body, Problem: c.Problem,
		Next: c.PolicyLink(), Alone: c.Binding != nil && c.Binding.Mock,
	}, nil
}

// next returns the link to the page after one, for callers; empty if there is none
// that they could follow.
func (l *list) next(page string) string {
	if page == "" {
		return ""
	}
	if opened, err := l.maker.Open(page); err == nil {
		page = opened
	}
	link, ok := l.maker.Make(page)
	if !ok {
		return ""
	}
	return link
}

// limited gives a list its time as a whole; the time of a single call is no longer
// than that.
func limited(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		timeout = pipeline.DefaultTimeout
	}
	return context.WithTimeout(ctx, min(timeout, pipeline.MaxTimeout))
}
