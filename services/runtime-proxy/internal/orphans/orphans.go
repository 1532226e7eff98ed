// Package orphans removes what connections and connectors have left on the bus when
// they are gone: what their custom code kept, callback URLs, idempotency keys, rate
// budgets, switches and entries of request logs.
//
// Others tell a [Sweeper] what has changed, or that they do not know what has; it
// finds out what is gone and cleans up after it. Nothing of a resource that exists
// is removed: traces are listed first, then the owner is asked for, and a trace that
// was written since stays. So it does not matter that all processes do the same, nor
// that a resource of that name is made again meanwhile. What was missed is found by
// looking through everything.
//
//	sweeper := orphans.New(orphans.Config{Places: orphans.Places(…), …})
//	go sweeper.Run(ctx)
//	sweeper.Connection(name) // it was announced as changed
//	sweeper.Everything()     // announcements may have been missed
package orphans

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// retryWait is how long a sweep waits that could not find out what it needs.
	retryWait = time.Minute
	// workTime is how long one piece of work may take.
	workTime = 10 * time.Minute
	// maxNoted is how many changes are remembered one by one; with more, everything
	// is looked through.
	maxNoted = 10_000
)

// Exists says whether resources exist. CONNECTION_NOT_FOUND, CONNECTOR_NOT_FOUND and
// ENVIRONMENT_NOT_FOUND are the errors for those that are gone; after any other
// nothing is removed.
type Exists struct {
	// Connection and Connector look one up.
	Connection func(ctx context.Context, name resource.Connection) error
	Connector  func(ctx context.Context, name resource.Connector) error
}

// Config of a sweeper. It owns none of it.
type Config struct {
	// Places are where traces are.
	Places []Place
	// Exists says what is gone.
	Exists Exists
	// Forget is told once in a sweep of each owner, a connection or a connector, that
	// is gone and has left traces, for those who keep something elsewhere. Its errors
	// make the sweep try again.
	Forget func(ctx context.Context, gone Owner) error
	// Clock and Log are for failures.
	Clock clock.Clock
	Log   *slog.Logger
}

// Sweeper cleans up. It is safe for concurrent use.
type Sweeper struct {
	cfg  Config
	wake chan struct{}

	mu    sync.Mutex
	noted map[Owner]struct{}
	all   bool
}

// New returns a sweeper that has nothing to do yet.
func New(cfg Config) *Sweeper {
	return &Sweeper{cfg: cfg, wake: make(chan struct{}, 1), noted: map[Owner]struct{}{}}
}

// Connection notes that a connection has changed. It does not wait.
func (s *Sweeper) Connection(name resource.Connection) {
	s.note(Owner{Environment: name.Environment, Connection: name.ID})
}

// Connector notes that a connector has changed. It does not wait.
func (s *Sweeper) Connector(name resource.Connector) {
	s.note(Owner{Environment: name.Environment, Connector: name.ID})
}

// Everything notes that nobody knows what has changed. It does not wait.
func (s *Sweeper) Everything() { s.note(Owner{}) }

func (s *Sweeper) note(o Owner) {
	s.mu.Lock()
	switch {
	case s.all:
	case o == Owner{} || len(s.noted) >= maxNoted:
		s.all = true
		clear(s.noted)
	default:
		s.noted[o] = struct{}{}
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // it has been told already
	}
}

func (s *Sweeper) take() []Owner {
	s.mu.Lock()
	defer s.mu.Unlock()
	work := make([]Owner, 0, len(s.noted)+1)
	for o := range maps.Keys(s.noted) {
		work = append(work, o)
	}
	if s.all {
		work = append(work, Owner{})
	}
	s.all = false
	clear(s.noted)
	return work
}

// Run does what was noted until ctx ends. What cannot be done now is tried again a
// minute later.
func (s *Sweeper) Run(ctx context.Context) error {
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-retry:
		}
		retry = nil
		if failed, why := s.sweepNoted(ctx); failed > 0 && ctx.Err() == nil {
			s.cfg.Log.WarnContext(ctx, "what deleted connections have left was not removed; trying again in a minute", "resources", failed, "error", why)
			retry = s.cfg.Clock.After(retryWait)
		}
	}
}

// sweepNoted does what was noted, and notes again what failed. It returns how much that
// is, and why the last of it did.
func (s *Sweeper) sweepNoted(ctx context.Context) (failed int, why error) {
	for _, owner := range s.take() {
		if err := s.Sweep(ctx, owner); err != nil {
			failed, why = failed+1, err
			s.mu.Lock()
			s.noted[owner] = struct{}{}
			s.mu.Unlock()
		}
	}
	return failed, why
}

// Sweep removes the traces of one resource if it is gone, or of all that are. It is
// what Run does for what was noted.
func (s *Sweeper) Sweep(ctx context.Context, of Owner) error {
	ctx, cancel := context.WithTimeout(ctx, workTime)
	defer cancel()
	if of != (Owner{}) { // most changes are no deletions
		if gone, err := s.gone(ctx, of); err != nil || !gone {
			return err
		}
	}
	known := map[Owner]bool{} // asked after the listing: it may be made again meanwhile
	for _, place := range s.cfg.Places {
		traces, err := place.list(ctx, of)
		if err != nil {
			return err
		}
		for _, t := range traces {
			if err := s.remove(ctx, place, t, known); err != nil {
				return err
			}
		}
	}
	return nil
}

// remove removes a trace whose connection or connector is gone; known is what this
// sweep has found out of them.
func (s *Sweeper) remove(ctx context.Context, place Place, t trace, known map[Owner]bool) error {
	for _, owner := range t.owner.each() {
		gone, ok := known[owner]
		if !ok {
			var err error
			if gone, err = s.gone(ctx, owner); err != nil {
				return err
			}
			if gone {
				if err := s.cfg.Forget(ctx, owner); err != nil {
					return err
				}
			}
			known[owner] = gone
		}
		if gone {
			return place.purge(ctx, t)
		}
	}
	return nil
}

// gone reports whether a resource does not exist.
func (s *Sweeper) gone(ctx context.Context, of Owner) (bool, error) {
	missing := []fault.Reason{fault.ReasonConnectionNotFound, fault.ReasonConnectorNotFound, fault.ReasonEnvironmentNotFound}
	var err error
	if of.Connection != "" {
		err = s.cfg.Exists.Connection(ctx, resource.Connection{Environment: of.Environment, ID: of.Connection})
	} else {
		err = s.cfg.Exists.Connector(ctx, resource.Connector{Environment: of.Environment, ID: of.Connector})
	}
	if err == nil {
		return false, nil
	}
	if slices.Contains(missing, fault.ReasonOf(err)) {
		return true, nil
	}
	return false, fmt.Errorf("find out whether %s exists: %w", of, err)
}

// errEnded means that the bus has stopped to say what there is.
var errEnded = errors.New("the listing broke off")

// markerTTL is how long the bus remembers that something was removed.
const markerTTL = time.Hour

// purge removes a trace unless it was written since.
func (p Place) purge(ctx context.Context, t trace) error {
	options := []jetstream.KVDeleteOpt{jetstream.LastRevision(t.revision)}
	if p.Markers {
		options = append(options, jetstream.PurgeTTL(markerTTL))
	}
	err := p.Bucket.Purge(ctx, t.key, options...)
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove a trace: %w", err)
	}
	return nil
}
