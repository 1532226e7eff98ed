package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

// MaxRows is how many rows a report has at most.
const MaxRows = 10_000

const (
	// maxFilters is how many hours are asked for one by one; past it all hours
	// since the first are read, and what does not belong is skipped.
	maxFilters = 48
	// lateness is how long before an hour, by the clock of the bus, its totals may
	// have been written: clocks differ.
	lateness = time.Hour
	// readAhead is how many bytes are asked for at once, and maxFetch how many
	// messages.
	readAhead = 4 << 20
	maxFetch  = 2000
	// readWait is how long the next totals are waited for before the bus is asked
	// whether there are any.
	readWait = time.Second
	// readerIdle is when the bus forgets a reader that has died.
	readerIdle = 30 * time.Second
)

// Dimension is what rows are kept apart by, besides time.
type Dimension int

// The dimensions. All but the first also keep rows apart by connector.
const (
	ByNothing Dimension = iota
	ByConnector
	ByOperation
	ByConnection
)

// Query asks for a report.
type Query struct {
	// Environment is whose calls are counted.
	Environment string
	// Connector, Operation and Connection choose calls; empty for all.
	Connector, Operation, Connection string
	// Start is the beginning of the first hour, End that of the hour after the
	// last.
	Start, End time.Time
	// Daily makes rows of days, in UTC, instead of hours.
	Daily bool
	// Dimension is what rows are kept apart by.
	Dimension Dimension
}

// Row counts the calls of one period.
type Row struct {
	// Start is when the period begins.
	Start time.Time
	// Connector, Operation and Connection are what is counted; empty for all.
	Connector, Operation, Connection string
	// Calls is the number of calls.
	Calls int64
	// Classes is the number of calls by status class, "1xx" to "5xx" and "error";
	// those without calls are left out.
	Classes map[string]int64
	// Latency is the time of all calls together.
	Latency time.Duration
	// P50 and P99 are the times within which half and 99 of 100 calls ended, give
	// or take an eighth.
	P50, P99 time.Duration
	// RequestBytes and ResponseBytes are the lengths of all bodies.
	RequestBytes, ResponseBytes int64
	// Replayed is the number of calls that the API was not asked for.
	Replayed int64
}

// Report is the answer to a query.
type Report struct {
	// Rows are in order of time, connector, operation and connection, at most
	// [MaxRows].
	Rows []Row
	// Truncated is true if there are more.
	Truncated bool
}

// Query adds up what all processes wrote, and what this one did not write yet;
// others may have up to ten seconds of calls that it lacks.
func (t *Totals) Query(ctx context.Context, q Query) (Report, error) {
	if !q.Start.Before(q.End) {
		return Report{}, nil
	}
	sum := summary{query: q, rows: map[rowKey]*counts{}}
	// What is in this process replaces what it wrote, so it has to be looked at
	// first: what is written in between is newer, and left out.
	own := t.own(&sum)
	err := t.read(ctx, q, func(subject string, data []byte) error {
		if _, ok := own[subject]; ok {
			return nil
		}
		address, err := bus.ParseUsage(subject)
		if err != nil {
			return err
		}
		at, err := time.Parse(hourLayout, address.Hour)
		if err != nil || at.Before(q.Start) || !at.Before(q.End) {
			return err
		}
		return decode(data, func(operation []byte, c *counts) { sum.add(at, address, operation, c) })
	})
	if err != nil {
		return Report{}, fmt.Errorf("read usage totals: %w", err)
	}
	return sum.report(), nil
}

