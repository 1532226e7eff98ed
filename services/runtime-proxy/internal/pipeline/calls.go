package pipeline

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// Enter waits for the turn of a request that is streamed, and pays for it. Whoever
// gets a pass gives it back.
func (p *Pipeline) Enter(ctx context.Context, bound *Binding, through *Through, host string) (resilience.Pass, error) {
	pass, err := p.guard.Enter(ctx, resilience.Key{Connection: bound.Connection, Host: host})
	if err != nil {
		return pass, err
	}
	if err := p.pay(ctx, bound, through.Rates, through.Cost); err != nil {
		pass.Leave(resilience.Nothing)
		return pass, err
	}
	return pass, nil
}

// Tap returns where to tell what is sent for a connection; nil if nobody looks.
func (p *Pipeline) Tap(connection resource.Connection) *requestlog.Tap { return p.tap(connection) }

// Mock answers a request for a connection that speaks to no API, as its operation
// of that method and path would be answered; false if there is none.
func (r *Revision) Mock(method, path string) (*upstream.Response, bool) {
	id, ok := r.plans.Match(method, path)
	if !ok {
		return nil, false
	}
	plan, err := r.plans.Operation(id)
	if err != nil {
		return nil, false
	}
	return r.mock().Answer(plan.Source(), nil), true
}

// Bound finds out for whom a call is made and what its connection means, without
// making it. Its errors are those that Invoke would have.
func (p *Pipeline) Bound(ctx context.Context, c *Call) (*Binding, error) {
	err := authenticate(ctx, c, func(ctx context.Context, c *Call) error {
		return p.bind(ctx, c, func(context.Context, *Call) error { return nil })
	})
	return c.Binding, err
}
