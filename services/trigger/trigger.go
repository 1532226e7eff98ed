// Package trigger is the trigger service: it turns what happens in APIs into
// events, and keeps the promise that none of them is lost.
//
// [New] builds a [Service], which the host serves and runs. README.md beside
// this file says what is promised, how it is kept, and where a new signature
// scheme, sink or polling protocol goes.
package trigger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	rand2 "math/rand/v2"
	"path/filepath"
	"time"

	"google.golang.org/grpc"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus/schedule"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/api"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/callback"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/jwks"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/remote"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/store"
)

var _ service.Service = (*Service)(nil)

// keyFile is the name of the file with the key that callbacks are derived from.
const keyFile = "webhook.key"

// scope is the name of the service's metrics.
const scope = "github.com/ferrule-dev/ferrule/services/trigger"

// checkTime bounds what [New] does with the store.
const checkTime = 10 * time.Second

// Service is the trigger service. It is safe for concurrent use.
type Service struct {
	env        service.Env
	cfg        Config
	triggers   *core.Triggers
	relay      *outbox.Relay
	scheduler  *schedule.Scheduler
	dispatcher *delivery.Dispatcher
	deliverer  *delivery.Deliverer
	archive    *delivery.Archive
	queue      *delivery.Queue
	reader     *events.Reader
	retention  *events.Retention
	notices    *events.Notices
	watch      *events.Watch
	stopping   chan struct{} // closed when Run is told to end
}

// New returns a service on env. It starts nothing; it makes the key of webhook
// callbacks if there is none, and fails if it is not the one that the store's
// callbacks were made with.
func New(env service.Env, cfg Config) (*Service, error) { return build(env, cfg, core.Config{}) }

// build is New with the times and limits of the core, which only tests change.
func build(env service.Env, cfg Config, limits core.Config) (*Service, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure the trigger service: %w", err)
	}
	keys, err := callback.Open(filepath.Join(env.DataDir, keyFile))
	if err != nil {
		return nil, err
	}
	s := &Service{
		env: env, cfg: cfg,
		relay:     outbox.NewRelay(env.Store, env.Bus, env.Log, env.Clock),
		scheduler: schedule.New(env.Bus, schedule.Config{Log: env.Log, Clock: env.Clock}),
		reader:    events.NewReader(env.Bus.JetStream(), env.Log, env.Clock),
		watch:     events.NewWatch(),
		stopping:  make(chan struct{}),
	}
	subscriptions := store.New(env.Store, events.Format{PublicURL: cfg.base()}.Message, s.relay.Notify)
	ctx, cancel := context.WithTimeout(context.Background(), checkTime)
	defer cancel()
	if err := subscriptions.CheckKey(ctx, keys.ID()); err != nil {
		return nil, fmt.Errorf("check the webhook key: %w", err)
	}
	limits.PublicURL, limits.PollWorkers = cfg.base(), cfg.PollWorkers
	if err := s.buildQueue(subscriptions); err != nil {
		return nil, err
	}
	ports := s.ports(subscriptions, keys)
	s.triggers = core.New(limits, ports)
	s.notices = events.NewNotices(env.Bus.JetStream(), env.Clock, env.Log, s.triggers.Notify)
	s.buildDelivery(keys, ports.Runtime)
	bounds := remote.EventBounds(registryv1.NewRegistryServiceClient(env.Client(service.Registry)))
	s.retention = events.NewRetention(s.reader, bounds, env.Clock, env.Log, rand2.Float64)
	env.Health.Register(healthTarget)
	return s, nil
}

// ports connects the core to everything around it.
func (s *Service) ports(subscriptions *store.Store, keys *callback.Keys) core.Ports {
	registry := registryv1.NewRegistryServiceClient(s.env.Client(service.Registry))
	runtime := remote.NewRuntime(runtimev1.NewRuntimeServiceClient(s.env.Client(service.Runtime)))
	return core.Ports{
		Store:        subscriptions,
		Runtime:      runtime,
		Lists:        runtime,
		Inputs:       runtime,
		Connections:  remote.NewConnections(vaultv1.NewVaultServiceClient(s.env.Client(service.Vault))),
		Definitions:  remote.NewDefinitions(registry),
		Environments: remote.NewEnvironments(registry, s.env.Clock),
		Events:       events.Format{PublicURL: s.cfg.base()}.Log(s.env.Bus),
		Past:         s.reader,
		Replays:      replays{Replay: events.Replay{Reader: s.reader}, queue: s.queue},
		Schedules:    schedules{s.scheduler},
		Keys:         keys,
		KeySets:      jwks.New(s.env.Guard, s.env.Clock),
		CheckHost:    s.env.Guard.CheckHost,
		Clock:        s.env.Clock,
		NewUID:       newUID,
		Dice:         rand2.Float64,
		Trouble: func(ctx context.Context, what string, sub core.Subscription, err error) {
			s.env.Log.WarnContext(ctx, "something about a subscription failed", "step", what, "subscription", sub.Name.String(), "error", err)
		},
	}
}

