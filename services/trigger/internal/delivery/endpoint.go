package delivery

import (
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// endpointPause is when a sink asks again whether its endpoint has room.
	endpointPause = 20 * time.Millisecond
	// endpointPatience is for how long a sink that does not ask any more keeps its place
	// before others.
	endpointPatience = time.Second
)

// endpoints let the sinks of one owner that lead to the same endpoint share the bounds
// that they state: an owner bounds what an endpoint bears, however many sinks lead there.
// Those of one process know of each other.
type endpoints struct {
	mu     sync.Mutex
	load   map[endpoint]*load
	pruned time.Time
}

// endpoint is where sinks lead: an owner's, and the origin of a URL (RFC 6454, section 4).
type endpoint struct{ owner, origin string }

// load is what the sinks that state bounds do at an endpoint.
type load struct {
	underWay int
	slot     time.Time // before which the next attempt is not begun, where attempts per second are bounded
	waiting  map[bus.DeliveryAddress]*place
}

// place is that of a sink that waits, before all that began to wait later.
type place struct{ since, asked time.Time }

func newEndpoints() *endpoints { return &endpoints{load: map[endpoint]*load{}} }

// endpointOf returns where a sink leads; false if it shares no bounds.
func endpointOf(sub core.Subscription, sink core.Sink) (endpoint, bool) {
	if sink.HTTP == nil || sink.Concurrent == 0 && sink.PerSecond == 0 {
		return endpoint{}, false
	}
	u, err := url.Parse(sink.HTTP.URL)
	if err != nil {
		return endpoint{}, false
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return endpoint{sub.Owner, u.Scheme + "://" + strings.ToLower(u.Hostname()) + ":" + port}, true
}

// enter begins an attempt of a sink; leave has to be called when it is over. leave is nil
// if the endpoint has no room: then the sink has to ask again after wait, and is let in
// before those that ask for the first time later.
func (e *endpoints) enter(at bus.DeliveryAddress, sub core.Subscription, sink core.Sink, now time.Time) (leave func(), wait time.Duration) {
	where, shared := endpointOf(sub, sink)
	if !shared {
		return func() {}, 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.prune(now)
	l := e.load[where]
	if l == nil {
		l = &load{waiting: map[bus.DeliveryAddress]*place{}}
		e.load[where] = l
	}
	if wait := l.wait(at, sink, now); wait > 0 {
		if l.waiting[at] == nil {
			l.waiting[at] = &place{since: now}
		}
		l.waiting[at].asked = now.Add(wait)
		return nil, wait
	}
	delete(l.waiting, at)
	l.underWay++
	if sink.PerSecond > 0 {
		l.slot = latest(now, l.slot).Add(time.Duration(float64(time.Second) / sink.PerSecond))
	}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		l.underWay--
	}, 0
}

// wait returns how long a sink has to wait before it asks again; 0 if it need not.
func (l *load) wait(at bus.DeliveryAddress, sink core.Sink, now time.Time) time.Duration {
	own := l.waiting[at]
	for other, p := range l.waiting {
		switch {
		case other == at:
		case now.Sub(p.asked) > endpointPatience:
			delete(l.waiting, other)
		case own == nil || p.since.Before(own.since):
			return endpointPause
		}
	}
	switch {
	case sink.Concurrent > 0 && l.underWay >= sink.Concurrent:
		return endpointPause
	case sink.PerSecond > 0 && now.Before(l.slot):
		return l.slot.Sub(now)
	}
	return 0
}

// prune forgets endpoints of which nothing is wanted any more.
func (e *endpoints) prune(now time.Time) {
	if now.Sub(e.pruned) < endpointPatience {
		return
	}
	e.pruned = now
	for where, l := range e.load {
		for at, p := range l.waiting {
			if now.Sub(p.asked) > endpointPatience {
				delete(l.waiting, at)
			}
		}
		if l.underWay == 0 && len(l.waiting) == 0 && !now.Before(l.slot) {
			delete(e.load, where)
		}
	}
}
