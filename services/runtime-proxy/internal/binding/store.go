package binding

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// maxCallers bounds the callers that are remembered for one connection.
	// Past it all of them are forgotten, which costs a question each.
	maxCallers = 256
	// maxConnectors bounds the connectors whose published revision is
	// remembered.
	maxConnectors = 100_000
)

// Config are the bounds of a store.
type Config struct {
	// Connections is how many connections are remembered.
	Connections int
	// RevisionBytes bounds the memory of compiled revisions, as they estimate it.
	RevisionBytes uint64
	// MaxAge is the longest that anything that can change is remembered.
	MaxAge time.Duration
}

// Store remembers bindings. It is safe for concurrent use and starts nothing of
// its own.
type Store[R Compiled] struct {
	cfg     Config
	source  Source
	clock   clock.Clock
	compile func(name resource.Revision, def *connectorv1.Definition) R

	leases    *otter.Cache[resource.Connection, *callers[R]]
	published *otter.Cache[resource.Connector, *slot[string]]
	revisions *otter.Cache[resource.Revision, R]
	renewals  *otter.Cache[renewal, *renewing]

	mu       sync.Mutex
	fetching map[resource.Revision]*slot[R]
}

// callers are the leases of one connection, by who uses it.
type callers[R Compiled] struct {
	mu     sync.RWMutex
	leases map[caller]*slot[*entry[R]]
}

// caller is what the vault's answer depends on.
type caller struct {
	kind    authn.Kind
	name    string
	admin   bool
	subject [sha256.Size]byte // of the caller's own token, zero without one
}

// NewStore returns an empty store. compile makes what calls need of a
// definition; it must not fail or call the store.
func NewStore[R Compiled](cfg Config, source Source, clk clock.Clock, compile func(name resource.Revision, def *connectorv1.Definition) R) (*Store[R], error) {
	s := &Store[R]{cfg: cfg, source: source, clock: clk, compile: compile, fetching: map[resource.Revision]*slot[R]{}}
	var err error
	if s.leases, err = otter.New(&otter.Options[resource.Connection, *callers[R]]{MaximumSize: cfg.Connections}); err != nil {
		return nil, fmt.Errorf("make cache of connections: %w", err)
	}
	if s.published, err = otter.New(&otter.Options[resource.Connector, *slot[string]]{MaximumSize: maxConnectors}); err != nil {
		return nil, fmt.Errorf("make cache of connectors: %w", err)
	}
	if s.renewals, err = otter.New(&otter.Options[renewal, *renewing]{MaximumSize: maxRenewals}); err != nil {
		return nil, fmt.Errorf("make cache of renewals: %w", err)
	}
	s.revisions, err = otter.New(&otter.Options[resource.Revision, R]{
		MaximumWeight: cfg.RevisionBytes,
		Weigher:       func(_ resource.Revision, r R) uint32 { return r.Weight() },
	})
	if err != nil {
		return nil, fmt.Errorf("make cache of revisions: %w", err)
	}
	return s, nil
}

// Bind answers for one call. Its errors are those of the vault and the registry,
// such as CONNECTION_NOT_FOUND for a connection that the caller may not see.
func (s *Store[R]) Bind(ctx context.Context, ask Ask) (*Binding[R], error) {
	now := s.clock.Now()
	slot := s.slotFor(ask)
	leased, err := slot.get(ctx, now, func(ctx context.Context) (*entry[R], time.Time, error) {
		lease, err := s.source.Lease(ctx, ask)
		if err != nil {
			return nil, time.Time{}, err
		}
		return s.newEntry(lease, slot.held.Load(), now), s.until(now, lease.Expires), nil
	})
	if err != nil {
		return nil, err
	}
	id, err := s.revisionID(ctx, now, ask, leased.lease)
	if err != nil {
		return nil, err
	}
	connector := leased.lease.Connector
	revision, err := s.revision(ctx, now, resource.Revision{Environment: connector.Environment, Connector: connector.ID, ID: id})
	if err != nil {
		return nil, err
	}
	return leased.bind(ask, id, revision)
}

// until is when something is asked for again.
func (s *Store[R]) until(now, expires time.Time) time.Time {
	latest := now.Add(s.cfg.MaxAge)
	if expires.IsZero() || expires.After(latest) {
		return latest
	}
	return expires
}

