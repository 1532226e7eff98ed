// Package h1 speaks HTTP/1.1 to APIs with little effort of its own.
//
// [net/http.Transport] keeps two goroutines for each connection and hands every
// request and every answer from one to another; for a proxy that is most of the
// work. A [Transport] does the whole exchange in the goroutine that asks for it:
// one write, one read where they suffice, and the answer in one piece of memory.
// Only a body that is not in memory is sent by a goroutine of its own, so that a
// server can answer while it gets it.
//
// It takes its dialer, its TLS and its limits from an [net/http.Transport], and
// leaves to it what it does not do: HTTP/2, Expect, CONNECT, upgrades, hosts that
// are not ASCII. So every connection is made by the same guard, whoever speaks on
// it.
//
// An idle connection is read by nobody. Before it is used again, and now and then,
// its socket is looked at: anything there, the end included, and it is closed.
//
// It is stricter than net/http with answers that two readers could understand in
// two ways: a field that goes on in the next line, both a length and a transfer
// encoding, a transfer encoding in HTTP/1.0, a status below 100, a version other
// than 1.x, more than a thousand fields. It never sends a request twice because
// of an Idempotency-Key field.
//
//	fast := h1.New(guard.Transport(egress.TransportOptions{}), clock.System())
//	resp, err := fast.RoundTrip(req)
package h1

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// maxKept is the longest message whose memory is used again, in bytes.
const maxKept = 64 << 10

// texts are for messages that are being sent.
var texts = sync.Pool{New: func() any { b := make([]byte, 0, bufferSize); return &b }}

// Transport is a [http.RoundTripper]. It is safe for concurrent use.
type Transport struct {
	pool      *pool
	next      *http.Transport
	off       bool
	maxHeader int
	wait      time.Duration
}

var _ http.RoundTripper = (*Transport)(nil)

// New returns a transport with the settings of next, which it reads now and which
// must have a DialContext. It owns next.
func New(next *http.Transport, clk clock.Clock) *Transport {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if next.TLSClientConfig != nil {
		config = next.TLSClientConfig.Clone()
	}
	config.NextProtos = []string{"http/1.1"}
	if next.ForceAttemptHTTP2 {
		config.NextProtos = []string{"h2", "http/1.1"}
	}
	return (&Transport{pool: &pool{
		dial:  next.DialContext,
		tls:   config,
		clock: clk,
		limits: limits{
			idle: next.MaxIdleConns, idlePerHost: next.MaxIdleConnsPerHost, perHost: next.MaxConnsPerHost,
			idleAge: next.IdleConnTimeout, handshake: next.TLSHandshakeTimeout,
		},
		hosts:   map[place]*host{},
		speaks2: map[place]struct{}{},
	}}).With(next)
}

// With returns a transport that shares the connections of t, and has of next what
// is not about connections: compression, the limits of an answer's header, and
// what it leaves to next.
func (t *Transport) With(next *http.Transport) *Transport {
	return &Transport{pool: t.pool, next: next, maxHeader: int(next.MaxResponseHeaderBytes), wait: next.ResponseHeaderTimeout}
}

// Off returns a transport that leaves everything to next.
func Off(next *http.Transport) *Transport { return &Transport{next: next, off: true, pool: &pool{}} }

// CloseIdleConnections closes connections that nobody uses.
func (t *Transport) CloseIdleConnections() {
	t.pool.closeIdle()
	t.next.CloseIdleConnections()
}

// RoundTrip implements [http.RoundTripper]. Of the hooks of package httptrace, it
// calls WroteHeaders and Got1xxResponse, as [Transport.Exchange] does.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.Exchange(req, fromTrace(req.Context()))
}

