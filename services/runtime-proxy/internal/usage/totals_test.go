package usage

import (
	"context"
	"fmt"
	"hash/maphash"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

var noon = time.Date(2026, 1, 21, 12, 0, 5, 0, time.UTC)

// process is one runtime that counts.
type process struct {
	t        *testing.T
	clock    *clocktest.Fake
	totals   *Totals
	recorder *Recorder
	reader   *sdkmetric.ManualReader
	stop     func()
}

// start starts a process; its stop waits for the end.
func start(t *testing.T, b *bus.Bus, clk *clocktest.Fake) *process {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")
	totals, err := NewTotals(TotalsConfig{Bus: b, Clock: clk, Log: testkit.Logger(t), Meter: meter})
	if err != nil {
		t.Fatal(err)
	}
	recorder, err := NewWithTotals(meter, totals)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- totals.Run(ctx) }()
	p := &process{t: t, clock: clk, totals: totals, recorder: recorder, reader: reader}
	stopped := false
	p.stop = func() {
		cancel()
		if stopped {
			return
		}
		stopped = true
		if err := testkit.Receive(t, "the end of a process", done); err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(p.stop)
	p.asleep()
	return p
}

// asleep waits until the process has nothing to do but wait.
func (p *process) asleep() {
	p.t.Helper()
	testkit.Await(p.t, "the process to wait", func() bool { return p.clock.Waiting() > 0 })
}

// sweep lets time pass until totals are written.
func (p *process) sweep() {
	p.t.Helper()
	p.asleep()
	p.clock.Advance(interval)
	p.asleep()
}

func (p *process) call(connector, operation, connection string, times int) {
	p.t.Helper()
	for range times {
		p.recorder.Series("default", connector, operation).Record(p.t.Context(), Sample{
			Connection: connection, Status: 200, Elapsed: 20 * time.Millisecond, RequestBytes: 10, ResponseBytes: 100,
		})
	}
}

// lost is how many calls the process says are in no total.
func (p *process) lost() (n int64) {
	var all metricdata.ResourceMetrics
	if err := p.reader.Collect(p.t.Context(), &all); err != nil {
		p.t.Fatal(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "ferrule.runtime.usage.lost" {
			for _, point := range sum.DataPoints {
				n += point.Value
			}
		}
	}
	return n
}

// onTheDay asks for the whole day of noon.
func onTheDay(q Query) Query {
	q.Environment = "default"
	q.Start = noon.Truncate(24 * time.Hour)
	q.End = q.Start.Add(24 * time.Hour)
	return q
}

func report(t *testing.T, totals *Totals, q Query) Report {
	t.Helper()
	got, err := totals.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func calls(t *testing.T, totals *Totals, q Query) (n int64) {
	t.Helper()
	for _, row := range report(t, totals, q).Rows {
		n += row.Calls
	}
	return n
}

// outsider reads what others wrote and counts nothing itself.
func outsider(t *testing.T, b *bus.Bus) *Totals {
	t.Helper()
	totals, err := NewTotals(TotalsConfig{Bus: b, Clock: clocktest.New(noon), Log: testkit.Logger(t), Meter: metricnoop.Meter{}})
	if err != nil {
		t.Fatal(err)
	}
	return totals
}

func TestWhatSeveralProcessesCountIsAddedUp(t *testing.T) {
	b := testkit.NewNATS(t)
	one, two := start(t, b, clocktest.New(noon)), start(t, b, clocktest.New(noon))
	one.call("crm", "ListItems", "crm-1", 3)
	two.call("crm", "ListItems", "crm-1", 4)
	two.call("crm", "AddItem", "crm-2", 2)
	two.call("erp", "ListItems", "erp-1", 1)
	if got := calls(t, one.totals, onTheDay(Query{})); got != 3 {
		t.Errorf("%d calls before anything was written, want the process's own 3", got)
	}
	one.sweep()
	two.sweep()
	one.call("crm", "ListItems", "crm-1", 10) // replaces what one has written
	one.sweep()
	tests := []struct {
		name  string
		query Query
		want  []Row
	}{
		{"everything", Query{}, []Row{{Calls: 20}}},
		{"by connector", Query{Dimension: ByConnector}, []Row{{Connector: "crm", Calls: 19}, {Connector: "erp", Calls: 1}}},
		{"by operation", Query{Dimension: ByOperation}, []Row{
			{Connector: "crm", Operation: "AddItem", Calls: 2}, {Connector: "crm", Operation: "ListItems", Calls: 17}, {Connector: "erp", Operation: "ListItems", Calls: 1},
		}},
		{"by connection", Query{Dimension: ByConnection}, []Row{
			{Connector: "crm", Connection: "crm-1", Calls: 17}, {Connector: "crm", Connection: "crm-2", Calls: 2}, {Connector: "erp", Connection: "erp-1", Calls: 1},
		}},
		{"of a connector", Query{Connector: "erp"}, []Row{{Calls: 1}}},
		{"of an operation", Query{Operation: "ListItems"}, []Row{{Calls: 18}}},
		{"of a connection", Query{Connection: "crm-1"}, []Row{{Calls: 17}}},
		{"of nobody", Query{Connection: "crm-9"}, nil},
	}
	for _, tt := range tests {
		for reader, totals := range map[string]*Totals{"one of them": one.totals, "another process": outsider(t, b)} {
			for _, daily := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, asked of %s, daily %v", tt.name, reader, daily), func(t *testing.T) {
					tt.query.Daily = daily
					got := report(t, totals, onTheDay(tt.query))
					if diff := cmp.Diff(tt.want, got.Rows, cmpopts.EquateEmpty(),
						cmpopts.IgnoreFields(Row{}, "Start", "Classes", "Latency", "P50", "P99", "RequestBytes", "ResponseBytes")); diff != "" || got.Truncated {
						t.Errorf("rows, truncated %v (-want +got):\n%s", got.Truncated, diff)
					}
				})
			}
		}
	}
}

