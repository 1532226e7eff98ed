// Package crowd measures many polling subscriptions in one trigger service: the
// process is the service alone, with a store on disk; the message bus is another
// process ([Bus]), and registry, vault and runtime are answers from memory.
package crowd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric/noop"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
	"github.com/ferrule-dev/ferrule/services/trigger"
)

const (
	// first is how many subscriptions are made before memory is measured: what many
	// share does not count for each.
	first = 500
	// creators is how many subscriptions are made at a time: they share the disk.
	creators = 64
	// pollWorkers is how many polls are made at a time.
	pollWorkers = 256
	// often and seldom are the intervals of those that are looked at and of the rest.
	often  = time.Minute
	seldom = 24 * time.Hour
)

// Config says what to measure.
type Config struct {
	// Dir is an empty directory, and NATS the URL of the message bus.
	Dir, NATS string
	// Sizes are numbers of subscriptions, ascending; of those up to Polled are polled
	// every minute.
	Sizes  []int
	Polled int
	// Clock times everything.
	Clock clock.Clock
	// Progress gets a line now and then.
	Progress io.Writer
}

// crowd is a trigger service and what surrounds it.
type crowd struct {
	Config

	server triggerv1.TriggerServiceServer
	polls  *polls
	store  string
}

// Measure makes the subscriptions and looks at each size for a minute.
func Measure(ctx context.Context, cfg Config) (found []notices.Crowd, err error) {
	c := &crowd{Config: cfg, polls: newPolls(cfg.Clock), store: filepath.Join(cfg.Dir, "trigger.db")}
	svc, done, err := c.build(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	svc.Register(c)
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- svc.Run(ctx) }()
	defer func() { cancel(); err = errors.Join(err, <-ended) }()
	made := min(first, cfg.Sizes[0]/10)
	if err := c.register(ctx, 0, made); err != nil {
		return nil, err
	}
	select { // until all parts have worked
	case <-cfg.Clock.After(often):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	fixed, before := made, ownMemory()
	for _, size := range cfg.Sizes {
		one := notices.Crowd{Subscriptions: size, Polled: min(size, cfg.Polled)}
		began := cfg.Clock.Now()
		if err := c.register(ctx, made, size); err != nil {
			return nil, err
		}
		one.Registered = float64(size-made) / cfg.Clock.Now().Sub(began).Seconds()
		made = size
		if err := c.watch(ctx, &one); err != nil {
			return nil, err
		}
		one.Memory = float64(ownMemory()-before) / float64(size-fixed)
		if info, err := os.Stat(c.store); err == nil {
			one.File = float64(info.Size()) / float64(size)
		}
		found = append(found, one)
	}
	return found, nil
}

// RegisterService implements [grpc.ServiceRegistrar]: the service is called directly.
func (c *crowd) RegisterService(_ *grpc.ServiceDesc, impl any) {
	if server, ok := impl.(triggerv1.TriggerServiceServer); ok {
		c.server = server
	}
}

// build makes the service.
func (c *crowd) build(ctx context.Context) (*trigger.Service, func(), error) {
	log := slog.New(slog.NewTextHandler(c.Progress, &slog.HandlerOptions{Level: slog.LevelError}))
	store, err := boltkv.Open(c.store, boltkv.Options{})
	if err != nil {
		return nil, nil, err
	}
	b, err := bus.Connect(ctx, bus.Config{URL: c.NATS, Name: service.Trigger, Log: log})
	if err != nil {
		return nil, nil, errors.Join(err, store.Close())
	}
	done := func() { b.Close(); _ = store.Close() }
	guard, err := egress.New(egress.Policy{})
	if err == nil {
		err = b.Ensure(ctx)
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	env := service.Env{
		Name: service.Trigger, Log: log, Clock: c.Clock, Store: store, Bus: b, Guard: guard, Health: health.New(log),
		Meter: noop.NewMeterProvider(), DataDir: c.Dir, Client: func(string) grpc.ClientConnInterface { return c.polls },
	}
	svc, err := trigger.New(env, trigger.Config{PublicURL: "http://127.0.0.1:1", PollWorkers: pollWorkers, SinkWorkers: 1})
	if err != nil {
		done()
		return nil, nil, err
	}
	return svc, done, nil
}

// register makes the subscriptions from one number to another.
func (c *crowd) register(ctx context.Context, from, to int) error {
	ctx = authn.NewContext(ctx, authn.Principal{Kind: authn.KindUser, Name: owner, Roles: []authn.Role{authn.RoleUser}})
	var group errgroup.Group
	var next atomic.Int64
	next.Store(int64(from))
	for range creators {
		group.Go(func() error {
			for {
				n := int(next.Add(1)) - 1
				if n >= to {
					return nil
				}
				interval := often
				if n >= c.Polled {
					interval = seldom
				}
				_, err := c.server.CreateSubscription(ctx, &triggerv1.CreateSubscriptionRequest{
					Parent: environment, SubscriptionId: fmt.Sprint("s", n), Subscription: &triggerv1.Subscription{
						Connection: connection, OperationId: operation, Input: fmt.Sprintf(`{"n":%d}`, n),
						Interval: durationpb.New(interval), Jitter: durationpb.New(0),
					},
				})
				if err != nil {
					return fmt.Errorf("subscribe: %w", err)
				}
				if n%50_000 == 49_999 {
					_, _ = fmt.Fprintf(c.Progress, "bench: %d subscriptions\n", n+1)
				}
			}
		})
	}
	return group.Wait()
}

// watch looks at the polls of a minute, after one in which every subscription had its
// turn.
func (c *crowd) watch(ctx context.Context, one *notices.Crowd) error {
	for _, look := range []bool{false, true} {
		c.polls.begin()
		select {
		case <-c.Clock.After(often):
		case <-ctx.Done():
			return ctx.Err()
		}
		if look {
			one.Polls, one.LateP50, one.LateP99 = c.polls.seen()
		}
	}
	return nil
}

// ownMemory is the resident memory of this process that is not pages of files, in
// bytes, once everything that is not needed any more has been given back.
func ownMemory() int64 {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kilobytes, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kilobytes << 10
		}
	}
	return 0
}

// Bus serves a message bus at a listener until ctx ends.
func Bus(ctx context.Context, dir string, sync embedded.Sync, l net.Listener) error {
	nats, err := embedded.Start(ctx, embedded.Options{Dir: dir, Sync: sync, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() { _ = nats.Close(context.WithoutCancel(ctx)) }()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept a client of the message bus: %w", err)
		}
		inside, err := nats.InProcessConn()
		if err != nil {
			return fmt.Errorf("connect to the message bus: %w", err)
		}
		go join(conn, inside)
	}
}

// join copies both ways until one side ends.
func join(a, b net.Conn) {
	end := sync.OnceFunc(func() { _ = a.Close(); _ = b.Close() })
	go func() {
		defer end()
		_, _ = io.Copy(a, b)
	}()
	defer end()
	_, _ = io.Copy(b, a)
}
