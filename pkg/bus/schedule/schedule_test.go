package schedule_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/schedule"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errBroken = errors.New("upstream is down")

// soon is near enough for a test and past what the server fires late.
const soon = 300 * time.Millisecond

// scheduler returns a scheduler that retries fast.
func scheduler(t *testing.T, b *bus.Bus) *schedule.Scheduler {
	return schedule.New(b, schedule.Config{Log: testkit.Logger(t), RetryMin: 50 * time.Millisecond, RetryMax: 200 * time.Millisecond})
}

// consume runs Consume until the test ends, or until the returned function is
// called, and reports an error of it.
func consume(t *testing.T, s *schedule.Scheduler, workers int, handle schedule.Handler) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Consume(ctx, workers, handle); err != nil {
			t.Errorf("Consume() = %v", err)
		}
	}()
	stop = func() { cancel(); <-ended }
	t.Cleanup(stop)
	return stop
}

// record returns a handler that ends each schedule, and what it was called with.
func record() (schedule.Handler, chan schedule.Firing) {
	fired := make(chan schedule.Firing, 10_000)
	return func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		fired <- f
		return time.Time{}, nil, nil
	}, fired
}

func put(t *testing.T, s *schedule.Scheduler, id string, at time.Time, state string) {
	t.Helper()
	if err := s.Put(t.Context(), id, at, []byte(state)); err != nil {
		t.Fatal(err)
	}
}

// pending returns how many definitions and firings the stream holds.
func pending(t *testing.T, b *bus.Bus) uint64 {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamPolls)
	if err != nil {
		t.Fatal(err)
	}
	return stream.CachedInfo().State.Msgs
}

func empty(t *testing.T, b *bus.Bus) func() bool {
	return func() bool { return pending(t, b) == 0 }
}

func TestFiringBringsWhatWasPut(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, id, state string
	}{
		{"a plain id", "sub-1", "cursor=7"},
		{"an id of any characters", "prod/orders.new *>é", ""},
		{"an id at its limit, every byte escaped", strings.Repeat(".", schedule.MaxIDBytes), "x"},
		{"state at its limit", "big", strings.Repeat("s", schedule.MaxStateBytes)},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := testkit.NewNATS(t)
			s := scheduler(t, b)
			handle, fired := record()
			consume(t, s, 1, handle)
			due := time.Now().Add(soon)
			put(t, s, row.id, due, row.state)
			got := testkit.Receive(t, "the firing", fired)
			if early := time.Until(due); early > 0 {
				t.Errorf("fired %v early", early)
			}
			if !got.Due.Equal(due) || got.Due.Location() != time.UTC {
				t.Errorf("due = %v, want %v in UTC", got.Due, due)
			}
			want := schedule.Firing{ID: row.id, Due: got.Due, State: []byte(row.state), Attempt: 1}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("firing (-want +got):\n%s", diff)
			}
			testkit.Await(t, "the stream to be empty", empty(t, b))
		})
	}
}

func TestBadSchedulesAreRefusedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	now := time.Now()
	for _, row := range []struct {
		name  string
		id    string
		at    time.Time
		state []byte
	}{
		{"no id", "", now, nil},
		{"an id past its limit", strings.Repeat("x", schedule.MaxIDBytes+1), now, nil},
		{"no time", "a", time.Time{}, nil},
		{"a time that the server cannot read", "a", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), nil},
		{"state past its limit", "a", now, make([]byte, schedule.MaxStateBytes+1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := s.Put(t.Context(), row.id, row.at, row.state); err == nil {
				t.Error("Put() = nil, want an error")
			}
			if ok, err := s.PutIfAbsent(t.Context(), row.id, row.at, row.state); err == nil || ok {
				t.Errorf("PutIfAbsent() = %v, %v; want an error", ok, err)
			}
		})
	}
	if err := s.Cancel(t.Context(), ""); err == nil {
		t.Error("Cancel() of no id = nil, want an error")
	}
	if n := pending(t, b); n != 0 {
		t.Errorf("%d messages were stored", n)
	}
}

func TestHandlerDecidesWhenItsScheduleGoesOn(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	fired := make(chan string, 100)
	consume(t, s, 2, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		fired <- string(f.State)
		if len(f.State) == 3 {
			return time.Time{}, nil, nil // enough
		}
		// Less than a second from now, which "@every" could not do.
		return time.Now().Add(100 * time.Millisecond), append(f.State, 'i'), nil
	})
	put(t, s, "a", time.Now(), "")
	for _, want := range []string{"", "i", "ii", "iii"} {
		if got := testkit.Receive(t, "the next firing", fired); got != want {
			t.Fatalf("state = %q, want %q", got, want)
		}
	}
	testkit.Await(t, "the stream to be empty", empty(t, b))
}

