// Package usage counts calls.
//
// A [Recorder] makes one [Series] for each operation of a revision, with
// everything that repeats worked out, so that counting a call costs next to
// nothing. Metrics: ferrule.runtime.calls (number) and ferrule.runtime.duration
// (seconds), by environment, connector, operation and status class ("2xx" to
// "5xx", or "error" if there was no answer).
//
//	series := recorder.Series("default", "crm", "ListItems")
//	series.Record(ctx, 200, elapsed)
package usage

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// PassThrough is the operation of calls that name none.
const PassThrough = "(pass-through)"

// classes are the status classes; index 0 is "no answer".
var classes = [...]string{"error", "1xx", "2xx", "3xx", "4xx", "5xx"}

// bounds are the borders of the histogram, in seconds: from a cached answer on
// the same machine to the longest call.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// Recorder makes series. It is safe for concurrent use.
type Recorder struct {
	calls    metric.Int64Counter
	duration metric.Float64Histogram
}

// New returns a recorder on a meter.
func New(meter metric.Meter) (*Recorder, error) {
	calls, err := meter.Int64Counter("ferrule.runtime.calls", metric.WithDescription("Calls of APIs, by outcome."))
	if err != nil {
		return nil, fmt.Errorf("make counter of calls: %w", err)
	}
	duration, err := meter.Float64Histogram("ferrule.runtime.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from the request to the end of the answer."),
		metric.WithExplicitBucketBoundaries(bounds...))
	if err != nil {
		return nil, fmt.Errorf("make histogram of durations: %w", err)
	}
	return &Recorder{calls: calls, duration: duration}, nil
}

// Series counts the calls of one operation. It is safe for concurrent use.
type Series struct {
	recorder *Recorder
	add      [len(classes)][]metric.AddOption
	record   [len(classes)][]metric.RecordOption
}

// Series returns the series of an operation. The names must come from what
// exists, not from what a caller asked for: each set of them takes memory for
// ever. Empty names are for calls that were refused before anything was found.
func (r *Recorder) Series(environment, connector, operation string) *Series {
	s := &Series{recorder: r}
	for i, class := range classes {
		set := metric.WithAttributeSet(attribute.NewSet(
			attribute.String("environment", environment),
			attribute.String("connector", connector),
			attribute.String("operation", operation),
			attribute.String("status_class", class),
		))
		s.add[i] = []metric.AddOption{set}
		s.record[i] = []metric.RecordOption{set}
	}
	return s
}

// Record counts one call. A status of 0 means that there was no answer.
func (s *Series) Record(ctx context.Context, status int, elapsed time.Duration) {
	class := status / 100
	if class < 0 || class >= len(classes) {
		class = 0
	}
	s.recorder.calls.Add(ctx, 1, s.add[class]...)
	s.recorder.duration.Record(ctx, elapsed.Seconds(), s.record[class]...)
}
