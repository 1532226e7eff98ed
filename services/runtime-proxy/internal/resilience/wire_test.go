package resilience

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// TestOnTheWire: with a real client and an API that reads requests and breaks the
// connection, or answers 503, what changes something arrives once.
func TestOnTheWire(t *testing.T) {
	for _, row := range []struct {
		name       string
		method     string
		repeatable bool
		breaks     bool // instead of answering 503
		arrives    int64
		reason     fault.Reason
	}{
		{"a POST whose answer is lost", http.MethodPost, false, true, 1, fault.ReasonOutcomeUnknown},
		{"a POST with a key that the API takes, whose answer is lost", http.MethodPost, true, true, 3, fault.ReasonUpstreamReset},
		{"a GET whose answer is lost", http.MethodGet, true, true, 3, fault.ReasonUpstreamReset},
		{"a POST that is answered 503", http.MethodPost, false, false, 1, ""},
		{"a PUT that is answered 503", http.MethodPut, true, false, 3, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			var arrived atomic.Int64
			api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				arrived.Add(1)
				if row.breaks {
					panic(http.ErrAbortHandler)
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			}))
			t.Cleanup(api.Close)
			_, attempts, err := sendTo(t, api.URL, row.method, row.repeatable)
			if fault.ReasonOf(err) != row.reason || arrived.Load() != row.arrives || int64(attempts) != row.arrives {
				t.Errorf("%d arrived in %d attempts: %v", arrived.Load(), attempts, err)
			}
		})
	}
	t.Run("a POST to where nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0") // a port that is free again
		if err != nil {
			t.Fatal(err)
		}
		url := "http://" + listener.Addr().String()
		_ = listener.Close()
		if _, attempts, err := sendTo(t, url, http.MethodPost, false); attempts != 3 || fault.ReasonOf(err) != fault.ReasonUpstreamUnreachable {
			t.Errorf("%d attempts: %v", attempts, err)
		}
	})
	t.Run("an address that the guard refuses", func(t *testing.T) {
		if _, attempts, err := sendTo(t, "http://169.254.169.254", http.MethodGet, true); attempts != 1 || fault.ReasonOf(err) != fault.ReasonEgressRefused {
			t.Errorf("%d attempts: %v", attempts, err)
		}
	})
}

// sendTo sends a request as the pipeline does, without waiting.
func sendTo(t *testing.T, url, method string, repeatable bool) (*upstream.Response, int, error) {
	t.Helper()
	outgoing, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	client := upstream.New(outgoing, tracenoop.NewTracerProvider().Tracer(""), upstream.Options{})
	t.Cleanup(client.Close)
	base, err := request.ParseBase(url)
	if err != nil {
		t.Fatal(err)
	}
	g := New(Options{}, clock.System())
	g.jitter = func(time.Duration) time.Duration { return 0 }
	key := Key{Connection: shop.Connection, Host: base.Host}
	return g.Do(t.Context(), key, Rules{Repeatable: repeatable}, func(ctx context.Context, _ int) (*upstream.Response, error) {
		req := &request.Request{Method: method, Base: base, Path: "/", Header: map[string][]string{}, Body: []byte("{}")}
		return client.Send(ctx, req, &upstream.Attempt{Operation: "Do", Host: base.Host, Repeatable: repeatable})
	})
}
