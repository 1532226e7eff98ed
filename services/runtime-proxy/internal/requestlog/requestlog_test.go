package requestlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
)

var (
	noon = time.Date(2026, 1, 21, 12, 0, 0, 0, time.UTC)
	crm  = resource.Connection{Environment: "default", ID: "crm-1"}
	erp  = resource.Connection{Environment: "default", ID: "erp-1"}
)

// process is one runtime with a log.
type process struct {
	*requestlog.Log

	reader *sdkmetric.ManualReader
	stop   func()
}

func start(t *testing.T, b *bus.Bus, clk *clocktest.Fake) *process {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	log, err := requestlog.New(requestlog.Config{
		Bus: b, Clock: clk, Log: testkit.Logger(t), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Log: log, reader: reader}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- log.Run(ctx) }()
	stopped := false
	p.stop = func() {
		cancel()
		if !stopped {
			stopped = true
			if err := testkit.Receive(t, "the end of a log", done); err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(p.stop)
	return p
}

func (p *process) dropped(t *testing.T) (n int64) {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := p.reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok {
				n += sum.DataPoints[0].Value
			}
		}
	}
	return n
}

func on(t *testing.T, p *process, connection resource.Connection, sw requestlog.Switch) {
	t.Helper()
	if err := p.Enable(t.Context(), connection, sw); err != nil {
		t.Fatal(err)
	}
}

func told(t *testing.T, p *process, connection resource.Connection, url string) {
	t.Helper()
	tap := p.For(connection)
	if tap == nil {
		t.Fatal("the log is off")
	}
	tap.Exchange(t.Context(), &requestlog.Exchange{Time: noon, Method: "GET", URL: url, Status: 200, Attempt: 1})
}

// page reads one page as a list of URLs.
func page(t *testing.T, p *process, connection resource.Connection, size int, token string) (urls []string, next string) {
	t.Helper()
	sw, ever, err := p.State(t.Context(), connection)
	if err != nil || !ever {
		t.Fatalf("switch: %v, %v", ever, err)
	}
	entries, next, err := p.List(t.Context(), connection, sw.ID, size, token)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		urls = append(urls, e.GetUrl())
	}
	return urls, next
}

func stored(t *testing.T, b *bus.Bus) uint64 {
	t.Helper()
	s, err := b.JetStream().Stream(t.Context(), bus.StreamRequestLog)
	if err != nil {
		t.Fatal(err)
	}
	return s.CachedInfo().State.Msgs
}

func TestALogIsOnAndOffInEveryProcess(t *testing.T) {
	b, clk := testkit.NewNATS(t), clocktest.New(noon)
	one, two := start(t, b, clk), start(t, b, clk)
	if one.For(crm) != nil || two.For(crm) != nil {
		t.Fatal("it is on before anybody asked")
	}
	on(t, one, crm, requestlog.Switch{Until: noon.Add(time.Hour), By: "user:ada", Owner: "ada", Bodies: true})
	testkit.Await(t, "the other process to know", func() bool { return two.For(crm) != nil })
	if !one.For(crm).Bodies() || !two.For(crm).Bodies() || two.For(erp) != nil {
		t.Error("what is kept is not what was asked for")
	}
	told(t, one, crm, "/1")
	testkit.Await(t, "the first entry", func() bool { return stored(t, b) == 1 })
	told(t, two, crm, "/2")
	testkit.Await(t, "the second entry", func() bool { return stored(t, b) == 2 })
	late := start(t, b, clk) // learns what was switched before
	testkit.Await(t, "a process that comes later to know", func() bool { return late.For(crm) != nil })
	got, next := page(t, late, crm, 0, "")
	if diff := cmp.Diff([]string{"/2", "/1"}, got); diff != "" || next != "" {
		t.Errorf("entries, next %q (-want +got):\n%s", next, diff)
	}

	on(t, one, erp, requestlog.Switch{Until: noon.Add(time.Hour), Owner: "ada"})
	told(t, one, erp, "/erp")
	testkit.Await(t, "the entry of another connection", func() bool { return stored(t, b) == 3 })
	if err := two.Disable(t.Context(), crm); err != nil {
		t.Fatal(err)
	}
	if two.For(crm) != nil {
		t.Error("it is on in the process that switched it off")
	}
	testkit.Await(t, "the others to know", func() bool { return one.For(crm) == nil && late.For(crm) == nil })
	if got := stored(t, b); got != 1 || one.For(erp) == nil {
		t.Errorf("%d entries are left, want that of the other connection", got)
	}
	if _, ever, err := one.State(t.Context(), crm); ever || err != nil {
		t.Errorf("switch: %v, %v", ever, err)
	}
}

