package core

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/callback"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/signature"
)

// Errors of a [Store].
var (
	// ErrNotFound says that there is no such subscription.
	ErrNotFound = errors.New("subscription not found")
	// ErrExists says that a subscription has this name already.
	ErrExists = errors.New("subscription exists")
	// ErrChanged says that another poll was committed meanwhile.
	ErrChanged = errors.New("subscription has been polled meanwhile")
	// ErrUnreadable says that what is stored of a subscription makes no sense to this
	// program: it is damaged, or of a later one.
	ErrUnreadable = errors.New("subscription cannot be read")
	// ErrInactive says that nothing is wanted of a subscription just now.
	ErrInactive = errors.New("subscription is paused or suspended")
)

// Store keeps subscriptions. Each method is one transaction: all of it happens
// or nothing. What it changes is announced, and events are sent, by an outbox
// in the same transaction. Implementations are safe for concurrent use.
type Store interface {
	// Insert adds a subscription with what its first poll has seen. It returns
	// [ErrExists] if the name is taken, and [ErrTooMany] for a subscription to notices
	// too many.
	Insert(ctx context.Context, s Subscription, seen polling.Seen) error
	// Subscription returns the subscription of that name, or [ErrNotFound].
	Subscription(ctx context.Context, name resource.Subscription) (Subscription, error)
	// ByUID returns the subscription with that unique id, or [ErrNotFound].
	ByUID(ctx context.Context, uid string) (Subscription, error)
	// Subscriptions returns subscriptions in the order of their ids, at most
	// q.Limit. The second result is the id to continue after; empty at the end.
	Subscriptions(ctx context.Context, q Query) ([]Subscription, string, error)
	// Listening returns the subscriptions to notices that are about a connection and
	// either belong to an owner or are about what others own; at most twice
	// [MaxNotices], in no order that matters. With [ErrUnreadable] it returns those that
	// can be read, and the error names the others.
	Listening(ctx context.Context, connection resource.Connection, owner string) ([]Subscription, error)
	// Unsettled returns up to limit webhook subscriptions that are being set up
	// or removed, in the order of their unique ids, after the given one.
	Unsettled(ctx context.Context, after string, limit int) ([]Subscription, error)
	// Alter changes everything but the cursor of the subscription with that
	// unique id and returns the result, or [ErrNotFound]. An error of change
	// undoes it and is returned.
	Alter(ctx context.Context, uid string, change func(*Subscription) error) (Subscription, error)
	// Remove removes the subscription with that unique id, or returns
	// [ErrNotFound].
	Remove(ctx context.Context, uid string) error

	// Seen returns what the subscription with that unique id has seen.
	Seen(ctx context.Context, uid string) (polling.Seen, error)
	// CommitPoll stores the outcome of a poll. It returns [ErrNotFound] if the
	// subscription is gone, [ErrInactive] if it is paused or suspended, and
	// [ErrChanged] unless the stored cursor's version is one less than the new
	// one's.
	CommitPoll(ctx context.Context, p Poll) error
	// AlterPolling is Alter for a change that may change the cursor too. A poll that
	// is under way is not committed then.
	AlterPolling(ctx context.Context, uid string, change func(*Subscription) error) (Subscription, error)
	// Touch notes when subscriptions were last notified, by unique id. Unknown
	// ids are ignored. It is not announced.
	Touch(ctx context.Context, notified map[string]time.Time) error
}

// Query says which subscriptions are wanted.
type Query struct {
	// Environment is the id of the environment; empty for all, in no order that
	// matters, and then Owner is empty too.
	Environment string
	// Owner restricts the result to the subscriptions of one principal, unless
	// empty.
	Owner string
	// After is what the page before said to continue after; empty to begin at the
	// first.
	After string
	// Limit is the most that is returned, at least 1.
	Limit int
}

