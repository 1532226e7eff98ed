package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

const (
	// EveryConnection is the id that stands for all connections (AIP-159).
	EveryConnection = "-"
	// MaxNotices is how many subscriptions to notices an owner has in an environment at
	// most, not counting those to what others own, of which an environment has as many.
	// So a notice is for at most twice as many.
	MaxNotices = 20
	// noticesStem is what the name of a subscription to notices is made of.
	noticesStem = "notices"
)

// ErrTooMany says that an owner, or an environment, has [MaxNotices].
var ErrTooMany = errors.New("too many subscriptions to notices")

// Notices makes a subscription one to what happens to connections and subscriptions
// themselves: no API is asked.
type Notices struct {
	// Everyones is true if it is told about what others own, because an administrator
	// made it. It is decided once: who is an administrator is only known of callers.
	Everyones bool
	// Last is when it was last told something; zero if never. It may lag behind by
	// some seconds.
	Last time.Time
}

// Notice is something that happened to a connection or to a subscription.
type Notice struct {
	// ID is the same for every delivery of the same happening.
	ID string
	// Type and Source are those of its CloudEvent: Source is the name of what it is
	// about.
	Type, Source string
	// Time is when it happened.
	Time time.Time
	// Data is what happened, as JSON text in UTF-8.
	Data []byte
	// Connection is the one that it is about, or that the subscription uses that it is
	// about.
	Connection resource.Connection
	// ConnectionOwner is whose that connection is; empty if unknown.
	ConnectionOwner string
	// Owner is whose the connection or subscription is that it is about.
	Owner string
}

// ParseConnection reads the name of a connection, or, for subscriptions to notices,
// that of all connections of an environment.
func ParseConnection(name string) (resource.Connection, error) {
	if environment, every := strings.CutSuffix(name, "/connections/"+EveryConnection); every {
		e, err := resource.ParseEnvironment(environment)
		return resource.Connection{Environment: e.ID, ID: EveryConnection}, err
	}
	return resource.ParseConnection(name)
}

// createNotices subscribes to notices.
func (t *Triggers) createNotices(ctx context.Context, caller Caller, d Draft) (Subscription, error) {
	s, err := t.noticesOf(ctx, caller, d)
	if err != nil {
		return Subscription{}, err
	}
	if s.Sinks, err = t.readySinks(ctx, caller, s, d.Sinks, d.Authorizations); err != nil {
		return Subscription{}, err
	}
	s, err = t.insert(ctx, s, d, polling.Seen{})
	if errors.Is(err, ErrTooMany) {
		return Subscription{}, fault.Exhausted(fault.ReasonLimitReached,
			"there are %d subscriptions to notices already, as many as there may be; delete one, or add sinks to one", MaxNotices)
	}
	return s, err
}

// noticesOf checks a draft and returns the subscription that it makes, without sinks.
func (t *Triggers) noticesOf(ctx context.Context, caller Caller, d Draft) (Subscription, error) {
	if err := t.checkPlace(ctx, d); err != nil {
		return Subscription{}, err
	}
	if f := d.aboutAPI(); f != "" {
		return Subscription{}, notForNotices(f)
	}
	if err := t.checkDraft(d); err != nil {
		return Subscription{}, err
	}
	if err := t.checkID(ctx, d); err != nil {
		return Subscription{}, err
	}
	s := Subscription{
		UID: t.NewUID(), Change: 1, Connection: d.Connection, Connector: resource.Connector{Environment: d.Environment, ID: EveryConnection},
		Owner: caller.Principal.Name, CreateTime: t.Clock.Now(), Description: d.Description,
	}
	admin := caller.Principal.Is(authn.RoleAdmin)
	if d.Connection.ID == EveryConnection {
		s.Notices = &Notices{Everyones: admin}
		return s, nil
	}
	conn, err := t.Connections.Connection(ctx, d.Connection, BehalfOfCaller)
	if err != nil {
		return Subscription{}, fmt.Errorf("read %s: %w", d.Connection, err)
	}
	own := conn.Owner == s.Owner
	if !own && !admin {
		return Subscription{}, fault.Denied(fault.ReasonPermissionDenied,
			"only the owner of a connection and administrators are told what happens to it; ask %s", conn.Owner).
			With("connection", d.Connection.String())
	}
	s.ConnectionOwner, s.Notices = conn.Owner, &Notices{Everyones: !own}
	return s, nil
}

// Told is [Triggers.Get] for a caller who wants the subscription's events, or to have
// them sent: nobody who is no administrator any more gets what others own that way.
func (t *Triggers) Told(ctx context.Context, caller Caller, name resource.Subscription) (Subscription, error) {
	s, err := t.Get(ctx, caller, name)
	if err == nil && s.Notices != nil && s.Notices.Everyones && !caller.seesAll() {
		return Subscription{}, fault.Denied(fault.ReasonPermissionDenied,
			"subscription %q is about what others own, which is for administrators; delete it and create one about your own", name.ID).
			With("subscription", name.String())
	}
	return s, err
}

func notForNotices(f Field) error {
	return invalidDraft(string(f), "is for triggers, and notices ask no API: leave it out")
}

