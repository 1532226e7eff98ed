package embedded

import (
	"log/slog"
	"testing"
)

func TestAcknowledgedMeansOnDiskUnlessAskedOtherwise(t *testing.T) {
	for _, row := range []struct {
		name      string
		opts      Options
		always    bool
		maxStore  int64
		maxMemory int64
	}{
		{"by default every write is synced, within the default limits", Options{}, true, DefaultMaxStore, DefaultMaxMemory},
		{"an interval is for those who ask", Options{Sync: SyncInterval}, false, DefaultMaxStore, DefaultMaxMemory},
		{"limits are taken as given", Options{MaxStore: 5 << 20, MaxMemory: 1 << 20}, true, 5 << 20, 1 << 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.opts.Dir, row.opts.Log = t.TempDir(), slog.New(slog.DiscardHandler)
			s, err := Start(t.Context(), row.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer s.shutdown()
			got := s.nats.JetStreamConfig() // what the running server believes
			if got.SyncAlways != row.always || got.MaxStore != row.maxStore || got.MaxMemory != row.maxMemory {
				t.Errorf("server runs with sync %v, store %d, memory %d; want %v, %d, %d",
					got.SyncAlways, got.MaxStore, got.MaxMemory, row.always, row.maxStore, row.maxMemory)
			}
		})
	}
}

func TestFirstFatalErrorIsRemembered(t *testing.T) {
	a := &adapter{log: slog.New(slog.DiscardHandler)}
	if got := a.fatalMessage(); got != "" {
		t.Fatalf("fatalMessage() = %q before any", got)
	}
	a.Fatalf("disk %s", "full")
	a.Fatalf("and then this")
	if got := a.fatalMessage(); got != "disk full" {
		t.Errorf("fatalMessage() = %q, want the first", got)
	}
}