func (s *Store[R]) slotFor(ask Ask) *slot[*entry[R]] {
	all, ok := s.leases.GetIfPresent(ask.Connection)
	if !ok {
		all, _ = s.leases.ComputeIfAbsent(ask.Connection, func() (*callers[R], bool) {
			return &callers[R]{leases: map[caller]*slot[*entry[R]]{}}, false
		})
	}
	return all.of(callerOf(ask))
}

func (c *callers[R]) of(who caller) *slot[*entry[R]] {
	c.mu.RLock()
	found := c.leases[who]
	c.mu.RUnlock()
	if found != nil {
		return found
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.leases[who]; ok { // somebody else was faster
		return found
	}
	if len(c.leases) >= maxCallers {
		clear(c.leases)
	}
	found = &slot[*entry[R]]{}
	c.leases[who] = found
	return found
}

// revisionID returns the revision of a call: the one that is asked for, the one
// that the connection pins, or the published one.
func (s *Store[R]) revisionID(ctx context.Context, now time.Time, ask Ask, lease *Lease) (string, error) {
	if id := cmp.Or(ask.Revision, lease.Revision); id != "" && id != Published {
		// Only what names content may be remembered for ever.
		if strings.Trim(id, "0123456789abcdef") != "" {
			return "", fault.Invalid(fault.ReasonInvalidName, "%q is no revision; use the last part of a revision's resource name", id).
				Field("revision", "must be hexadecimal digits")
		}
		return id, nil
	}
	current, ok := s.published.GetIfPresent(lease.Connector)
	if !ok {
		current, _ = s.published.ComputeIfAbsent(lease.Connector, func() (*slot[string], bool) { return &slot[string]{}, false })
	}
	return current.get(ctx, now, func(ctx context.Context) (string, time.Time, error) {
		id, err := s.source.RevisionID(ctx, lease.Connector)
		return id, s.until(now, time.Time{}), err
	})
}

// revision returns what was compiled of a revision. Revisions never change, so
// they are only forgotten for lack of room.
func (s *Store[R]) revision(ctx context.Context, now time.Time, name resource.Revision) (R, error) {
	if found, ok := s.revisions.GetIfPresent(name); ok {
		return found, nil
	}
	s.mu.Lock()
	if found, ok := s.revisions.GetIfPresent(name); ok { // somebody else was faster
		s.mu.Unlock()
		return found, nil
	}
	fetching := s.fetching[name]
	if fetching == nil {
		fetching = &slot[R]{}
		s.fetching[name] = fetching
	}
	s.mu.Unlock()
	compiled, err := fetching.get(ctx, now, func(ctx context.Context) (R, time.Time, error) {
		def, err := s.source.Definition(ctx, name)
		if err != nil {
			var none R
			return none, time.Time{}, err
		}
		return s.compile(name, def), s.until(now, time.Time{}), nil
	})
	if err == nil {
		s.revisions.SetIfAbsent(name, compiled) // before the slot goes, so that nobody fetches in between
	}
	s.mu.Lock()
	if s.fetching[name] == fetching {
		delete(s.fetching, name)
	}
	s.mu.Unlock()
	return compiled, err
}

// Revision returns what was compiled of a revision, for questions that are about no
// connection. Its errors are those of the registry.
func (s *Store[R]) Revision(ctx context.Context, name resource.Revision) (R, error) {
	return s.revision(ctx, s.clock.Now(), name)
}

// DropConnection forgets a connection that changed.
func (s *Store[R]) DropConnection(name resource.Connection) { s.leases.Invalidate(name) }

// DropConnector forgets which revision of a connector is published, and all
// connections of it: the hosts that their credentials are bound to follow from
// that revision.
func (s *Store[R]) DropConnector(name resource.Connector) {
	s.published.Invalidate(name)
	for connection, all := range s.leases.All() {
		if all.belongTo(name) {
			s.leases.Invalidate(connection)
		}
	}
}

// DropAll forgets everything that can change.
func (s *Store[R]) DropAll() {
	s.leases.InvalidateAll()
	s.published.InvalidateAll()
}

// belongTo reports whether the connection is one of a connector, or may be: a
// lease that is being fetched is of nobody knows whom.
func (c *callers[R]) belongTo(connector resource.Connector) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for _, one := range c.leases {
		h := one.held.Load()
		if h == nil || h.value.lease.Connector == connector {
			return true
		}
	}
	return false
}
