package delivery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// maxReason is how much of a reason is kept, in bytes.
const maxReason = 1024

// reasonText makes a reason fit into a header.
func reasonText(why string) string {
	why = strings.ToValidUTF8(strings.Join(strings.Fields(why), " "), "")
	if len(why) > maxReason {
		why = strings.ToValidUTF8(why[:maxReason], "") + "…"
	}
	return why
}

// bury keeps a delivery as a dead letter, with everything that is needed to queue
// it again, and then removes it.
func (t *turn) bury(ctx context.Context, e *entry, why string) error {
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTime)
	defer cancel()
	m := e.message
	header := map[string]string{headerReason: reasonText(why), headerAttempts: strconv.Itoa(e.Attempts)}
	for _, name := range []string{events.HeaderSubscription, headerSink, headerEvent, headerAgain, headerSequence} {
		if value := m.Header.Get(name); value != "" {
			header[name] = value
		}
	}
	err := t.d.Publisher.Publish(bus.TraceContext(keep, m.Header), outbox.Message{
		// With its place in the queue: the same event may die again after it was
		// redelivered.
		ID:      t.job(e).ID + "." + strconv.FormatUint(e.Sequence, 10),
		Subject: t.at.DeadLetterSubject(), Data: m.Data, Header: header,
	})
	if err != nil {
		return fmt.Errorf("keep a dead letter: %w", err)
	}
	t.d.Metrics.dead(ctx)
	t.d.Log.WarnContext(ctx, "a delivery failed for good and was kept as a dead letter",
		"subscription", t.sub.Name.String(), "sink", t.sink.ID, "reason", why)
	return t.remove(ctx, e)
}

// close notes that a sink wants no more events.
func (d *Deliverer) close(ctx context.Context, at bus.DeliveryAddress, why string) error {
	_, err := d.Subscriptions.Alter(context.WithoutCancel(ctx), at.Subscription, func(s *core.Subscription) error {
		for i := range s.Sinks {
			if s.Sinks[i].ID == at.Sink {
				s.Sinks[i].Disabled, s.Sinks[i].DisabledReason = true, why
			}
		}
		return nil
	})
	if errors.Is(err, core.ErrNotFound) {
		return nil
	}
	return err
}
