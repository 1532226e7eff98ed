// Package usage counts calls.
//
// A [Recorder] makes one [Series] for each operation of a connector, with
// everything that repeats worked out, so that counting a call costs next to
// nothing. Calls are counted twice:
//
//   - as metrics of the process: ferrule.runtime.calls (number) and
//     ferrule.runtime.duration (seconds), by environment, connector, operation and
//     status class ("2xx" to "5xx", or "error" if there was no answer);
//   - by [Totals], for each connection and hour, on the bus, where they are kept
//     for 90 days and [Totals.Query] adds up what all processes wrote.
//
// In use:
//
//	totals, err := usage.NewTotals(usage.TotalsConfig{Bus: b, Clock: clk, Log: log, Meter: meter})
//	go totals.Run(ctx)
//	recorder, err := usage.NewWithTotals(meter, totals)
//	series := recorder.Series("default", "crm", "ListItems")
//	series.Record(ctx, usage.Sample{Connection: "crm-1", Status: 200, Elapsed: elapsed})
//
// # What can be lost
//
// A process that is killed loses what it counted since it last wrote: ten seconds,
// or a minute if it counts for a thousand connections and more, while the bus can be
// reached, and its whole absence while it cannot. A process
// that is told to stop has five seconds to write the rest. Nothing is counted
// twice: every message holds running totals and replaces the one before it.
package usage

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// PassThrough is the operation of calls that name none.
const PassThrough = "(pass-through)"

// Other is the operation of calls of one connection that are counted together,
// because it called more operations in an hour than can be kept apart.
const Other = "(other)"

// classes are the status classes; index 0 is "no answer".
var classes = [...]string{"error", "1xx", "2xx", "3xx", "4xx", "5xx"}

// bounds are the borders of the histogram, in seconds: from a cached answer on
// the same machine to the longest call.
var bounds = []float64{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300}

// Recorder makes series. It is safe for concurrent use.
type Recorder struct {
	duration metric.Float64Histogram
	totals   *Totals // nil for metrics alone

	mu     sync.RWMutex
	series map[seriesName]*Series
	scopes map[scope]*scope
}

// seriesName is what a series is about.
type seriesName struct {
	scope

	operation string
}

// scope is what the series of a connector share. Equal ones are one pointer, which
// is quicker to look up than two texts.
type scope struct{ environment, connector string }

// New returns a recorder that counts into a meter and nowhere else.
func New(meter metric.Meter) (*Recorder, error) { return NewWithTotals(meter, nil) }

// NewWithTotals returns a recorder that counts into a meter and into totals, which
// it does not run.
func NewWithTotals(meter metric.Meter, totals *Totals) (*Recorder, error) {
	r := &Recorder{totals: totals, series: map[seriesName]*Series{}, scopes: map[scope]*scope{}}
	// Read when metrics are: adding to a number of our own takes a hundredth of
	// what telling an instrument takes.
	_, err := meter.Int64ObservableCounter("ferrule.runtime.calls",
		metric.WithDescription("Calls of APIs, by outcome."), metric.WithInt64Callback(r.observe))
	if err != nil {
		return nil, fmt.Errorf("make counter of calls: %w", err)
	}
	r.duration, err = meter.Float64Histogram("ferrule.runtime.duration", metric.WithUnit("s"),
		metric.WithDescription("Time from the request to the end of the answer."),
		metric.WithExplicitBucketBoundaries(bounds...))
	if err != nil {
		return nil, fmt.Errorf("make histogram of durations: %w", err)
	}
	return r, nil
}

// observe reports the number of calls of all series.
func (r *Recorder) observe(_ context.Context, observer metric.Int64Observer) error {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for _, s := range r.series {
		for class := range classes {
			if n := s.calls[class].Load(); n > 0 {
				observer.Observe(n, s.observed[class])
			}
		}
	}
	return nil
}

// Series counts the calls of one operation. It is safe for concurrent use.
type Series struct {
	recorder  *Recorder
	scope     *scope
	operation string
	calls     [len(classes)]atomic.Int64
	observed  [len(classes)]metric.MeasurementOption
	record    [len(classes)][]metric.RecordOption
}

// Series returns the series of an operation, the same one for the same names. The
// names must come from what exists, not from what a caller asked for: each set of
// them takes memory for ever. Empty names are for calls that were refused before
// anything was found.
func (r *Recorder) Series(environment, connector, operation string) *Series {
	name := seriesName{scope{environment, connector}, operation}
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := r.series[name]; s != nil {
		return s
	}
	shared := r.scopes[name.scope]
	if shared == nil {
		shared = &name.scope
		r.scopes[name.scope] = shared
	}
	s := &Series{recorder: r, scope: shared, operation: operation}
	for i, class := range classes {
		s.observed[i] = metric.WithAttributeSet(attribute.NewSet(
			attribute.String("environment", environment),
			attribute.String("connector", connector),
			attribute.String("operation", operation),
			attribute.String("status_class", class),
		))
		s.record[i] = []metric.RecordOption{s.observed[i]}
	}
	r.series[name] = s
	return s
}

// Sample is one call that has ended.
type Sample struct {
	// Connection is the id of the connection, in the series' environment. Calls
	// without one are in the metrics only.
	Connection string
	// Status is the HTTP status of the answer; 0 without an answer.
	Status int
	// Elapsed is how long the call took.
	Elapsed time.Duration
	// RequestBytes and ResponseBytes are the lengths of the bodies.
	RequestBytes, ResponseBytes int64
	// Replayed is true if the API was not asked: the answer was in a cache, or is
	// that of an earlier call with the same idempotency key.
	Replayed bool
}

// Record counts one call. It waits for nobody, and allocates only for the first
// call of a connection and operation in an hour.
func (s *Series) Record(ctx context.Context, sample Sample) {
	class := sample.Status / 100
	if class < 0 || class >= len(classes) {
		class = 0
	}
	s.calls[class].Add(1)
	s.recorder.duration.Record(ctx, sample.Elapsed.Seconds(), s.record[class]...)
	if t := s.recorder.totals; t != nil && sample.Connection != "" {
		t.table.record(ctx, s, class, &sample)
	}
}
