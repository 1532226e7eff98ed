package delivery_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/delivery"
)

// jobTo is an attempt at an HTTP sink.
func jobTo(sink core.HTTPSink, event string) delivery.Job {
	return delivery.Job{
		Subscription: core.Subscription{UID: strings.Repeat("a", 32), Owner: "ann"}, Sink: core.Sink{ID: "main", HTTP: &sink},
		EventID: "e1", ID: "e1.main", Event: []byte(event),
	}
}

func TestWhatAnAnswerMeans(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		status int
		after  string
		want   delivery.Result
	}{
		{"OK", 200, "", delivery.Result{Outcome: delivery.Accepted, Status: 200}},
		{"accepted", 202, "10", delivery.Result{Outcome: delivery.Accepted, Status: 202}},
		{"no content", 204, "", delivery.Result{Outcome: delivery.Accepted, Status: 204}},
		{"a redirect", 302, "", delivery.Result{Status: 302, Reason: "the endpoint answered with status 302"}},
		{"gone", 410, "", delivery.Result{Outcome: delivery.Gone, Status: 410, Reason: "the endpoint answered 410 Gone"}},
		{"not found may be a mistake", 404, "", delivery.Result{Status: 404, Reason: "the endpoint answered with status 404"}},
		{"too many, with seconds", 429, "7", delivery.Result{Status: 429, Reason: "the endpoint answered with status 429", RetryAfter: 7 * time.Second}},
		{"away, with a date", 503, "Sun, 01 Mar 2026 12:01:00 GMT", delivery.Result{Status: 503, Reason: "the endpoint answered with status 503", RetryAfter: time.Minute}},
		{"a date in the past", 503, "Sun, 01 Mar 2026 11:00:00 GMT", delivery.Result{Status: 503, Reason: "the endpoint answered with status 503"}},
		{"a wish without measure", 503, "99999999", delivery.Result{Status: 503, Reason: "the endpoint answered with status 503", RetryAfter: 24 * time.Hour}},
		{"a wish that is no time", 503, "soon", delivery.Result{Status: 503, Reason: "the endpoint answered with status 503"}},
		{"a negative wish", 503, "-5", delivery.Result{Status: 503, Reason: "the endpoint answered with status 503"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			target := newSink(t, func(_ int, w http.ResponseWriter) {
				if tc.after != "" {
					w.Header().Set("Retry-After", tc.after)
				}
				if tc.status == 302 {
					w.Header().Set("Location", "/elsewhere")
				}
				w.WriteHeader(tc.status)
			})
			f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clocktest.New(now)}}
			if got := f.http().Send(t.Context(), jobTo(core.HTTPSink{URL: target.URL}, "{}")); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
			if len(target.bodies()) != 1 {
				t.Errorf("the endpoint was called %d times", len(target.bodies()))
			}
		})
	}
}

func TestWhyThereWasNoAnswerIsSaidWithoutTheURL(t *testing.T) {
	guard, err := egress.New(egress.Policy{})
	if err != nil {
		t.Fatal(err)
	}
	clk := clocktest.New(time.Unix(0, 0))
	f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clk}}
	for _, tc := range []struct {
		name, target, want string
		sender             *delivery.HTTP
	}{
		{"an address that is not allowed", "http://127.0.0.1:1/?key=hidden", "127.0.0.1", delivery.NewHTTP(guard, f.keys, clk)},
		{"a port where nobody listens", "http://127.0.0.1:1/?key=hidden", "could not be reached", f.http()},
		{"a URL that is none", "http://[::1", "cannot be called", f.http()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.sender.Send(t.Context(), jobTo(core.HTTPSink{URL: tc.target}, "{}"))
			if got.Outcome != delivery.Failed || !strings.Contains(got.Reason, tc.want) || strings.Contains(got.Reason, "hidden") {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAnEndlessAnswerIsCutOff(t *testing.T) {
	target := newSink(t, func(_ int, w http.ResponseWriter) {
		for range 1 << 12 {
			if _, err := w.Write(make([]byte, 1<<10)); err != nil {
				return
			}
		}
	})
	f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clocktest.New(time.Unix(0, 0))}}
	if got := f.http().Send(t.Context(), jobTo(core.HTTPSink{URL: target.URL}, "{}")); got.Outcome != delivery.Accepted {
		t.Errorf("got %+v", got)
	}
}

func TestADeliverySaysThroughHowManySinksItsEventHasCome(t *testing.T) {
	for event, want := range map[string]string{`{"id":"e1","data":{"hops":7}}`: "1", `{"id":"e1","hops":2,"data":1}`: "3"} {
		got := ""
		target := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Ferrule-Hops") }))
		f := &fixture{t: t, keys: newKeys(t), clock: &shifted{Clock: clocktest.New(time.Unix(0, 0))}}
		f.http().Send(t.Context(), jobTo(core.HTTPSink{URL: target.URL}, event))
		target.Close()
		if got != want {
			t.Errorf("%s: %q, want %s", event, got, want)
		}
	}
}

func TestAHostNameThatIsNotFoundTellsNothingAboutOurNameServers(t *testing.T) {
	guard, err := egress.New(egress.Policy{Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("192.0.2.53 is away")
	}}})
	if err != nil {
		t.Fatal(err)
	}
	sender := delivery.NewHTTP(guard, newKeys(t), clocktest.New(time.Unix(0, 0)))
	got := sender.Send(t.Context(), jobTo(core.HTTPSink{URL: "http://nothing.invalid/"}, "{}"))
	want := delivery.Result{Reason: "the endpoint could not be reached: its host name nothing.invalid could not be looked up"}
	if got != want {
		t.Errorf("%+v", got)
	}
}
