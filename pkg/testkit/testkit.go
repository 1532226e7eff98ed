// Package testkit is what tests of several packages share: a log that writes to
// the test, waiting with a deadline, and a message bus in memory.
//
//	func TestSomething(t *testing.T) {
//		b := testkit.NewNATS(t)
//		…
//		testkit.Await(t, "the event to be stored", func() bool { return stored() == 1 })
//	}
//
// It is imported by tests only.
package testkit

import (
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// Patience is how long the waiting functions wait before they fail the test.
// It is long because it is only ever spent on a test that fails anyway.
const Patience = time.Minute

// pace is how often [Await] looks.
const pace = 5 * time.Millisecond

// Logger returns a log that writes everything, from debug up, to the output of
// the test. Records that arrive after the test has ended are dropped.
func Logger(t testing.TB) *slog.Logger {
	w := &testWriter{out: t.Output()}
	t.Cleanup(w.close)
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// testWriter drops what comes too late: writing to the output of a test that
// has ended is a panic.
type testWriter struct {
	mu     sync.Mutex
	out    io.Writer
	closed bool
}

func (w *testWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(p), nil
	}
	return w.out.Write(p)
}

func (w *testWriter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

// Await blocks until ok returns true, and fails the test when that takes longer
// than [Patience]. ok is called in the goroutine of the test, first at once and
// then every few milliseconds. what completes the sentence "gave up waiting for".
func Await(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if ok() {
		return
	}
	tick := time.NewTicker(pace)
	defer tick.Stop()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	for {
		select {
		case <-tick.C:
			if ok() {
				return
			}
		case <-deadline.C:
			t.Fatalf("gave up waiting for %s after %v", what, Patience)
		}
	}
}

// Receive returns the next value from ch, and fails the test when none comes
// within [Patience] or ch is closed. what completes the sentence "gave up
// waiting for".
func Receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	deadline := time.NewTimer(Patience)
	defer deadline.Stop()
	select {
	case v, open := <-ch:
		if !open {
			t.Fatalf("the channel was closed while waiting for %s", what)
		}
		return v
	case <-deadline.C:
		t.Fatalf("gave up waiting for %s after %v", what, Patience)
	}
	panic("unreachable: Fatalf ends the goroutine")
}
