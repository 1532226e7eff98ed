package orphans_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/orphans"
)

// world is a bus with traces, and those who know what exists.
type world struct {
	t      *testing.T
	bucket jetstream.KeyValue
	asked  []string // in order
	gone   []string
	asking func(name string) error // called for each question, before it is answered
	told   []orphans.Owner
}

func newWorld(t *testing.T, keys ...string) *world {
	t.Helper()
	b := testkit.NewNATS(t)
	bucket, err := b.Bucket(t.Context(), bus.BucketScriptState)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, bucket: bucket}
	for _, key := range keys {
		w.put(key)
	}
	return w
}

func (w *world) put(key string) {
	w.t.Helper()
	if _, err := w.bucket.Put(w.t.Context(), key, []byte("x")); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) left() []string {
	w.t.Helper()
	keys, err := w.bucket.Keys(w.t.Context())
	if err != nil && len(keys) > 0 {
		w.t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

func (w *world) ask(name string, missing fault.Reason) error {
	w.asked = append(w.asked, name)
	if w.asking != nil {
		if err := w.asking(name); err != nil {
			return err
		}
	}
	if slices.Contains(w.gone, name) {
		return fault.NotFound(missing, "%s does not exist", name)
	}
	return nil
}

// sweep looks for what an owner has left.
func (w *world) sweep(of orphans.Owner) error {
	return orphans.New(orphans.Config{
		Places: []orphans.Place{orphans.States(w.bucket)},
		Exists: orphans.Exists{
			Connection: func(_ context.Context, name resource.Connection) error {
				return w.ask("connection "+name.ID, fault.ReasonConnectionNotFound)
			},
			Connector: func(_ context.Context, name resource.Connector) error {
				return w.ask("connector "+name.ID, fault.ReasonConnectorNotFound)
			},
		},
		Forget: func(_ context.Context, gone orphans.Owner) error { w.told = append(w.told, gone); return nil },
		Clock:  clocktest.New(time.Unix(0, 0)), Log: slog.New(slog.DiscardHandler),
	}).Sweep(w.t.Context(), of)
}

func connection(id string) orphans.Owner { return orphans.Owner{Environment: "e", Connection: id} }

var traces = []string{"state.e.c1.a.k", "state.e.c1.a.l", "state.e.c1.b.k", "state.e.c2.d.k", "state.other.c1.a.k"}

func TestWhatIsRemoved(t *testing.T) {
	for _, tt := range []struct {
		name  string
		gone  []string
		of    orphans.Owner
		left  []string
		asked []string // nil for anything
	}{
		{"nothing of a connection that exists", nil, connection("a"), traces, []string{"connection a"}},
		{"all of a connection that is gone", []string{"connection b"}, connection("b"), slices.Delete(slices.Clone(traces), 2, 3), []string{"connection b", "connection b"}},
		{"nothing of others, also if they are gone", []string{"connection b"}, connection("d"), traces, []string{"connection d"}},
		{"what code of a connector kept that is gone", []string{"connector c2"}, orphans.Owner{Environment: "e", Connector: "c2"}, slices.Delete(slices.Clone(traces), 3, 4), nil},
		{"everything that is gone", []string{"connection b", "connector c2"}, orphans.Owner{}, []string{"state.e.c1.a.k", "state.e.c1.a.l", "state.other.c1.a.k"}, nil},
		{"everything, in all environments", []string{"connection a"}, orphans.Owner{}, []string{"state.e.c1.b.k", "state.e.c2.d.k"}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, traces...)
			w.gone = tt.gone
			if err := w.sweep(tt.of); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.left, w.left()); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if tt.asked != nil && !slices.Equal(w.asked, tt.asked) {
				t.Errorf("asked %q, want %q", w.asked, tt.asked)
			}
		})
	}
}

// TestEachOwnerIsToldOnce, however many traces there are.
func TestEachOwnerIsToldOnce(t *testing.T) {
	w := newWorld(t, traces...)
	w.gone = []string{"connection a"}
	if err := w.sweep(connection("a")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]orphans.Owner{{Environment: "e", Connection: "a"}}, w.told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestWhatWasMadeAgainStays: be it that the connection is there again by the time
// that its traces are known, or that it writes them after it was looked for.
func TestWhatWasMadeAgainStays(t *testing.T) {
	t.Run("the connection is there again", func(t *testing.T) {
		w := newWorld(t, "state.e.c.a.k")
		w.gone = []string{"connection a"}
		w.asking = func(string) error {
			if len(w.asked) == 2 {
				w.gone = nil
			}
			return nil
		}
		if err := w.sweep(connection("a")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"state.e.c.a.k"}, w.left()); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("the trace is written again", func(t *testing.T) {
		w := newWorld(t, "state.e.c.a.k", "state.e.c.a.l")
		w.gone = []string{"connection a"}
		w.asking = func(string) error {
			if len(w.asked) == 2 {
				w.put("state.e.c.a.l")
			}
			return nil
		}
		if err := w.sweep(connection("a")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"state.e.c.a.l"}, w.left()); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNothingIsRemovedInDoubt: only a clear answer that something is gone counts.
func TestNothingIsRemovedInDoubt(t *testing.T) {
	for name, err := range map[string]error{
		"nobody answers":     fault.Unavailable(fault.ReasonServiceUnavailable, "away"),
		"nobody may know":    fault.Denied(fault.ReasonPermissionDenied, "no"),
		"something is amiss": fault.Internal(fault.ReasonInternal, "oh"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, traces...)
			w.asking = func(string) error { return err }
			if got := w.sweep(orphans.Owner{}); !errors.Is(got, err) {
				t.Errorf("error = %v, want %v", got, err)
			}
			if diff := cmp.Diff(traces, w.left()); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
		})
	}
}
