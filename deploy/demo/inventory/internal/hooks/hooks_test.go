package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "0123456789abcdef"

func TestADeliveryIsSignedAndComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, net := newHub(t, 10)
		webhook := register(t, hub, "http://receiver.test/hook/a")
		publish(t, hub, map[string]any{"name": "bolt & <nut>"})
		synctest.Wait()

		got := net.only(t)
		if got.url != webhook.CallbackURL || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("sent to %s as %s", got.url, got.header.Get("Content-Type"))
		}
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(got.body)
		if want := "sha256=" + hex.EncodeToString(mac.Sum(nil)); got.header.Get("X-Inventory-Signature") != want {
			t.Errorf("signature %q, want %q", got.header.Get("X-Inventory-Signature"), want)
		}
		var event Event
		if err := json.Unmarshal(got.body, &event); err != nil {
			t.Fatal(err)
		}
		if event.Type != "item.created" || event.ID == "" || event.ID != got.header.Get("X-Inventory-Delivery") || event.Time.IsZero() {
			t.Errorf("event %+v, delivery header %q", event, got.header.Get("X-Inventory-Delivery"))
		}
		var data map[string]string
		if err := json.Unmarshal(event.Data, &data); err != nil || data["name"] != "bolt & <nut>" {
			t.Errorf("data %s, %v", event.Data, err)
		}
	})
}

func TestADeliveryIsRepeatedUntilItIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, net := newHub(t, 10)
		// A broken connection, then statuses that are no success, a redirect
		// among them.
		net.answers = []int{0, 500, 404, 302, 400, 503, 410, 204}
		register(t, hub, "http://receiver.test/hook")
		publish(t, hub, "item")
		time.Sleep(time.Minute) // of the bubble: passes at once

		var pauses []time.Duration
		for i, r := range net.all()[1:] {
			pauses = append(pauses, r.at.Sub(net.all()[i].at))
			if r.header.Get(DeliveryHeader) != net.all()[0].header.Get(DeliveryHeader) || !bytes.Equal(r.body, net.all()[0].body) {
				t.Errorf("attempt %d differs from the first", i+2)
			}
		}
		ms := time.Millisecond
		want := []time.Duration{200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 5000 * ms, 5000 * ms}
		if !slices.Equal(pauses, want) {
			t.Errorf("pauses %v, want %v", pauses, want)
		}
	})
}

func TestEventsKeepTheirOrderAndWebhooksDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, net := newHub(t, 10)
		net.broken = "http://broken.test"
		register(t, hub, "http://broken.test/")
		register(t, hub, "http://receiver.test/")
		for i := range 5 {
			publish(t, hub, i)
		}
		synctest.Wait()

		var got []string
		for _, r := range net.all() {
			if r.url == "http://receiver.test/" {
				var event Event
				_ = json.Unmarshal(r.body, &event)
				got = append(got, string(event.Data))
			}
		}
		if want := []string{"0", "1", "2", "3", "4"}; !slices.Equal(got, want) {
			t.Errorf("received %q, want %q", got, want)
		}
	})
}

func TestNothingIsSentAfterDeletion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, net := newHub(t, 10)
		net.broken = "http://broken.test"
		webhook := register(t, hub, "http://broken.test/")
		publish(t, hub, "item")
		synctest.Wait() // between two attempts
		if err := hub.Delete(webhook.ID); err != nil {
			t.Fatal(err)
		}
		publish(t, hub, "another")
		time.Sleep(time.Hour)
		if got := len(net.all()); got != 1 {
			t.Errorf("%d attempts, want the one before the deletion", got)
		}
		if err := hub.Delete(webhook.ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("deleted twice: %v, want ErrNotFound", err)
		}
	})
}

func TestEventsFromBeforeRunAreSentOnceItRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, net := idleHub(10)
		register(t, hub, "http://receiver.test/")
		publish(t, hub, "item")
		synctest.Wait()
		if got := len(net.all()); got != 0 {
			t.Fatalf("%d attempts before Run", got)
		}
		start(t, hub)
		synctest.Wait()
		net.only(t)
	})
}

func TestRunWaitsForADeliveryInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub, net := idleHub(10)
		net.hang = true
		register(t, hub, "http://receiver.test/")
		publish(t, hub, "item")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- hub.Run(ctx) }()
		synctest.Wait()
		cancel()
		if err := <-done; err != nil || net.hanging() != 0 {
			t.Errorf("Run returned %v with %d requests in flight", err, net.hanging())
		}
	})
}

func TestTheHubIsBounded(t *testing.T) {
	hub, _ := idleHub(2)
	register(t, hub, "http://receiver.test/a")
	second := register(t, hub, "http://receiver.test/b")
	if _, err := hub.Register("http://receiver.test/c", secret); !errors.Is(err, ErrFull) {
		t.Errorf("a third webhook: %v, want ErrFull", err)
	}
	for range MaxPending + 1 {
		publish(t, hub, "item") // must not block
	}
	if list := hub.List(); len(list) != 2 || list[0].ID != second.ID {
		t.Errorf("list %+v, want two, newest first", list)
	}
}

func TestNothingSecretIsShownOrLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		hub, net := idleHub(10)
		hub.config.Log = slog.New(slog.NewTextHandler(&log, nil))
		net.broken = "http://broken.test"
		webhook := register(t, hub, "http://broken.test/hook/token-in-path")
		start(t, hub)
		publish(t, hub, "item")
		synctest.Wait()
		shown := fmt.Sprintf("%+v %+v", webhook, hub.List())
		if strings.Contains(shown, secret) || strings.Contains(log.String(), secret) || strings.Contains(log.String(), "token-in-path") {
			t.Errorf("shown: %s\nlogged: %s", shown, log.String())
		}
		if !strings.Contains(log.String(), webhook.ID) {
			t.Errorf("the failure was not logged: %s", log.String())
		}
	})
}

// received is one request that arrived at the network.
type received struct {
	at     time.Time
	url    string
	header http.Header
	body   []byte
}

// network answers all requests, in memory.
type network struct {
	answers []int  // statuses in turn, then 200; 0 breaks the connection
	broken  string // addresses that begin so answer 500 for ever
	hang    bool   // requests last until they are canceled

	mu       sync.Mutex
	requests []received
	inFlight int
}

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	n.requests = append(n.requests, received{time.Now(), r.URL.String(), r.Header, body})
	status := http.StatusOK
	if len(n.answers) > 0 {
		status, n.answers = n.answers[0], n.answers[1:]
	}
	n.inFlight++
	n.mu.Unlock()
	defer func() { n.mu.Lock(); n.inFlight--; n.mu.Unlock() }()
	if n.hang {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if n.broken != "" && strings.HasPrefix(r.URL.String(), n.broken) {
		status = http.StatusInternalServerError
	}
	if status == 0 {
		return nil, errors.New("connection reset")
	}
	return &http.Response{StatusCode: status, Status: fmt.Sprint(status), Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

func (n *network) all() []received { n.mu.Lock(); defer n.mu.Unlock(); return slices.Clone(n.requests) }

func (n *network) hanging() int { n.mu.Lock(); defer n.mu.Unlock(); return n.inFlight }

func (n *network) only(t *testing.T) received {
	t.Helper()
	all := n.all()
	if len(all) != 1 {
		t.Fatalf("%d requests arrived, want one", len(all))
	}
	return all[0]
}

// newHub returns a running hub; idleHub one that does not run.
func newHub(t *testing.T, limit int) (*Hub, *network) {
	t.Helper()
	hub, net := idleHub(limit)
	start(t, hub)
	return hub, net
}

func idleHub(limit int) (*Hub, *network) {
	var made int
	net := &network{}
	return New(Config{
		MaxWebhooks: limit,
		Now:         time.Now,
		NewID:       func(kind string) string { made++; return fmt.Sprintf("%s_%d", kind, made) },
		Client: &http.Client{
			Transport:     net,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		Log: slog.New(slog.DiscardHandler),
	}), net
}

func start(t *testing.T, hub *Hub) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	synctest.Wait()
}

func register(t *testing.T, hub *Hub, callback string) Webhook {
	t.Helper()
	webhook, err := hub.Register(callback, secret)
	if err != nil {
		t.Fatalf("register: %v", err)
	}
	return webhook
}

func publish(t *testing.T, hub *Hub, data any) {
	t.Helper()
	if err := hub.Publish(ItemCreated, data); err != nil {
		t.Fatalf("publish: %v", err)
	}
}