func TestARowHasAllNumbers(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	s := p.recorder.Series("default", "crm", "ListItems")
	s.Record(t.Context(), Sample{Connection: "crm-1", Status: 200, Elapsed: 100 * time.Millisecond, RequestBytes: 1, ResponseBytes: 50, Replayed: true})
	s.Record(t.Context(), Sample{Connection: "crm-1", Status: 503, Elapsed: 100 * time.Millisecond, RequestBytes: 2})
	s.Record(t.Context(), Sample{Connection: "crm-1", Elapsed: 100 * time.Millisecond})
	s.Record(t.Context(), Sample{Status: 200}) // nobody's
	p.sweep()
	got := report(t, outsider(t, b), onTheDay(Query{})).Rows
	want := []Row{{
		Start: noon.Truncate(time.Hour), Calls: 3, Classes: map[string]int64{"2xx": 1, "5xx": 1, "error": 1},
		Latency: 300 * time.Millisecond, RequestBytes: 3, ResponseBytes: 50, Replayed: 1,
	}}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Row{}, "P50", "P99")); diff != "" {
		t.Fatalf("rows (-want +got):\n%s", diff)
	}
	if p50, p99 := got[0].P50, got[0].P99; p50 < 80*time.Millisecond || p99 < p50 || p99 > 125*time.Millisecond {
		t.Errorf("percentiles = %v, %v", p50, p99)
	}
}

func TestCallsCountInTheirHour(t *testing.T) {
	b := testkit.NewNATS(t)
	clk := clocktest.New(noon.Add(59*time.Minute + 50*time.Second)) // five seconds to one
	p := start(t, b, clk)
	p.call("crm", "ListItems", "crm-1", 2)
	clk.Advance(5 * time.Second)
	p.asleep()
	p.call("crm", "ListItems", "crm-1", 5)
	p.sweep()
	for reader, totals := range map[string]*Totals{"the process": p.totals, "another": outsider(t, b)} {
		var got []string
		for _, row := range report(t, totals, onTheDay(Query{})).Rows {
			got = append(got, fmt.Sprint(row.Start.Hour(), " ", row.Calls))
		}
		if diff := cmp.Diff([]string{"12 2", "13 5"}, got); diff != "" {
			t.Errorf("hours, asked of %s (-want +got):\n%s", reader, diff)
		}
	}
	if got := p.totals.table.counters.Load(); got != 1 {
		t.Errorf("%d counters are held, want only that of the present hour", got)
	}
}

func TestOnlyWhatHasChangedIsWrittenAndOnceForEachConnection(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	last := func() (messages, sequence uint64) {
		s, err := b.JetStream().Stream(t.Context(), bus.StreamUsage)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.Msgs, s.CachedInfo().State.LastSeq
	}
	for range 3 {
		p.call("crm", "ListItems", "crm-1", 1)
		p.call("crm", "AddItem", "crm-1", 1)
		p.sweep()
		p.sweep()
	}
	if messages, sequence := last(); messages != 1 || sequence != 3 {
		t.Errorf("%d messages, last %d, want 1 that was written 3 times", messages, sequence)
	}
	p.call("crm", "ListItems", "crm-1", 1)
	p.stop()
	if _, sequence := last(); sequence != 4 {
		t.Errorf("last message %d: a process that stops writes what it has", sequence)
	}
}

