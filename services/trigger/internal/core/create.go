package core

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

const (
	// idAttempts is how many ids are tried for a subscription that names none.
	// After the first they are random, so the second one is free.
	idAttempts = 4
	// idStem is how much of the operation's name a random id begins with.
	idStem = 54
	// idRandom is how many random digits follow.
	idRandom = 8
	// published stands for a connector's published revision.
	published = "published"
)

// Draft is a subscription that somebody wants to have.
type Draft struct {
	// Environment is the id of the environment.
	Environment string
	// ID is the subscription's id; empty to have one made from the operation's.
	ID string
	// Connection, Operation, Input and UnsignedAccepted are as in [Subscription].
	Connection       resource.Connection
	Operation        string
	Input            string
	UnsignedAccepted bool
	// Recurrence says when to poll. Only for polling triggers.
	Recurrence recurrence.Options
	// Sinks are where events go. Those without an id are given one.
	Sinks []Sink
}

// Create starts to use a trigger on behalf of the caller, to whom the
// subscription then belongs.
//
// A polling trigger is asked once for what is there already: whatever appears at
// the API after Create has returned is an event. Should the API fail just now,
// the subscription exists nevertheless, in [StateError]. A webhook is registered
// at the API before Create returns; should that fail, no subscription remains.
func (t *Triggers) Create(ctx context.Context, caller Caller, d Draft) (Subscription, error) {
	if err := caller.mayWrite(); err != nil {
		return Subscription{}, err
	}
	if err := t.check(ctx, d); err != nil {
		return Subscription{}, err
	}
	conn, err := t.Connections.Connection(ctx, d.Connection, BehalfOfCaller)
	if err != nil {
		return Subscription{}, fmt.Errorf("read %s: %w", d.Connection, err)
	}
	def, revision, err := t.definition(ctx, conn)
	if err != nil {
		return Subscription{}, err
	}
	op, err := triggerOf(def, d.Operation)
	if err != nil {
		return Subscription{}, err
	}
	s := Subscription{
		UID: t.NewUID(), Change: 1, Connection: d.Connection, ConnectionOwner: conn.Owner, Connector: conn.Connector,
		Operation: d.Operation, Revision: revision, Input: d.Input, UnsignedAccepted: d.UnsignedAccepted,
		Owner: caller.Principal.Name, CreateTime: t.Clock.Now(),
	}
	if s.Sinks, err = t.identified(d.Sinks); err != nil {
		return Subscription{}, err
	}
	if op.GetTrigger().GetPolling() != nil {
		return t.createPolling(ctx, s, d, op.GetTrigger().GetPolling())
	}
	return t.createWebhook(ctx, s, d, target{def: def, op: op, conn: conn})
}

// definition returns the definition that a connection uses, and its revision.
func (t *Triggers) definition(ctx context.Context, conn Connection) (*connectorv1.Definition, string, error) {
	revision := published
	if conn.PinnedRevision != "" {
		pinned, err := resource.ParseRevision(conn.PinnedRevision)
		if err != nil {
			return nil, "", fmt.Errorf("read the connection's pinned revision: %w", err)
		}
		revision = pinned.ID
	}
	def, revision, err := t.Definitions.Definition(ctx, conn.Connector, revision, BehalfOfCaller)
	if err != nil {
		return nil, "", fmt.Errorf("read the definition of %s: %w", conn.Connector, err)
	}
	return def, revision, nil
}

// check refuses drafts that are wrong whatever the connector says.
func (t *Triggers) check(ctx context.Context, d Draft) error {
	if err := t.Environments.Exists(ctx, d.Environment); err != nil {
		return err
	}
	if d.Connection.Environment != d.Environment {
		return invalidDraft("connection", "must be a connection of the same environment")
	}
	if len(d.Input) > MaxInput {
		return fault.Invalid(fault.ReasonInputTooLarge, "the input has %d bytes, up to %d are accepted", len(d.Input), MaxInput).
			With("limit", strconv.Itoa(MaxInput)).Field("subscription.input", "is too large")
	}
	if _, err := parseInput(d.Input); err != nil {
		return err
	}
	if _, err := recurrence.New(d.Recurrence, t.cfg.MinInterval); err != nil {
		if problem, ok := recurrence.IsOptionError(err); ok {
			return invalidDraft(problem.Field, problem.Problem)
		}
		return err
	}
	if err := checkSinks(d.Sinks); err != nil {
		return err
	}
	return t.checkID(ctx, d)
}

