package service

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/http1"
)

// Limits of every HTTP server of the suite. There is no limit on the time for a whole
// body: bodies are streamed, and the handlers have deadlines of their own.
const (
	// readHeaderTimeout is the time for the header of a request.
	readHeaderTimeout = 10 * time.Second
	// idleTimeout is how long an unused connection is kept.
	idleTimeout = 2 * time.Minute
	// patience is how long a server without TLS waits for the next piece of a body, and
	// for a caller to take the next piece of an answer. Anybody can keep it waiting,
	// without a token.
	patience = time.Minute
	// maxHeaderBytes bounds the header of a request.
	maxHeaderBytes = 64 << 10
	// httpGrace is how long requests may go on after the server was told to
	// stop; see grpcx.StopGrace.
	httpGrace = 8 * time.Second
)

// httpServer is a server of HTTP.
type httpServer interface {
	Shutdown(ctx context.Context) error
	Close() error
}

// ServeHTTP serves handler on l until ctx ends, then lets open requests finish
// for a few seconds. It closes l. A nil config serves without TLS, and ordinary requests
// by package http1.
func ServeHTTP(ctx context.Context, l net.Listener, handler http.Handler, config *tls.Config, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		TLSConfig:         config,
		ReadHeaderTimeout: readHeaderTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	stopping, serve := httpServer(server), func() error { return server.ServeTLS(l, "", "") }
	if config == nil { // with TLS, our own services are at the other end
		server.Handler = endingChunked(handler)
		plain := http1.New(handler, server, clock.System())
		plain.Patience = patience
		stopping, serve = plain, func() error { return plain.Serve(l) }
	}
	served := make(chan error, 1)
	go func() { served <- serve() }()
	select {
	case err := <-served:
		return fmt.Errorf("serve http on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), httpGrace)
	defer cancel()
	if err := stopping.Shutdown(stopCtx); err != nil {
		_ = stopping.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve http on %s: %w", l.Addr(), err)
	}
	return nil
}

// endingChunked closes the connection of an HTTP/1 request in chunks once it is
// answered. One that has a length too has to be refused, or its connection closed (RFC
// 9112, section 6.3): a proxy in front that goes by the length has put the rest of it
// where we look for the next request, which is somebody else's to it. The server of
// package net/http takes the length away before anybody can see whether there was one,
// so that no request in chunks may be followed by another.
func endingChunked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}
