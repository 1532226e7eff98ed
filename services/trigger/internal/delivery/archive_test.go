package delivery_test

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// summary is a delivery in one line.
func summary(d delivery.Delivery) string {
	s := fmt.Sprintf("%s state %d, %d attempts", d.ID(), d.State, len(d.Attempts))
	if d.Reason != "" {
		s += ", " + d.Reason
	}
	return s
}

func (f *fixture) listed(s core.Subscription) (lines []string) {
	f.t.Helper()
	list, err := delivery.NewArchive(delivery.NewQueue(f.ports)).List(f.t.Context(), s)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, d := range list {
		lines = append(lines, summary(d))
	}
	slices.Sort(lines)
	return lines
}

func TestEveryAttemptCanBeLookedAt(t *testing.T) {
	f := newFixture(t)
	sender := newKeyed(func(data string, n int) delivery.Result {
		switch {
		case data == "refused":
			return delivery.Result{Outcome: delivery.Refused, Status: 400, Reason: "no title"}
		case data == "second" && n == 1:
			return delivery.Result{Status: 500, Reason: "away"}
		case data == "never":
			return delivery.Result{Status: 503, Reason: "not now"}
		}
		return delivery.Result{Outcome: delivery.Accepted, Status: 200}
	})
	s := f.subscribe("items", "https://sink.example.com/")
	f.happen(f.subscribe("other", "https://sink.example.com/"), "first")
	f.happen(s, "first", "refused", "second")
	stop := f.run(sender, 2)
	want := []string{"first-items.0 state 2, 1 attempts", "refused-items.0 state 3, 1 attempts, no title", "second-items.0 state 2, 2 attempts"}
	testkit.Await(t, "three deliveries", func() bool { return slices.Equal(f.listed(s), want) })
	f.happen(s, "never")
	testkit.Await(t, "one that waits", func() bool { return slices.Contains(f.listed(s), "never-items.0 state 1, 1 attempts") })
	stop()
	list, err := delivery.NewArchive(delivery.NewQueue(f.ports)).List(t.Context(), s)
	if err != nil || list[0].ID() != "never-items.0" || !list[0].Next.After(list[0].Last) || list[0].Attempts[0].Reason != "not now" || list[0].Attempts[0].Status != 503 {
		t.Errorf("the latest: %+v, %v", list, err)
	}
	i := slices.IndexFunc(list, func(d delivery.Delivery) bool { return d.EventID == "second-items" })
	if a := list[i].Attempts; a[0].Number != 1 || a[0].Status != 500 || a[1].Number != 2 || a[1].Reason != "" || a[1].Time.Before(a[0].Time) {
		t.Errorf("attempts %+v", a)
	}
}

func TestDeadLettersAreRedeliveredAsAskedFor(t *testing.T) {
	for _, tc := range []struct {
		name  string
		which delivery.Selection
		n     int
		left  []string
	}{
		{"all", delivery.Selection{}, 4, nil},
		{"those of a sink", delivery.Selection{Sink: "1"}, 2, []string{"a-items.0", "b-items.0"}},
		{"by name", delivery.Selection{IDs: map[string]bool{"a-items.0": true, "b-items.1": true, "gone.0": true}}, 2, []string{"a-items.1", "b-items.0"}},
		{"by name and sink", delivery.Selection{IDs: map[string]bool{"a-items.0": true, "b-items.1": true}, Sink: "0"}, 1, []string{"a-items.1", "b-items.0", "b-items.1"}},
		{"none", delivery.Selection{IDs: map[string]bool{}}, 0, []string{"a-items.0", "a-items.1", "b-items.0", "b-items.1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			s := f.subscribe("items", "https://one.example.com/", "https://two.example.com/")
			var repaired atomic.Bool
			sender := newKeyed(func(string, int) delivery.Result {
				if repaired.Load() {
					return delivery.Result{Outcome: delivery.Accepted}
				}
				return delivery.Result{Outcome: delivery.Refused, Reason: "no"}
			})
			f.happen(s, "a", "b")
			f.run(sender, 2)
			testkit.Await(t, "four dead letters", func() bool { n, dead := f.queued(); return n == 0 && dead == 4 })
			repaired.Store(true)
			archive := delivery.NewArchive(delivery.NewQueue(f.ports))
			n, err := archive.Redeliver(t.Context(), s, tc.which)
			if err != nil || n != tc.n {
				t.Fatalf("%d, %v", n, err)
			}
			testkit.Await(t, "the redelivered events", func() bool {
				q, dead := f.queued()
				return q == 0 && dead == uint64(len(tc.left)) && sender.accepted() == tc.n
			})
			var left []string
			list, err := archive.List(t.Context(), s)
			for _, d := range list {
				if d.State == delivery.StateDead {
					left = append(left, d.ID())
				}
			}
			if slices.Sort(left); err != nil || !slices.Equal(left, tc.left) {
				t.Errorf("left: %q, %v", left, err)
			}
		})
	}
}

func TestAnEventThatDiesAgainIsADeadLetterAgain(t *testing.T) {
	f := newFixture(t)
	s := f.subscribe("items", "https://sink.example.com/")
	f.happen(s, "a")
	f.run(newKeyed(func(string, int) delivery.Result { return delivery.Result{Outcome: delivery.Refused, Reason: "no"} }), 1)
	for range 3 {
		testkit.Await(t, "a dead letter", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
		if n, err := delivery.NewArchive(delivery.NewQueue(f.ports)).Redeliver(t.Context(), s, delivery.Selection{}); err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
}

func TestWhatCannotBeRedeliveredStays(t *testing.T) {
	f := newFixture(t)
	s := f.subscribe("items", "https://sink.example.com/")
	f.happen(s, "a")
	f.run(newKeyed(func(string, int) delivery.Result { return delivery.Result{Outcome: delivery.Gone, Reason: "gone"} }), 1)
	testkit.Await(t, "a dead letter", func() bool { n, dead := f.queued(); return n == 0 && dead == 1 })
	stored, err := f.store.ByUID(t.Context(), s.UID)
	if err != nil || !stored.Sinks[0].Disabled {
		t.Fatalf("%+v, %v", stored, err)
	}
	archive := delivery.NewArchive(delivery.NewQueue(f.ports))
	if n, err := archive.Redeliver(t.Context(), stored, delivery.Selection{}); n != 0 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := archive.Redeliver(t.Context(), stored, delivery.Selection{Sink: "0"}); fault.CodeOf(err) != fault.CodeFailedPrecondition || !strings.Contains(err.Error(), "enable it") {
		t.Errorf("a disabled sink: %v", err)
	}
	if _, err := archive.Redeliver(t.Context(), stored, delivery.Selection{Sink: "9"}); fault.CodeOf(err) != fault.CodeInvalidArgument {
		t.Errorf("no such sink: %v", err)
	}
	if _, dead := f.queued(); dead != 1 {
		t.Error("the dead letter is gone")
	}
}
