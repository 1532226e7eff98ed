package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
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
	// Authorizations are the values of the header Authorization for the sinks at the
	// same places; empty for none.
	Authorizations []string
	// Split says what of a batch is one event.
	Split Split
	// Signature is the owner's rule for notifications, instead of the connector's;
	// nil if there is none. Only for webhooks.
	Signature *signature.Rule
	// Polling are the owner's rules for reading answers, instead of the connector's;
	// nil if there are none. With them any operation that answers with a list can be
	// polled.
	Polling *connectorv1.PollingTrigger
	// SuspendAfter and Description are as in [Subscription].
	SuspendAfter time.Duration
	Description  string
	// Notices is true for a subscription to notices, see [Notices]: the connection may
	// be [EveryConnection] then, and nothing may be given that is about an API.
	Notices bool
	// Secret is what the API signs with, where the API or a person has chosen it;
	// empty otherwise. Only for webhooks.
	Secret []byte

	// pokes is the unique id of the polling subscription that its notifications make
	// poll; empty if they are events.
	pokes string
	// companion is the unique id of the webhook that makes it poll; empty for none.
	companion string
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
	if d.Notices {
		return t.createNotices(ctx, caller, d)
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
	op, rules, err := draftedTrigger(def, d)
	if err != nil {
		return Subscription{}, err
	}
	s := Subscription{
		UID: t.NewUID(), Change: 1, Connection: d.Connection, ConnectionOwner: conn.Owner, Connector: conn.Connector,
		Operation: d.Operation, Revision: revision, Input: d.Input, UnsignedAccepted: d.UnsignedAccepted,
		Owner: caller.Principal.Name, CreateTime: t.Clock.Now(), Split: d.Split, SuspendAfter: d.SuspendAfter,
		Description: d.Description,
	}
	if s.Sinks, err = t.readySinks(ctx, caller, s, d.Sinks, d.Authorizations); err != nil {
		return Subscription{}, err
	}
	if rules != nil {
		if d.Signature != nil || len(d.Secret) > 0 {
			return Subscription{}, invalidDraft("signature", "and its secret are for webhooks; this trigger is polled: leave them out")
		}
		return t.createAccompanied(ctx, s, d, *rules, target{def: def, op: op, conn: conn, revision: revision})
	}
	return t.createWebhook(ctx, s, d, target{def: def, op: op, conn: conn})
}

// definition returns the definition that a connection uses, and its revision.
func (t *Triggers) definition(ctx context.Context, conn Connection) (*connectorv1.Definition, string, error) {
	return t.definitionFor(ctx, conn, BehalfOfCaller)
}

// definitionFor is definition on behalf of a party.
func (t *Triggers) definitionFor(ctx context.Context, conn Connection, behalf Behalf) (*connectorv1.Definition, string, error) {
	revision := published
	if conn.PinnedRevision != "" {
		pinned, err := resource.ParseRevision(conn.PinnedRevision)
		if err != nil {
			return nil, "", fmt.Errorf("read the connection's pinned revision: %w", err)
		}
		revision = pinned.ID
	}
	def, revision, err := t.Definitions.Definition(ctx, conn.Connector, revision, behalf)
	if err != nil {
		return nil, "", fmt.Errorf("read the definition of %s: %w", conn.Connector, err)
	}
	return def, revision, nil
}

// checkPlace refuses drafts that are nowhere.
func (t *Triggers) checkPlace(ctx context.Context, d Draft) error {
	if err := t.Environments.Exists(ctx, d.Environment); err != nil {
		return err
	}
	if d.Connection.Environment != d.Environment {
		return invalidDraft("connection", "must be a connection of the same environment")
	}
	return nil
}

// check refuses drafts that are wrong whatever the connector says.
func (t *Triggers) check(ctx context.Context, d Draft) error {
	if err := t.checkPlace(ctx, d); err != nil {
		return err
	}
	if d.Operation == "" {
		return invalidDraft("operation_id", "is missing: name a trigger of the connector, or with polling an operation that answers with a list")
	}
	if err := t.checkDraft(d); err != nil {
		return err
	}
	return t.checkID(ctx, d)
}

