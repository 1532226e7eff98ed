// Package notices is what the measurements of triggers need around the suite: an
// API with a webhook whose notifications end at a sink of its own ([API]), those who
// notify ([Calls], [Steady]), a bare handler to compare with ([Bare]), and what comes of
// it all ([Outcome]).
package notices

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
)

// Operation is the webhook trigger of the API.
const Operation = "OnNotice"

// Paths of the API.
const (
	// SinkPath takes events and times them.
	SinkPath = "/sink"
	// DeadPath takes none: what is sent there waits.
	DeadPath = "/dead"
	// RegisteredPath shows the latest registration, StatsPath the times since it was
	// asked before.
	RegisteredPath = "/registered"
	StatsPath      = "/stats"
)

const description = `{"swagger": "2.0", "info": {"title": "Notices", "version": "1"}, "host": %q, "schemes": ["http"],
"paths": {"/hooks": {"post": {"operationId": "OnNotice", "x-ms-trigger": "single",
"x-ferrule-webhook-signature": {"scheme": "hmac-sha256", "header": "X-Signature", "prefix": "sha256=", "encoding": "hex", "secretProperty": "secret"},
"parameters": [{"name": "body", "in": "body", "required": true, "schema": {"type": "object", "properties": {
"url": {"type": "string", "x-ms-notification-url": true}, "secret": {"type": "string"}}}}],
"responses": {"201": {"description": "made"}}}}}}`

// Description is that of the API at host.
func Description(host string) []byte { return fmt.Appendf(nil, description, host) }

// Registration is a callback as the API was told it.
type Registration struct {
	URL    string `json:"url"`
	Secret string `json:"secret"`
}

// Stats are the times from the sending of notifications to their arrival at the sink.
type Stats struct {
	Arrived int           `json:"arrived"`
	P50     time.Duration `json:"p50_ns"`
	P99     time.Duration `json:"p99_ns"`
}

// API is the API and the sink in one. It is safe for concurrent use.
type API struct {
	clock clock.Clock

	mu    sync.Mutex
	hook  Registration
	times []time.Duration
}

// NewAPI returns an API that nobody has registered at.
func NewAPI(clk clock.Clock) *API { return &API{clock: clk} }

// maxBody bounds what the API reads.
const maxBody = 1 << 20

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch r.URL.Path {
	case "/hooks":
		err = json.Unmarshal(body, &a.hook)
		w.WriteHeader(http.StatusCreated)
	case RegisteredPath:
		err = json.NewEncoder(w).Encode(a.hook) //nolint:gosec // whoever notifies has to know the secret
	case StatsPath:
		err = json.NewEncoder(w).Encode(a.stats())
	case SinkPath:
		var event struct{ Data notice }
		if err = json.Unmarshal(body, &event); err == nil {
			a.times = append(a.times, a.clock.Now().Sub(time.Unix(0, event.Data.At)))
		}
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
}

// stats returns the times since the last question, and forgets them.
func (a *API) stats() Stats {
	times := a.times
	a.times = nil
	slices.Sort(times)
	s := Stats{Arrived: len(times)}
	if len(times) > 0 {
		s.P50, s.P99 = times[len(times)/2], times[len(times)*99/100]
	}
	return s
}

// notice is what is sent; its padding makes it the size of an ordinary notification.
type notice struct {
	At      int64  `json:"at"`
	Padding string `json:"padding"`
}

// paddingSize makes a notification of about a kibibyte.
const paddingSize = 980

// sender sends notifications on connections that are kept.
type sender struct {
	clock  clock.Clock
	client *http.Client
	to     Registration
}

// Client returns a client that reaches this machine only.
func Client(connections int) (*http.Client, error) {
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		return nil, fmt.Errorf("make the guard of a client: %w", err)
	}
	return guard.Client(egress.ClientOptions{Transport: egress.TransportOptions{
		MaxIdleConnsPerHost: connections, MaxConnsPerHost: connections, DisableCompression: true,
	}}), nil
}

func newSender(clk clock.Clock, to Registration, connections int) (*sender, error) {
	client, err := Client(connections)
	return &sender{clock: clk, client: client, to: to}, err
}

// send sends one notification, signed, and returns when it was accepted.
func (s *sender) send(ctx context.Context) error {
	body, err := json.Marshal(notice{At: s.clock.Now().UnixNano(), Padding: padding})
	if err != nil {
		return fmt.Errorf("write a notification: %w", err)
	}
	mac := hmac.New(sha256.New, []byte(s.to.Secret))
	_, _ = mac.Write(body)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.to.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make a notification: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("send a notification: %w", err)
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("a notification was answered with %s", res.Status)
	}
	return nil
}

var padding = string(bytes.Repeat([]byte("x"), paddingSize)) //nolint:gochecknoglobals // a constant

// Calls are notifications one after another on so many connections.
func Calls(clk clock.Clock, to Registration, connections int) ([]measure.Call, error) {
	s, err := newSender(clk, to, connections)
	if err != nil {
		return nil, err
	}
	calls := make([]measure.Call, connections)
	for i := range calls {
		calls[i] = s.send
	}
	return calls, nil
}

// steadyConnections is how many notifications of a steady rate may be under way.
const steadyConnections = 256

// Steady sends notifications at a rate per second for a while, however long their
// answers take, and returns how many were accepted.
func Steady(ctx context.Context, clk clock.Clock, to Registration, rate int, lasts time.Duration) (accepted int, err error) {
	const step = 5 * time.Millisecond
	s, err := newSender(clk, to, steadyConnections)
	if err != nil {
		return 0, err
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	began := clk.Now()
	for sent := 0; ; {
		passed := clk.Now().Sub(began)
		if passed >= lasts || ctx.Err() != nil {
			break
		}
		for due := int(passed.Seconds() * float64(rate)); sent < due; sent++ {
			group.Go(func() {
				failed := s.send(ctx)
				mu.Lock()
				defer mu.Unlock()
				if failed != nil {
					err = failed
					return
				}
				accepted++
			})
		}
		<-clk.After(step)
	}
	group.Wait()
	return accepted, err
}