func TestFailedFiringComesAgainUntilItIsDone(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		fail func() error
	}{
		{"after errors", func() error { return errBroken }},
		{"after panics", func() error { panic("nil pointer") }},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := testkit.NewNATS(t)
			s := scheduler(t, b)
			attempts := make(chan int, 100)
			consume(t, s, 1, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
				attempts <- f.Attempt
				if f.Attempt < 4 {
					return time.Now(), []byte("must be ignored"), row.fail()
				}
				return time.Time{}, nil, nil
			})
			put(t, s, "a", time.Now(), "kept")
			for want := 1; want <= 4; want++ {
				if got := testkit.Receive(t, "an attempt", attempts); got != want {
					t.Fatalf("attempt %d, want %d", got, want)
				}
			}
			testkit.Await(t, "the stream to be empty", empty(t, b))
		})
	}
}

func TestCancelledScheduleDoesNotFire(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	now := time.Now()
	put(t, s, "cancelled", now.Add(soon), "")
	put(t, s, "fired but not taken", now, "")
	testkit.Await(t, "the second to fire", func() bool { return fires(t, b, "fired but not taken") })
	for _, id := range []string{"cancelled", "fired but not taken", "never was"} {
		if err := s.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
	if n := pending(t, b); n != 0 {
		t.Fatalf("%d messages are left", n)
	}
	handle, fired := record()
	consume(t, s, 1, handle)
	put(t, s, "witness", now.Add(2*soon), "") // due after the cancelled one
	if got := testkit.Receive(t, "the witness", fired); got.ID != "witness" {
		t.Errorf("%q fired", got.ID)
	}
}

// fires reports whether a firing of id waits in the stream.
func fires(t *testing.T, b *bus.Bus, id string) bool {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamPolls)
	if err != nil {
		t.Fatal(err)
	}
	_, err = stream.GetLastMsgForSubject(t.Context(), bus.FiringSubject(id))
	return err == nil
}

func TestOneScheduleFiresOnOneOfManyProcesses(t *testing.T) {
	t.Parallel()
	srv := testkit.StartNATS(t, t.TempDir())
	var (
		mu    sync.Mutex
		count = map[string]int{}
	)
	var s *schedule.Scheduler
	for i := range 3 {
		b := testkit.Connect(t, srv)
		if err := b.Ensure(t.Context()); err != nil {
			t.Fatal(err)
		}
		s = scheduler(t, b)
		consume(t, s, 4, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
			mu.Lock()
			defer mu.Unlock()
			count[f.ID]++
			count[fmt.Sprint("process ", i)]++
			return time.Time{}, nil, nil
		})
	}
	due := time.Now().Add(soon)
	const n = 300
	for i := range n {
		put(t, s, fmt.Sprint(i), due, "")
	}
	testkit.Await(t, "all to have fired", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return count["process 0"]+count["process 1"]+count["process 2"] >= n
	})
	testkit.Await(t, "the stream to be empty", empty(t, testkit.Connect(t, srv)))
	mu.Lock()
	defer mu.Unlock()
	for i := range n {
		if got := count[fmt.Sprint(i)]; got != 1 {
			t.Errorf("schedule %d fired %d times, want once", i, got)
		}
	}
}

func TestLongHandlerKeepsItsFiring(t *testing.T) {
	t.Parallel()
	srv := testkit.StartNATS(t, t.TempDir())
	first, second := testkit.Connect(t, srv), testkit.Connect(t, srv)
	if err := first.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	started := make(chan string, 100)
	release := make(chan struct{})
	run := func(name string, b *bus.Bus) {
		s := schedule.New(b, schedule.Config{Log: testkit.Logger(t), AckWait: 300 * time.Millisecond})
		consume(t, s, 1, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
			started <- name + " " + f.ID
			if f.ID == "long" {
				<-release
			}
			return time.Time{}, nil, nil
		})
	}
	s := scheduler(t, first)
	put(t, s, "long", time.Now(), "")
	run("first", first)
	if got := testkit.Receive(t, "the long one", started); got != "first long" {
		t.Fatalf("%q started", got)
	}
	run("second", second) // idle, and would get what the first loses
	// Four times the wait after which a silent handler would lose its firing.
	put(t, s, "witness", time.Now().Add(1200*time.Millisecond), "")
	if got := testkit.Receive(t, "the witness", started); got != "second witness" {
		t.Errorf("%q started while the handler was still running", got)
	}
	close(release)
	testkit.Await(t, "the stream to be empty", empty(t, first))
}

