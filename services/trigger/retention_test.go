package trigger

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

func TestWhatWaitsForASinkArrivesAfterItsEventIsNoLongerKept(t *testing.T) {
	w := newWorld(t)
	p := w.begin(w.kv)
	open, mu, got := make(chan struct{}), sync.Mutex{}, []string{}
	release := sync.OnceFunc(func() { close(open) })
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		<-open
		mu.Lock()
		defer mu.Unlock()
		got = append(got, req.Header.Get("Webhook-Id"))
	}))
	t.Cleanup(sink.Close)
	t.Cleanup(release)
	sub := p.createWith("hook", ordered("slow", sink.URL)) // one delivery at a time
	for _, id := range []string{"1", "2", "3"} {
		if _, err := p.notify(w.api.Hooks()[0], id, item(id)); err != nil {
			t.Fatal(err)
		}
	}
	list, err := p.client.ListEvents(p.ann(), &triggerv1.ListEventsRequest{Parent: sub.GetName()})
	if err != nil || len(list.GetEvents()) != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	queued := func() uint64 {
		stream, err := testkit.Connect(t, w.nats).JetStream().Stream(t.Context(), bus.StreamDeliveries)
		if err != nil {
			t.Fatal(err)
		}
		return stream.CachedInfo().State.Msgs
	}
	testkit.Await(t, "the queue", func() bool { return queued() == 3 })
	bounds := func(context.Context) ([]events.Bounds, error) {
		return []events.Bounds{{Environment: "default", MaxAge: time.Hour}}, nil
	}
	r := events.NewRetention(p.service.reader, bounds, clocktest.New(time.Now().Add(2*time.Hour)), w.log, nil)
	testkit.Await(t, "the end of the events", func() bool {
		if err := r.Enforce(t.Context()); err != nil {
			t.Fatal(err)
		}
		return len(p.events(sub.GetName())) == 0
	})
	release()
	testkit.Await(t, "the deliveries", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 3 })
	for i, e := range list.GetEvents() {
		if got[i] != e.GetId() {
			t.Errorf("delivery %d has id %s, want %s", i, got[i], e.GetId())
		}
	}
}
