// Package bus is the message bus of Ferrule: NATS with JetStream, embedded or
// on servers of its own.
//
// A [Bus] is one connection. It publishes messages that are safe once Publish
// has returned, and watches announcements of changes. Everything that exists on
// the bus, every stream and every subject, is declared in topology.go. Package
// schedule builds the scheduler of polls on it.
//
//	b, err := bus.Connect(ctx, bus.Config{Name: "trigger", URL: "nats://nats:4222", Log: log})
//	…
//	if err := b.Ensure(ctx); err != nil { … }
//	err = b.Publish(ctx, outbox.Message{ID: id, Subject: address.Subject(), Data: event})
package bus

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Times that the bus uses when [Config] does not say otherwise.
const (
	// DefaultPublishTimeout bounds one publish that has no earlier deadline.
	DefaultPublishTimeout = 5 * time.Second
	// reconnectWait separates attempts to reach a server; as much again is
	// added at random, so that processes do not come back in step.
	reconnectWait = 250 * time.Millisecond
	// requestTimeout bounds one request to the JetStream API.
	requestTimeout = 5 * time.Second
	// closeTimeout bounds what Close spends on sending what is buffered.
	closeTimeout = 2 * time.Second
)

// ErrDisconnected is the cause of what ended because the connection was lost.
var ErrDisconnected = errors.New("the connection to nats was lost")

// Config of a connection to the bus. Exactly one of URL and InProcess is set.
type Config struct {
	// URL of the servers, comma-separated: nats://host:4222 or tls://host:4222.
	URL string
	// InProcess is an embedded server.
	InProcess nats.InProcessConnProvider
	// Name of this process, shown in the server's list of connections.
	Name string
	// TLS secures the connection when set: roots, and a certificate for servers
	// that ask for one. Not used with InProcess.
	TLS *tls.Config
	// CredentialsFile is the path of a NATS credentials file. Optional. It is
	// read again at each reconnect, so that credentials can be rotated.
	CredentialsFile string
	// PublishTimeout bounds one publish; 0 means [DefaultPublishTimeout].
	PublishTimeout time.Duration
	// Together stores events that are published at the same time as one batch. It is
	// for a server that syncs each message to its disk by itself.
	Together bool
	// Topology is what the operator chose about the streams.
	Topology Topology
	// Log receives the ups and downs of the connection. Required.
	Log *slog.Logger
	// Clock times the pauses between retries; nil means the system's.
	Clock clock.Clock
	// OnStatus, when set, is told nil when the connection comes up and the
	// reason when it goes down, one call at a time. It must return soon.
	OnStatus func(error)
}

// Bus is one connection to the bus. It is safe for concurrent use, and finds
// its servers again for as long as it takes: only Close ends it.
type Bus struct {
	cfg  Config
	log  *slog.Logger
	conn *nats.Conn
	js   jetstream.JetStream

	together *together             // nil unless it was asked for
	refusal  atomic.Pointer[error] // why the last attempt to connect failed, nil when connected
}

// Connect connects to the bus. When no server can be reached it keeps trying
// until ctx ends, and then returns the last cause. Wrong credentials count as
// not reached: they may be about to be rotated.
func Connect(ctx context.Context, cfg Config) (*Bus, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	cfg.PublishTimeout = cmp.Or(cfg.PublishTimeout, DefaultPublishTimeout)
	if cfg.Clock == nil {
		cfg.Clock = clock.System()
	}
	if cfg.OnStatus == nil {
		cfg.OnStatus = func(error) {}
	}
	b := &Bus{cfg: cfg, log: cfg.Log}
	if cfg.Together {
		b.together = &together{bus: b}
	}
	conn, err := nats.Connect(cfg.URL, b.options()...)
	if err != nil {
		return nil, fmt.Errorf("connect to nats: %w", err)
	}
	b.conn = conn
	if err := b.awaitConnection(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	if b.js, err = jetstream.New(conn, jetstream.WithDefaultTimeout(requestTimeout), jetstream.WithPublishAsyncTimeout(cfg.PublishTimeout)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("open jetstream: %w", err)
	}
	return b, nil
}

// validate reports what is wrong without repeating a URL, which may hold a
// password.
func (cfg Config) validate() error {
	if cfg.Log == nil {
		return errors.New("bus: a log is required")
	}
	if (cfg.URL == "") == (cfg.InProcess == nil) {
		return errors.New("bus: exactly one of a url and an in-process server is required")
	}
	for server := range strings.SplitSeq(cfg.URL, ",") {
		if u, err := url.Parse(strings.TrimSpace(server)); err != nil || cfg.URL != "" && u.Hostname() == "" {
			return errors.New(`bus: the nats url is not of the form "nats://host:4222"`)
		}
	}
	return nil
}

// options translates the configuration for the client.
func (b *Bus) options() []nats.Option {
	opts := []nats.Option{
		nats.Name(b.cfg.Name),
		nats.MaxReconnects(-1),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(), // the client would close itself for good after two refusals
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait, reconnectWait),
		nats.Timeout(requestTimeout),
	}
	if b.cfg.InProcess != nil {
		opts = append(opts, nats.InProcessServer(b.cfg.InProcess))
	}
	if b.cfg.TLS != nil {
		opts = append(opts, nats.Secure(b.cfg.TLS.Clone()))
	}
	if b.cfg.CredentialsFile != "" {
		opts = append(opts, nats.UserCredentials(b.cfg.CredentialsFile))
	}
	return append(opts, b.handlers()...)
}

