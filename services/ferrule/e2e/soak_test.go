package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

const (
	// soakVariable says how long the soak takes.
	soakVariable = "FERRULE_SOAK"
	// soakPace separates two items.
	soakPace = 50 * time.Millisecond
	// soakBehind is how many items may wait to be polled: no more than are listed.
	soakBehind = soakVisible * 3 / 4
	// soakTail bounds the time in which everything arrives that was under way.
	soakTail = 10 * time.Minute
	// soakPause is after how long it is looked whether all processes live.
	soakPause = 15 * time.Second
)

// soakTime is how long the soak takes; zero leaves it out.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv(soakVariable); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: %v", soakVariable, err)
		}
		return d
	}
	if os.Getenv("CI") == "true" {
		return time.Minute
	}
	return 0
}

// tale is what happened and what was heard of it. It is safe for concurrent use.
type tale struct {
	mu       sync.Mutex
	made     int
	accepted int
	heard    map[string]map[int]string // place → item → id of its event
	again    map[string]int            // duplicates with the same id
	wrong    []string
}

func (s *tale) make(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.made = max(s.made, id)
}

func (s *tale) accept(int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepted++
}

func (s *tale) hear(place, event string, item int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.heard[place] == nil {
		s.heard[place] = map[int]string{}
	}
	switch before, known := s.heard[place][item]; {
	case item < 1 || item > s.made:
		s.wrong = append(s.wrong, fmt.Sprintf("%s: an event tells of item %d, which does not exist", place, item))
	case !known:
		s.heard[place][item] = event
	case before == event:
		s.again[place]++
	default:
		s.wrong = append(s.wrong, fmt.Sprintf("%s: item %d has two events, %s and %s", place, item, before, event))
	}
}

// behind returns how many items have not been heard of at a place.
func (s *tale) behind(place string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.made - len(s.heard[place])
}

// soakPlaces are where events arrive: each subscription has two sinks.
var soakPlaces = []string{"sinks/listed", "copies/listed", "sinks/notified", "copies/notified"}

// Items are created while processes and the message bus are killed, and while the
// API and the sinks fail: every item arrives at every sink, and is one event however
// often it arrives.
func TestSoak(t *testing.T) {
	lasts := soakTime(t)
	if lasts == 0 {
		t.Skip("kills processes for a while: set " + soakVariable + " to how long, for instance 10m")
	}
	if *seed == 0 {
		*seed = time.Now().UnixNano() % 1_000_000
	}
	t.Logf("%v, the moments are those of -seed %d", lasts, *seed)
	story := &tale{heard: map[string]map[int]string{}, again: map[string]int{}}
	api := startSoakAPI(t, uint64(*seed), story)
	s := startStack(t)
	soakSubscribe(t, s.clients(t), api)

	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() { api.notify(ctx) })
	}
	creating, enough := context.WithCancel(ctx)
	group.Go(func() { soakCreate(creating, api) })
	killed := s.soakKill(t, lasts, rand.New(rand.NewPCG(uint64(*seed), 1)))
	enough()
	api.calmDown()
	s.awaitReady(t)
	begun := time.Now()
	for _, place := range soakPlaces {
		awaitSoak(t, s, place, story)
	}
	stop()
	group.Wait()
	t.Logf("killed: %v; everything had arrived %v after the last start", killed, time.Since(begun).Round(time.Second))
	story.judge(t)
}

