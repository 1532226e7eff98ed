package core_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/callback"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/store"
)

// start is when all tests begin.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// rig is the use cases with everything around them that a test may look at. The
// world (store, bus, API, schedules) outlives the process, which restart makes
// anew.
type rig struct {
	lost bool // the registry cannot be asked for environments
	*core.Triggers

	t          testing.TB
	clock      *clocktest.Fake
	kv         kv.Store
	store      *store.Store
	api        *inventorytest.API
	bus        *log
	schedules  *schedules
	keys       *callback.Keys
	definition *connectorv1.Definition
	connection core.Connection
	published  string // the revision that the connector has
	deleted    string // a revision that does not exist any more
	troubles   []string
	uids       int
	config     core.Config
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigOn(t)
}

// newRigOn is newRig for benchmarks too.
func newRigOn(t testing.TB) *rig {
	t.Helper()
	keys, err := callback.New([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{
		t: t, clock: clocktest.New(start), kv: memkv.New(), api: inventorytest.New("a", "b"), bus: &log{}, keys: keys,
		schedules: &schedules{due: map[string]time.Time{}}, definition: inventorytest.Definition(),
		connection: core.Connection{Owner: "ann", Connector: resource.Connector{Environment: "default", ID: "inventory"}},
		config:     core.Config{PublicURL: "https://ferrule.example.com"}, published: inventorytest.Revision,
	}
	r.restart(r.kv)
	return r
}

// restart makes a new process on a store.
func (r *rig) restart(on kv.Store) {
	r.store = store.New(on, events.Message, func() {})
	r.Triggers = core.New(r.config, core.Ports{
		Store: r.store, Runtime: r.api, Lists: r.api, Inputs: r.api, Connections: r, Definitions: r, Environments: places{r},
		Events: events.NewLog(r.bus), Past: past{r}, Schedules: r.schedules, Keys: r.keys, Clock: r.clock,
		NewUID: func() string { r.uids++; return fmt.Sprintf("%032x", r.uids) },
		Dice:   func() float64 { return 0 },
		Trouble: func(_ context.Context, what string, _ core.Subscription, err error) {
			r.troubles = append(r.troubles, what+": "+err.Error())
		},
	})
}

// Connection implements core.Connections.
func (r *rig) Connection(_ context.Context, name resource.Connection, _ core.Behalf) (core.Connection, error) {
	if name.ID != "shop" {
		return core.Connection{}, fault.NotFound(fault.ReasonConnectionNotFound, "no connection %q", name.ID)
	}
	return r.connection, nil
}

// places implements core.Environments: there are "default" and "staging", and
// while the registry is lost nobody can tell of any other than "default".
type places struct{ r *rig }

func (p places) Exists(_ context.Context, environment string) error {
	switch {
	case environment == "default":
		return nil
	case p.r.lost:
		return fault.Unavailable(fault.ReasonServiceUnavailable, "the registry cannot be reached")
	case environment == "staging":
		return nil
	}
	return fault.NotFound(fault.ReasonEnvironmentNotFound, "environment %q does not exist", environment)
}

// Definition implements core.Definitions.
func (r *rig) Definition(_ context.Context, _ resource.Connector, revision string, _ core.Behalf) (*connectorv1.Definition, string, error) {
	if revision == r.deleted {
		return nil, "", fault.NotFound(fault.ReasonRevisionNotFound, "no revision %q", revision)
	}
	if revision == "published" {
		revision = r.published
	}
	return r.definition, revision, nil
}

// past implements core.Past with what the bus has.
type past struct{ r *rig }

func (p past) Latest(_ context.Context, s core.Subscription) (core.Event, bool, error) {
	all := p.r.bus.events()
	if len(all) == 0 {
		return core.Event{}, false, nil
	}
	return core.Event{ID: "latest", Subscription: s, Data: []byte(all[len(all)-1]), JSON: true}, true, nil
}

// log is a bus in memory that drops messages by their ids, as the real one does.
type log struct {
	mu       sync.Mutex
	messages []outbox.Message
	seen     map[string]bool
	dropped  int
	// before and after are called when a message arrives, and when it has been
	// stored.
	before, after func(outbox.Message) error
}

func (l *log) Publish(_ context.Context, m outbox.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.before != nil {
		if err := l.before(m); err != nil {
			return err
		}
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	if l.seen[m.ID] {
		l.dropped++
	} else {
		l.seen[m.ID] = true
		l.messages = append(l.messages, m)
	}
	if l.after != nil {
		return l.after(m)
	}
	return nil
}

// Start implements events.Publisher.
func (l *log) Start(ctx context.Context, m outbox.Message) func() error {
	err := l.Publish(ctx, m)
	return func() error { return err }
}

// events returns the events that were stored, as their data's text.
func (l *log) events() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for _, m := range l.messages {
		if strings.HasPrefix(m.Subject, "ferrule.event.") {
			_, data, _ := strings.Cut(string(m.Data), `"data":`)
			out = append(out, strings.TrimSuffix(data, "}"))
		}
	}
	return out
}

// schedules is a scheduler in memory.
type schedules struct {
	mu  sync.Mutex
	due map[string]time.Time
	err error

	asked int // how often it was asked for anything
}

func (s *schedules) Put(_ context.Context, uid string, at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.err == nil {
		s.due[uid] = at
	}
	return s.err
}

func (s *schedules) PutIfAbsent(ctx context.Context, uid string, at time.Time) error {
	s.mu.Lock()
	s.asked++
	_, there := s.due[uid]
	s.mu.Unlock()
	if there {
		return nil
	}
	return s.Put(ctx, uid, at)
}

func (s *schedules) Cancel(_ context.Context, uid string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.due, uid)
	return s.err
}

// relay publishes what is in the outbox.
func (r *rig) relay() {
	r.t.Helper()
	if err := r.relayOn(r.kv); err != nil {
		r.t.Fatal(err)
	}
}

// relayOn runs the relay on a store until the outbox is empty, or until the
// store is dead, which is an error.
func (r *rig) relayOn(on kv.Store) error {
	r.t.Helper()
	ctx, cancel := context.WithCancel(r.t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- outbox.NewRelay(on, r.bus, slogNone(), r.clock).Run(ctx) }()
	crashed := func() bool {
		f, ok := on.(*faultkv.Store)
		return ok && f.Crashed()
	}
	testkit.Await(r.t, "the relay", func() bool { return crashed() || r.outboxEmpty() })
	cancel()
	if err := <-ended; err != nil {
		return err
	}
	if crashed() {
		return faultkv.ErrCrashed
	}
	return nil
}

// outboxEmpty looks beneath all faults.
func (r *rig) outboxEmpty() bool {
	var pending []kv.Pair
	err := r.kv.View(context.Background(), func(tx kv.Reader) (err error) {
		pending, err = tx.Scan([]byte(outbox.Prefix+"message/"), nil, 1)
		return err
	})
	return err == nil && len(pending) == 0
}

var (
	ann   = core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "ann", Roles: []authn.Role{authn.RoleUser}}}
	bob   = core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "bob", Roles: []authn.Role{authn.RoleMaker}}}
	admin = core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "root", Roles: []authn.Role{authn.RoleAdmin}}}
	suite = core.Caller{Principal: authn.Principal{Kind: authn.KindService, Name: "gateway"}}
)

