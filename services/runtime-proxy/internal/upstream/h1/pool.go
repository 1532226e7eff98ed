package h1

import (
	"context"
	"crypto/tls"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// maxKnown bounds the servers that are known to speak HTTP/2. Past it all are
// forgotten and asked once more.
const maxKnown = 4096

// looksPerAge is how often idle connections are looked after within the age at
// which they are closed.
const looksPerAge = 3

// place is where a connection goes.
type place struct {
	secure  bool
	address string // as the URL has it: the port may be missing
}

// dialAddress returns "host:port", and the host for TLS.
func (p place) dialAddress() (address, name string) {
	port := "80"
	if p.secure {
		port = "443"
	}
	if host, own, err := net.SplitHostPort(p.address); err == nil {
		if own == "" {
			own = port
		}
		return net.JoinHostPort(host, own), host
	}
	host := strings.TrimSuffix(strings.TrimPrefix(p.address, "["), "]")
	return net.JoinHostPort(host, port), host
}

// host is one place and its connections. It is guarded by its pool.
type host struct {
	place   place
	idle    []*conn      // the one that was used last is the last
	open    int          // idle, in use, and being dialled
	waiting []chan *conn // for one of them, or, with nil, for the right to dial
}

// limits are those of an [http.Transport].
type limits struct {
	idle, idlePerHost, perHost int
	idleAge, handshake         time.Duration
}

// pool keeps connections between exchanges. It is safe for concurrent use.
type pool struct {
	dial   func(ctx context.Context, network, address string) (net.Conn, error)
	tls    *tls.Config
	limits limits
	clock  clock.Clock

	mu             sync.Mutex
	hosts          map[place]*host
	speaks2        map[place]struct{}
	oldest, newest *conn // all idle ones, by when they became so
	idle           int
	timer          *time.Timer // runs while there are idle ones; nil before the first
	ticking        bool
}

// get returns a connection to a place: one that is silent, or a fresh one. With
// fresh, only that. The error is errSpeaks2 if the server chose HTTP/2.
func (p *pool) get(ctx context.Context, to place, fresh bool) (*conn, error) {
	for {
		c, h, turn := p.take(to, fresh)
		if turn != nil {
			var err error
			if c, err = p.await(ctx, h, turn); err != nil {
				return nil, err
			}
		}
		switch {
		case c != nil && fresh:
			c.hangUp() // its right to be open goes to the fresh one
			return p.open(ctx, h)
		case c == nil:
			return p.open(ctx, h)
		case c.silent() && p.clock.Now().Sub(c.since) < p.limits.idleAge:
			return c, nil
		}
		p.discard(c)
	}
}

// take takes an idle connection, or else the right to dial (no connection), or a
// place in the queue for either.
func (p *pool) take(to place, fresh bool) (*conn, *host, chan *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[to]
	if h == nil {
		h = &host{place: to}
		p.hosts[to] = h
	}
	full := p.limits.perHost > 0 && h.open >= p.limits.perHost
	if n := len(h.idle); n > 0 && (!fresh || full) {
		c := h.idle[n-1]
		p.unlink(c)
		if !fresh {
			return c, h, nil
		}
		c.hangUp() // its right to be open goes to the fresh one
		return nil, h, nil
	}
	if full {
		turn := make(chan *conn, 1)
		h.waiting = append(h.waiting, turn)
		return nil, h, turn
	}
	h.open++
	return nil, h, nil
}

// await waits in the queue.
func (p *pool) await(ctx context.Context, h *host, turn chan *conn) (*conn, error) {
	select {
	case c := <-turn:
		return c, nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	if i := slices.Index(h.waiting, turn); i >= 0 {
		h.waiting = slices.Delete(h.waiting, i, i+1)
		p.mu.Unlock()
		return nil, context.Cause(ctx)
	}
	p.mu.Unlock()
	if c := <-turn; c != nil { // it came at the same time
		p.put(c)
	} else {
		p.closed(h)
	}
	return nil, context.Cause(ctx)
}

// open dials with a right that was taken.
func (p *pool) open(ctx context.Context, h *host) (*conn, error) {
	address, name := h.place.dialAddress()
	socket, err := p.dial(ctx, "tcp", address)
	if err != nil {
		p.closed(h)
		return nil, err
	}
	c := newConn(h, socket)
	if h.place.secure {
		if err := p.secure(ctx, c, name); err != nil {
			p.discard(c)
			return nil, err
		}
	}
	return c, nil
}

// secure speaks TLS on a fresh connection.
func (p *pool) secure(ctx context.Context, c *conn, name string) error {
	config := p.tls.Clone()
	if config.ServerName == "" {
		config.ServerName = name
	}
	secured := tls.Client(c.socket, config)
	timed, cancel := context.WithTimeoutCause(ctx, p.limits.handshake, errTLSTimeout)
	defer cancel()
	if err := secured.HandshakeContext(timed); err != nil {
		if timed.Err() != nil {
			return context.Cause(timed)
		}
		return err
	}
	state := secured.ConnectionState()
	if state.NegotiatedProtocol == "h2" {
		p.remember2(c.host.place)
		return errSpeaks2
	}
	c.Conn, c.tls = secured, &state
	return nil
}

// known2 reports whether a place is known to speak HTTP/2.
func (p *pool) known2(to place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.speaks2[to]
	return ok
}

func (p *pool) remember2(to place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.speaks2) >= maxKnown {
		clear(p.speaks2)
	}
	p.speaks2[to] = struct{}{}
}

// put keeps a connection for the next exchange, or gives it to the one that waits
// for it.
func (p *pool) put(c *conn) {
	now := p.clock.Now()
	p.mu.Lock()
	h := c.host
	c.since, c.used = now, true
	if len(h.waiting) > 0 {
		turn := h.waiting[0]
		h.waiting = slices.Delete(h.waiting, 0, 1)
		p.mu.Unlock()
		turn <- c
		return
	}
	if len(h.idle) >= p.limits.idlePerHost {
		p.mu.Unlock()
		p.discard(c)
		return
	}
	var excess *conn
	if p.idle >= p.limits.idle {
		excess = p.oldest
		p.unlink(excess)
	}
	p.link(c)
	p.tick()
	p.mu.Unlock()
	if excess != nil {
		p.discard(excess)
	}
}

// discard closes a connection that is not idle.
func (p *pool) discard(c *conn) {
	_ = c.Close()
	p.closed(c.host)
}

// closed gives back the right to be open.
func (p *pool) closed(h *host) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(h.waiting) > 0 {
		turn := h.waiting[0]
		h.waiting = slices.Delete(h.waiting, 0, 1)
		turn <- nil // never blocks: each turn comes once
		return
	}
	if h.open--; h.open == 0 {
		delete(p.hosts, h.place)
	}
}

