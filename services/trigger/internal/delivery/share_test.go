package delivery_test

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// tarpit is a sender whose endpoints of one owner never answer.
type tarpit struct {
	of string // or all whose names begin so

	mu   sync.Mutex
	hung int
	got  []string // events of the others
}

func (*tarpit) Kind() string          { return "http" }
func (*tarpit) Serves(core.Sink) bool { return true }

func (p *tarpit) Send(ctx context.Context, job delivery.Job) delivery.Result {
	if !strings.HasPrefix(job.Subscription.Owner, p.of) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.got = append(p.got, job.EventID)
		return delivery.Result{Outcome: delivery.Accepted}
	}
	p.mu.Lock()
	p.hung++
	p.mu.Unlock()
	<-ctx.Done()
	return delivery.Result{Reason: "the endpoint did not answer in time"}
}

func (p *tarpit) hanging() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hung
}

func (p *tarpit) others() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.got)
}

// ownedBy gives a subscription an owner.
func (f *fixture) ownedBy(owner string, s core.Subscription) core.Subscription {
	f.t.Helper()
	s, err := f.store.Alter(f.t.Context(), s.UID, func(s *core.Subscription) error { s.Owner = owner; return nil })
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func TestSinksOfOneOwnerThatHangLeaveWorkersForAllOthers(t *testing.T) {
	for _, tc := range []struct {
		name string
		url  func(i int) string
	}{
		{"at many endpoints", func(i int) string { return "https://" + strconv.Itoa(i) + ".example.com/" }},
		{"at one endpoint", func(int) string { return "https://sink.example.com/" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFixture(t)
			const workers = 8
			var sinks []core.Sink
			for i := range 3 * workers {
				sinks = append(sinks, core.Sink{ID: strconv.Itoa(i), HTTP: &core.HTTPSink{URL: tc.url(i)}})
			}
			slow := f.ownedBy("mallory", f.subscribeTo("slow", sinks...))
			quick := f.ownedBy("ann", f.subscribe("of-ann", "https://other.example.com/"))
			p := &tarpit{of: "mallory"}
			f.happen(slow, "a")
			f.run(p, workers)
			testkit.Await(t, "what hangs", func() bool { return p.hanging() >= workers/4 })
			f.happen(quick, "a", "b", "c")
			testkit.Await(t, "the others", func() bool { return p.others() == 3 })
			if n := p.hanging(); n > workers/4 {
				t.Errorf("%d of %d workers wait for one owner's endpoints, want a quarter", n, workers)
			}
		})
	}
}

// Six owners have more sinks that hang than there are workers, and still others are
// served.
func TestSinksOfManyOwnersThatHangLeaveWorkersForAllOthers(t *testing.T) {
	f := newFixture(t)
	const workers, owners = 32, 6
	p := &tarpit{of: "mallory"}
	for o := range owners {
		var sinks []core.Sink
		for i := range 8 {
			sinks = append(sinks, core.Sink{ID: strconv.Itoa(i), HTTP: &core.HTTPSink{URL: "https://" + strconv.Itoa(10*o+i) + ".example.com/"}})
		}
		for half := range 2 {
			name := string(rune('a'+2*o+half)) + "-slow" // what a fixture makes the unique id of
			f.happen(f.ownedBy("mallory-"+strconv.Itoa(o), f.subscribeTo(name, sinks...)), "of-"+name)
		}
	}
	quick := f.ownedBy("ann", f.subscribe("of-ann", "https://other.example.com/"))
	f.run(p, workers)
	testkit.Await(t, "what hangs", func() bool { return p.hanging() >= workers/2 })
	f.happen(quick, "a", "b", "c")
	testkit.Await(t, "the others", func() bool { return p.others() == 3 })
	if n := p.hanging(); n > workers-4 {
		t.Errorf("%d of %d workers wait for endpoints that hang", n, workers)
	}
}

// However many sinks somebody has, all get their events when nobody hangs.
func TestOneOwnerAloneGetsEverythingDelivered(t *testing.T) {
	f := newFixture(t)
	var sinks []core.Sink
	for i := range 60 {
		sinks = append(sinks, core.Sink{ID: strconv.Itoa(i), HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}})
	}
	s := f.ownedBy("ann", f.subscribeTo("items", sinks...))
	p := &tarpit{of: "nobody"}
	f.happen(s, "a", "b")
	f.run(p, 8)
	testkit.Await(t, "everything", func() bool { return p.others() == 120 })
}
