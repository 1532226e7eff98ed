package delivery

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// Outcome is what an attempt led to.
type Outcome int

const (
	// Failed means that the delivery is to be tried again.
	Failed Outcome = iota
	// Accepted means that the sink has the event.
	Accepted
	// Gone means that the sink wants no more events.
	Gone
	// Refused means that this event will never be accepted as it is.
	Refused
	// Unclear means that nobody knows whether the sink has the event: under the same
	// id it is not tried any more.
	Unclear
	// Pending means that an earlier attempt under the same id may be under way still:
	// nothing was sent, and the same is asked again after RetryAfter.
	Pending
)

// String returns the name of the outcome in metrics and in the log of attempts.
func (o Outcome) String() string {
	switch o {
	case Accepted:
		return "accepted"
	case Gone:
		return "gone"
	case Refused:
		return "refused"
	case Unclear:
		return "unclear"
	case Pending:
		return "pending"
	case Failed:
	}
	return "failed"
}

// Result is what an attempt led to, and why.
type Result struct {
	Outcome Outcome
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int
	// Reason is one sentence about a failure; it holds nothing secret.
	Reason string
	// RetryAfter is how long the sink wants to be left alone; 0 if it did not say.
	RetryAfter time.Duration
	// Spent means that nothing was sent: what came of an earlier attempt under the job's
	// id is remembered, and will be told whenever that id is used. The delivery is tried
	// at once under another one, and its outcome is not looked at.
	Spent bool
	// Earlier means that nothing was sent: the outcome is that of an earlier attempt under
	// the job's id and says nothing about how the sink is now.
	Earlier bool
}

// Job is one attempt to make.
type Job struct {
	// Subscription and Sink say where to, as they are now.
	Subscription core.Subscription
	Sink         core.Sink
	// EventID is the event's id.
	EventID string
	// ID is of this delivery and no other, and the same for every attempt until one
	// is [Unclear] or Spent.
	ID string
	// Event is the CloudEvent in JSON.
	Event []byte
}

// Sender brings events to one kind of sink. Implementations are safe for concurrent
// use.
type Sender interface {
	// Kind is the kind's name in metrics.
	Kind() string
	// Serves reports whether a sink is of this kind.
	Serves(sink core.Sink) bool
	// Send makes one attempt and returns when it is over, or soon after ctx is.
	Send(ctx context.Context, job Job) Result
}

// senderOf returns who serves a sink; nil if nobody does.
func (d *Deliverer) senderOf(sink core.Sink) Sender {
	for _, s := range d.senders {
		if s.Serves(sink) {
			return s
		}
	}
	return nil
}