func TestALogEndsWithItsTimeAndStaysReadable(t *testing.T) {
	b, clk := testkit.NewNATS(t), clocktest.New(noon)
	p := start(t, b, clk)
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour), Owner: "ada"})
	told(t, p, crm, "/1")
	testkit.Await(t, "the entry", func() bool { return stored(t, b) == 1 })
	testkit.Await(t, "the watch", func() bool { return clk.Waiting() > 0 })
	clk.Advance(time.Hour - time.Second)
	if p.For(crm) == nil {
		t.Error("it ended a second early")
	}
	clk.Advance(time.Second)
	if p.For(crm) != nil {
		t.Error("it is on when its time is over")
	}
	if got, _ := page(t, p, crm, 0, ""); len(got) != 1 {
		t.Errorf("%d entries can be read", len(got))
	}
	on(t, p, crm, requestlog.Switch{Until: clk.Now().Add(time.Hour), Owner: "ada"})
	told(t, p, crm, "/2")
	testkit.Await(t, "the entry after the pause", func() bool { return stored(t, b) == 2 })
	if got, _ := page(t, p, crm, 0, ""); len(got) != 2 {
		t.Errorf("%d entries can be read after it was switched on again", len(got))
	}
}

func TestAnotherOwnerBeginsAnotherLog(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour), Owner: "ada"})
	told(t, p, crm, "/ada")
	testkit.Await(t, "the first entry", func() bool { return stored(t, b) == 1 })
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour), Owner: "bob"})
	told(t, p, crm, "/bob")
	testkit.Await(t, "the second entry", func() bool { return stored(t, b) == 2 })
	if got, _ := page(t, p, crm, 0, ""); !cmp.Equal(got, []string{"/bob"}) {
		t.Errorf("entries = %v, want only those since", got)
	}
}

func TestSwitchesThatAreTooOldAreRemoved(t *testing.T) {
	b := testkit.NewNATS(t)
	old := start(t, b, clocktest.New(noon))
	on(t, old, crm, requestlog.Switch{Until: noon.Add(time.Hour), Owner: "ada"})
	old.stop()
	p := start(t, b, clocktest.New(noon.Add(9*24*time.Hour)))
	testkit.Await(t, "the switch to go", func() bool {
		_, ever, err := p.State(t.Context(), crm)
		return !ever && err == nil
	})
}

// TestNoSecretReachesTheStream looks at the bytes that are stored.
func TestNoSecretReachesTheStream(t *testing.T) {
	const ours, theirs = "canary-of-ours", "canary-of-theirs"
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour), Owner: "ada", Bodies: true})
	body := fmt.Sprintf(`{"note":"about %s","password":"%s","keep":"kept-in-body"}`, ours, theirs)
	p.For(crm).Exchange(t.Context(), &requestlog.Exchange{
		Time: noon, Operation: "AddItem", Principal: "user:ada", Method: "POST",
		URL: "https://h/kept-in-path?api_key=" + theirs + "&sub=" + theirs + "&x=" + ours,
		RequestHeader: map[string][]string{
			"Authorization": {"Bearer " + theirs}, "X-Sub": {theirs}, "X-Other": {ours}, "X-Kept": {"kept-in-header"}, "Content-Type": {"application/json"},
		},
		RequestBody: []byte(body), RequestBytes: int64(len(body)), Status: 200,
		ResponseHeader: map[string][]string{"Set-Cookie": {"a=" + theirs}, "Content-Type": {"application/json"}, "Location": {"https://h/?token=" + theirs}},
		ResponseBody:   []byte(body), ResponseBytes: int64(len(body)), Latency: time.Second, Attempt: 2,
		Logs: []sandbox.Line{
			{Level: sandbox.LevelInfo, Text: "sent " + ours + " to https://h/?sig=" + theirs},
			{Level: sandbox.LevelWarn, Text: "Bearer " + theirs},
			{Level: sandbox.LevelError, Text: "kept-in-logs"},
		},
		Secret: []string{"X-Sub", "sub"}, Redact: func(text string) string { return strings.ReplaceAll(text, ours, requestlog.Redacted) },
	})
	p.stop() // writes what is queued
	s, err := b.JetStream().Stream(t.Context(), bus.StreamRequestLog)
	if err != nil {
		t.Fatal(err)
	}
	message, err := s.GetLastMsgForSubject(t.Context(), bus.RequestLogSubject(crm.Environment, crm.ID))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(message.Data, []byte("canary")) {
		t.Errorf("a secret is stored: %q", message.Data)
	}
	for _, kept := range []string{"kept-in-path", "kept-in-header", "kept-in-body", "error kept-in-logs", "warn Bearer [redacted]", "AddItem", "user:ada"} {
		if !bytes.Contains(message.Data, []byte(kept)) {
			t.Errorf("%s is missing in %q", kept, message.Data)
		}
	}
}

