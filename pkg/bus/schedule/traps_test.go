package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/schedule"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// The traps of message schedules, each shown on a real server: what it does, and
// that we stand beside it. When one of these tests fails after an upgrade of the
// server, read the comment at the place that avoids the trap before changing it.

// polls returns our configuration of the stream of schedules.
func polls(t *testing.T) jetstream.StreamConfig {
	t.Helper()
	for _, cfg := range (bus.Topology{}).Streams() {
		if cfg.Name == bus.StreamPolls {
			return cfg
		}
	}
	t.Fatal("no stream of schedules")
	return jetstream.StreamConfig{}
}

// bare returns JetStream on a server without our streams.
func bare(t *testing.T) jetstream.JetStream {
	t.Helper()
	return testkit.Connect(t, testkit.StartNATS(t, t.TempDir())).JetStream()
}

// define publishes a definition by hand.
func define(t *testing.T, js jetstream.JetStream, pattern, target string) error {
	t.Helper()
	_, err := js.PublishMsg(t.Context(), &nats.Msg{
		Subject: bus.ScheduleSubject("a"),
		Header:  nats.Header{"Nats-Schedule": {pattern}, "Nats-Schedule-Target": {target}},
	})
	return err
}

func messages(t *testing.T, stream jetstream.Stream) uint64 {
	t.Helper()
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return info.State.Msgs
}

func TestTrapSecondDefinitionOnASubjectReplacesTheFirstSilently(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	handle, fired := record()
	consume(t, s, 2, handle)
	at := time.Now().Add(soon)
	put(t, s, "same", at, "first")
	put(t, s, "same", at, "second")
	put(t, s, "other", at, "untouched") // a subject of its own
	got := map[string]string{}
	for range 2 {
		f := testkit.Receive(t, "a firing", fired)
		got[f.ID] = string(f.State)
	}
	if diff := cmp.Diff(map[string]string{"same": "second", "other": "untouched"}, got); diff != "" {
		t.Errorf("fired (-want +got):\n%s", diff)
	}
	testkit.Await(t, "the stream to be empty", empty(t, b)) // the first is really gone
}

func TestTrapHandlersNextTimeWouldReplaceAPutThatCameWhileItRan(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	fired := make(chan string, 100)
	consume(t, s, 1, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		fired <- string(f.State)
		if string(f.State) != "old" {
			return time.Time{}, nil, nil
		}
		put(t, s, "a", time.Now(), "edited by a person")
		return time.Now(), []byte("from the old state"), nil
	})
	put(t, s, "a", time.Now(), "old")
	for _, want := range []string{"old", "edited by a person"} {
		if got := testkit.Receive(t, "a firing", fired); got != want {
			t.Errorf("fired with %q, want %q", got, want)
		}
	}
	testkit.Await(t, "the stream to be empty", empty(t, b))
	if len(fired) > 0 {
		t.Errorf("fired once more with %q", <-fired)
	}
}

func TestPutIfAbsentLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	for i, want := range []bool{true, false, false} {
		got, err := s.PutIfAbsent(t.Context(), "a", time.Now().Add(soon), []byte(fmt.Sprint(i)))
		if err != nil || got != want {
			t.Fatalf("PutIfAbsent() number %d = %v, %v; want %v", i, got, err, want)
		}
	}
	handle, fired := record()
	consume(t, s, 1, handle)
	if got := testkit.Receive(t, "the firing", fired); string(got.State) != "0" {
		t.Errorf("state = %q, want the first", got.State)
	}
	testkit.Await(t, "the stream to be empty", empty(t, b))
	if ok, err := s.PutIfAbsent(t.Context(), "a", time.Now(), nil); err != nil || !ok {
		t.Errorf("PutIfAbsent() after the end = %v, %v; want true", ok, err)
	}
}