// checkID refuses an id that is malformed or taken, before anything is asked of
// an API.
func (t *Triggers) checkID(ctx context.Context, d Draft) error {
	if d.ID == "" {
		return nil
	}
	if err := resource.CheckID("subscription_id", d.ID); err != nil {
		return err
	}
	name := resource.Subscription{Environment: d.Environment, ID: d.ID}
	_, err := t.Store.Subscription(ctx, name)
	switch {
	case err == nil:
		return exists(name)
	case isGone(err):
		return nil
	}
	return fmt.Errorf("read %s: %w", name, err)
}

func invalidDraft(field, description string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the subscription's %s %s", field, description).
		Field("subscription."+field, description)
}

func exists(name resource.Subscription) error {
	return fault.Exists(fault.ReasonSubscriptionExists,
		"a subscription %q exists already; choose another id", name.ID).With("subscription", name.String())
}

// createPolling takes the first answer as the baseline and stores it together
// with the subscription, so that there is no moment at which one exists without
// the other.
func (t *Triggers) createPolling(ctx context.Context, s Subscription, d Draft, p *connectorv1.PollingTrigger) (Subscription, error) {
	rule, err := recurrence.New(d.Recurrence, t.cfg.MinInterval)
	if err != nil {
		return Subscription{}, err // cannot be: it was checked
	}
	s.Polling = &Polling{Recurrence: rule.Options(), Cursor: Cursor{Rules: polling.RulesOf(p), Revision: s.Revision}}
	interval := rule.Interval(t.Clock.Now())
	now := t.Clock.Now()
	sight, err := t.look(ctx, s, BehalfOfCaller)
	why, recoverable := troubleOf(err)
	switch {
	case err == nil:
		s.Polling.Cursor = s.Polling.Cursor.succeeded(sight, t.Clock.Now(), now.Add(t.jittered(interval)))
	case recoverable:
		s.Polling.Cursor = s.Polling.Cursor.failed(why, now.Add(t.jittered(pause(interval, 1, why))))
	default:
		return Subscription{}, err
	}
	if s, err = t.insert(ctx, s, d, polling.Seen{}.With(sight.items)); err != nil {
		wake(t.missing) // it may be stored all the same
		return Subscription{}, err
	}
	if err := t.Schedules.Put(ctx, s.UID, s.Polling.Cursor.Next); err != nil {
		// The subscription is stored: from here on it is up to the reconciliation.
		t.Trouble(ctx, "set the schedule", s, err)
		wake(t.missing)
	}
	return s, nil
}

// insert stores a subscription under the id that was asked for, or the first
// free one.
func (t *Triggers) insert(ctx context.Context, s Subscription, d Draft, seen polling.Seen) (Subscription, error) {
	attempts := idAttempts
	if d.ID != "" {
		attempts = 1
	}
	for attempt := range attempts {
		s.Name = t.nameFor(d, attempt)
		if err := t.Events.Check(s); err != nil {
			return Subscription{}, err
		}
		err := t.Store.Insert(ctx, s, seen)
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, ErrExists) {
			return Subscription{}, fmt.Errorf("store %s: %w", s.Name, err)
		}
	}
	return Subscription{}, exists(s.Name)
}

// nameFor returns the name to try.
func (t *Triggers) nameFor(d Draft, attempt int) resource.Subscription {
	id := d.ID
	if id == "" {
		id = resource.NewID(d.Operation)
	}
	if attempt > 0 {
		id = id[:min(len(id), idStem)] + "-" + t.NewUID()[:idRandom]
	}
	return resource.Subscription{Environment: d.Environment, ID: id}
}
