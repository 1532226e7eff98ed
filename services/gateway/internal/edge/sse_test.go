package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestOnlyWhoAsksForServerSentEventsGetsThem(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                  false,
		"*/*":               false,
		"application/json":  false,
		"text/event-stream": true,
		"TEXT/Event-Stream": true,
		"application/json, text/event-stream;q=.5": true,
		"text/event-stream;q=0, application/json":  false,
		"text/event-streams":                       false,
		";;":                                       false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Accept", accept)
		if got := wantsServerSentEvents(r); got != want {
			t.Errorf("Accept %q: %v", accept, got)
		}
	}
}

func TestTheLastEventSeenIsWhereAReaderGoesOn(t *testing.T) {
	for _, row := range []struct {
		last string
		want uint64
		bad  bool
	}{{last: "", want: 3}, {last: "9", want: 9}, {last: "0", want: 0}, {last: "x", bad: true}, {last: "-1", bad: true}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Last-Event-ID", row.last)
		req := &triggerv1.StreamEventsRequest{AfterSequence: 3}
		err := resume(r, req)
		if bad := fault.ReasonOf(err) == fault.ReasonInvalidArgument; bad != row.bad || !bad && req.GetAfterSequence() != row.want {
			t.Errorf("%q: after %d, %v", row.last, req.GetAfterSequence(), err)
		}
	}
}

// screen is what a client has seen so far.
type screen struct {
	header http.Header
	fails  bool
	wrote  chan string
	mu     sync.Mutex
	status int
}

func (s *screen) Header() http.Header { return s.header }

func (s *screen) WriteHeader(status int) { s.status = status }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails {
		return 0, errors.New("the client is gone")
	}
	s.wrote <- string(p)
	return len(p), nil
}

func (s *screen) Flush() {}

// watched forwards a stream to a screen.
type watched struct {
	*screen

	t      *testing.T
	clock  *clocktest.Fake
	events chan received
	ended  chan struct{}
	cancel func()
}

func watch(t *testing.T) *watched {
	w := &watched{
		screen: &screen{header: http.Header{}, wrote: make(chan string, 10)}, t: t, clock: clocktest.New(time.Unix(0, 0)),
		events: make(chan received), ended: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	w.cancel = cancel
	go func() {
		defer close(w.ended)
		forwardServerSentEvents(ctx, cancel, w.screen, w.clock, func() (*triggerv1.Event, error) {
			select {
			case got := <-w.events:
				return got.event, got.err
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
	}()
	w.sees("retry: 3000\n\n")
	return w
}

func (w *watched) sees(want string) {
	w.t.Helper()
	if got := <-w.wrote; got != want {
		w.t.Fatalf("got %q, want %q", got, want)
	}
}

func TestEventsAreWrittenWithTheirSequenceTypeAndJSON(t *testing.T) {
	w := watch(t)
	event := &triggerv1.Event{Id: "e1", Sequence: 7, Type: "dev.ferrule.crm.on\r\nitem: x", Data: "{\n\"a\": \"é\"}"}
	w.events <- received{event: event}
	got := <-w.wrote
	head, data, _ := strings.Cut(got, "\ndata: ")
	if head != "id: 7\nevent: dev.ferrule.crm.onitem: x" || strings.Count(got, "\n") != 4 || !strings.HasSuffix(got, "\n\n") {
		t.Errorf("event %q", got)
	}
	read := &triggerv1.Event{}
	if err := protojson.Unmarshal([]byte(strings.TrimSpace(data)), read); err != nil || read.GetData() != event.GetData() {
		t.Errorf("read %v, %v", read, err)
	}
	if w.status != http.StatusOK || w.header.Get("Content-Type") != "text/event-stream" || w.header.Get("X-Accel-Buffering") != "no" || w.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %v", w.status, w.header)
	}
	w.events <- received{err: io.EOF}
	<-w.ended
	if len(w.wrote) != 0 {
		t.Errorf("the end says %q", <-w.wrote)
	}
}

func TestAQuietStreamGivesSignsOfLife(t *testing.T) {
	w := watch(t)
	for range 3 {
		testkit.Await(t, "the wait", func() bool { return w.clock.Waiting() == 1 })
		w.clock.Advance(heartbeat)
		w.sees(": alive\n\n")
	}
	w.cancel()
	<-w.ended
}

func TestAStreamThatBreaksSaysWhyAndKeepsThePlace(t *testing.T) {
	w := watch(t)
	w.events <- received{err: fault.Unavailable(fault.ReasonServiceUnavailable, "the service is stopping; come back")}
	got := <-w.wrote
	if !strings.HasPrefix(got, "event: error\ndata: {") || !strings.Contains(got, "SERVICE_UNAVAILABLE") || strings.Contains(got, "id: ") {
		t.Errorf("broken stream says %q", got)
	}
	<-w.ended
}

func TestAStreamEndsWithItsClient(t *testing.T) {
	w := watch(t)
	w.mu.Lock()
	w.fails = true
	w.mu.Unlock()
	w.events <- received{event: &triggerv1.Event{Id: "e1"}}
	<-w.ended // and so has whoever waited for the next event

	w = watch(t)
	w.cancel()
	<-w.ended
}
