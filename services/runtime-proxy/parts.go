package runtimeproxy

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/api"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/callback"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dynamic"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/idempotency"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/orphans"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/remote"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/script"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/uses"
)

// bucketTime is how long the bus has to show a bucket at the start.
const bucketTime = 10 * time.Second

// answerTime is how long a call waits for the vault to note how an API took its secrets.
const answerTime = 2 * time.Second

// parts are what the runtime is made of, besides its pipeline.
type parts struct {
	source   *remote.Remote
	client   *upstream.Client
	uses     *uses.Recorder
	totals   *usage.Totals
	recorder *usage.Recorder
	log      *requestlog.Log
	guard    *resilience.Guard
	limits   *rate.Limiter
	keys     *idempotency.Keeper
	answers  *cache.Cache
	pool     *sandbox.Pool
	scripts  *script.Runner
	back     *callback.Store
	resolver *dynamic.Resolver
	sweeper  *orphans.Sweeper
}

// newParts builds them.
func newParts(env service.Env, cfg *Config) (*parts, error) {
	var tracer trace.Tracer
	if !env.Untraced {
		tracer = env.Tracer.Tracer(scope)
	}
	p := &parts{
		source: remote.New(env.Client(service.Vault), env.Client(service.Registry)),
		client: upstream.New(env.Guard, tracer, upstream.Options{MaxConnsPerHost: cfg.MaxConnsPerHost, Clock: env.Clock}),
		uses:   uses.New(vaultv1.NewVaultServiceClient(env.Client(service.Vault)), env.Clock, env.Log),
		guard:  resilience.New(resilience.Options{Concurrency: cfg.MaxConcurrency, Attempts: cfg.MaxAttempts}, env.Clock),
		pool: sandbox.New(sandbox.Options{
			Size: cfg.ScriptWorkers, Processes: cfg.ScriptProcesses, Clock: env.Clock, Limits: sandbox.Limits{Time: cfg.ScriptTime, Memory: cfg.ScriptMemory},
		}),
	}
	meter := env.Meter.Meter(scope)
	var err error
	if p.totals, err = usage.NewTotals(usage.TotalsConfig{Bus: env.Bus, Clock: env.Clock, Log: env.Log, Meter: meter}); err != nil {
		return nil, err
	}
	if p.recorder, err = usage.NewWithTotals(meter, p.totals); err != nil {
		return nil, err
	}
	if p.log, err = requestlog.New(requestlog.Config{Bus: env.Bus, Clock: env.Clock, Log: env.Log, Meter: meter}); err != nil {
		return nil, err
	}
	if p.answers, err = cache.New(cfg.CacheAnswerBytes); err != nil {
		return nil, err
	}
	if p.resolver, err = dynamic.New(env.Clock); err != nil {
		return nil, err
	}
	if err := p.open(env, cfg); err != nil {
		return nil, err
	}
	return p, nil
}

// open builds what keeps something on the bus.
func (p *parts) open(env service.Env, cfg *Config) error {
	ctx, cancel := context.WithTimeout(context.Background(), bucketTime)
	defer cancel()
	var budgets, keys, states, switches jetstream.KeyValue
	for name, into := range map[string]*jetstream.KeyValue{
		bus.BucketRateBudgets: &budgets, bus.BucketIdempotency: &keys, bus.BucketScriptState: &states,
		bus.BucketRequestLogs: &switches,
	} {
		bucket, err := env.Bus.Bucket(ctx, name)
		if err != nil {
			return err
		}
		*into = bucket
	}
	limits, err := cfg.limits()
	if err != nil {
		return err
	}
	p.limits = rate.New(rate.NewStore(budgets), limits, env.Clock, env.Log)
	p.keys = idempotency.New(idempotency.NewStore(keys), env.Clock)
	p.back = callback.NewStore(states)
	p.sweeper = p.newSweeper(env, budgets, keys, states, switches)
	if p.scripts, err = script.NewRunner(p.pool, script.NewStates(states)); err != nil {
		return fmt.Errorf("build custom code: %w", err)
	}
	return nil
}

// deps are the parts as the pipeline takes them.
func (p *parts) deps(env service.Env, cfg *Config) pipeline.Deps {
	return pipeline.Deps{
		Clock: env.Clock, Source: p.source, Client: p.client, Usage: p.recorder, Timeout: cfg.CallTimeout, Uses: p.uses,
		Cache: binding.Config{
			Connections:   cfg.CacheConnections,
			RevisionBytes: uint64(cfg.CacheRevisionBytes),
			MaxAge:        cfg.CacheMaxAge,
		},
		Guard: p.guard, Limits: p.limits, Keys: p.keys, Answers: p.answers, Scripts: p.scripts, Log: p.log,
		Callbacks: p.back, PublicURL: cfg.PublicURL,
		NeedsAuthorization: func(ctx context.Context, connection resource.Connection, status int) {
			reason := fmt.Sprintf("the API answered the connection test with status %d: its owner has to sign in again, or store other credentials", status)
			if err := p.source.ReportTest(ctx, connection, false, reason); err != nil {
				env.Log.WarnContext(ctx, "the state of a connection could not be reported", "connection", connection.String(), "error", err)
			}
		},
		Answered: func(ctx context.Context, answer binding.Answer) {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTime) // what is known outlives the caller
			defer cancel()
			if err := p.source.ReportAnswer(ctx, answer); err != nil {
				env.Log.WarnContext(ctx, "how an API took the secrets of a connection could not be reported; the next lease tries again",
					"connection", answer.Ask.Connection.String(), "error", err)
			}
		},
	}
}

// methods are the parts as the gRPC face takes them.
func (p *parts) methods(env service.Env, calls *pipeline.Pipeline) api.Parts {
	mayUse := func(ctx context.Context, connection resource.Connection) error {
		principal, ok := authn.FromContext(ctx)
		if !ok {
			return fault.Unauthenticated(fault.ReasonUnauthenticated, "the call was not authenticated; send a valid token")
		}
		_, err := calls.Bind(ctx, binding.Ask{Connection: connection, Principal: principal})
		return err
	}
	return api.Parts{
		Report: p.source.ReportTest, Dynamic: api.NewDynamic(calls, p.resolver),
		Usage: api.NewUsage(p.totals, env.Clock, mayUse), Logs: api.NewRequestLogs(p.log, env.Clock, p.source.Owner),
		Scripts: p.pool,
	}
}

// runs are the parts that work by themselves.
func (p *parts) runs() []func(context.Context) error {
	return []func(context.Context) error{p.uses.Run, p.totals.Run, p.log.Run, p.limits.Run, p.pool.Serve, p.sweeper.Run}
}

func (p *parts) close() {
	p.client.Close()
	_ = p.pool.Close() // its workers are killed, whatever they say
}
