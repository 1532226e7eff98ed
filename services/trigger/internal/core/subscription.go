package core

import (
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// Limits and defaults of a subscription.
const (
	// MaxInput is the largest input in bytes.
	MaxInput = 1 << 20
	// MaxSecret is the longest secret of a signature in bytes.
	MaxSecret = 16 << 10
	// SignatureOverlap is for how long the secret before is accepted too, after it was
	// replaced.
	SignatureOverlap = 24 * time.Hour
	// MinSuspendAfter, DefaultSuspendAfter and MaxSuspendAfter are after how long
	// without a success a subscription is suspended.
	MinSuspendAfter     = 5 * time.Minute
	DefaultSuspendAfter = 72 * time.Hour
	MaxSuspendAfter     = 500 * 24 * time.Hour
)

// State is where a subscription stands.
type State int

// The states, with the numbers of the interface.
const (
	StateUnspecified State = iota
	// StateCreating means that it is being set up at the API.
	StateCreating
	// StateActive means that it produces events.
	StateActive
	// StateError means that its last poll failed. Polls go on.
	StateError
	// StateDeleting means that it is being removed at the API.
	StateDeleting
	// StatePaused means that its owner has paused it.
	StatePaused
	// StateSuspended means that it has failed for so long that nothing is tried
	// any more.
	StateSuspended
	// StateEnded means that its time is over.
	StateEnded
)

// Split says what of a batch is one event.
type Split int

// The ways to split, with the numbers of the interface.
const (
	// SplitItems makes an event of each item.
	SplitItems Split = iota
	// SplitWhole makes one event of the whole answer or notification.
	SplitWhole
)

// Subscription is one live use of a trigger.
type Subscription struct {
	// Name is its name. It may be used again after the subscription is gone.
	Name resource.Subscription
	// UID is 32 hexadecimal digits that no other subscription ever has.
	UID string
	// Change counts the changes of everything but the cursor, from 1.
	Change uint64
	// Connection is what it calls the API with, or what notices are about.
	Connection resource.Connection
	// ConnectionOwner is whose the connection was when the subscription was made.
	// A connection of another principal that has its name by now is not used.
	// Empty in subscriptions of the time before that was noted.
	ConnectionOwner string
	// Connector is the connection's connector; its id is [EveryConnection] for notices.
	Connector resource.Connector
	// Operation is the trigger.
	Operation string
	// Revision is the revision that its trigger was read from: the last part of
	// the revision's name.
	Revision string
	// Input is the operation's input as a JSON object, as the owner gave it;
	// empty means none.
	Input string
	// Sinks are where events go besides the bus.
	Sinks []Sink
	// UnsignedAccepted accepts notifications that cannot be verified.
	UnsignedAccepted bool
	// Owner is the principal that it belongs to.
	Owner string
	// Description says what it is for.
	Description string
	// CreateTime is when it was created, and UpdateTime when its owner last changed
	// it; zero if never.
	CreateTime, UpdateTime time.Time
	// Split says what of a batch is one event.
	Split Split
	// SuspendAfter is after how long without a success it is suspended; 0 means
	// [DefaultSuspendAfter].
	SuspendAfter time.Duration
	// Signature is the owner's rule for notifications, instead of the connector's;
	// nil if there is none.
	Signature *signature.Rule
	// Secret is the sealed secret that the API or a person has chosen; nil if the
	// API is told ours.
	Secret []byte
	// OldSecret is the one before, sealed, which counts until OldSecretUntil; nil if
	// there is none.
	OldSecret      []byte
	OldSecretUntil time.Time
	// Paused is true while its owner wants nothing of it.
	Paused bool
	// Suspended says why nothing is tried any more, one sentence; empty if it is.
	Suspended string
	// Deleting is true from the moment on in which somebody wanted it gone.
	Deleting bool
	// Polling is set for a polling trigger, Webhook for the other kind, and Notices for
	// what is no trigger at all.
	Polling *Polling
	Webhook *Webhook
	Notices *Notices
}

// Polling is the polling of one subscription.
type Polling struct {
	// Recurrence says when it is due.
	Recurrence recurrence.Options
	// Given are the owner's rules for reading answers, instead of the connector's;
	// nil if there are none.
	Given *polling.Rules
	// Poked is when a notification last asked for a poll that was not made yet; zero
	// if none did.
	Poked time.Time
	// Companion is the unique id of the webhook subscription whose notifications make
	// it poll at once; empty if the connector names none. It may be gone.
	Companion string
	// Unpoked says why there are no such notifications although the connector names a
	// webhook for them, one sentence; empty if there are.
	Unpoked string
	// Cursor is how far it has come.
	Cursor Cursor
}

// Cursor is what changes with each poll.
type Cursor struct {
	// Version counts the polls that were committed.
	Version uint64
	// Baseline is true once a first answer has told what is old.
	Baseline bool
	// Rules say how answers are read, and Revision which revision said so.
	Rules    polling.Rules
	Revision string
	// Last is when a poll last succeeded; zero if never.
	Last time.Time
	// Next is when the next poll is due.
	Next time.Time
	// Ended is true once nothing is due any more.
	Ended bool
	// State is the link to the API's next answer, where the API keeps the state of
	// a poll (protocols NATIVE and POLICY); empty before the first answer.
	State string
	// Values are the values of the inputs that carry something of the last answer
	// into the next call, by parameter.
	Values map[string]string
	// FailingSince is when the first of the failures was.
	FailingSince time.Time
	// Failures counts the polls that failed since.
	Failures int
	// Reason says why the last one failed, or what may be missing from one that did
	// not, one sentence; empty if all is well.
	Reason string
	// Refused is true if the state is not accepted any more: whoever resumes the
	// subscription begins with a new baseline.
	Refused bool
}

// Webhook is the registration of one subscription at its API.
type Webhook struct {
	// CallbackPointer says where the callback URL goes in the input; empty if a
	// person enters it at the API.
	CallbackPointer string
	// Suffixes are what the API may add to the path of the callback URL.
	Suffixes []string
	// SecretPointer says where the secret goes; empty if nowhere.
	SecretPointer string
	// Signature says how notifications are signed, as the connector declares it; nil
	// if they are not verified by that.
	Signature *signature.Rule
	// Handshakes are those that the API begins, besides those of its signature's
	// preset.
	Handshakes []string
	// Batch is true if a notification holds several happenings, in a list at the dot
	// path Items; empty if the body is the list.
	Batch bool
	Items string
	// Pokes is the unique id of the polling subscription that a notification makes
	// poll at once, instead of being an event; empty if notifications are events.
	Pokes string
	// IDHeader names the header with a notification's id; empty if there is none.
	IDHeader string
	// Registered is true once the API confirmed the registration.
	Registered bool
	// Unsubscribe removes the registration; nil if it is not known how.
	Unsubscribe *Removal
	// Generation is the number of the registration, and Generations the highest that
	// was ever given: the first is 0.
	Generation, Generations int
	// SecretOf is the number of the registration whose secret of ours the API was told;
	// 0 for the first one, and for those of before every registration had its own. It
	// has no meaning where Secret is set.
	SecretOf int
	// Next is the registration that is being made to take the present one's place; nil
	// if none is.
	Next *Pending
	// Old are registrations that are still to be removed at the API.
	Old []Leftover
	// Upkeep keeps the registration alive.
	Upkeep Upkeep
	// End is after which nothing is accepted, zero for no bound; Ended is true once
	// that has come.
	End   time.Time
	Ended bool
	// Attempts counts the attempts to remove a registration.
	Attempts int
	// NextAttempt is when the next is due.
	NextAttempt time.Time
	// Reason says why the last one failed, one sentence.
	Reason string
	// Notified is when a notification was last accepted; zero if never. It may
	// lag behind by some seconds.
	Notified time.Time
}

// byHand reports whether a person registers the callback at the API, and removes
// it there.
func (w *Webhook) byHand() bool { return w.CallbackPointer == "" }

// Removal is the call that removes a registration.
type Removal struct {
	// Operation is the operation to call.
	Operation string
	// Input is its input as a JSON object.
	Input string
}

// State returns where the subscription stands, and why.
func (s Subscription) State() (State, string) {
	switch {
	case s.Deleting && s.Webhook != nil:
		return StateDeleting, s.Webhook.Reason
	case s.Deleting:
		return StateDeleting, ""
	case s.Suspended != "":
		return StateSuspended, s.Suspended
	case s.Paused && s.Webhook != nil:
		return StatePaused, s.Webhook.Reason
	case s.Paused:
		return StatePaused, ""
	case s.Polling != nil && s.Polling.Cursor.Ended, s.Webhook != nil && s.Webhook.Ended:
		return StateEnded, "the end time has passed"
	case s.Webhook != nil && !s.Webhook.Registered:
		return StateCreating, ""
	case s.Webhook != nil && s.Webhook.Upkeep.Failures > 0:
		return StateError, s.Webhook.Upkeep.Reason
	case s.Webhook != nil:
		return s.webhookState()
	case s.Polling != nil && s.Polling.Cursor.Failures > 0:
		return StateError, s.Polling.Cursor.Reason
	case s.Polling != nil && !s.Polling.Cursor.Baseline:
		return StateCreating, ""
	case s.Polling != nil && s.Polling.Cursor.Reason != "":
		return StateActive, s.Polling.Cursor.Reason
	case s.Polling != nil && s.Polling.Unpoked != "":
		return StateActive, s.Polling.Unpoked
	}
	return s.webhookState()
}

// Etag changes with every change, polls included: they are what follows the last
// hyphen.
func (s Subscription) Etag() string {
	polls := uint64(0)
	if s.Polling != nil {
		polls = s.Polling.Cursor.Version
	}
	return fmt.Sprintf("%s-%d-%d", s.UID, s.Change, polls)
}

// Polls reports whether it is to be polled, now or later.
func (s Subscription) Polls() bool {
	return s.Polling != nil && !s.Deleting && !s.Paused && s.Suspended == "" && !s.Polling.Cursor.Ended
}

// webhookState is the state of a subscription that works.
func (s Subscription) webhookState() (State, string) {
	for _, sink := range s.Sinks {
		if sink.Disabled && sink.DisabledReason != "" {
			return StateActive, "a sink gets no more events, " + sink.DisabledReason + ": " + sink.Target()
		}
	}
	return StateActive, ""
}

// call is a call of the service's own with the subscription's connection.
func (s Subscription) call(operation, input string) Call {
	return Call{
		Behalf: BehalfOfService, Connection: s.Connection, Owner: s.ConnectionOwner, Operation: operation, Input: input,
	}
}

// Activity returns when it last polled successfully or was notified; zero if
// never.
func (s Subscription) Activity() time.Time {
	switch {
	case s.Polling != nil:
		return s.Polling.Cursor.Last
	case s.Webhook != nil:
		return s.Webhook.Notified
	case s.Notices != nil:
		return s.Notices.Last
	}
	return time.Time{}
}
