package testkit

import (
	"context"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
)

// NewNATS starts a NATS server in a temporary directory and returns a bus with
// all streams in place. Both are closed when the test ends. It takes a few
// milliseconds and opens no port.
func NewNATS(t testing.TB) *bus.Bus {
	t.Helper()
	b := Connect(t, StartNATS(t, t.TempDir()))
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

// StartNATS starts a NATS server that keeps its files in dir, without waiting
// for the disk on each message. It is closed when the test ends, or earlier by
// the test itself.
func StartNATS(t testing.TB, dir string) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(t.Context(), embedded.Options{Dir: dir, Sync: embedded.SyncInterval, Log: Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// Connect returns one more bus on a server, as another process would have it.
// It is closed when the test ends.
func Connect(t testing.TB, s *embedded.Server) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Config{Name: t.Name(), InProcess: s, Log: Logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}
