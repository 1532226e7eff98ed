package pipeline

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/mock"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
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
// that may be, and keeps what it answers. Most APIs say nothing that allows that: of a
// connection that nothing is kept for, only an answer that may be kept makes work.
func (p *Pipeline) reuseAnswer(ctx context.Context, c *Call, next Next) error {
	if c.wish.Apart {
		if c.wish.Only {
			return NoneKept()
		}
		return next(ctx, c)
	}
	c.handles = c.Binding.Credential.Handles() // for what works on an answer that is kept
	epoch, sent := p.answers.Epoch(c.Connection), p.clock.Now()
	if epoch.Kept() {
		return p.reuseKept(ctx, c, next, epoch, sent)
	}
	if c.wish.Only {
		return NoneKept()
	}
	if err := next(ctx, c); err != nil {
		return err
	}
	rule := c.operation.cache
	if c.changes || !rule.Storable(c.Response.Status, c.Response.Header) {
		return nil
	}
	asked := request.Request{} // once more: in that of the call there were secrets
	if err := p.build(c, &asked); err != nil {
		return err
	}
	c.hideHandles() // code may have made the answer
	p.answers.Keep(c.question(epoch, &asked), rule, c.Response, sent, p.clock.Now())
	return nil
}

// reuseKept is reuseAnswer for a connection that answers are kept for.
func (p *Pipeline) reuseKept(ctx context.Context, c *Call, next Next, epoch cache.Epoch, sent time.Time) error {
	asked := c.request.Clone()
	q := c.question(epoch, &asked)
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

// question asks for the answer to a request of the call.
func (c *Call) question(epoch cache.Epoch, asked *request.Request) *cache.Question {
	return &cache.Question{
		Connection: c.Connection, Caller: callerOf(c.principal, c.Subject), Revision: c.Binding.RevisionID,
		Operation: c.OperationID, Request: asked, Epoch: epoch,
	}
}

// NoneKept refuses a request that wants an answer that is kept or none.
func NoneKept() error {
	return fault.Deadline(fault.ReasonDeadlineExceeded,
		"no answer to this request is kept that is still good, and it wants no other (only-if-cached); send it without this directive")
}

// callerOf tells those apart whose answers may differ.
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
