package testkit_test

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/kv/outbox"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeT is a test that fails without failing ours.
type fakeT struct {
	testing.TB
	failure  string
	output   strings.Builder
	cleanups []func()
}

func (f *fakeT) Helper()           {}
func (f *fakeT) Output() io.Writer { return &f.output }
func (f *fakeT) Cleanup(c func())  { f.cleanups = append(f.cleanups, c) }
func (f *fakeT) Fatalf(format string, args ...any) {
	f.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// attempt runs f as a test would and returns how long that took.
func attempt(f func()) time.Duration {
	begin := time.Now()
	done := make(chan struct{})
	go func() { defer close(done); f() }()
	<-done
	return time.Since(begin)
}

func TestAwait(t *testing.T) {
	for _, row := range []struct {
		name    string
		ready   time.Duration // after which the condition holds
		took    time.Duration
		failure string
	}{
		{"what holds already costs no time", 0, 0, ""},
		{"what holds later is seen soon after", 12 * time.Millisecond, 15 * time.Millisecond, ""},
		{"what never holds fails the test by name", time.Hour, testkit.Patience, "gave up waiting for the moon after 1m0s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := &fakeT{}
				begin := time.Now()
				took := attempt(func() {
					testkit.Await(f, "the moon", func() bool { return time.Since(begin) >= row.ready })
				})
				if took != row.took || f.failure != row.failure {
					t.Errorf("took %v with failure %q, want %v with %q", took, f.failure, row.took, row.failure)
				}
			})
		})
	}
}

func TestReceive(t *testing.T) {
	for _, row := range []struct {
		name    string
		ch      func() chan int
		want    int
		failure string
	}{
		{"a value that is there", func() chan int { ch := make(chan int, 1); ch <- 7; return ch }, 7, ""},
		{"a channel that was closed", func() chan int { ch := make(chan int); close(ch); return ch }, 0, "the channel was closed while waiting for it"},
		{"a value that never comes", func() chan int { return make(chan int) }, 0, "gave up waiting for it after 1m0s"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, got := &fakeT{}, 0
				attempt(func() { got = testkit.Receive(f, "it", row.ch()) })
				if got != row.want || f.failure != row.failure {
					t.Errorf("got %d with failure %q, want %d with %q", got, f.failure, row.want, row.failure)
				}
			})
		})
	}
}

func TestLogGoesToTheTestForAsLongAsItLives(t *testing.T) {
	f := &fakeT{}
	log := testkit.Logger(f)
	log.Debug("during", "n", 1)
	for _, c := range f.cleanups {
		c()
	}
	log.Error("after")
	if got := f.output.String(); !strings.Contains(got, "during") || !strings.Contains(got, "n=1") || strings.Contains(got, "after") {
		t.Errorf("output = %q", got)
	}
}

func TestTwoBusesOfOneTestDoNotShareAnything(t *testing.T) {
	one, two := testkit.NewNATS(t), testkit.NewNATS(t)
	if err := one.Publish(t.Context(), outbox.Message{ID: "1", Subject: "ferrule.event.a.b.c.d"}); err != nil {
		t.Fatal(err)
	}
	for b, want := range map[*bus.Bus]uint64{one: 1, two: 0} {
		stream, err := b.JetStream().Stream(t.Context(), bus.StreamEvents)
		if err != nil {
			t.Fatal(err)
		}
		if got := stream.CachedInfo().State.Msgs; got != want {
			t.Errorf("%d events, want %d", got, want)
		}
	}
}