func TestOnlyTheReasonOfAFailureIsKept(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour)})
	p.For(crm).Exchange(t.Context(), &requestlog.Exchange{Err: fault.Unavailable(fault.ReasonUpstreamTimeout, "late")})
	testkit.Await(t, "the entry", func() bool { return stored(t, b) == 1 })
	sw, _, _ := p.State(t.Context(), crm)
	entries, _, err := p.List(t.Context(), crm, sw.ID, 0, "")
	if err != nil || entries[0].GetError() != "UPSTREAM_TIMEOUT" || entries[0].GetStatusCode() != 0 {
		t.Errorf("entries = %v, %v", entries, err)
	}
}

func TestTheNewestThousandAreKeptAndReadInPages(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour)})
	on(t, p, erp, requestlog.Switch{Until: noon.Add(time.Hour)})
	const all = 1200
	for i := range all {
		if i == 600 { // the queue holds a thousand
			testkit.Await(t, "the first half", func() bool { return stored(t, b) == 601 })
		}
		told(t, p, crm, fmt.Sprint("/", i))
		if i == 0 {
			told(t, p, erp, "/of another")
		}
	}
	testkit.Await(t, "the last entry", func() bool {
		got, _ := page(t, p, crm, 1, "")
		return len(got) == 1 && got[0] == fmt.Sprint("/", all-1)
	})
	if got := p.dropped(t); got != 0 {
		t.Fatalf("%d entries were dropped", got)
	}
	for _, size := range []int{0, 7, 1000, 5000} {
		var got []string
		token, pages := "", 0
		for {
			urls, next := page(t, p, crm, size, token)
			got, token, pages = append(got, urls...), next, pages+1
			if next == "" {
				break
			}
		}
		if len(got) != 1000 || got[0] != "/1199" || got[999] != "/200" {
			t.Errorf("%d entries in pages of %d, from %s to %s", len(got), size, got[0], got[len(got)-1])
		}
		if want := (1000 + pageOf(size) - 1) / pageOf(size); pages != want {
			t.Errorf("%d pages of %d, want %d", pages, size, want)
		}
	}
	for _, token := range []string{"!", "0", "-1", strings.Repeat("z", 100)} {
		if _, _, err := p.List(t.Context(), crm, "", 0, token); fault.ReasonOf(err) != fault.ReasonInvalidPageToken {
			t.Errorf("token %q: %v", token, err)
		}
	}
}

func pageOf(size int) int {
	if size == 0 {
		return requestlog.DefaultPage
	}
	return min(size, requestlog.MaxPage)
}

func TestAPageIsNotLongerThanAMessageMayBe(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour), Bodies: true})
	text := map[string][]string{"Content-Type": {"text/plain"}, "X-Long": {}}
	for range 90 {
		text["X-Long"] = append(text["X-Long"], strings.Repeat("x", 4000))
	}
	const all = 50 // of a quarter of a megabyte
	for i := range all {
		p.For(crm).Exchange(t.Context(), &requestlog.Exchange{URL: fmt.Sprint(i), RequestHeader: text, ResponseHeader: text})
		testkit.Await(t, "an entry", func() bool { return stored(t, b) == uint64(i+1) })
	}
	token, seen := "", 0
	for {
		urls, next := page(t, p, crm, 1000, token)
		if len(urls) == 0 || len(urls) > 33 {
			t.Fatalf("%d entries in a page", len(urls))
		}
		seen, token = seen+len(urls), next
		if next == "" {
			break
		}
	}
	if seen != all { // in more than one page
		t.Errorf("%d entries in all pages", seen)
	}
}