func TestOneIDNeverRunsTwiceAtOnceInOneProcess(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	started := make(chan string, 100)
	release := make(chan struct{})
	var mu sync.Mutex
	running := 0
	consume(t, s, 4, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
		if f.ID == "a" {
			mu.Lock()
			if running++; running > 1 {
				t.Error("the id runs twice at once")
			}
			mu.Unlock()
			defer func() { mu.Lock(); running--; mu.Unlock() }()
		}
		started <- f.ID + string(f.State)
		if string(f.State) == "1" {
			<-release
		}
		return time.Time{}, nil, nil
	})
	put(t, s, "a", time.Now(), "1")
	testkit.Receive(t, "the first run", started)
	put(t, s, "a", time.Now(), "2")          // fires while the first still runs
	put(t, s, "b", time.Now().Add(soon), "") // after the second firing
	if got := testkit.Receive(t, "another id", started); got != "b" {
		t.Errorf("%q started, want the other id, which need not wait", got)
	}
	close(release)
	if got := testkit.Receive(t, "the second run", started); got != "a2" {
		t.Errorf("%q started, want the second firing of the id", got)
	}
}

func TestStopWaitsForHandlersAndKeepsWhatTheyDid(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	started, stopping := make(chan struct{}), make(chan struct{})
	stop := consume(t, s, 1, func(ctx context.Context, f schedule.Firing) (time.Time, []byte, error) {
		close(started)
		<-ctx.Done()
		close(stopping)
		return f.Due.Add(time.Hour), []byte("done"), nil
	})
	put(t, s, "a", time.Now(), "")
	<-started
	stop()
	select {
	case <-stopping:
	default:
		t.Fatal("Consume returned before its handler")
	}
	if n := pending(t, b); n != 1 {
		t.Errorf("%d messages, want the next definition and no firing", n)
	}
}

func TestFiringOfAStoppedProcessGoesToAnotherAtOnce(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	started := make(chan struct{})
	stop := consume(t, scheduler(t, b), 1, func(ctx context.Context, _ schedule.Firing) (time.Time, []byte, error) {
		close(started)
		<-ctx.Done()
		return time.Time{}, nil, ctx.Err()
	})
	put(t, scheduler(t, b), "a", time.Now(), "")
	<-started
	stop()
	begin := time.Now()
	handle, fired := record()
	consume(t, scheduler(t, b), 1, handle)
	if got := testkit.Receive(t, "the firing", fired); got.Attempt != 2 {
		t.Errorf("attempt = %d, want 2", got.Attempt)
	}
	if took := time.Since(begin); took > schedule.DefaultAckWait/2 {
		t.Errorf("the other process got it after %v", took)
	}
}

func TestConsumerThatWasDeletedIsMadeAgain(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	s := scheduler(t, b)
	handle, fired := record()
	consume(t, s, 2, handle)
	put(t, s, "a", time.Now(), "")
	testkit.Receive(t, "the first firing", fired)
	testkit.Await(t, "it to be acknowledged", empty(t, b))
	if err := b.JetStream().DeleteConsumer(t.Context(), bus.StreamPolls, bus.ConsumerPolls); err != nil {
		t.Fatal(err)
	}
	put(t, s, "b", time.Now(), "")
	if got := testkit.Receive(t, "the second firing", fired); got.ID != "b" {
		t.Errorf("%q fired", got.ID)
	}
}

func TestFiringThatNobodyUnderstandsIsDropped(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	for id, subject := range map[string]string{"no time": bus.FiringSubject("x"), "no id": bus.FiringSubject("x") + ".y"} {
		if _, err := b.JetStream().Publish(t.Context(), subject, []byte(id)); err != nil {
			t.Fatal(err)
		}
	}
	handle, fired := record()
	consume(t, scheduler(t, b), 1, handle)
	testkit.Await(t, "the stream to be empty", empty(t, b))
	if len(fired) != 0 {
		t.Errorf("the handler was called with %+v", <-fired)
	}
}

func TestConsumeOnAClosedBusEndsWithAnError(t *testing.T) {
	t.Parallel()
	b := testkit.NewNATS(t)
	started := make(chan struct{})
	ended := make(chan error, 1)
	s := scheduler(t, b)
	go func() {
		ended <- s.Consume(context.Background(), 2, func(_ context.Context, f schedule.Firing) (time.Time, []byte, error) {
			close(started)
			return time.Time{}, nil, nil
		})
	}()
	put(t, s, "a", time.Now(), "")
	<-started
	b.Close()
	if err := testkit.Receive(t, "Consume to end", ended); !errors.Is(err, nats.ErrConnectionClosed) {
		t.Errorf("Consume() = %v, want %v", err, nats.ErrConnectionClosed)
	}
	if err := s.Consume(context.Background(), 1, nil); err == nil {
		t.Error("Consume() that cannot begin = nil, want an error")
	}
}