func TestManyConnectionsAreWrittenOnceInAMinuteEach(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	list := p.recorder.Series("default", "crm", "ListItems")
	written := func() uint64 {
		s, err := b.JetStream().Stream(t.Context(), bus.StreamUsage)
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State.LastSeq
	}
	for range partSweeps {
		for i := range manyChanged {
			list.Record(t.Context(), Sample{Connection: fmt.Sprint("crm-", i), Status: 200})
		}
		before := written()
		p.sweep()
		if part := written() - before; part == 0 || part > manyChanged/2 {
			t.Errorf("%d of %d connections were written at once, want a part", part, manyChanged)
		}
	}
	if got := written(); got != manyChanged {
		t.Errorf("%d messages in a minute, want one for each of %d connections", got, manyChanged)
	}
	p.stop()
	if got := calls(t, outsider(t, b), onTheDay(Query{})); got != partSweeps*manyChanged {
		t.Errorf("%d calls were written in the end, want all %d", got, partSweeps*manyChanged)
	}
}

func TestAProcessThatComesBackAddsToWhatItWrote(t *testing.T) {
	b := testkit.NewNATS(t)
	for range 3 {
		p := start(t, b, clocktest.New(noon))
		p.call("crm", "ListItems", "crm-1", 7)
		p.stop()
	}
	if got := calls(t, outsider(t, b), onTheDay(Query{})); got != 21 {
		t.Errorf("%d calls, want 21", got)
	}
}

func TestABusThatIsAwayLosesNothing(t *testing.T) {
	dir := t.TempDir()
	server := testkit.StartNATS(t, dir)
	b := testkit.Connect(t, server)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk := clocktest.New(noon)
	p := start(t, b, clk)
	p.call("crm", "ListItems", "crm-1", 3)
	// A stream that is not there answers like one that has no leader.
	if err := b.JetStream().DeleteStream(t.Context(), bus.StreamUsage); err != nil {
		t.Fatal(err)
	}
	p.sweep()
	p.call("crm", "ListItems", "crm-1", 4)
	p.asleep()
	clk.Advance(time.Hour) // the hour ends meanwhile
	p.asleep()
	p.call("crm", "ListItems", "crm-1", 5)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.sweep()
	p.sweep()
	if got := calls(t, outsider(t, b), onTheDay(Query{})); got != 12 {
		t.Errorf("%d calls, want 12", got)
	}
	if p.lost() != 0 {
		t.Errorf("%d calls are said to be lost", p.lost())
	}
}

// TestMemoryIsBounded counts more connections than there is room for.
func TestMemoryIsBounded(t *testing.T) {
	totals := outsider(t, testkit.NewNATS(t))
	recorder, err := NewWithTotals(metricnoop.Meter{}, totals)
	if err != nil {
		t.Fatal(err)
	}
	list, add := recorder.Series("default", "crm", "ListItems"), recorder.Series("default", "crm", "AddItem")
	for i := range maxCounters + 100 {
		list.Record(t.Context(), Sample{Connection: fmt.Sprint("crm-", i), Status: 200})
	}
	if got := totals.table.counters.Load(); got != maxCounters {
		t.Errorf("%d counters, want %d", got, maxCounters)
	}
	for range 3 {
		add.Record(t.Context(), Sample{Connection: "crm-1", Status: 200})
	}
	got := report(t, totals, onTheDay(Query{Connection: "crm-1", Dimension: ByOperation})).Rows
	if len(got) != 2 || got[0].Operation != Other || got[0].Calls != 3 || got[1].Operation != "ListItems" {
		t.Errorf("rows = %+v, want the new operation among others", got)
	}
}