// Poll is the outcome of one poll.
type Poll struct {
	// UID is the subscription.
	UID string
	// Cursor replaces the stored one.
	Cursor Cursor
	// Seen replaces what was seen; nil leaves it.
	Seen *polling.Seen
	// Events are sent in this order.
	Events []Event
	// Announce is true if others should look at the subscription again.
	Announce bool
	// Suspend suspends the subscription and says why, one sentence, which its owner is
	// told by an event; empty if it goes on.
	Suspend string
	// Incomplete says what may be missing of what is new, one sentence, which the owner is
	// told by an event; empty if nothing is, or the owner knows.
	Incomplete string
	// Time is when the poll was made.
	Time time.Time
}

// Event is something that happened.
type Event struct {
	// ID is the same for every delivery of the same happening: at most 64
	// characters that are safe in names.
	ID string
	// Subscription produced it.
	Subscription Subscription
	// Type and Source are those of a notice; empty for what a trigger produces, whose
	// type and source are made of its connector, operation and connection.
	Type, Source string
	// Revision of the connector that it was read with: the last part of its name.
	Revision string
	// Key tells what it is about, as the API calls it; empty if unknown.
	Key string
	// Time is when it was noticed.
	Time time.Time
	// ContentType is the media type of the data.
	ContentType string
	// Data is what happened: JSON text in UTF-8 if JSON is set, otherwise bytes.
	Data []byte
	JSON bool
	// Hops is through how many sinks of installations like this one what happened has
	// come; 0 of what an API says.
	Hops int
}

// ErrEventTooLarge says that an event does not fit on the bus.
var ErrEventTooLarge = errors.New("event is too large")

// Events is the log of events.
type Events interface {
	// Publish returns nil once the event is safe. A second event with the same
	// id is dropped within the window of deduplication. An event that can never
	// be published is [ErrEventTooLarge].
	Publish(ctx context.Context, e Event) error
	// PublishAll is Publish for several events, in their order. After an error some are
	// safe and some not; all of them can be published again.
	PublishAll(ctx context.Context, events []Event) error
	// Check says whether the subscription's events can be published.
	Check(s Subscription) error
}

// Behalf says for whom a call is made.
type Behalf int

const (
	// BehalfOfService is for calls of the trigger service's own.
	BehalfOfService Behalf = iota
	// BehalfOfCaller is for calls that the present caller asked for.
	BehalfOfCaller
)

// Runtime executes operations.
type Runtime interface {
	// Invoke calls one operation and returns what the API answered, whatever its
	// status. Its errors are faults: the call was not made, or nobody knows
	// whether it was.
	Invoke(ctx context.Context, c Call) (Answer, error)
}

// Inputs knows what operations take.
type Inputs interface {
	// Faults returns what calls of an operation would have against each input, and calls
	// nothing. Its errors say that the operation cannot be called at all
	// (CUSTOM_CODE_REQUIRED, OPERATION_NOT_SUPPORTED), or that nobody can tell now.
	Faults(ctx context.Context, revision resource.Revision, operation string, inputs [][]byte) ([][]InputFault, error)
}

// InputFault is why an input does not fit at one place.
type InputFault struct {
	// Field is the place: "id", "body.items[2].name".
	Field string
	// Description is what is wrong, the rest of a sentence.
	Description string
	// ByType is true if no other value of the same type would do there.
	ByType bool
}

// Lists follows lists whose pages are asked for with inputs.
type Lists interface {
	// Pages calls an operation and hands its pages to take, in their order, until it
	// returns false, the list ends or limit pages were read. Its errors are those of
	// [Runtime]; a page that reports a failure is the last.
	Pages(ctx context.Context, c Call, limit int, take func(ListPage) bool) error
}

// ListPage is one page of a list.
type ListPage struct {
	// Status is the HTTP status.
	Status int
	// Items are the page's items as JSON text.
	Items []json.RawMessage
	// Refusal is set if the status is 400 or more, and where the connector's rules find a
	// failure in another answer.
	Refusal *Refusal
}

// Call is a call of an operation.
type Call struct {
	// Behalf says for whom.
	Behalf Behalf
	// Connection is what it is called with.
	Connection resource.Connection
	// Owner is the principal whose the connection must be, whoever has its name by
	// now; empty for anybody's. Only for calls of the service's own.
	Owner string
	// Operation is its id.
	Operation string
	// Input is a JSON object; empty means none.
	Input string
	// Revision calls that revision instead of the connection's own, unless empty.
	Revision string
	// IdempotencyKey makes the call harmless to repeat, unless empty.
	IdempotencyKey string
	// Link is where an earlier answer said that it goes on; it is called instead of
	// the URL that the input makes, unless empty.
	Link string
	// Fresh asks the API even where an earlier answer would still be good.
	Fresh bool
}