func named(id string) resource.Subscription {
	return resource.Subscription{Environment: "default", ID: id}
}

func draft(id, operation string) core.Draft {
	return core.Draft{
		Environment: "default", ID: id, Operation: operation,
		Connection: resource.Connection{Environment: "default", ID: "shop"},
	}
}

// create subscribes ann.
func (r *rig) create(id, operation string) core.Subscription {
	r.t.Helper()
	s, err := r.Create(r.t.Context(), ann, draft(id, operation))
	if err != nil {
		r.t.Fatalf("create %s: %v", id, err)
	}
	return s
}

// get returns a subscription as ann sees it.
func (r *rig) get(id string) core.Subscription {
	r.t.Helper()
	s, err := r.Get(r.t.Context(), ann, named(id))
	if err != nil {
		r.t.Fatalf("get %s: %v", id, err)
	}
	return s
}

// state returns where a subscription stands, as ann sees it.
func (r *rig) state(id string) core.State {
	r.t.Helper()
	state, _ := r.get(id).State()
	return state
}

// fire does what the scheduler does: it polls what is due.
func (r *rig) fire() {
	r.t.Helper()
	for uid, at := range r.schedules.due {
		if at.After(r.clock.Now()) {
			continue
		}
		next, err := r.Poll(r.t.Context(), uid, at)
		switch {
		case err != nil:
			r.t.Fatalf("poll: %v", err)
		case next.IsZero():
			delete(r.schedules.due, uid)
		default:
			r.schedules.due[uid] = next
		}
	}
}

// notification is one that the API has signed.
func (r *rig) notification(s core.Subscription, id, body string) core.Notification {
	registration := 0
	if s.Webhook != nil {
		registration = s.Webhook.SecretOf
	}
	mac := hmac.New(sha256.New, []byte(r.keys.Secret(s.UID, registration)))
	mac.Write([]byte(body))
	n := core.Notification{Token: r.keys.Token(s.UID), Method: http.MethodPost, Body: []byte(body), Header: http.Header{
		"X-Inventory-Signature": {"sha256=" + hex.EncodeToString(mac.Sum(nil))},
		"Content-Type":          {"application/json"},
	}}
	if id != "" {
		n.Header.Set("X-Inventory-Delivery", id)
	}
	return n
}

// ingest takes a notification and returns the status of the answer.
func (r *rig) ingest(n core.Notification) (int, error) {
	reply, err := r.Ingest(r.t.Context(), n)
	return reply.Status, err
}

// wantReason fails unless err is a fault with that reason.
func wantReason(t testing.TB, err error, want fault.Reason) {
	t.Helper()
	if got := fault.ReasonOf(err); got != want {
		t.Fatalf("reason %q, want %q (%v)", got, want, err)
	}
}

var errBroken = errors.New("broken")

// equal fails unless the lists are the same.
func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("%s:\n got %q\nwant %q", what, got, want)
	}
}

// contextWithStop returns a context that a test ends.
func contextWithStop(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	return ctx, stop
}