// TestConnectionsThatRestMakeRoom: those that come back are not counted twice.
func TestConnectionsThatRestMakeRoom(t *testing.T) {
	b := testkit.NewNATS(t)
	clk := clocktest.New(noon)
	p := start(t, b, clk)
	list := p.recorder.Series("default", "crm", "ListItems")
	for i := range manyCounters {
		list.Record(t.Context(), Sample{Connection: fmt.Sprint("crm-", i), Status: 200})
	}
	for range idleSweeps + partSweeps + 2 {
		p.call("crm", "ListItems", "crm-busy", 1)
		p.sweep()
	}
	if got := p.totals.table.counters.Load(); got >= manyCounters {
		t.Errorf("%d counters are held, want less than %d", got, manyCounters)
	}
	rested := ""
	for i := range manyCounters {
		if name := fmt.Sprint("crm-", i); !p.holds(name) {
			rested = name
		}
	}
	if rested == "" || !p.holds("crm-busy") {
		t.Fatal("no connection was let go, or a busy one was")
	}
	p.call("crm", "ListItems", rested, 1)
	for range partSweeps {
		p.sweep()
	}
	for name, totals := range map[string]*Totals{"the process": p.totals, "another": outsider(t, b)} {
		if got := calls(t, totals, onTheDay(Query{Connection: rested})); got != 2 {
			t.Errorf("%d calls of one that came back, asked of %s, want 2", got, name)
		}
		if got, want := calls(t, totals, onTheDay(Query{})), int64(manyCounters+idleSweeps+partSweeps+3); got != want {
			t.Errorf("%d calls in all, asked of %s, want %d", got, name, want)
		}
	}
}

// holds reports whether there are counters of a connection of the connector crm.
func (p *process) holds(connection string) bool {
	table := &p.totals.table
	scope := p.recorder.Series("default", "crm", "ListItems").scope
	return table.shards[maphash.String(table.seed, connection)%shards].tallies[place{scope, connection}] != nil
}

func TestHoursAreGivenUpWhenThereIsNoRoomForNewCalls(t *testing.T) {
	b := testkit.NewNATS(t)
	if err := b.JetStream().DeleteStream(t.Context(), bus.StreamUsage); err != nil {
		t.Fatal(err)
	}
	clk := clocktest.New(noon)
	p := start(t, b, clk)
	list := p.recorder.Series("default", "crm", "ListItems")
	for i := range maxCounters {
		list.Record(t.Context(), Sample{Connection: fmt.Sprint("crm-", i), Status: 200})
	}
	clk.Advance(time.Hour)
	p.asleep()
	if held, lost := p.totals.table.counters.Load(), p.lost(); held != maxCounters-manyCounters || lost != manyCounters {
		t.Errorf("%d counters held, %d calls lost", held, lost)
	}
}

// fill writes totals as a process would have.
func fill(t testing.TB, b *bus.Bus, hours, connections int) {
	t.Helper()
	js, err := jetstream.New(b.Conn(), jetstream.WithPublishAsyncMaxPending(batchSize))
	if err != nil {
		t.Fatal(err)
	}
	data := encode([]counted{{"ListItems", sampleCounts(30)}, {"AddItem", sampleCounts(10)}, {"GetItem", sampleCounts(60)}})
	for h := range hours {
		for c := range connections {
			address := bus.UsageAddress{
				Environment: "default", Hour: hourName(hourOf(noon) - int64(h)), Connector: "crm", Connection: fmt.Sprint("crm-", c), Process: "p",
			}
			if _, err := js.PublishAsync(address.Subject(), data, jetstream.WithStallWait(testkit.Patience)); err != nil {
				t.Fatal(err)
			}
		}
	}
	<-js.PublishAsyncComplete()
}

func TestALongReportIsCutAfterItsFirstRows(t *testing.T) {
	b := testkit.NewNATS(t)
	const hours, connections = 600, 40
	fill(t, b, hours, connections)
	first := startOf(hourOf(noon) - hours + 1)
	query := Query{Environment: "default", Start: first, End: noon.Truncate(time.Hour).Add(time.Hour), Dimension: ByConnection}
	got := report(t, outsider(t, b), query)
	if len(got.Rows) != MaxRows || !got.Truncated || !got.Rows[0].Start.Equal(first) {
		t.Fatalf("%d rows from %v, truncated %v", len(got.Rows), got.Rows[0].Start, got.Truncated)
	}
	if last := got.Rows[MaxRows-1].Start; !last.Equal(first.Add(MaxRows/connections*time.Hour - time.Hour)) {
		t.Errorf("the last row is of %v", last)
	}
	query.Daily, query.Dimension = true, ByNothing
	got = report(t, outsider(t, b), query)
	var all int64
	for _, row := range got.Rows {
		all += row.Calls
	}
	if got.Truncated || all != hours*connections*100 {
		t.Errorf("%d calls in %d days, truncated %v", all, len(got.Rows), got.Truncated)
	}
}
