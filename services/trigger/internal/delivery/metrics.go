package delivery

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// Metrics count deliveries. They are safe for concurrent use.
type Metrics struct {
	attempts, letters metric.Int64Counter
	lag               metric.Float64Histogram
}

// NewMetrics returns metrics on a meter:
//
//	ferrule.trigger.delivery.attempts      attempts by sink.kind and outcome
//	ferrule.trigger.delivery.lag           seconds from the queueing of an event to its acceptance
//	ferrule.trigger.delivery.dead_letters  deliveries that failed for good
func NewMetrics(meter metric.Meter) (*Metrics, error) {
	m := &Metrics{}
	var err error
	if m.attempts, err = meter.Int64Counter("ferrule.trigger.delivery.attempts",
		metric.WithDescription("Attempts to deliver an event to a sink.")); err != nil {
		return nil, fmt.Errorf("count attempts: %w", err)
	}
	if m.lag, err = meter.Float64Histogram("ferrule.trigger.delivery.lag", metric.WithUnit("s"),
		metric.WithDescription("Time from the queueing of an event for a sink to its acceptance."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 60, 600, 3600, 86400)); err != nil {
		return nil, fmt.Errorf("measure the lag: %w", err)
	}
	if m.letters, err = meter.Int64Counter("ferrule.trigger.delivery.dead_letters",
		metric.WithDescription("Deliveries that failed for good.")); err != nil {
		return nil, fmt.Errorf("count dead letters: %w", err)
	}
	return m, nil
}

func (m *Metrics) attempt(ctx context.Context, sink core.Sink, r Result, age time.Duration) {
	kind := attribute.String("sink.kind", kindOf(sink))
	m.attempts.Add(ctx, 1, metric.WithAttributes(kind, attribute.String("outcome", r.Outcome.String())))
	if r.Outcome == Accepted {
		m.lag.Record(ctx, max(age, 0).Seconds(), metric.WithAttributes(kind))
	}
}

func (m *Metrics) dead(ctx context.Context) { m.letters.Add(ctx, 1) }

func kindOf(sink core.Sink) string {
	if sink.Action != nil {
		return kindAction
	}
	return kindHTTP
}