// soakSubscribe makes a polling and a webhook subscription, with an HTTP sink and an
// action each.
func soakSubscribe(t *testing.T, c clients, api *soakAPI) {
	t.Helper()
	must[*registryv1.ImportConnectorResponse](t, "import")(c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: "soak", Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{
			Files: []*registryv1.SourceFile{{Path: "swagger.json", Content: fmt.Appendf(nil, soakDescription, api.host)}},
		}},
	}))
	must[*vaultv1.Connection](t, "connect")(c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: "soak", Connection: &vaultv1.Connection{Connector: connectorName("soak")},
	}))
	for id, operation := range map[string]string{"listed": "OnItemListed", "notified": "OnItemCreated"} {
		sub := &triggerv1.Subscription{
			Connection: connectionName("soak"), OperationId: operation,
			Sinks: []*triggerv1.Sink{
				{Kind: &triggerv1.Sink_Http{Http: &triggerv1.HttpSink{Url: api.url + "/sinks/" + id}}},
				{Kind: &triggerv1.Sink_Action{Action: &triggerv1.ActionSink{
					Connection: connectionName("soak"), OperationId: "Copy",
					Input: `{"place": "` + id + `", "body": {"id": "${event.id}", "data": "${event.data}"}}`,
				}}},
			},
		}
		if id == "listed" {
			sub.Interval = durationpb.New(time.Second)
		}
		// The API may fail the first call.
		testkit.Await(t, "the subscription "+id, func() bool {
			_, err := c.trigger.CreateSubscription(t.Context(), &triggerv1.CreateSubscriptionRequest{Parent: environment, SubscriptionId: id, Subscription: sub})
			if err != nil {
				t.Log(err)
			}
			return err == nil
		})
		testkit.Await(t, "the subscription "+id+" to be active", func() bool {
			got, err := c.trigger.GetSubscription(t.Context(), &triggerv1.GetSubscriptionRequest{Name: subscriptionName(id)})
			return err == nil && got.GetState() == triggerv1.SubscriptionState_SUBSCRIPTION_STATE_ACTIVE
		})
	}
}

// soakCreate creates items until ctx ends, never more than can be listed.
func soakCreate(ctx context.Context, api *soakAPI) {
	tick := time.NewTicker(soakPace)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if api.tale.behind("sinks/listed") < soakBehind {
				api.create()
			}
		}
	}
}

// soakKill kills processes at random moments, and now and then holds one up instead,
// which to its neighbours looks like a network that has gone silent. What is gone is
// started again. It returns how often each was killed.
func (s *stack) soakKill(t *testing.T, lasts time.Duration, dice *rand.Rand) map[string]int {
	t.Helper()
	killed := map[string]int{}
	victims := []string{triggerProcess, triggerProcess, triggerProcess, runtimeProcess, natsProcess, natsProcess, gatewayProcess}
	for end := time.Now().Add(lasts); time.Now().Before(end); {
		moment := time.Now().Add(time.Duration(dice.Int64N(int64(3 * time.Second))))
		testkit.Await(t, "the moment of the kill", func() bool { return time.Now().After(moment) })
		victim := victims[dice.IntN(len(victims))]
		if p := s.running[victim]; !p.gone() {
			if dice.IntN(8) == 0 {
				_ = p.cmd.Process.Signal(syscall.SIGSTOP)
				moment = time.Now().Add(time.Duration(dice.Int64N(int64(2 * time.Second))))
				testkit.Await(t, "the moment to go on", func() bool { return time.Now().After(moment) })
				_ = p.cmd.Process.Signal(syscall.SIGCONT)
				killed["held up"]++
				continue
			}
			p.kill()
			killed[victim]++
		}
		if dice.IntN(3) > 0 { // otherwise another one dies before this one lives
			s.revive(t)
		}
	}
	return killed
}

// awaitSoak waits until everything has arrived at a place. Nobody asks for anything
// here: calls of the action whose outcome nobody knows are made again by themselves.
func awaitSoak(t *testing.T, s *stack, place string, story *tale) {
	t.Helper()
	for end := time.Now().Add(soakTail); time.Now().Before(end); {
		pause := time.Now().Add(soakPause)
		testkit.Await(t, "everything to arrive", func() bool { return story.behind(place) == 0 || time.Now().After(pause) })
		if story.behind(place) == 0 {
			return
		}
		if n := s.revive(t); n > 0 {
			t.Logf("%d processes had ended by themselves", n)
		}
	}
	for name, p := range s.running {
		t.Logf("%s said:\n%s", name, tail(p.out.String()))
	}
	t.Errorf("%s: %d items have not arrived", place, story.behind(place))
}

// tail is the end of a long text.
func tail(text string) string { return text[max(len(text)-2000, 0):] }

// judge says what was lost.
func (s *tale) judge(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := 0
	for _, place := range soakPlaces {
		missing := s.made - len(s.heard[place])
		lost += missing
		t.Logf("%-16s %6d items, %5d repetitions with the same id, lost: %d", place, s.made, s.again[place], missing)
	}
	t.Logf("%d notifications were accepted", s.accepted)
	t.Logf("lost: %d", lost)
	if s.made == 0 || lost > 0 || s.accepted != s.made {
		t.Errorf("%d items, %d notifications accepted, lost: %d", s.made, s.accepted, lost)
	}
	for _, line := range slices.Compact(s.wrong) {
		t.Error(line)
	}
}
