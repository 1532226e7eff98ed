package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Uses is told of every request that carried something of a credential, after it
// was sent or may have been. operation is empty for a pass-through call, host is
// "host:port". It is called by many goroutines and must neither block nor fail.
type Uses interface {
	Note(connection resource.Connection, principal, operation, host string)
}

// withGoodToken makes the attempt, and a second one with another token if the
// API says that the present one is not good. If there is no other, the API's
// answer stands, and what the vault said is kept for the diagnosis.
func (p *Pipeline) withGoodToken(attempt Next) Step {
	return func(ctx context.Context, c *Call, next Next) error {
		if err := attempt(ctx, c); err != nil {
			return err
		}
		if p.renew(ctx, c) {
			if err := attempt(ctx, c); err != nil {
				return err
			}
		}
		return next(ctx, c)
	}
}

// renew gets the call another token if the API refused the one that the request
// carried. The answer to a request without it says nothing about it.
func (p *Pipeline) renew(ctx context.Context, c *Call) bool {
	used := c.Binding.TokenVersion
	if used == "" || !refused(&c.handles, c.Response) {
		return false
	}
	bound, err := p.Renew(ctx, c.ask(), binding.Refusal{TokenVersion: used, Status: c.Response.Status})
	if err != nil {
		c.notRenewed = err
		return false
	}
	c.Binding, c.Response = bound, nil
	return true
}

// exchange sends a proved request, once more if the API answers with a
// challenge, and notes each use of the credential. What the answer says of it is for the
// caller to note.
func (p *Pipeline) exchange(ctx context.Context, ask binding.Ask, bound *Binding, handles *inject.Handles, req *request.Request, attempt *upstream.Attempt) (*upstream.Response, error) {
	p.NoteUse(handles, ask, bound.Endpoint(req.Base))
	resp, err := p.client.Send(ctx, req, attempt)
	if err != nil {
		return nil, err
	}
	again, err := handles.Challenged(ctx, req, p.clock.Now(), inject.Answered{Status: resp.Status, Header: resp.Header})
	if err != nil {
		return resp, err
	}
	if !again {
		return resp, nil
	}
	p.NoteUse(handles, ask, bound.Endpoint(req.Base))
	return p.client.Send(ctx, req, attempt)
}

// Heard is who answered a request, and with which status.
type Heard struct {
	Base   request.Base
	Status int
}

// NoteAnswer tells the vault how an API took the secrets of a request, if that is news:
// see [binding.Binding.Answered]. It is called after each request, since what its call
// sends without a secret, as custom code may, says nothing of them. Tokens are renewed instead, see [Pipeline.Renew], and
// a revision that is only tried out may have them in the wrong place. It
// waits for the vault then, two seconds at most, so that whoever sees the refusal sees
// the state of the connection, too; what the vault does not take is logged and told
// again under the next lease.
func (p *Pipeline) NoteAnswer(ctx context.Context, handles *inject.Handles, ask binding.Ask, bound *Binding, heard Heard) {
	if p.answered == nil || ask.Revision != "" || !handles.CarriesKey() || !bound.Answered(heard.Status) {
		return
	}
	p.answered(ctx, binding.Answer{Ask: ask, Etag: bound.Etag, Status: heard.Status, Host: bound.Endpoint(heard.Base)})
}

// NoteUse notes that the credential of a call, if it carries any, goes to a host,
// "host:port".
func (p *Pipeline) NoteUse(handles *inject.Handles, ask binding.Ask, host string) {
	if p.uses != nil && handles.Used() {
		p.uses.Note(ask.Connection, ask.Principal.Name, ask.Operation, host)
	}
}

// Renew answers for a call whose token an API refused, see [binding.Store.Renew].
func (p *Pipeline) Renew(ctx context.Context, ask binding.Ask, refusal binding.Refusal) (*Binding, error) {
	return p.bindings.Renew(ctx, ask, refusal)
}
