// Package hooks tells other programs about new items.
//
// A [Hub] keeps the registered webhooks and, while [Hub.Run] runs, one worker
// for each. A worker sends the events of its webhook one after the other, in
// the order in which they happened, each as often as it takes until the
// receiver answers 2xx or the webhook is deleted. Receivers see an event at
// least once, always with the same id.
package hooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// MaxPending is the number of events that wait for one webhook. Past it, new
// ones are dropped for that webhook, and logged: a receiver that is gone for
// good must not fill the memory.
const MaxPending = 10_000

// ItemCreated is the type of the only event there is.
const ItemCreated = "item.created"

var (
	// ErrNotFound means that there is no webhook with the id, or not any more.
	ErrNotFound = errors.New("no such webhook")
	// ErrFull means that there are as many webhooks as there may be.
	ErrFull = errors.New("too many webhooks")
)

// Webhook is a registered receiver, as the API shows it. The signing secret
// went in with [Hub.Register] and does not come out again.
type Webhook struct {
	ID          string    `json:"id"`
	CallbackURL string    `json:"callbackUrl"`
	Events      []string  `json:"events"`
	CreatedAt   time.Time `json:"createdAt"`
}

// Event is what a receiver gets as a JSON body.
type Event struct {
	Type string          `json:"type"`
	ID   string          `json:"id"`
	Time time.Time       `json:"time"`
	Data json.RawMessage `json:"data"`
}

// Config is what a hub needs. All fields are required.
type Config struct {
	// MaxWebhooks bounds the webhooks registered at a time.
	MaxWebhooks int
	// Now tells the time.
	Now func() time.Time
	// NewID returns an id that begins with kind and that it has never returned
	// before.
	NewID func(kind string) string
	// Client sends. It should have a timeout and follow no redirects: the
	// signature is meant for the registered address.
	Client *http.Client
	// Log receives failed and dropped deliveries, without addresses: the path
	// of a callback is often its only protection.
	Log *slog.Logger
}

// Hub is the list of webhooks and their workers. It is safe for concurrent use.
type Hub struct {
	config  Config
	workers sync.WaitGroup

	mu    sync.Mutex
	hooks []*worker
	start func(*worker) // nil unless Run runs
}

// New returns a hub without webhooks that sends nothing before [Hub.Run].
func New(config Config) *Hub { return &Hub{config: config} }

// Run sends events until ctx ends, then waits for the workers. What was not
// delivered by then is lost: this is a demonstration without a disk. It must
// not be called twice.
func (h *Hub) Run(ctx context.Context) error {
	h.mu.Lock()
	h.start = func(hook *worker) {
		var own context.Context
		own, hook.stop = context.WithCancel(ctx)
		h.workers.Go(func() { hook.run(own) })
	}
	for _, hook := range h.hooks {
		h.start(hook)
	}
	h.mu.Unlock()

	<-ctx.Done()

	// Under the lock, no registration starts a worker after the wait began.
	h.mu.Lock()
	h.start = nil
	h.mu.Unlock()
	h.workers.Wait()
	return nil
}

// Register adds a receiver for all events from now on. It keeps the secret for
// signing, or returns [ErrFull].
func (h *Hub) Register(callbackURL, secret string) (Webhook, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.hooks) >= h.config.MaxWebhooks {
		return Webhook{}, ErrFull
	}
	hook := &worker{
		webhook: Webhook{ID: h.config.NewID("whk"), CallbackURL: callbackURL, Events: []string{ItemCreated}, CreatedAt: h.config.Now().UTC()},
		secret:  []byte(secret),
		pending: make(chan Event, MaxPending),
		client:  h.config.Client,
		log:     h.config.Log,
	}
	h.hooks = append(h.hooks, hook)
	if h.start != nil {
		h.start(hook)
	}
	return hook.webhook, nil
}

// List returns the webhooks, newest first, never nil.
func (h *Hub) List() []Webhook {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Webhook, 0, len(h.hooks))
	for _, hook := range slices.Backward(h.hooks) {
		list = append(list, hook.webhook)
	}
	return list
}

// Delete removes the webhook and gives up what it had pending, even in the
// middle of a delivery, or returns [ErrNotFound].
func (h *Hub) Delete(id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := slices.IndexFunc(h.hooks, func(hook *worker) bool { return hook.webhook.ID == id })
	if at < 0 {
		return ErrNotFound
	}
	if stop := h.hooks[at].stop; stop != nil {
		stop()
	}
	h.hooks = slices.Delete(h.hooks, at, at+1)
	return nil
}

// Publish queues an event with data, as JSON, for every webhook. It never
// waits for a receiver.
func (h *Hub) Publish(eventType string, data any) error {
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode event data: %w", err)
	}
	event := Event{Type: eventType, ID: h.config.NewID("evt"), Time: h.config.Now().UTC(), Data: body}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hook := range h.hooks {
		select {
		case hook.pending <- event:
		default:
			h.config.Log.Error("event dropped: too many are pending", "webhook", hook.webhook.ID, "event", event.ID)
		}
	}
	return nil
}
