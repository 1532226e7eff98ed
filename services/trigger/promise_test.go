package trigger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// story is what happens to one polling and one webhook subscription while the
// process dies and comes back. The model is two lists: items that the API has
// got since the subscription was confirmed, and notifications whose sender was
// told that they are accepted.
type story struct {
	*world

	process  *process
	polled   []string       // the polling subscriptions
	store    *faultkv.Store // the present process's store, which may crash
	deaths   int
	items    []string
	accepted []string
}

func tell(t *testing.T) *story { return &story{world: newWorld(t)} }

// live starts a process on the store as it is now.
func (s *story) live(plan func(*faultkv.Store)) {
	s.t.Helper()
	s.store = faultkv.New(s.kv)
	plan(s.store)
	s.process = s.begin(s.store)
}

func noFault(*faultkv.Store) {}

// survive replaces the process if it has died.
func (s *story) survive() {
	s.t.Helper()
	if s.store.Crashed() {
		s.process.stop()
		s.deaths++
		s.live(noFault)
	}
}

// subscribe creates a subscription, again as long as the process dies from it.
func (s *story) subscribe(id, operation string) {
	s.t.Helper()
	draft := core.Draft{
		Environment: "default", ID: id, Operation: operation, Connection: resource.Connection{Environment: "default", ID: "shop"},
	}
	if operation != inventorytest.Webhook {
		draft.Recurrence.Interval = s.limits.MinInterval
		s.polled = append(s.polled, id)
	}
	caller := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "ann", Roles: []authn.Role{authn.RoleUser}}}
	testkit.Await(s.t, "the subscription "+id, func() bool {
		s.survive()
		_, err := s.process.service.triggers.Create(s.t.Context(), caller, draft)
		switch {
		case err == nil:
			return true
		case fault.ReasonOf(err) != fault.ReasonSubscriptionExists:
			return false
		}
		// A death after the commit left it: it is there, or about to be undone.
		sub, err := s.process.service.triggers.Get(s.t.Context(), caller, subscriptionName(id))
		if err != nil {
			return false
		}
		state, _ := sub.State()
		return state == core.StateActive
	})
}

func subscriptionName(id string) resource.Subscription {
	return resource.Subscription{Environment: "default", ID: id}
}

// happen lets something happen at the API: an item, and a notification that the
// API repeats until it is accepted.
func (s *story) happen(id string) {
	s.t.Helper()
	s.api.Add(id)
	s.items = append(s.items, item(id))
	testkit.Await(s.t, "the notification "+id, func() bool {
		s.survive()
		hooks := s.api.Hooks()
		res, err := s.process.notify(hooks[len(hooks)-1], id, item(id))
		return err == nil && res.GetStatusCode() == http.StatusAccepted
	})
	s.accepted = append(s.accepted, item(id))
}

// logged returns the data of the events of a subscription that are on the bus,
// as they are there, and fails if two have one id.
func (s *story) logged(id string) (data []string) {
	s.t.Helper()
	return logged(s.t, testkit.Connect(s.t, s.nats), id)
}

func logged(t testing.TB, b *bus.Bus, id string) (data []string) {
	t.Helper()
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamEvents)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for seq := uint64(1); ; {
		m, err := stream.GetMsg(t.Context(), seq, jetstream.WithGetMsgSubject("ferrule.event.*.*.*."+id))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return data
		}
		if err != nil {
			t.Fatal(err)
		}
		seq = m.Sequence + 1
		if eventID := m.Header.Get(jetstream.MsgIDHeader); ids[eventID] {
			t.Fatalf("event %s is there twice", eventID)
		} else {
			ids[eventID] = true
		}
		_, text, _ := strings.Cut(string(m.Data), `"data":`)
		data = append(data, strings.TrimSuffix(text, "}"))
	}
}

// end waits until everything has arrived and compares with the model.
func (s *story) end() {
	s.t.Helper()
	testkit.Await(s.t, "the last item", func() bool {
		s.survive()
		for _, id := range s.polled {
			if len(s.logged(id)) < len(s.items) {
				return false
			}
		}
		return true
	})
	for _, id := range s.polled {
		equal(s.t, id, s.logged(id), s.items)
	}
	equal(s.t, "notifications", s.logged("hook"), s.accepted)
	if hooks := s.api.Hooks(); len(hooks) != 1 {
		s.t.Errorf("%d registrations at the API, want 1", len(hooks))
	}
}

// whole is the story from the beginning to the end.
func (s *story) whole() {
	s.subscribe("items", inventorytest.Polling)
	s.subscribe("moved", inventorytest.Native)
	s.subscribe("numbered", inventorytest.Numbered)
	s.subscribe("hook", inventorytest.Webhook)
	for i := range 3 {
		s.happen(fmt.Sprint("n", i))
		testkit.Await(s.t, "a poll", func() bool {
			s.survive()
			return len(s.logged("items")) > i/2 // sometimes two at once
		})
	}
	s.end()
}

