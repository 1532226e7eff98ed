package core

import (
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Limits and defaults of a sink.
const (
	// MaxSinks is the largest number of sinks of a subscription.
	MaxSinks = 8
	// MaxSinkURL is the longest URL of a sink in bytes.
	MaxSinkURL = 2048
	// MinRetryFor, DefaultRetryFor and MaxRetryFor say for how long a delivery is
	// tried.
	MinRetryFor     = time.Minute
	DefaultRetryFor = 72 * time.Hour
	MaxRetryFor     = 30 * 24 * time.Hour
	// DefaultConcurrent and MaxConcurrent are how many deliveries to a sink are
	// under way at the same time.
	DefaultConcurrent = 4
	MaxConcurrent     = 100
	// MaxPerSecond is the highest bound of attempts per second.
	MaxPerSecond = 10_000
	// DefaultSinkTimeout and MaxSinkTimeout bound one attempt.
	DefaultSinkTimeout = 30 * time.Second
	MaxSinkTimeout     = 5 * time.Minute
)

// Sink is a place where events go. Exactly one of HTTP and Action is set.
type Sink struct {
	// ID is unique in the subscription, and the sink's for its whole life.
	ID string
	// HTTP is set for an HTTP endpoint, Action for an action of a connector.
	HTTP   *HTTPSink
	Action *ActionSink
	// Condition is an expression that is true for the events that are taken;
	// empty takes all.
	Condition string
	// OrderBy is an expression: events with the same value are delivered in their
	// order. Empty keeps none.
	OrderBy string
	// RetryFor is for how long a delivery is tried; 0 means [DefaultRetryFor].
	RetryFor time.Duration
	// Concurrent is how many deliveries are under way at the same time; 0 means
	// [DefaultConcurrent].
	Concurrent int
	// PerSecond bounds the attempts per second; 0 means no bound.
	PerSecond float64
	// Disabled is true if it gets no more events, and DisabledReason says why:
	// one sentence, empty if its owner said so.
	Disabled       bool
	DisabledReason string
}

// HTTPSink is an HTTP endpoint.
type HTTPSink struct {
	// URL is an absolute http or https URL.
	URL string
	// Binary sends the data as the body and the attributes as headers, instead of
	// the whole event as the body.
	Binary bool
	// Timeout bounds one attempt; 0 means [DefaultSinkTimeout].
	Timeout time.Duration
	// Authorization is the sealed value of the header Authorization; nil for none.
	Authorization []byte
	// Secrets counts the signing secrets that were made, from 0: the number is the
	// present one.
	Secrets int
	// OverlapUntil is until when deliveries are signed with the secret before the
	// present one too; zero if not at all.
	OverlapUntil time.Time
}

// ActionSink is an action of a connector.
type ActionSink struct {
	// Connection is what it is called with.
	Connection resource.Connection
	// Operation is the action.
	Operation string
	// Input is its input as a JSON object, with expressions in its strings.
	Input string
	// AtMostOnce keeps a call of which nobody knows whether it was made as a dead
	// letter, instead of making it again.
	AtMostOnce bool
}

// Target says where a sink's events go, for people.
func (s Sink) Target() string {
	if s.HTTP != nil {
		return s.HTTP.URL
	}
	return s.Action.Operation + " of " + s.Action.Connection.String()
}

// sinkIDSize is how many random digits a sink's id has that nobody chose.
const sinkIDSize = 8

// identified gives an id to the sinks that have none, and refuses ids that are
// malformed or occur twice.
func (t *Triggers) identified(sinks []Sink) ([]Sink, error) {
	out, known := make([]Sink, 0, len(sinks)), map[string]bool{}
	for i, sink := range sinks {
		field := fmt.Sprintf("sinks[%d].id", i)
		if sink.ID == "" {
			sink.ID = t.NewUID()[:sinkIDSize]
		}
		if err := resource.CheckID("subscription."+field, sink.ID); err != nil {
			return nil, err
		}
		if known[sink.ID] {
			return nil, invalidDraft(field, "is that of another sink of the subscription")
		}
		known[sink.ID] = true
		out = append(out, sink)
	}
	return out, nil
}