// checkDraft refuses values that are wrong wherever they are used.
func (t *Triggers) checkDraft(d Draft) error {
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
	if !d.Recurrence.End.IsZero() && !d.Recurrence.End.After(t.Clock.Now()) {
		return invalidDraft("end_time", "must be later than now")
	}
	if d.SuspendAfter != 0 && (d.SuspendAfter < MinSuspendAfter || d.SuspendAfter > MaxSuspendAfter) {
		return invalidDraft("suspend_after", "must be between 5 minutes and 500 days")
	}
	if err := checkSinks(d.Sinks); err != nil {
		return err
	}
	if len(d.Secret) > MaxSecret {
		return invalidDraft("secret", fmt.Sprintf("has %d bytes, up to %d are accepted", len(d.Secret), MaxSecret))
	}
	return nil
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

// draftedTrigger returns the operation to subscribe to, and how it is polled: by the
// owner's rules or else the connector's; nil if it is a webhook.
func draftedTrigger(def *connectorv1.Definition, d Draft) (*connectorv1.Operation, *polling.Rules, error) {
	if d.Polling == nil {
		op, err := triggerOf(def, d.Operation)
		if err != nil || op.GetTrigger().GetPolling() == nil {
			return op, nil, err
		}
		return op, new(polling.RulesOf(op)), nil
	}
	op := operationOf(def, d.Operation)
	switch {
	case op == nil:
		return nil, nil, fault.NotFound(fault.ReasonOperationNotFound,
			"the connector has no operation %q; %s", d.Operation, offered(def)).With("operation", d.Operation)
	case op.GetTrigger().GetWebhook() != nil:
		return nil, nil, invalidDraft("polling", "is for operations that answer with a list; this one is a webhook: leave it out")
	case !asksOnly(op):
		return nil, nil, invalidDraft("polling", fmt.Sprintf("would call %s, a %s, again and again, and change something each time for all that is known; "+
			"poll an operation that only reads, or say in the connector that this one does: x-ferrule-safety: {safe: true}", d.Operation, op.GetMethod()))
	}
	rules, err := polling.Given(d.Polling, op)
	if problem, ok := errors.AsType[*polling.RuleError](err); ok {
		return nil, nil, invalidDraft(problem.Field, problem.Problem)
	}
	return op, &rules, err
}

// asksOnly reports whether an operation may be called every minute: its method is safe
// (RFC 9110, section 9.2.1; QUERY is of RFC 10008), its connector says that it is, or has
// made a polling trigger of it.
func asksOnly(op *connectorv1.Operation) bool {
	switch op.GetMethod() {
	case http.MethodGet, http.MethodHead, "QUERY":
		return true
	}
	return op.GetSafety().GetSafe() || op.GetTrigger().GetPolling() != nil
}

// createPolling takes the first answer as the baseline and stores it together
// with the subscription, so that there is no moment at which one exists without
// the other. One that starts later takes it then.
func (t *Triggers) createPolling(ctx context.Context, s Subscription, d Draft, rules polling.Rules) (Subscription, error) {
	rule, err := recurrence.New(d.Recurrence, t.cfg.MinInterval)
	if err != nil {
		return Subscription{}, err // cannot be: it was checked
	}
	s.Polling = &Polling{Recurrence: rule.Options(), Companion: d.companion, Cursor: Cursor{Rules: rules, Revision: s.Revision}}
	if d.Polling != nil {
		s.Polling.Given = &rules
	}
	var seen polling.Seen
	if now := t.Clock.Now(); now.Before(d.Recurrence.Start) {
		due, ok := rule.Next(now, t.Dice())
		s.Polling.Cursor.Next, s.Polling.Cursor.Ended = due, !ok
	} else if seen, err = t.baseline(ctx, &s, rule); err != nil {
		return Subscription{}, err
	}
	if s, err = t.insert(ctx, s, d, seen); err != nil {
		wake(t.missing) // it may be stored all the same
		return Subscription{}, err
	}
	if !s.Polls() {
		return s, nil
	}
	if err := t.Schedules.Put(ctx, s.UID, s.Polling.Cursor.Next); err != nil {
		// The subscription is stored: from here on it is up to the reconciliation.
		t.Trouble(ctx, "set the schedule", s, err)
		wake(t.missing)
	}
	return s, nil
}

// baseline makes the first poll, and returns what it has seen.
func (t *Triggers) baseline(ctx context.Context, s *Subscription, rule recurrence.Rule) (polling.Seen, error) {
	now, cursor := t.Clock.Now(), s.Polling.Cursor
	sight, err := t.look(ctx, *s, polling.Seen{}, BehalfOfCaller)
	_, recoverable := troubleOf(err)
	switch {
	case err == nil:
		s.Polling.Cursor = t.succeeded(cursor, rule, sight, now, t.Clock.Now())
		if seen := sight.remembered(cursor, polling.Seen{}, true, t.Clock.Now()); seen != nil {
			return *seen, nil
		}
		return polling.Seen{}, nil
	case recoverable:
		s.Polling.Cursor = t.failed(*s, rule, err, now)
		return polling.Seen{}, nil
	}
	return polling.Seen{}, err
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
		if d.Notices {
			id = noticesStem
		}
	}
	if attempt > 0 {
		id = id[:min(len(id), idStem)] + "-" + t.NewUID()[:idRandom]
	}
	return resource.Subscription{Environment: d.Environment, ID: id}
}