// Answer is what an API answered.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// Header holds the header fields under their canonical names.
	Header http.Header
	// Body is the body.
	Body []byte
	// Revision was used: the last part of its name.
	Revision string
	// Refusal is set if the status is 400 or more, and where the connector's rules find a
	// failure in another answer.
	Refusal *Refusal
	// Replayed is true if the API was not called: an earlier call with the same
	// idempotency key was, and this is what it answered.
	Replayed bool
	// NextLink is where a list goes on; empty at its end.
	NextLink string
	// LocationFault says why the header Location of an answer with which the API keeps
	// the state of polls cannot be followed, a clause; empty if it can.
	LocationFault string
}

// Refusal is what an answer that reports a failure means.
type Refusal struct {
	// Reason is stable.
	Reason string
	// Message is one sentence for people.
	Message string
	// Retryable is true if the same call may succeed later.
	Retryable bool
	// RetryAfter is how long to wait before that, if the API says so.
	RetryAfter time.Duration
}

// Connection is what the vault says about a connection.
type Connection struct {
	// Owner is the principal that it belongs to.
	Owner string
	// Connector is its connector.
	Connector resource.Connector
	// PinnedRevision is the name of the revision that it uses; empty if it
	// follows the published one.
	PinnedRevision string
	// ServerURL replaces the connector's own servers; empty if it does not.
	ServerURL string
	// Parameters are its values that are not secret.
	Parameters map[string]string
}

// Connections is the vault.
type Connections interface {
	// Connection returns a connection that the party may see.
	Connection(ctx context.Context, name resource.Connection, behalf Behalf) (Connection, error)
}

// Environments is the registry, which knows what exists.
type Environments interface {
	// Exists returns nil for an environment that exists, and otherwise a fault:
	// ENVIRONMENT_NOT_FOUND, or why nobody can tell.
	Exists(ctx context.Context, environment string) error
}

// Definitions is the registry.
type Definitions interface {
	// Definition returns a whole definition and the last part of its revision's
	// name. revision is such a part or the name "published". The definition must
	// not be changed.
	Definition(ctx context.Context, connector resource.Connector, revision string, behalf Behalf) (*connectorv1.Definition, string, error)
}

// Schedules wakes subscriptions, by unique id, once each time.
type Schedules interface {
	// Put sets when an id is due, replacing what was set.
	Put(ctx context.Context, uid string, at time.Time) error
	// PutIfAbsent is Put for an id for which nothing is set.
	PutIfAbsent(ctx context.Context, uid string, at time.Time) error
	// Cancel removes what was set.
	Cancel(ctx context.Context, uid string) error
}

// Ports are what the use cases stand on. All are required, and closed by
// whoever made them.
type Ports struct {
	Store   Store
	Runtime Runtime
	// Lists follows lists; it is the runtime too.
	Lists Lists
	// Inputs tries what mappings make; it is the runtime too.
	Inputs      Inputs
	Connections Connections
	Definitions Definitions
	// Environments says where subscriptions can be.
	Environments Environments
	Events       Events
	// Past knows the events of before.
	Past Past
	// Replays queues events of before again.
	Replays   Replays
	Schedules Schedules
	// Keys derives callback tokens and secrets.
	Keys *callback.Keys
	// KeySets fetches the public keys of APIs that sign with tokens.
	KeySets signature.KeySets
	// CheckHost refuses hosts that no sink could be called at; nil refuses none.
	CheckHost func(host string) error
	// Clock tells the time.
	Clock clock.Clock
	// NewUID returns 32 random hexadecimal digits, different ones each time.
	NewUID func() string
	// Dice returns a random number from 0 up to 1.
	Dice func() float64
	// Trouble is told what went wrong where nobody waits for an answer. It must
	// return at once.
	Trouble func(ctx context.Context, what string, s Subscription, err error)
}