func TestTrapTargetMustDifferFromTheSubjectOfTheDefinition(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	err := define(t, b.JetStream(), "@at 2020-01-01T00:00:00Z", bus.ScheduleSubject("a"))
	if !errors.Is(err, jetstream.ErrScheduleTargetInvalid) {
		t.Errorf("a definition that targets itself: %v, want error 10190", err)
	}
	err = define(t, b.JetStream(), "@at 2020-01-01T00:00:00Z", "elsewhere.a")
	if !errors.Is(err, jetstream.ErrScheduleTargetInvalid) {
		t.Errorf("a definition that targets another stream: %v, want error 10190", err)
	}
	if err := define(t, b.JetStream(), "@at 2020-01-01T00:00:00Z", bus.FiringSubject("a")); err != nil {
		t.Errorf("our subjects: %v", err)
	}
}

func TestTrapDiscardNewWedgesSchedules(t *testing.T) {
	t.Parallel()
	cfg := polls(t)
	if cfg.Discard != jetstream.DiscardOld {
		t.Error("our stream does not discard old")
	}
	cfg.Discard = jetstream.DiscardNew
	if _, err := bare(t).CreateStream(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "discard new") {
		t.Errorf("schedules with DiscardNew: %v; the server used to refuse", err)
	}
}

func TestTrapSourcingAndMirroringLoseScheduledMessages(t *testing.T) {
	t.Parallel()
	cfg := polls(t)
	cfg.Sources = []*jetstream.StreamSource{{Name: "OTHER"}}
	if _, err := bare(t).CreateStream(t.Context(), cfg); !errors.Is(err, jetstream.ErrSourceWithMsgSchedules) {
		t.Errorf("schedules with a source: %v, want the server to refuse", err)
	}
	// The other direction, a stream that sources ours, is legal and lost messages
	// on clusters (nats-server issue 8423): TestStreamsFitTogether of the bus
	// looks after that.
}

func TestTrapAfterDowntimeAScheduleFiresOnceAndGoesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	before := testkit.StartNATS(t, dir)
	b := testkit.Connect(t, before)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	due := time.Now().Add(500 * time.Millisecond)
	put(t, scheduler(t, b), "a", due, "0")
	b.Close()
	if err := before.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "several periods to pass", func() bool { return time.Since(due) > time.Second })

	b = testkit.Connect(t, testkit.StartNATS(t, dir))
	fired := make(chan schedule.Firing, 100)
	consume(t, scheduler(t, b), 2, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		fired <- f
		if string(f.State) == "2" {
			return time.Time{}, nil, nil
		}
		return time.Now().Add(200 * time.Millisecond), []byte{f.State[0] + 1}, nil
	})
	var states, dues []string
	for range 3 {
		f := testkit.Receive(t, "a firing", fired)
		states = append(states, string(f.State))
		dues = append(dues, f.Due.Format(time.RFC3339Nano))
	}
	if diff := cmp.Diff([]string{"0", "1", "2"}, states); diff != "" {
		t.Errorf("one firing for the downtime, then the next ones (-want +got):\n%s\ndue at %v", diff, dues)
	}
	testkit.Await(t, "the stream to be empty", empty(t, b))
	if len(fired) != 0 {
		t.Errorf("it fired once more: %+v", <-fired)
	}
}

func TestTrapTimersHaveAGrainAndNeverFireEarly(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	type arrival struct {
		schedule.Firing
		at time.Time
	}
	fired := make(chan arrival, 100)
	consume(t, s, 4, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		fired <- arrival{f, time.Now()}
		return time.Time{}, nil, nil
	})
	begin := time.Now()
	put(t, s, "past", begin.Add(-time.Hour), "")
	for i := range 10 {
		put(t, s, fmt.Sprint(i), begin.Add(time.Duration(i)*130*time.Millisecond), "")
	}
	for range 11 {
		got := testkit.Receive(t, "a firing", fired)
		if early := got.Due.Sub(got.at); early > 0 {
			t.Errorf("%s fired %v early", got.ID, early)
		}
		// What is due now waits for the server's timer: a caller that needs it
		// sooner must not go through a schedule.
		if grain := got.at.Sub(begin); grain < 200*time.Millisecond {
			t.Errorf("%s fired %v after it was put: the server's timers got faster than their grain of 250 ms", got.ID, grain)
		}
	}
}

