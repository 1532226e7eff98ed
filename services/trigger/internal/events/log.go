package events

import (
	"context"
	"errors"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

var _ core.Events = (*Log)(nil)

// Log publishes events. It implements core.Events.
type Log struct{ publisher outbox.Publisher }

// NewLog returns a log on a publisher whose Publish returns once a message is
// safe, and which drops a message that it has seen.
func NewLog(publisher outbox.Publisher) *Log { return &Log{publisher: publisher} }

// Publish implements core.Events.
func (l *Log) Publish(ctx context.Context, e core.Event) error {
	m, err := exactly(ctx, e, 0)
	if err != nil {
		return err
	}
	err = l.publisher.Publish(ctx, m)
	if fault.ReasonOf(err) == fault.ReasonInputTooLarge { // by the server's own limit
		return errors.Join(core.ErrEventTooLarge, err)
	}
	return err
}

// Check implements core.Events: what an outbox or the bus would refuse later is
// refused before anything is stored.
func (l *Log) Check(s core.Subscription) error {
	if len(subject(s)) <= outbox.MaxSubject {
		return nil
	}
	return fault.Precondition(fault.ReasonTriggerNotSupported,
		"the operation's name is too long for a trigger: its events could not be addressed on the bus").
		With("operation", s.Operation)
}
