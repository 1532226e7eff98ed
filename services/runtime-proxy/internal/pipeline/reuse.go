package pipeline

import (
	"context"
	"net/http"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/mock"
)

// answerMock answers for a connection that speaks to no API. What is described is
// the answer as callers see it: policies and custom code have nothing to do.
func answerMock(ctx context.Context, c *Call, next Next) error {
	if !c.Binding.Mock {
		return next(ctx, c)
	}
	c.Response = c.Binding.Revision.mock().Answer(c.operation.plan.Source(), c.Input)
	c.Replayed = true
	return nil
}

// mock returns what makes answers of the definition.
func (r *Revision) mock() *mock.Maker {
	r.mocked.Do(func() { r.mocks = mock.New(r.Definition()) })
	return r.mocks
}

// reuseAnswer gives an earlier answer while it is good, asks the API about one
// that may be, and keeps what it answers.
func (p *Pipeline) reuseAnswer(ctx context.Context, c *Call, next Next) error {
	if c.wish.Apart {
		if c.wish.Only {
			return NoneKept()
		}
		return next(ctx, c)
	}
	c.handles = c.Binding.Credential.Handles() // for what works on an answer that is kept
	asked := c.request.Clone()
	q := &cache.Question{
		Connection: c.Connection, Caller: c.caller(), Revision: c.Binding.RevisionID, Operation: c.OperationID, Request: &asked,
	}
	sent := p.clock.Now()
	found := p.answers.Find(q, sent)
	if c.wish.Takes(found, sent) && !c.NoCache {
		c.Response, c.Replayed, c.URL, c.seen = found.Answer(sent), true, asked.URL(), asked
		return nil
	}
	if c.wish.Only {
		return NoneKept()
	}
	conditional := found != nil && found.Ask(&c.request)
	err := next(ctx, c)
	now, rule := p.clock.Now(), c.operation.cache
	switch failed := err != nil || c.Response.Status >= http.StatusInternalServerError; {
	case failed && found != nil && found.StandsIn(now):
		c.Response, c.Replayed = found.Answer(now), true
		return nil
	case err != nil:
		return err
	case conditional && c.Response.Status == http.StatusNotModified:
		c.Response, c.Replayed = p.answers.Renew(q, rule, found, c.Response, sent, now), true
	case !c.changes:
		c.hideHandles() // code may have made the answer
		p.answers.Keep(q, rule, c.Response, sent, now)
	}
	return nil
}

// NoneKept refuses a request that wants an answer that is kept or none.
func NoneKept() error {
	return fault.Deadline(fault.ReasonDeadlineExceeded,
		"no answer to this request is kept that is still good, and it wants no other (only-if-cached); send it without this directive")
}

// caller tells those apart whose answers may differ.
func (c *Call) caller() string { return callerOf(c.principal, c.Subject) }

func callerOf(principal authn.Principal, subject binding.Subject) string {
	return strings.Join([]string{principal.Kind.String(), principal.Name, subject.Fingerprint()}, "\x00")
}

// forgetAnswers drops the answers of a connection once something may have been
// changed with it (RFC 9111, section 4.4): all of them, since nobody knows what else
// it changed. Without an answer it may have been.
func (p *Pipeline) forgetAnswers(ctx context.Context, c *Call, next Next) error {
	err := next(ctx, c)
	if c.changes && ((err != nil && c.Attempts > 0) || (err == nil && c.Response.Status < http.StatusBadRequest)) {
		p.answers.Forget(c.Connection)
	}
	return err
}