func TestTrapTheClientsOwnOptionCutsTheTimeToSeconds(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	at := time.Date(2100, 1, 2, 3, 4, 5, 678_900_000, time.FixedZone("", 3600))
	put(t, scheduler(t, b), "ours", at, "")
	_, err := b.JetStream().Publish(t.Context(), bus.ScheduleSubject("theirs"), nil,
		jetstream.WithScheduleAt(at), jetstream.WithScheduleTarget(bus.FiringSubject("theirs")))
	if err != nil {
		t.Fatal(err)
	}
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamPolls)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"ours": "@at 2100-01-02T02:04:05.6789Z", "theirs": "@at 2100-01-02T02:04:05Z"} {
		m, err := stream.GetLastMsgForSubject(t.Context(), bus.ScheduleSubject(id))
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Header.Get("Nats-Schedule"); got != want {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
}

func TestTrapEveryNeedsASecondWhichOurSchedulesDoNot(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	err := define(t, b.JetStream(), "@every 999ms", bus.FiringSubject("a"))
	if !errors.Is(err, jetstream.ErrSchedulePatternInvalid) {
		t.Errorf("@every 999ms: %v, want the server to refuse", err)
	}
	// TestHandlerDecidesWhenItsScheduleGoesOn runs one every 100 ms.
}

func TestTrapInterestRetentionAcknowledgesSchedulesAndDropsThem(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		retention jetstream.RetentionPolicy
		kept      uint64
	}{
		{"ours keeps them", polls(t).Retention, 1},
		{"interest drops them and says nothing", jetstream.InterestPolicy, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			cfg := polls(t)
			cfg.Retention = row.retention
			js := bare(t)
			stream, err := js.CreateStream(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := stream.CreateConsumer(t.Context(), bus.PollsConsumer(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if err := define(t, js, "@at 2100-01-01T00:00:00Z", bus.FiringSubject("a")); err != nil {
				t.Fatalf("publish: %v; it used to be acknowledged", err)
			}
			if got := messages(t, stream); got != row.kept {
				t.Errorf("%d definitions kept, want %d", got, row.kept)
			}
		})
	}
}

func TestTrapMaxAgeAndOtherLimitsDeleteDefinitions(t *testing.T) {
	t.Parallel()
	ours := polls(t)
	if ours.MaxAge != 0 || ours.MaxBytes != 0 || ours.MaxMsgs != 0 || ours.MaxMsgsPerSubject != 0 {
		t.Errorf("our stream has limits: %+v", ours)
	}
	cfg := ours
	cfg.MaxAge, cfg.Duplicates = 200*time.Millisecond, 200*time.Millisecond
	js := bare(t)
	stream, err := js.CreateStream(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := define(t, js, "@at 2100-01-01T00:00:00Z", bus.FiringSubject("a")); err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "the definition to vanish, as the trap has it", func() bool { return messages(t, stream) == 0 })
}

func TestTrapAFiringMustNotExpireBeforeSomebodyTakesIt(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	put(t, scheduler(t, b), "a", time.Now(), "")
	testkit.Await(t, "the firing", func() bool { return fires(t, b, "a") })
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamPolls)
	if err != nil {
		t.Fatal(err)
	}
	m, err := stream.GetLastMsgForSubject(t.Context(), bus.FiringSubject("a"))
	if err != nil {
		t.Fatal(err)
	}
	if ttl := m.Header.Get("Nats-TTL"); ttl != "" {
		t.Errorf("the firing lives for %s only", ttl)
	}
}

func TestTrapFailuresMustNotFillUpTheConsumer(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := schedule.New(b, schedule.Config{Log: testkit.Logger(t), RetryMin: time.Hour, RetryMax: time.Hour})
	const broken = 1100 // the server's default bound of unacknowledged messages is 1000
	failed, done := make(chan struct{}, broken), make(chan struct{})
	consume(t, s, 8, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		if f.ID == "healthy" {
			close(done)
			return time.Time{}, nil, nil
		}
		failed <- struct{}{}
		return time.Time{}, nil, errBroken
	})
	for i := range broken {
		put(t, s, fmt.Sprint(i), time.Now(), "")
	}
	for range broken {
		testkit.Receive(t, "all to have failed", failed)
	}
	put(t, s, "healthy", time.Now(), "")
	testkit.Receive(t, "the healthy one behind them", signal(done))
}