// link and unlink keep the two orders of idle connections. The pool is locked.
func (p *pool) link(c *conn) {
	c.older, c.newer = p.newest, nil
	if p.newest != nil {
		p.newest.newer = c
	} else {
		p.oldest = c
	}
	p.newest = c
	p.idle++
	c.host.idle = append(c.host.idle, c)
}

func (p *pool) unlink(c *conn) {
	if c.older != nil {
		c.older.newer = c.newer
	} else {
		p.oldest = c.newer
	}
	if c.newer != nil {
		c.newer.older = c.older
	} else {
		p.newest = c.older
	}
	c.older, c.newer = nil, nil
	p.idle--
	h := c.host
	for i := len(h.idle) - 1; ; i-- { // mostly the last
		if h.idle[i] == c {
			h.idle = slices.Delete(h.idle, i, i+1)
			return
		}
	}
}

// tick lets the timer run while there is something to look after. The pool is
// locked.
func (p *pool) tick() {
	if p.ticking {
		return
	}
	p.ticking = true
	if p.timer == nil {
		p.timer = time.AfterFunc(p.limits.idleAge/looksPerAge, p.sweep)
		return
	}
	p.timer.Reset(p.limits.idleAge / looksPerAge)
}

// sweep closes idle connections that are old or that their servers have closed.
func (p *pool) sweep() {
	now := p.clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := p.oldest; c != nil; {
		next := c.newer
		if now.Sub(c.since) >= p.limits.idleAge || !c.silent() {
			p.drop(c)
		}
		c = next
	}
	p.ticking = false
	if p.idle > 0 {
		p.tick()
	}
}

// closeIdle closes all idle connections.
func (p *pool) closeIdle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.oldest != nil {
		p.drop(p.oldest)
	}
	if p.ticking {
		p.timer.Stop()
		p.ticking = false
	}
}

// drop closes an idle connection. The pool is locked, so TLS does not get to say
// goodbye. Nobody waits for it: there are no idle ones when somebody waits.
func (p *pool) drop(c *conn) {
	p.unlink(c)
	c.hangUp()
	if c.host.open--; c.host.open == 0 {
		delete(p.hosts, c.host.place)
	}
}
