package runtimeproxy

import (
	"context"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/callback"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/orphans"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
)

// newSweeper returns what cleans up after connections and connectors that are gone.
// Counts of calls stay: what a connection has done is known for 90 days.
func (p *parts) newSweeper(env service.Env, budgets, keys, states, switches jetstream.KeyValue) *orphans.Sweeper {
	return orphans.New(orphans.Config{
		Places: []orphans.Place{
			orphans.States(states), orphans.Callbacks(states, ownerOfCallback), orphans.Keys(keys),
			orphans.Budgets(budgets, p.ownerOfBudget), orphans.Switches(switches),
		},
		Exists: orphans.Exists{Connection: p.source.Connection, Connector: p.source.Connector},
		Forget: p.forget, Clock: env.Clock, Log: env.Log,
	})
}

// forget drops what else there is of a connection or a connector that is gone.
func (p *parts) forget(ctx context.Context, gone orphans.Owner) error {
	if gone.Connection == "" {
		p.limits.Forget(gone.Environment, gone.Connector, rate.PerConnector)
		return nil
	}
	p.limits.Forget(gone.Environment, gone.Connection, rate.PerConnection)
	return p.log.Disable(ctx, resource.Connection{Environment: gone.Environment, ID: gone.Connection})
}

func ownerOfCallback(value []byte) (orphans.Owner, bool) {
	entry, ok := callback.Decode(value)
	return orphans.Owner{Environment: entry.Connection.Environment, Connection: entry.Connection.ID}, ok
}

func (p *parts) ownerOfBudget(key []string) (orphans.Owner, bool) {
	environment, id, scope, ok := rate.Owner(key)
	if scope == rate.PerConnection {
		return orphans.Owner{Environment: environment, Connection: id}, ok
	}
	return orphans.Owner{Environment: environment, Connector: id}, ok
}