// buildQueue makes the way that events take to their sinks.
func (s *Service) buildQueue(subscriptions *store.Store) error {
	metrics, err := delivery.NewMetrics(s.env.Meter.Meter(scope))
	if err != nil {
		return err
	}
	s.queue = delivery.NewQueue(delivery.Ports{
		JetStream: s.env.Bus.JetStream(), Publisher: s.env.Bus, Subscriptions: subscriptions, Clock: s.env.Clock, Log: s.env.Log,
		Dice: rand2.Float64, Metrics: metrics,
	})
	return nil
}

// buildDelivery makes what works on the queue.
func (s *Service) buildDelivery(keys *callback.Keys, runtime core.Runtime) {
	s.archive = delivery.NewArchive(s.queue)
	s.deliverer = delivery.NewDeliverer(s.queue.Ports, newUID(), []delivery.Sender{
		delivery.NewHTTP(s.env.Guard, keys, s.env.Clock), delivery.NewAction(runtime),
	}, s.cfg.SinkWorkers)
	s.dispatcher = delivery.NewDispatcher(s.queue, s.deliverer)
}

// newUID returns 32 random hexadecimal digits.
func newUID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // never fails
	return hex.EncodeToString(raw[:])
}

// schedules gives the core the part of the scheduler that it needs.
type schedules struct{ *schedule.Scheduler }

// Put implements core.Schedules.
func (s schedules) Put(ctx context.Context, uid string, at time.Time) error {
	return s.Scheduler.Put(ctx, uid, at, nil)
}

// PutIfAbsent implements core.Schedules.
func (s schedules) PutIfAbsent(ctx context.Context, uid string, at time.Time) error {
	_, err := s.Scheduler.PutIfAbsent(ctx, uid, at, nil)
	return err
}

// replays lets the core queue what it reads again.
type replays struct {
	events.Replay

	queue *delivery.Queue
}

// Queue implements core.Replays.
func (r replays) Queue(ctx context.Context, s core.Subscription, sink core.Sink, e core.Recorded, again string) (bool, error) {
	return r.queue.Put(ctx, s, sink, delivery.Event{ID: e.ID, Data: e.Message, Sequence: e.Sequence}, again)
}

// Wake implements core.Replays.
func (r replays) Wake(ctx context.Context, s core.Subscription, sink core.Sink) error {
	return r.queue.Wake(ctx, s, sink)
}

// Register adds the service's gRPC implementation.
func (s *Service) Register(to grpc.ServiceRegistrar) {
	triggerv1.RegisterTriggerServiceServer(to, s.server())
}

// server is the implementation of the service's methods.
func (s *Service) server() *api.Server {
	return api.New(s.triggers, s.reader, s.archive, s.watch, s.stopping)
}

// Ingress is the ingress of webhooks for a gateway in the same process, without the
// gRPC call, which takes longer than what it is for.
func (s *Service) Ingress() *Ingress {
	return &Ingress{server: s.server(), local: grpcx.NewLocal(grpcx.LocalConfig{
		Log: s.env.Log, Clock: s.env.Clock, Peer: service.Gateway, Tracer: s.env.Tracer, Meter: s.env.Meter,
	})}
}

// Ingress takes notifications from a gateway in the same process. It is safe for
// concurrent use.
type Ingress struct {
	server *api.Server
	local  *grpcx.Local
}

// IngestWebhook is the method of triggerv1.TriggerServiceServer.
func (i *Ingress) IngestWebhook(ctx context.Context, req *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
	var res *triggerv1.IngestWebhookResponse
	_, err := i.local.Call(ctx, triggerv1.TriggerService_IngestWebhook_FullMethodName, req, func(ctx context.Context, _ any) (_ any, err error) {
		res, err = i.server.IngestWebhook(ctx, req)
		return nil, err
	})
	return res, err
}

// Rules keeps the ingress of webhooks to the gateway.
func (s *Service) Rules() grpcx.Rules {
	return grpcx.Rules{triggerv1.TriggerService_IngestWebhook_FullMethodName: {service.Gateway}}
}
