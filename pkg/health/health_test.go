package health_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/health"
)

var errDown = errors.New("dial 10.1.2.3:4222: connection refused")

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestReadiness(t *testing.T) {
	for _, row := range []struct {
		name   string
		build  func(r *health.Registry)
		want   health.Report
		status int
		body   string
	}{
		{
			"a process that registered nothing is not ready",
			func(*health.Registry) {},
			health.Report{},
			http.StatusServiceUnavailable, `{"ready":false}`,
		},
		{
			"a target starts unhealthy",
			func(r *health.Registry) { r.Register("store") },
			health.Report{Failing: []string{"store"}},
			http.StatusServiceUnavailable, `{"ready":false,"failing":["store"]}`,
		},
		{
			"all healthy is ready",
			func(r *health.Registry) {
				r.Register("store")
				r.Register("bus")
				r.Set("bus", nil)
				r.Set("store", nil)
			},
			health.Report{Ready: true},
			http.StatusOK, `{"ready":true}`,
		},
		{
			"one failing target is enough, and the failing are sorted",
			func(r *health.Registry) {
				r.Register("store")
				r.Set("grpc", nil)
				r.Set("bus", errDown)
			},
			health.Report{Failing: []string{"bus", "store"}},
			http.StatusServiceUnavailable, `{"ready":false,"failing":["bus","store"]}`,
		},
		{
			"a target that recovers makes the process ready again",
			func(r *health.Registry) {
				r.Set("bus", nil)
				r.Set("bus", errDown)
				r.Set("bus", nil)
			},
			health.Report{Ready: true},
			http.StatusOK, `{"ready":true}`,
		},
		{
			"a name registered again starts over",
			func(r *health.Registry) {
				r.Set("bus", nil)
				r.Register("bus")
			},
			health.Report{Failing: []string{"bus"}},
			http.StatusServiceUnavailable, `{"ready":false,"failing":["bus"]}`,
		},
		{
			"draining is final, whatever the targets say",
			func(r *health.Registry) {
				r.Set("bus", nil)
				r.Drain()
				r.Set("bus", nil)
			},
			health.Report{Draining: true},
			http.StatusServiceUnavailable, `{"ready":false,"draining":true}`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := health.New(quiet())
			row.build(r)
			if diff := cmp.Diff(row.want, r.Report()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			w := httptest.NewRecorder()
			r.Ready().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
			if got := strings.TrimSpace(w.Body.String()); w.Code != row.status || got != row.body {
				t.Errorf("/readyz = %d %s, want %d %s", w.Code, got, row.status, row.body)
			}
			w = httptest.NewRecorder()
			r.Live().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/livez", nil))
			if w.Code != http.StatusOK {
				t.Errorf("/livez = %d, want 200 whatever the targets say", w.Code)
			}
			if got := w.Header().Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control = %q, want no-store", got)
			}
		})
	}
}

func TestCausesAreLoggedOnceAndNeverAnswered(t *testing.T) {
	var out bytes.Buffer
	r := health.New(slog.New(slog.NewTextHandler(&out, nil)))
	r.Register("bus")
	r.Set("bus", nil)
	for range 3 {
		r.Set("bus", errDown)
	}
	if got := strings.Count(out.String(), "10.1.2.3"); got != 1 {
		t.Errorf("the cause is logged %d times, want once:\n%s", got, out.String())
	}
	w := httptest.NewRecorder()
	r.Ready().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/readyz", nil))
	if strings.Contains(w.Body.String(), "10.1.2.3") {
		t.Errorf("/readyz tells strangers about the inside: %s", w.Body)
	}
}

func TestSubscribersSeeEveryChangeInOrder(t *testing.T) {
	r := health.New(quiet())
	var seen []health.Report
	stop := r.Subscribe(func(rep health.Report) {
		seen = append(seen, rep)
		_ = r.Report() // reading inside a notification must not deadlock
	})
	r.Register("bus")
	r.Set("bus", nil)
	r.Set("bus", nil) // no change, no call
	r.Set("bus", errDown)
	r.Drain()
	stop()
	r.Set("bus", nil) // after stop, no call
	want := []health.Report{
		{},
		{Failing: []string{"bus"}},
		{Ready: true},
		{Failing: []string{"bus"}},
		{Draining: true, Failing: []string{"bus"}},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

func TestTheLastNotificationIsTheTruthUnderConcurrency(t *testing.T) {
	r := health.New(quiet())
	var last health.Report // written by notifications only, which come one at a time
	stop := r.Subscribe(func(rep health.Report) { last = rep })
	var wg sync.WaitGroup
	for i, name := range []string{"a", "b", "c", "d"} {
		wg.Go(func() {
			for n := range 100 {
				if (n+i)%2 == 0 {
					r.Set(name, nil)
				} else {
					r.Set(name, errDown)
				}
			}
		})
	}
	wg.Wait()
	stop()
	if diff := cmp.Diff(r.Report(), last); diff != "" {
		t.Errorf("last notification (-report +notified):\n%s", diff)
	}
}
