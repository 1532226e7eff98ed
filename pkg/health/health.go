// Package health knows whether a process is ready for work.
//
// A [Registry] holds named targets: the store, the bus, a listener. Each starts
// unhealthy and says itself when it is well, so a target that is never heard of
// keeps the process out of service. A registry without targets is not ready
// either: a process that registered nothing has not been wired yet.
//
//	checks := health.New(log)
//	checks.Register("bus")
//	…
//	checks.Set("bus", nil) // connected
//	mux.Handle("GET /livez", checks.Live())
//	mux.Handle("GET /readyz", checks.Ready())
//
// [Registry.Subscribe] mirrors readiness to other protocols, such as the gRPC
// health service.
package health

import (
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
)

// ErrStarting is the condition of a target that has not reported yet.
var ErrStarting = errors.New("has not reported yet")

// Report is the condition of a process at one moment.
type Report struct {
	// Ready is true when at least one target is registered, all are healthy
	// and the process is not draining.
	Ready bool `json:"ready"`
	// Draining is true once the process has begun to stop; it never goes back.
	Draining bool `json:"draining,omitempty"`
	// Failing lists the unhealthy targets, sorted by name. Causes are left out
	// on purpose: whoever may ask for readiness need not know the inside.
	Failing []string `json:"failing,omitempty"`
}

// Registry holds the targets of one process. It is safe for concurrent use.
type Registry struct {
	log *slog.Logger

	// change serialises changes with their notifications, so that subscribers
	// see them in order; it is taken before mu.
	change sync.Mutex

	mu       sync.Mutex
	targets  map[string]error
	draining bool

	subscribers map[int]func(Report) // guarded by change
	next        int                  // guarded by change
}

// New returns a registry without targets, which is not ready. Every change of
// a target's condition is logged once, with its cause.
func New(log *slog.Logger) *Registry {
	return &Registry{log: log, targets: map[string]error{}, subscribers: map[int]func(Report){}}
}

// Register adds a target in the condition [ErrStarting]. Registering a name
// again sets it back to that.
func (r *Registry) Register(name string) { r.Set(name, ErrStarting) }

// Set records the condition of a target: nil is healthy, anything else is not.
// A name that is not registered becomes so. Calling it often with the same
// condition costs little and logs nothing.
func (r *Registry) Set(name string, err error) {
	r.update(func() {
		before, known := r.targets[name]
		r.targets[name] = err
		switch {
		case err == nil && (!known || before != nil):
			r.log.Info("target is healthy", "target", name)
		case err != nil && known && before == nil:
			r.log.Warn("target is failing", "target", name, "error", err)
		}
	})
}

// Drain makes the process not ready for good: the first step of stopping, so
// that load balancers turn away before connections are refused.
func (r *Registry) Drain() {
	r.update(func() { r.draining = true })
}

// Report returns the present condition.
func (r *Registry) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.report()
}

// Subscribe calls f at once with the present condition, and again whenever the
// report has changed, one call at a time and in order. f must return soon and
// must not call Register, Set, Drain or Subscribe. The returned function ends
// the subscription; after it has returned, f is not called any more.
func (r *Registry) Subscribe(f func(Report)) (stop func()) {
	r.change.Lock()
	defer r.change.Unlock()
	id := r.next
	r.next++
	r.subscribers[id] = f
	f(r.Report())
	return func() {
		r.change.Lock()
		defer r.change.Unlock()
		delete(r.subscribers, id)
	}
}

// update applies a change and tells the subscribers if the report differs.
func (r *Registry) update(change func()) {
	r.change.Lock()
	defer r.change.Unlock()

	r.mu.Lock()
	before := r.report()
	change()
	after := r.report()
	r.mu.Unlock()

	if before.equal(after) {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(r.subscribers)) {
		r.subscribers[id](after)
	}
}

// report computes the condition; mu is held.
func (r *Registry) report() Report {
	var failing []string
	for name, err := range r.targets {
		if err != nil {
			failing = append(failing, name)
		}
	}
	slices.Sort(failing)
	return Report{
		Ready:    len(r.targets) > 0 && len(failing) == 0 && !r.draining,
		Draining: r.draining,
		Failing:  failing,
	}
}

func (r Report) equal(other Report) bool {
	return r.Ready == other.Ready && r.Draining == other.Draining && slices.Equal(r.Failing, other.Failing)
}
