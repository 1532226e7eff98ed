package events

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

var _ core.Past = (*Reader)(nil)

// Latest implements core.Past.
func (r *Reader) Latest(ctx context.Context, s core.Subscription) (core.Event, bool, error) {
	stream, err := r.js.Stream(ctx, bus.StreamEvents)
	if err != nil {
		return core.Event{}, false, fmt.Errorf("read the latest event: %w", err)
	}
	m, err := stream.GetLastMsgForSubject(ctx, subject(s))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return core.Event{}, false, nil
	}
	if err != nil {
		return core.Event{}, false, fmt.Errorf("read the latest event: %w", err)
	}
	record, err := parse(m.Data, m.Header, m.Sequence)
	if err != nil || record.UID != s.UID {
		return core.Event{}, false, err // that of another that had the name before
	}
	e := core.Event{
		ID: record.ID, Subscription: s, Revision: record.Revision, Time: record.Time,
		ContentType: record.ContentType, Data: record.Data, JSON: record.JSON,
	}
	if s.Notices != nil {
		e.Type, e.Source = record.Type, record.Source
	}
	return e, true, nil
}
