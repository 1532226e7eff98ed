package pipeline

import (
	"context"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// Epoch returns the time to which the answer of a request belongs that is sent from
// now on; the zero one if no answers are kept.
func (p *Pipeline) Epoch(connection resource.Connection) cache.Epoch {
	if p.answers == nil {
		return cache.Epoch{}
	}
	return p.answers.Epoch(connection)
}

// Streamed is a raw request that is passed on as it streams, for those who look for
// its answer among those that are kept.
type Streamed struct {
	// Ask is who calls; Binding what the connection means.
	Ask     binding.Ask
	Binding *Binding
	// Through is how it is treated.
	Through *Through
	// Epoch is from before it was sent.
	Epoch cache.Epoch
	// Request is what the caller sent, without what was between the caller and us and
	// without credentials. It has no body, and is not changed.
	Request request.Request
	// Sent is when.
	Sent time.Time
}

// Kept is what is known about the answer to one request. It belongs to the goroutine
// of the request.
type Kept struct {
	pipeline *Pipeline
	question cache.Question
	request  request.Request
	rule     cache.Rule
	found    *cache.Found // nil for nothing
	sent     time.Time
	asked    bool // the API was asked about what was found
}

// Kept returns what is known about the answer to a GET request; nil if its answers
// are not kept. The same request made by a call of its operation has the same
// answer. It looks at all operations of the connector.
func (p *Pipeline) Kept(ctx context.Context, in *Streamed) *Kept {
	k := &Kept{pipeline: p, request: in.Request, sent: in.Sent}
	op, id := in.Through.operation, usage.PassThrough
	if op == nil && !in.Through.revision.through.routed {
		if plan.Ambiguous(in.Request.Path) {
			return nil // who knows which operation it is
		}
		if found, _, ok := in.Through.revision.match(in.Request.Method, in.Request.Path); ok {
			var err error
			if op, err = in.Through.revision.operation(ctx, found); err != nil {
				return nil
			}
		}
	}
	if op != nil {
		if !op.cacheable {
			return nil
		}
		id, k.rule = op.plan.ID(), op.cache
	}
	k.question = cache.Question{
		Connection: in.Ask.Connection, Caller: callerOf(in.Ask.Principal, in.Ask.Subject), Revision: in.Binding.RevisionID,
		Operation: id, Request: &k.request, Epoch: in.Epoch,
	}
	k.found = p.answers.Find(&k.question, in.Sent)
	return k
}

// Answer returns what is kept if it can be given without asking.
func (k *Kept) Answer(wish cache.Wish) (*upstream.Response, bool) {
	if !wish.Takes(k.found, k.sent) {
		return nil, false
	}
	return k.found.Answer(k.sent), true
}

// Ask makes the request one about what is kept, if there is anything and the caller
// has no conditions of his own.
func (k *Kept) Ask(req *request.Request) { k.asked = k.found != nil && k.found.Ask(req) }

// Settle takes the API's answer, by its status and header, or its failure (0), and
// returns what is to be given instead; false for nothing.
func (k *Kept) Settle(status int, header http.Header) (*upstream.Response, bool) {
	now := k.pipeline.clock.Now()
	switch {
	case k.found == nil:
	case (status == 0 || status >= http.StatusInternalServerError) && k.found.StandsIn(now):
		return k.found.Answer(now), true
	case status == http.StatusNotModified && k.asked:
		answer := &upstream.Response{Status: status, Header: header}
		return k.pipeline.answers.Renew(&k.question, k.rule, k.found, answer, k.sent, now), true
	}
	return nil, false
}

// Storable reports whether an answer may be kept, by its status and header.
func (k *Kept) Storable(status int, header http.Header) bool { return k.rule.Storable(status, header) }

// Keep keeps a whole answer that came at a time. Nothing of it may be changed any
// more.
func (k *Kept) Keep(answer *upstream.Response, came time.Time) {
	k.pipeline.answers.Keep(&k.question, k.rule, answer, k.sent, came)
}

// MayKeep reports, at little cost, whether the answer to a GET request may be one to
// keep: most say nothing about it.
func (t *Through) MayKeep(status int, header http.Header) bool {
	if t.operation != nil {
		return t.operation.cacheable && t.operation.cache.Storable(status, header)
	}
	return cache.Rule{}.Storable(status, header)
}

// Changed makes the connection forget its answers, since a raw request may have
// changed something, unless its operation says that it does not.
func (p *Pipeline) Changed(ctx context.Context, connection resource.Connection, through *Through, method, path string) {
	if p.answers == nil {
		return
	}
	op := through.operation
	if op == nil && !through.revision.through.routed && p.answers.Epoch(connection).Kept() {
		if id, _, ok := through.revision.match(method, path); ok && !plan.Ambiguous(path) {
			op, _ = through.revision.operation(ctx, id) // without it, the request is one that changes something
		}
	}
	if op == nil || !op.safe {
		p.answers.Forget(connection)
	}
}