// signal turns the closing of a channel into a value.
func signal(done <-chan struct{}) <-chan bool {
	ch := make(chan bool, 1)
	go func() { <-done; ch <- true }()
	return ch
}

func TestTrapASecondConsumerOfTheQueueIsRefused(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	js := b.JetStream()
	cfg := bus.PollsConsumer(time.Minute)
	for range 2 { // the same one again is the same one
		if _, err := js.CreateOrUpdateConsumer(t.Context(), bus.StreamPolls, cfg); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Durable = "others"
	if _, err := js.CreateOrUpdateConsumer(t.Context(), bus.StreamPolls, cfg); err == nil {
		t.Error("a second consumer was accepted: a schedule could fire twice")
	}
}

func TestTheNextDefinitionIsStoredBeforeTheAcknowledgement(t *testing.T) {
	t.Parallel()
	srv := testkit.StartNATS(t, t.TempDir())
	b := testkit.Connect(t, srv)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	onlooker := testkit.Connect(t, srv)
	seen := make(chan string, 100)
	watch := func(filter, name string) {
		_, err := onlooker.Conn().Subscribe(filter, func(*nats.Msg) { seen <- name })
		if err != nil {
			t.Fatal(err)
		}
	}
	watch("ferrule.poll.sched.>", "definition")
	watch("$JS.ACK."+bus.StreamPolls+".>", "acknowledgement")
	if err := onlooker.Conn().Flush(); err != nil {
		t.Fatal(err)
	}
	s := scheduler(t, b)
	consume(t, s, 1, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		return f.Due.Add(time.Hour), nil, nil
	})
	put(t, s, "a", time.Now(), "")
	var got []string
	for range 3 {
		got = append(got, testkit.Receive(t, "a message", seen))
	}
	want := []string{"definition", "definition", "acknowledgement"} // the first is the put
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestCrashBetweenNextDefinitionAndAcknowledgementKeepsOneSchedule(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := schedule.New(b, schedule.Config{Log: testkit.Logger(t), AckWait: 300 * time.Millisecond})
	put(t, s, "a", time.Now(), "0")

	// A process takes the firing, stores what comes next, and dies.
	c, err := b.JetStream().CreateOrUpdateConsumer(t.Context(), bus.StreamPolls, bus.PollsConsumer(300*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Next(jetstream.FetchMaxWait(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	if ok, err := s.PutIfAbsent(t.Context(), "a", time.Now().Add(time.Second), []byte("1")); err != nil || !ok {
		t.Fatalf("PutIfAbsent() = %v, %v", ok, err)
	}

	fired := make(chan string, 100)
	consume(t, s, 2, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		fired <- fmt.Sprint(string(f.State), " attempt ", f.Attempt)
		if string(f.State) == "0" {
			return time.Now().Add(time.Second), []byte("1"), nil
		}
		return time.Time{}, nil, nil
	})
	for _, want := range []string{"0 attempt 2", "1 attempt 1"} {
		if got := testkit.Receive(t, "a firing", fired); got != want {
			t.Errorf("fired %q, want %q", got, want)
		}
	}
	testkit.Await(t, "the stream to be empty", empty(t, b))
	if len(fired) != 0 {
		t.Errorf("a second schedule grew: %q", <-fired)
	}
}

func TestServerThatRestartsUnderARunningConsumer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	srv := &swap{current: testkit.StartNATS(t, dir)}
	b, err := bus.Connect(t.Context(), bus.Config{InProcess: srv, Log: testkit.Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := scheduler(t, b)
	handle, fired := record()
	consume(t, s, 3, handle)
	put(t, s, "before", time.Now(), "")
	testkit.Receive(t, "the first firing", fired)
	testkit.Await(t, "it to be acknowledged", empty(t, b))

	put(t, s, "during", time.Now().Add(soon), "")
	srv.restart(t, dir)
	if got := testkit.Receive(t, "the firing that fell into the restart", fired); got.ID != "during" {
		t.Errorf("%q fired", got.ID)
	}
	put(t, s, "after", time.Now(), "")
	if got := testkit.Receive(t, "a firing after the restart", fired); got.ID != "after" {
		t.Errorf("%q fired", got.ID)
	}
}