// TestAFullQueueForgetsTheOldest: nothing is written, because nobody runs the log.
func TestAFullQueueForgetsTheOldest(t *testing.T) {
	b := testkit.NewNATS(t)
	reader := sdkmetric.NewManualReader()
	log, err := requestlog.New(requestlog.Config{
		Bus: b, Clock: clocktest.New(noon), Log: testkit.Logger(t), Meter: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter(""),
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &process{Log: log, reader: reader}
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour)})
	for i := range 1250 {
		told(t, p, crm, fmt.Sprint("/", i))
	}
	if got := p.dropped(t); got != 250 {
		t.Errorf("%d entries were dropped, want 250", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Run(ctx); err != nil { // ends at once, and writes what is queued
		t.Fatal(err)
	}
	if got, _ := page(t, p, crm, 1000, ""); len(got) != 1000 || got[0] != "/1249" || got[999] != "/250" {
		t.Errorf("%d entries were kept", len(got))
	}
}

func TestEntriesWaitForABusThatIsAway(t *testing.T) {
	b, clk := testkit.NewNATS(t), clocktest.New(noon)
	p := start(t, b, clk)
	on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour)})
	if err := b.JetStream().DeleteStream(t.Context(), bus.StreamRequestLog); err != nil {
		t.Fatal(err)
	}
	waiting := clk.Waiting()
	told(t, p, crm, "/1")
	testkit.Await(t, "the first attempt to fail", func() bool { return clk.Waiting() > waiting })
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Second)
	testkit.Await(t, "the entry", func() bool { return stored(t, b) == 1 })
}

func TestABodyIsPassedOnAndItsBeginningRemembered(t *testing.T) {
	b := testkit.NewNATS(t)
	p := start(t, b, clocktest.New(noon))
	content := strings.Repeat("0123456789", 20_000)
	for _, bodies := range []bool{true, false} {
		on(t, p, crm, requestlog.Switch{Until: noon.Add(time.Hour), Bodies: bodies})
		closed := &closer{Reader: strings.NewReader(content)}
		body := p.For(crm).Body(closed)
		got, err := io.ReadAll(body)
		if err != nil || string(got) != content || errors.Join(body.Close()) != nil || !closed.closed {
			t.Errorf("%d bytes were passed on, %v, closed %v", len(got), err, closed.closed)
		}
		want := 0
		if bodies {
			want = requestlog.MaxCapture
		}
		if head, size := body.Seen(); string(head) != content[:want] || size != int64(len(content)) {
			t.Errorf("bodies %v: %d of %d bytes are remembered", bodies, len(head), size)
		}
	}
}

type closer struct {
	io.Reader

	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}

func BenchmarkFor(b *testing.B) {
	nats := testkit.NewNATS(b)
	log, err := requestlog.New(requestlog.Config{Bus: nats, Clock: clocktest.New(noon), Log: testkit.Logger(b), Meter: metricnoop.Meter{}})
	if err != nil {
		b.Fatal(err)
	}
	run := func(name string) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if log.For(crm) != nil {
					b.Fatal("it is on")
				}
			}
		})
	}
	run("no connection is on")
	for i := range 100 {
		other := resource.Connection{Environment: "default", ID: fmt.Sprint("other-", i)}
		if err := log.Enable(b.Context(), other, requestlog.Switch{Until: noon.Add(time.Hour)}); err != nil {
			b.Fatal(err)
		}
	}
	run("a hundred others are on")
}

// BenchmarkExchange is what a call pays whose connection is on.
func BenchmarkExchange(b *testing.B) {
	nats := testkit.NewNATS(b)
	log, err := requestlog.New(requestlog.Config{Bus: nats, Clock: clocktest.New(noon), Log: testkit.Logger(b), Meter: metricnoop.Meter{}})
	if err != nil {
		b.Fatal(err)
	}
	for _, bodies := range []bool{false, true} {
		if err := log.Enable(b.Context(), crm, requestlog.Switch{Until: noon.Add(time.Hour), Bodies: bodies}); err != nil {
			b.Fatal(err)
		}
		header := map[string][]string{"Content-Type": {"application/json"}, "Authorization": {"Bearer x"}, "Accept": {"*/*"}, "Date": {"today"}}
		body := []byte("[" + strings.Repeat(`{"id":123456,"name":"some name","tags":["a","b"]},`, 20)[:1000] + "]")
		exchange := requestlog.Exchange{
			Method: "POST", URL: "https://api.example.com/items?page=2", RequestHeader: header, ResponseHeader: header,
			RequestBody: body, ResponseBody: body, Redact: func(text string) string { return strings.ReplaceAll(text, "secret", "") },
		}
		b.Run(fmt.Sprintf("bodies of 1 KiB %v", bodies), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				log.For(crm).Exchange(b.Context(), &exchange)
			}
		})
	}
}