// aboutAPI returns a field that is given and has a meaning for triggers only; empty if
// there is none.
func (d Draft) aboutAPI() Field {
	r := d.Recurrence
	for _, f := range []struct {
		name  Field
		given bool
	}{
		{FieldOperation, d.Operation != ""},
		{FieldPolling, d.Polling != nil},
		{FieldInput, d.Input != ""},
		{FieldInterval, r.Interval != 0},
		{FieldCron, r.Cron != ""},
		{FieldTimeZone, r.Zone != ""},
		{FieldJitter, r.Jitter != nil},
		{FieldStart, !r.Start.IsZero()},
		{FieldEnd, !r.End.IsZero()},
		{FieldUnsigned, d.UnsignedAccepted},
		{FieldSplit, d.Split != SplitItems},
		{FieldSuspendAfter, d.SuspendAfter != 0},
		{FieldSignature, d.Signature != nil},
		{FieldSecret, len(d.Secret) > 0},
	} {
		if f.given {
			return f.name
		}
	}
	return ""
}

// Notify passes a notice on to the subscriptions that it is for: it becomes an event of
// each. Passed on again, the events have the same ids. An error means that not all of
// them are on the bus. A subscription that cannot be read is told nothing.
func (t *Triggers) Notify(ctx context.Context, n Notice) error {
	listening, err := t.Store.Listening(ctx, n.Connection, n.Owner)
	switch {
	case errors.Is(err, ErrUnreadable): // everybody else's notices would wait for its repair
		t.Trouble(ctx, "read who is to be told", Subscription{Name: resource.Subscription{Environment: n.Connection.Environment, ID: EveryConnection}}, err)
	case err != nil:
		return fmt.Errorf("look who is to be told about %s: %w", n.Source, err)
	}
	told := slices.DeleteFunc(listening, func(s Subscription) bool { return !s.isTold(n) })
	// All at once, since everybody's next notice waits: each has its own order.
	outcomes := make([]error, len(told))
	var publishing sync.WaitGroup
	for i, s := range told {
		publishing.Go(func() { outcomes[i] = t.Events.Publish(ctx, s.noticed(n)) })
	}
	publishing.Wait()
	return t.allTold(ctx, n, told, outcomes)
}

// allTold decides by what became of the events of a notice.
func (t *Triggers) allTold(ctx context.Context, n Notice, told []Subscription, outcomes []error) error {
	var failed error
	for i, s := range told {
		switch err := outcomes[i]; {
		case errors.Is(err, ErrEventTooLarge):
			t.Trouble(ctx, "pass on a notice", s, err) // it would never fit
		case err != nil:
			failed = fmt.Errorf("tell %s about %s: %w", s.Name, n.Source, err)
		default:
			t.activity.note(s.UID, t.Clock.Now())
		}
	}
	return failed
}

// isTold reports whether a subscription to notices gets one.
func (s Subscription) isTold(n Notice) bool {
	switch {
	case s.Notices == nil, s.Deleting, s.Paused:
		return false
	case n.Source == s.Name.String():
		return false // whoever is told about himself is told without end
	case !s.Notices.Everyones && s.Owner != n.Owner:
		return false
	case s.Connection.ID == EveryConnection:
		return s.Connection.Environment == n.Connection.Environment
	}
	return s.Connection == n.Connection && (n.ConnectionOwner == "" || n.ConnectionOwner == s.ConnectionOwner)
}

// noticed is the event that a notice is for a subscription.
func (s Subscription) noticed(n Notice) Event {
	return Event{
		ID: eventID("notice", s.UID, n.ID), Subscription: s, Type: n.Type, Source: n.Source, Time: n.Time,
		ContentType: "application/json", Data: n.Data, JSON: true,
	}
}

// updateNotices changes a subscription to notices, which has nothing that an API would
// have to be told.
func (t *Triggers) updateNotices(ctx context.Context, s Subscription, plain func(*Subscription) error) (Subscription, error) {
	stored, err := t.Store.Alter(ctx, s.UID, plain)
	return stored, t.altered(ctx, s, err)
}

// resumeNotices lets a subscription to notices that was paused go on. What happened
// meanwhile is no event.
func (t *Triggers) resumeNotices(ctx context.Context, s Subscription) (Subscription, error) {
	return t.updateNotices(ctx, s, func(s *Subscription) error {
		s.Paused, s.UpdateTime = false, t.Clock.Now()
		return nil
	})
}

// testNotices shows what the events of a subscription to notices look like: the latest
// one or, if there is none, an example.
func (t *Triggers) testNotices(ctx context.Context, s Subscription) (Sample, error) {
	if s.Name.ID != "" {
		latest, ok, err := t.Past.Latest(ctx, s)
		if err != nil {
			return Sample{}, fmt.Errorf("read the latest event of %s: %w", s.Name, err)
		}
		if ok {
			return Sample{Events: []Event{latest}, Source: SampleEvent}, nil
		}
	}
	about := s.Connection
	if about.ID == EveryConnection {
		about.ID = "example"
	}
	data, err := json.Marshal(map[string]string{
		"connection": about.String(), "connector": resource.Connector{Environment: about.Environment, ID: "example"}.String(),
		"owner": s.Owner, "state": "NEEDS_AUTHORIZATION", "reason": "the provider has withdrawn its permission",
	})
	if err != nil {
		return Sample{}, fmt.Errorf("make an example: %w", err)
	}
	example := s.noticed(Notice{
		ID: "test", Type: "ferrule.connection.needs-authorization", Source: about.String(), Time: t.Clock.Now(), Data: data,
	})
	return Sample{Events: []Event{example}, Source: SampleDescription}, nil
}