func TestNothingIsLostOrInventedWhereverTheProcessDies(t *testing.T) {
	calm := tell(t)
	calm.limits.SetupTime = 300 * time.Millisecond
	calm.live(noFault)
	calm.whole()
	passed := calm.store.Passed(faultkv.Any)
	calm.process.stop()
	t.Logf("%d moments", passed)

	step := max(passed/32, 1)
	if testing.Short() {
		step = max(passed/8, 1)
	}
	var stories, deaths atomic.Int64
	t.Run("die", func(t *testing.T) {
		for n := 1; n < passed; n += step {
			t.Run(fmt.Sprint("at moment ", n), func(t *testing.T) {
				t.Parallel()
				s := tell(t)
				s.limits.SetupTime = 300 * time.Millisecond
				s.live(func(f *faultkv.Store) { f.Crash(faultkv.Any, n) })
				s.whole()
				stories.Add(1)
				deaths.Add(int64(s.deaths))
			})
		}
	})
	// The last moments may come after the end of the story.
	if deaths.Load() < stories.Load()*3/4 {
		t.Errorf("only %d of %d processes died", deaths.Load(), stories.Load())
	}
}

func TestNothingIsLostWhenEveryCommitOfTheProcessFailsOnce(t *testing.T) {
	for _, point := range []faultkv.Point{faultkv.BeforeCommit, faultkv.AfterCommit} {
		t.Run(fmt.Sprint("point ", point), func(t *testing.T) {
			t.Parallel()
			s := tell(t)
			s.limits.SetupTime = 300 * time.Millisecond
			s.live(noFault)
			s.subscribe("items", inventorytest.Polling)
			s.subscribe("hook", inventorytest.Webhook)
			for n := 1; n < 40; n += 2 {
				s.store.Fail(point, n, errors.New("the disk hiccups"))
			}
			for i := range 3 {
				s.happen(fmt.Sprint("n", i))
			}
			s.end()
		})
	}
}

func TestNothingIsLostWhenAnswersOfTheAPIAreLost(t *testing.T) {
	s := tell(t)
	s.live(noFault)
	s.subscribe("items", inventorytest.Polling)
	s.subscribe("hook", inventorytest.Webhook)
	n := 0
	s.api.Set(func(a *inventorytest.API) {
		a.After = func(core.Call) error {
			n++
			if n%3 == 0 {
				return fault.Unavailable(fault.ReasonUpstreamReset, "cut off")
			}
			return nil
		}
	})
	for i := range 3 {
		s.happen(fmt.Sprint("n", i))
	}
	s.end()
}

func TestNothingIsLostWhenTheWholeMachineRestarts(t *testing.T) {
	s := tell(t)
	files := t.TempDir()
	s.nats = testkit.StartNATS(t, files)
	if err := testkit.Connect(t, s.nats).Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.live(noFault)
	s.subscribe("items", inventorytest.Polling)
	s.subscribe("hook", inventorytest.Webhook)
	for i := range 3 {
		s.happen(fmt.Sprint("a", i))
		s.process.stop()
		if err := s.nats.Close(context.Background()); err != nil {
			t.Fatal(err)
		}
		s.api.Add(fmt.Sprint("b", i)) // while nobody is there
		s.items = append(s.items, item(fmt.Sprint("b", i)))
		s.nats = testkit.StartNATS(t, files)
		s.live(noFault)
	}
	s.end()
}

func TestTwoProcessesShareTheWork(t *testing.T) {
	s := tell(t)
	s.live(noFault)
	s.subscribe("items", inventorytest.Polling)
	s.subscribe("hook", inventorytest.Webhook)
	second := s.begin(s.kv)
	for i := range 4 {
		s.happen(fmt.Sprint("n", i))
	}
	s.end()
	second.stop()
	s.happen("last")
	s.end()
}

func TestAPollingSubscriptionWithoutAScheduleIsFoundAtTheStart(t *testing.T) {
	s := tell(t)
	s.live(noFault)
	s.subscribe("items", inventorytest.Polling)
	s.process.stop()
	b := testkit.Connect(t, s.nats)
	stream, err := b.JetStream().Stream(t.Context(), bus.StreamPolls)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Purge(t.Context()); err != nil { // as if it had never been set
		t.Fatal(err)
	}
	s.api.Add("new")
	s.items = append(s.items, item("new"))
	s.live(noFault)
	testkit.Await(t, "the item", func() bool { return slices.Equal(s.logged("items"), s.items) })
}

func TestADeletedSubscriptionLeavesNoSchedule(t *testing.T) {
	s := tell(t)
	s.live(noFault)
	s.subscribe("items", inventorytest.Polling)
	caller := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "ann"}}
	if err := s.process.service.triggers.Delete(t.Context(), caller, subscriptionName("items")); err != nil {
		t.Fatal(err)
	}
	stream, err := testkit.Connect(t, s.nats).JetStream().Stream(t.Context(), bus.StreamPolls)
	if err != nil {
		t.Fatal(err)
	}
	testkit.Await(t, "an empty scheduler", func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.Msgs == 0
	})
	calls := len(s.api.Calls(inventorytest.Polling))
	var records int
	if err := s.kv.View(t.Context(), func(r kv.Reader) error {
		pairs, err := r.Scan([]byte("s/"), nil, 10)
		records = len(pairs)
		return err
	}); err != nil || records != 0 {
		t.Errorf("%d records left, %v", records, err)
	}
	if again := len(s.api.Calls(inventorytest.Polling)); again != calls {
		t.Errorf("polled after the deletion")
	}
}