// handlers reports what happens to the connection. The client calls them one
// after the other, from one goroutine.
func (b *Bus) handlers() []nats.Option {
	up := func(nc *nats.Conn) {
		b.refusal.Store(nil)
		where := "in process" // the client makes up a url for that
		if b.cfg.InProcess == nil {
			where = nc.ConnectedUrlRedacted()
		}
		b.log.Info("connected to nats", "server", where)
		b.cfg.OnStatus(nil)
	}
	return []nats.Option{
		nats.ConnectHandler(up),
		nats.ReconnectHandler(up),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err == nil { // our own Close
				return
			}
			b.log.Warn("lost the connection to nats", "error", err)
			b.cfg.OnStatus(fmt.Errorf("disconnected: %w", err))
		}),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) {
			if last := b.refusal.Swap(&err); last != nil && (*last).Error() == err.Error() {
				return // once per cause, not four times a second
			}
			b.log.Warn("nats cannot be reached, trying again", "error", err)
			b.cfg.OnStatus(fmt.Errorf("not connected: %w", err))
		}),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			subject := ""
			if sub != nil {
				subject = sub.Subject
			}
			b.log.Warn("nats reported an error", "subject", subject, "error", err)
		}),
	}
}

// awaitConnection blocks until the connection is up or ctx ends.
func (b *Bus) awaitConnection(ctx context.Context) error {
	status := b.conn.StatusChanged(nats.CONNECTED)
	defer b.conn.RemoveStatusListener(status)
	if b.conn.IsConnected() { // asked after listening, so that no change is missed
		return nil
	}
	select {
	case <-status:
		return nil
	case <-ctx.Done():
		if cause := b.refusal.Load(); cause != nil {
			return fmt.Errorf("connect to nats: %w: %w", ctx.Err(), *cause)
		}
		return fmt.Errorf("connect to nats: %w", ctx.Err())
	}
}

// UntilDisconnect returns a context that ends with ctx, or when the connection is
// lost, with [ErrDisconnected] as its cause: for whoever waits for an answer that
// will never come then. stop releases it, and has to be called.
func (b *Bus) UntilDisconnect(ctx context.Context) (connected context.Context, stop func()) {
	connected, cancel := context.WithCancelCause(ctx)
	status := b.conn.StatusChanged(nats.RECONNECTING, nats.CLOSED)
	var listening sync.WaitGroup
	listening.Go(func() {
		defer b.conn.RemoveStatusListener(status)
		select {
		case <-status:
			cancel(ErrDisconnected)
		case <-connected.Done():
		}
	})
	return connected, func() {
		cancel(nil)
		listening.Wait()
	}
}

// Close sends what is buffered, waiting up to two seconds, and closes the
// connection for good. Watches and consumers that still run end with an error.
func (b *Bus) Close() {
	if b.conn.IsConnected() {
		if err := b.conn.FlushTimeout(closeTimeout); err != nil {
			b.log.Warn("closed the connection to nats with messages unsent", "error", err)
		}
	}
	b.conn.Close()
}

// Conn returns the connection, which belongs to the bus: it must not be closed.
func (b *Bus) Conn() *nats.Conn { return b.conn }

// JetStream returns the JetStream API on the same connection.
func (b *Bus) JetStream() jetstream.JetStream { return b.js }

// Ensure creates what is missing of the topology and updates what differs.
// Calling it again, or from many processes at once, changes nothing. A change
// that the server cannot make on a live stream is an error that names it, and
// the streams after it are still tried.
func (b *Bus) Ensure(ctx context.Context) error {
	var errs []error
	for _, cfg := range b.cfg.Topology.Streams() {
		if err := b.ensureStream(ctx, cfg); err != nil {
			errs = append(errs, fmt.Errorf("ensure stream %s: %w", cfg.Name, err))
		}
	}
	for _, cfg := range b.cfg.Topology.Buckets() {
		if err := b.ensureBucket(ctx, cfg); err != nil {
			errs = append(errs, fmt.Errorf("ensure bucket %s: %w", cfg.Bucket, err))
		}
	}
	return errors.Join(errs...)
}

// ensureStream leaves a stream alone that is as it should be: the server writes
// its configuration anew on every update, while other processes use it.
func (b *Bus) ensureStream(ctx context.Context, cfg jetstream.StreamConfig) error {
	if stream, err := b.js.Stream(ctx, cfg.Name); err == nil {
		have := stream.CachedInfo().Config
		if sameStream(have, cfg) {
			return nil
		}
		if cfg.Name == StreamAttempts && have.PersistMode != cfg.PersistMode {
			// The server cannot change that, and the history is worth less than a server
			// that cannot become a cluster.
			if err := b.js.DeleteStream(ctx, cfg.Name); err != nil {
				return err
			}
		}
	}
	_, err := b.js.CreateOrUpdateStream(ctx, cfg)
	if refused, ok := errors.AsType[*jetstream.APIError](err); ok && refused.ErrorCode == noStorage {
		return fmt.Errorf("%w; its limit must hold what all streams reserve, so raise max_file_store of the NATS server to 32GB (it is a limit, not what is used)", err)
	}
	return err
}

// noStorage is the server's error code for streams that would reserve more than its
// max_file_store, by default three quarters of the disk that is free.
const noStorage jetstream.ErrorCode = 10047

// ensureBucket is ensureStream for the stream behind a bucket.
func (b *Bus) ensureBucket(ctx context.Context, cfg jetstream.KeyValueConfig) error {
	if bucket, err := b.js.KeyValue(ctx, cfg.Bucket); err == nil {
		status, err := bucket.Status(ctx)
		if err == nil && sameBucket(status.Config(), cfg) {
			return nil
		}
	}
	_, err := b.js.CreateOrUpdateKeyValue(ctx, cfg)
	return err
}

// Bucket returns a key-value bucket of the topology; a key is made with [Key].
func (b *Bus) Bucket(ctx context.Context, name string) (jetstream.KeyValue, error) {
	bucket, err := b.js.KeyValue(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	return bucket, nil
}