// own adds what this process has, and returns its subjects.
func (t *Totals) own(sum *summary) map[string]struct{} {
	subjects := map[string]struct{}{}
	add := func(known *tally) {
		at, address := startOf(known.hour), known.address()
		if !sum.query.covers(at, address) {
			return
		}
		subjects[address.Subject()] = struct{}{}
		for s, c := range known.operations {
			sum.add(at, address, []byte(s.name()), c)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, known := range t.ended {
		add(known)
	}
	for i := range t.table.shards {
		sh := &t.table.shards[i]
		sh.mu.Lock()
		for _, known := range sh.tallies {
			add(known)
		}
		sh.mu.Unlock()
	}
	return subjects
}

func (q *Query) covers(at time.Time, a bus.UsageAddress) bool {
	return !at.Before(q.Start) && at.Before(q.End) && a.Environment == q.Environment &&
		(q.Connector == "" || a.Connector == q.Connector) && (q.Connection == "" || a.Connection == q.Connection)
}

// filters returns the subjects to read.
func (q *Query) filters() []string {
	address := bus.UsageAddress{Environment: q.Environment, Connector: q.Connector, Connection: q.Connection}
	if q.End.Sub(q.Start) > maxFilters*time.Hour {
		return []string{address.Filter()}
	}
	var filters []string
	for at := q.Start; at.Before(q.End); at = at.Add(time.Hour) {
		address.Hour = at.UTC().Format(hourLayout)
		filters = append(filters, address.Filter())
	}
	return filters
}

// read calls f with every message that may belong to a report. An hour's totals
// are never older than the hour, so older ones need not be looked at.
func (t *Totals) read(ctx context.Context, q Query, f func(subject string, data []byte) error) error {
	js, since := t.bus.JetStream(), q.Start.Add(-lateness)
	consumer, err := js.CreateConsumer(ctx, bus.StreamUsage, jetstream.ConsumerConfig{
		FilterSubjects: q.filters(), AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1,
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since, InactiveThreshold: readerIdle,
	})
	if err != nil {
		return err
	}
	defer func() { // the bus forgets it anyway, only later
		_ = js.DeleteConsumer(context.WithoutCancel(ctx), bus.StreamUsage, consumer.CachedInfo().Name)
	}()
	pending, next := consumer.CachedInfo().NumPending, uint64(64)
	for pending > 0 {
		batch, err := consumer.Fetch(int(min(next, pending)), jetstream.FetchMaxWait(readWait))
		if err != nil {
			return err
		}
		n, longest := 0, uint64(1)
		for m := range batch.Messages() {
			n, longest = n+1, max(longest, uint64(len(m.Data())))
			meta, metaErr := m.Metadata()
			if err = errors.Join(err, metaErr); err != nil {
				continue // the rest of the batch would wait for somebody to take it
			}
			pending = meta.NumPending
			err = f(m.Subject(), m.Data())
		}
		if err := errors.Join(err, batch.Error(), ctx.Err()); err != nil {
			return err
		}
		if n == 0 { // newer totals have taken the place of what was still to come, or the bus is slow
			info, err := consumer.Info(ctx)
			if err != nil {
				return err
			}
			pending = info.NumPending
		}
		next = max(8, min(maxFetch, readAhead/longest))
	}
	return nil
}

// rowKey is what a row is about.
type rowKey struct {
	start                            int64
	connector, operation, connection string
}

func (k rowKey) compare(o rowKey) int {
	return cmp.Or(cmp.Compare(k.start, o.start), strings.Compare(k.connector, o.connector),
		strings.Compare(k.operation, o.operation), strings.Compare(k.connection, o.connection))
}

// summary adds up rows, the first [MaxRows] of them: of more it holds at most
// twice as many at a time.
type summary struct {
	query Query
	rows  map[rowKey]*counts
	cut   *rowKey // from here on rows are left out; nil if none are
}

func (s *summary) add(at time.Time, a bus.UsageAddress, operation []byte, c *counts) {
	q := &s.query
	if q.Operation != "" && string(operation) != q.Operation {
		return
	}
	if q.Daily {
		at = at.Truncate(24 * time.Hour)
	}
	key := rowKey{start: at.Unix()}
	if q.Dimension != ByNothing {
		key.connector = a.Connector
	}
	switch q.Dimension {
	case ByOperation:
		key.operation = string(operation)
	case ByConnection:
		key.connection = a.Connection
	case ByNothing, ByConnector:
	}
	if s.cut != nil && key.compare(*s.cut) >= 0 {
		return
	}
	row := s.rows[key]
	if row == nil {
		row = &counts{}
		s.rows[key] = row
	}
	row.merge(c)
	if len(s.rows) > 2*MaxRows {
		s.shorten()
	}
}

// shorten drops the rows after the first [MaxRows] for good. Rows before the cut
// are complete: none of them was ever dropped.
func (s *summary) shorten() []rowKey {
	keys := make([]rowKey, 0, len(s.rows))
	for key := range s.rows {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, rowKey.compare)
	if len(keys) <= MaxRows {
		return keys
	}
	s.cut = &keys[MaxRows]
	for _, key := range keys[MaxRows:] {
		delete(s.rows, key)
	}
	return keys[:MaxRows]
}

func (s *summary) report() Report {
	keys := s.shorten()
	report := Report{Truncated: s.cut != nil, Rows: make([]Row, 0, len(keys))}
	for _, key := range keys {
		c := s.rows[key]
		row := Row{
			Start: time.Unix(key.start, 0).UTC(), Connector: key.connector, Operation: key.operation, Connection: key.connection,
			Calls: int64(c.calls()), Classes: map[string]int64{}, Latency: c.latency, P50: c.percentile(0.5), P99: c.percentile(0.99),
			RequestBytes: int64(c.sent), ResponseBytes: int64(c.received), Replayed: int64(c.replayed),
		}
		for i, n := range c.classes {
			if n > 0 {
				row.Classes[classes[i]] = int64(n)
			}
		}
		report.Rows = append(report.Rows, row)
	}
	return report
}
