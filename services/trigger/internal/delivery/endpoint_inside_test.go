package delivery

import (
	"fmt"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

func TestWhichSinksShareTheirBounds(t *testing.T) {
	with := func(url string, concurrent int, perSecond float64) core.Sink {
		return core.Sink{HTTP: &core.HTTPSink{URL: url}, Concurrent: concurrent, PerSecond: perSecond}
	}
	first := with("https://a.example.com/one", 1, 0)
	for _, tc := range []struct {
		name   string
		owner  string
		other  core.Sink
		shared bool
	}{
		{"another path and query", "ann", with("https://a.example.com/two?x=1", 1, 0), true},
		{"the port that is usual", "ann", with("https://A.example.com:443/", 0, 5), true},
		{"another port", "ann", with("https://a.example.com:8443/", 1, 0), false},
		{"another scheme", "ann", with("http://a.example.com/", 1, 0), false},
		{"another host", "ann", with("https://b.example.com/", 1, 0), false},
		{"another owner", "bob", with("https://a.example.com/one", 1, 0), false},
		{"one that states no bound", "ann", with("https://a.example.com/one", 0, 0), false},
		{"an action", "ann", core.Sink{Action: &core.ActionSink{}, Concurrent: 1}, false},
	} {
		a, _ := endpointOf(core.Subscription{Owner: "ann"}, first)
		b, ok := endpointOf(core.Subscription{Owner: tc.owner}, tc.other)
		if (ok && a == b) != tc.shared {
			t.Errorf("%s: %+v, %+v", tc.name, a, b)
		}
	}
}

// TestSinksAtOneEndpointTakeTurns: one that has much to deliver keeps none waiting, and
// what is over is forgotten.
func TestSinksAtOneEndpointTakeTurns(t *testing.T) {
	e, sub := newEndpoints(), core.Subscription{Owner: "ann"}
	sink := core.Sink{HTTP: &core.HTTPSink{URL: "https://a.example.com/"}, Concurrent: 1}
	at := func(i int) bus.DeliveryAddress { return bus.DeliveryAddress{Sink: fmt.Sprint(i)} }
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	served := map[int]int{}
	for range 30 {
		var leave func()
		for i := range 3 {
			if l, wait := e.enter(at(i), sub, sink, now); l != nil {
				if leave != nil {
					t.Fatal("two are under way")
				}
				leave = l
				served[i]++
			} else if wait <= 0 {
				t.Fatal("it would ask again at once")
			}
			now = now.Add(time.Millisecond)
		}
		if leave == nil {
			t.Fatal("nobody is served")
		}
		leave()
	}
	for i := range 3 {
		if served[i] != 10 {
			t.Errorf("served: %v", served)
		}
	}
	// Whoever waits and does not come back keeps nobody from the endpoint for long.
	now = now.Add(2 * endpointPatience)
	leave, _ := e.enter(at(7), sub, sink, now)
	if leave == nil {
		t.Fatal("it waits for those that are gone")
	}
	leave()
	sink.HTTP = &core.HTTPSink{URL: "https://b.example.com/"}
	if leave, _ = e.enter(at(8), sub, sink, now.Add(2*endpointPatience)); leave == nil || len(e.load) != 1 {
		t.Errorf("%d endpoints are remembered", len(e.load))
	}
}