// Exchange does the same with hooks of ours, which may be nil.
//
// A request that fails on a connection that was idle, before a byte of an answer
// came, is sent again on a fresh one if the server got nothing of it, or if its
// method is safe and its body can be had again. No other request is ever repeated.
func (t *Transport) Exchange(req *http.Request, hooks Hooks) (*http.Response, error) {
	if t.off || !speaks(req) {
		return t.delegate(req, hooks)
	}
	to := place{secure: req.URL.Scheme == "https", address: req.URL.Host}
	if to.secure && t.pool.known2(to) {
		return t.delegate(req, hooks)
	}
	text := texts.Get().(*[]byte) //nolint:errcheck // nothing else is in the pool
	m, err := appendMessage((*text)[:0], req, !t.next.DisableCompression)
	if err != nil {
		closeBody(req)
		return nil, err
	}
	defer recycle(text, &m)
	resp, err := t.exchange(req, to, &m, hooks)
	if errors.Is(err, errSpeaks2) {
		if req, err = renewed(req, &m); err != nil {
			return nil, err
		}
		return t.delegate(req, hooks)
	}
	return resp, err
}

// delegate leaves a request to net/http.
func (t *Transport) delegate(req *http.Request, hooks Hooks) (*http.Response, error) {
	if _, known := hooks.(traced); hooks != nil && !known {
		req = req.WithContext(withTrace(req.Context(), hooks))
	}
	return t.next.RoundTrip(req)
}

// exchange sends a message, twice if it has to and may.
func (t *Transport) exchange(req *http.Request, to place, m *message, hooks Hooks) (*http.Response, error) {
	ctx := req.Context()
	for fresh := false; ; fresh = true {
		c, err := t.connect(ctx, to, fresh)
		if err != nil {
			if !errors.Is(err, errSpeaks2) && m.streamed {
				closeBody(req)
			}
			return nil, err
		}
		x := &exchange{ctx: ctx, pool: t.pool, conn: c, hooks: hooks, maxHeader: t.maxHeader, wait: t.wait}
		resp, err := x.run(req, m)
		if err == nil {
			return resp, nil
		}
		if !x.repeatable(req, err) {
			if x.sending == nil && m.streamed {
				closeBody(req)
			}
			return nil, err
		}
		if x.sending != nil {
			if req, err = rewound(req); err != nil {
				return nil, err
			}
		}
	}
}

func (t *Transport) connect(ctx context.Context, to place, fresh bool) (*conn, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	c, err := t.pool.get(ctx, to, fresh)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return c, err
}

// speaks reports whether a request is one for this transport.
func speaks(req *http.Request) bool {
	if req.URL == nil || (req.URL.Scheme != "http" && req.URL.Scheme != "https") || req.URL.Host == "" || req.URL.User != nil {
		return false
	}
	if req.Method == http.MethodConnect || len(req.TransferEncoding) > 0 || req.Header["Expect"] != nil || req.Header["Upgrade"] != nil {
		return false
	}
	if bodyLength(req) < 0 && !usuallyHasBody(req.Method) {
		return false // net/http finds out whether there is one
	}
	return plainHost(req.URL.Host) && plainHost(req.Host)
}

func usuallyHasBody(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodDelete, "PROPFIND", "SEARCH":
		return false
	}
	return true
}

// plainHost reports whether a host needs no translation.
func plainHost(host string) bool {
	return strings.IndexFunc(host, func(r rune) bool { return r > '~' || r == '%' }) < 0
}

// renewed returns a request whose body has not been read.
func renewed(req *http.Request, m *message) (*http.Request, error) {
	if m.streamed || m.length == 0 {
		return req, nil
	}
	return rewound(req)
}

// rewound returns a copy of a request with its body from the beginning.
func rewound(req *http.Request) (*http.Request, error) {
	again := *req
	var err error
	again.Body, err = req.GetBody()
	return &again, err
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}

// recycle forgets a message: it holds credentials.
func recycle(text *[]byte, m *message) {
	clear(m.text)
	if cap(m.text) <= maxKept {
		*text = m.text[:0]
		texts.Put(text)
	}
}
