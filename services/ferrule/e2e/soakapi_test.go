package e2e_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// soakVisible is how many of its newest items the API lists.
const soakVisible = 1000

// soakDescription is that of the API: a list that is polled, a webhook, and an action
// for sinks.
const soakDescription = `{
"swagger": "2.0", "info": {"title": "Soak", "version": "1"}, "host": %q, "schemes": ["http"],
"paths": {
 "/items": {"get": {"operationId": "OnItemListed", "x-ms-trigger": "batch",
  "x-ferrule-polling": {"items": "value", "key": "id", "order": "newestFirst"}, "responses": {"200": {"description": "items", "schema": {"type": "object"}}}}},
 "/hooks": {"post": {"operationId": "OnItemCreated", "x-ms-trigger": "single",
  "x-ferrule-webhook-signature": {"scheme": "hmac-sha256", "header": "X-Signature", "prefix": "sha256=", "encoding": "hex", "secretProperty": "secret", "idHeader": "X-Delivery"},
  "parameters": [{"name": "body", "in": "body", "required": true, "schema": {"type": "object", "properties": {
   "url": {"type": "string", "x-ms-notification-url": true}, "secret": {"type": "string"}}}}],
  "responses": {"201": {"description": "made"}}}},
 "/hooks/{id}": {"delete": {"operationId": "Unhook", "parameters": [{"name": "id", "in": "path", "required": true, "type": "string"}], "responses": {"204": {"description": "gone"}}}},
 "/copies/{place}": {"post": {"operationId": "Copy", "parameters": [{"name": "place", "in": "path", "required": true, "type": "string"},
  {"name": "body", "in": "body", "required": true, "schema": {"type": "object"}}], "responses": {"200": {"description": "copied", "schema": {"type": "object"}}}}}
}}`

// soakAPI is an API whose every part fails at random, and also takes calls of which it
// then loses the answer. It is safe for concurrent use.
type soakAPI struct {
	t    *testing.T
	url  string
	host string
	tale *tale

	mu    sync.Mutex
	dice  *rand.Rand
	calm  bool
	items int
	hook  struct{ URL, Secret string }
	queue chan int // items whose notification is still to be accepted
}

func startSoakAPI(t *testing.T, seed uint64, story *tale) *soakAPI {
	t.Helper()
	a := &soakAPI{t: t, tale: story, dice: rand.New(rand.NewPCG(seed, 2)), queue: make(chan int, 1<<20)}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url, a.host = server.URL, server.Listener.Addr().String()
	return a
}

// mood is what happens to one call.
type mood int

const (
	works mood = iota
	refuses
	breaks // after the work is done
)

func (a *soakAPI) mood() mood {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.calm {
		return works
	}
	switch n := a.dice.IntN(100); {
	case n < 6:
		return refuses
	case n < 10:
		return breaks
	}
	return works
}

// calmDown ends the failures.
func (a *soakAPI) calmDown() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calm = true
}

// ServeHTTP implements [http.Handler].
func (a *soakAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	how := a.mood()
	if r.URL.Path == "/hooks" {
		how = works // whether registrations survive is tried elsewhere
	}
	if how == refuses {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var body any = map[string]any{}
	switch {
	case r.URL.Path == "/items":
		body = map[string]any{"value": a.newest()}
	case r.URL.Path == "/hooks":
		a.register(w, r)
	case r.Method == http.MethodPost: // a copy, or a delivery
		a.take(r)
	}
	if how == breaks {
		panic(http.ErrAbortHandler) // the connection ends without an answer
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func (a *soakAPI) register(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := json.NewDecoder(r.Body).Decode(&a.hook); err != nil {
		a.t.Errorf("a registration: %v", err)
	}
	w.Header().Set("Location", "/hooks/1")
	w.WriteHeader(http.StatusCreated)
}

// take notes what arrives at a sink: a CloudEvent, or the input of the action, which
// has the event's id and data in the same members.
func (a *soakAPI) take(r *http.Request) {
	var event struct {
		ID   string
		Data struct{ ID int }
	}
	if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
		return // it was cut off with its sender, who repeats it
	}
	a.tale.hear(r.URL.Path[1:], event.ID, event.Data.ID)
}

func (a *soakAPI) newest() []map[string]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := []map[string]int{}
	for id := a.items; id > 0 && id > a.items-soakVisible; id-- {
		list = append(list, map[string]int{"id": id})
	}
	return list
}

// create makes an item.
func (a *soakAPI) create() {
	a.mu.Lock()
	a.items++
	id := a.items
	a.mu.Unlock()
	a.tale.make(id)
	a.queue <- id
}

// notify tells of items until ctx ends, each until it is accepted.
func (a *soakAPI) notify(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-a.queue:
			for !a.accepted(ctx, id) {
				select {
				case <-ctx.Done():
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
			a.tale.accept(id)
		}
	}
}

func (a *soakAPI) accepted(ctx context.Context, id int) bool {
	a.mu.Lock()
	hook := a.hook
	a.mu.Unlock()
	body := fmt.Appendf(nil, `{"id":%d}`, id)
	mac := hmac.New(sha256.New, []byte(hook.Secret))
	_, _ = mac.Write(body)
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, hook.URL, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Delivery", fmt.Sprint("n", id))
	req.Header.Set("X-Signature", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := plain.Do(req)
	if err != nil {
		return false
	}
	_ = res.Body.Close()
	if res.StatusCode/100 == 4 && res.StatusCode != http.StatusTooManyRequests {
		a.t.Errorf("a notification was refused with %s", res.Status)
	}
	return res.StatusCode/100 == 2
}
