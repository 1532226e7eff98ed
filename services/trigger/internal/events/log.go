package events

import (
	"context"
	"errors"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

var _ core.Events = (*Log)(nil)

// ahead is how many events of one call are on their way to the bus at a time.
const ahead = 256

// Publisher stores messages on the bus, see bus.Bus. It drops a message that it has
// seen.
type Publisher interface {
	// Publish returns once a message is safe.
	outbox.Publisher
	// Start is Publish for many messages at a time: wait returns once this one is safe.
	// They are stored in the order in which they were started.
	Start(ctx context.Context, m outbox.Message) (wait func() error)
}

// Log publishes events. It implements core.Events.
type Log struct {
	publisher Publisher
	format    Format
}

// NewLog returns a log on a publisher.
func NewLog(publisher Publisher) *Log { return Format{}.Log(publisher) }

// Log is [NewLog] for events in this format.
func (f Format) Log(publisher Publisher) *Log { return &Log{publisher: publisher, format: f} }

// Publish implements core.Events.
func (l *Log) Publish(ctx context.Context, e core.Event) error {
	m, err := l.format.exactly(ctx, e, 0, bus.MaxDataBytes)
	if err != nil {
		return err
	}
	return published(l.publisher.Publish(ctx, m))
}

// PublishAll implements core.Events. It waits for the confirmations together: one after
// the other, each would take as long as the disk does.
func (l *Log) PublishAll(ctx context.Context, all []core.Event) error {
	if len(all) == 1 {
		return l.Publish(ctx, all[0])
	}
	var waits []func() error
	var failure error
	for _, e := range all {
		m, err := l.format.exactly(ctx, e, 0, bus.MaxDataBytes)
		if err != nil {
			failure = err
			break
		}
		if len(waits) == ahead {
			failure, waits = published(waits[0]()), waits[1:]
			if failure != nil {
				break
			}
		}
		waits = append(waits, l.publisher.Start(ctx, m))
	}
	for _, wait := range waits {
		if err := published(wait()); failure == nil {
			failure = err
		}
	}
	return failure
}

// published translates what became of a message.
func published(err error) error {
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
