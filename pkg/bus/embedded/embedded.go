// Package embedded runs a NATS server with JetStream inside the process, so
// that a single machine needs nothing but our own binary. It opens no port:
// clients reach it through [Server], which the bus takes as its in-process
// provider.
//
//	srv, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: log})
//	…
//	group.OnStop("nats", srv.Close)
//	b, err := bus.Connect(ctx, bus.Config{Name: "trigger", InProcess: srv})
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Limits of a server when [Options] does not say. They are fixed numbers, not
// shares of the machine, so that the same configuration means the same
// everywhere.
const (
	// DefaultMaxStore bounds all streams on disk together, in bytes. It has to
	// hold the sum of the byte limits of the bus's streams.
	DefaultMaxStore = 32 << 30
	// DefaultMaxMemory bounds all streams held in memory together, in bytes.
	DefaultMaxMemory = 256 << 20

	// maxPayload is what package bus says that servers should take, bus.MaxPayload.
	maxPayload = 2 << 20
)

// Sync says when a stored message is on disk.
type Sync int

const (
	// SyncAlways writes through to the disk before a publish is acknowledged:
	// what was acknowledged survives a power failure. It is the default, since
	// a single server has no replica to fall back on.
	SyncAlways Sync = iota
	// SyncInterval leaves the writing to the operating system and syncs every
	// two minutes. A crash of the process loses nothing, a crash of the machine
	// loses what was acknowledged since. Ten times the throughput; for tests.
	SyncInterval
)

// Options of an embedded server.
type Options struct {
	// Dir is where JetStream keeps its files; it is created when missing, for
	// the owner only. Exactly one server may use a directory at a time. Required.
	Dir string
	// Sync says when a stored message is on disk.
	Sync Sync
	// MaxStore bounds the disk space of all streams, in bytes; 0 means
	// [DefaultMaxStore].
	MaxStore int64
	// MaxMemory bounds the memory of all streams held in memory, in bytes; 0
	// means [DefaultMaxMemory].
	MaxMemory int64
	// Log receives what the server has to say: errors and warnings as such, its
	// notices as debug records. Required.
	Log *slog.Logger
}

var _ nats.InProcessConnProvider = (*Server)(nil)

// Server is a running NATS server inside this process.
type Server struct {
	nats *server.Server
}

// Start starts a server and returns when it accepts clients and has recovered
// the streams on disk: a few milliseconds for an empty directory, about two
// seconds for a million messages. When ctx ends first, the server is stopped
// and nothing is left running.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Dir == "" || opts.Log == nil {
		return nil, errors.New("embedded nats: a directory and a log are required")
	}
	if err := os.MkdirAll(opts.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the directory of the embedded nats: %w", err)
	}
	ns, err := server.NewServer(settings(opts))
	if err != nil {
		return nil, fmt.Errorf("configure embedded nats: %w", err)
	}
	log := &adapter{log: opts.Log}
	ns.SetLogger(log, opts.Log.Enabled(ctx, slog.LevelDebug), false)
	s := &Server{nats: ns}

	started := make(chan struct{})
	go func() { defer close(started); ns.Start() }() // returns when start-up is complete
	select {
	case <-started:
	case <-ctx.Done():
		<-started // a server that is still recovering cannot be shut down safely
		s.shutdown()
		return nil, fmt.Errorf("start embedded nats: %w", ctx.Err())
	}
	// The server answers a fatal error by ending the process, which is not for a
	// library to do: our adapter keeps the message, and the start has failed.
	if fatal := log.fatalMessage(); fatal != "" || !ns.JetStreamEnabled() {
		s.shutdown()
		return nil, fmt.Errorf("start embedded nats in %s: %s", opts.Dir, cmp.Or(fatal, "JetStream is not enabled"))
	}
	return s, nil
}

// settings translates the options.
func settings(opts Options) *server.Options {
	o := &server.Options{
		ServerName:         "ferrule",
		DontListen:         true,
		NoSigs:             true, // signals belong to the process that embeds us
		JetStream:          true,
		StoreDir:           opts.Dir,
		SyncAlways:         opts.Sync == SyncAlways,
		MaxPayload:         maxPayload,
		JetStreamMaxStore:  opts.MaxStore,
		JetStreamMaxMemory: opts.MaxMemory,
	}
	if o.JetStreamMaxStore == 0 {
		o.JetStreamMaxStore = DefaultMaxStore
	}
	if o.JetStreamMaxMemory == 0 {
		o.JetStreamMaxMemory = DefaultMaxMemory
	}
	return o
}

// InProcessConn returns a new connection to the server. It is what the NATS
// client calls; after Close it fails.
func (s *Server) InProcessConn() (net.Conn, error) { return s.nats.InProcessConn() }

// Close stops the server and waits until everything is written and all its
// goroutines have ended. When ctx ends first, Close returns its error and the
// server goes on stopping. Close may be called more than once.
func (s *Server) Close(ctx context.Context) error {
	done := make(chan struct{})
	go func() { defer close(done); s.shutdown() }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop embedded nats: %w", ctx.Err())
	}
}

func (s *Server) shutdown() {
	s.nats.Shutdown()
	s.nats.WaitForShutdown()
}
