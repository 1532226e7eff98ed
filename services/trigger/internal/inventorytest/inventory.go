// Package inventorytest is an API for tests: items that can be polled, and
// webhooks that can be registered, listed and removed. It has the shape of the
// demonstration's API, answers in memory, and fails when a test says so.
package inventorytest

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// Names of operations.
const (
	Polling  = "OnItemListed"
	Webhook  = "OnItemCreated"
	Unlisted = "OnItemChanged"  // a webhook whose registrations cannot be listed
	Open     = "OnItemDeleted"  // a webhook that nobody signs
	Native   = "OnItemMoved"    // the API itself says what is new
	Numbered = "OnItemNumbered" // a list with a cursor, in pages
	Search   = "SearchItems"    // an action that answers with a list, in pages
	Action   = "CreateItem"
	Hooks    = "ListWebhooks"
	Unhook   = "DeleteWebhook"
)

// Revision is the revision of the definition that the API has at first.
const Revision = "0123456789abcdef0123456789abcdef"

// Hook is a registered webhook.
type Hook struct {
	ID          string `json:"id"`
	CallbackURL string `json:"callbackUrl"`
	Secret      string `json:"-"`
}

// API is the API, and the runtime in front of it. It is safe for concurrent use.
type API struct {
	mu       sync.Mutex
	items    []string // oldest first
	hooks    []Hook
	numbered int
	calls    []core.Call
	revision string
	window   int

	// Before is called before a call has an effect, and After when it has had
	// one: an error is what the caller gets, instead of the answer. Refuse
	// returns an answer that takes the place of the API's, unless it is nil.
	Before, After func(core.Call) error
	Refuse        func(core.Call) *core.Answer
	// Source says which items there are, instead of those that were added, unless it
	// is nil.
	Source func() []string
	// Misfits returns what the runtime would have against an input of an operation; nil
	// has nothing against any.
	Misfits func(operation string, input []byte) ([]core.InputFault, error)
	// Location is the Location of an answer to a registration; the default is
	// "/webhooks/{id}", "-" is none.
	Location func(id string) string
}

var (
	_ core.Runtime = (*API)(nil)
	_ core.Inputs  = (*API)(nil)
)

// New returns an API with some items.
func New(items ...string) *API {
	return &API{items: items, revision: Revision, window: 100}
}

// Add creates items.
func (a *API) Add(items ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.items = append(a.items, items...)
}

// Items returns all items, oldest first.
func (a *API) Items() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.items)
}

// Hooks returns the registered webhooks.
func (a *API) Hooks() []Hook {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.hooks)
}

// Calls returns the calls of an operation that have been made so far.
func (a *API) Calls(operation string) []core.Call {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.calls), func(c core.Call) bool { return c.Operation != operation })
}

// Republish makes calls use another revision of the definition.
func (a *API) Republish(revision string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.revision = revision
}

// Set changes how the API fails, which may be done while it is used.
func (a *API) Set(change func(*API)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change(a)
}

// Invoke implements core.Runtime.
func (a *API) Invoke(ctx context.Context, c core.Call) (core.Answer, error) {
	if err := ctx.Err(); err != nil {
		return core.Answer{}, err
	}
	a.mu.Lock()
	a.calls = append(a.calls, c)
	before := a.Before
	a.mu.Unlock()
	if before != nil { // not under the lock: it may hang
		if err := before(c); err != nil {
			return core.Answer{}, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := a.answer(c)
	answer.Revision = a.revision
	if a.After != nil {
		if err := a.After(c); err != nil {
			return core.Answer{}, err
		}
	}
	return answer, nil
}

// Faults implements core.Inputs.
func (a *API) Faults(_ context.Context, _ resource.Revision, operation string, inputs [][]byte) ([][]core.InputFault, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	out := make([][]core.InputFault, len(inputs))
	for i, input := range inputs {
		if a.Misfits == nil {
			continue
		}
		var err error
		if out[i], err = a.Misfits(operation, input); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (a *API) answer(c core.Call) core.Answer {
	if a.Refuse != nil {
		if answer := a.Refuse(c); answer != nil {
			return *answer
		}
	}
	if a.Source != nil {
		a.items = a.Source()
	}
	switch c.Operation {
	case Native:
		return a.moved(c)
	case Numbered:
		return a.numberedPage(c)
	case Search:
		return a.search(c)
	case Polling:
		return a.list()
	case Webhook, Unlisted, Open:
		return a.register(c)
	case Hooks:
		return reply(http.StatusOK, map[string]any{"webhooks": a.hooks})
	case Unhook:
		return a.unregister(c)
	}
	return Refusal(http.StatusNotFound, false)
}

// list answers with the newest items, newest first.
func (a *API) list() core.Answer {
	list := itemsOf(a.items[max(len(a.items)-a.window, 0):])
	slices.Reverse(list)
	return reply(http.StatusOK, map[string]any{"items": list})
}

func (a *API) register(c core.Call) core.Answer {
	var in struct {
		Body struct{ CallbackURL, Secret string }
	}
	if err := json.Unmarshal([]byte(c.Input), &in); err != nil || in.Body.CallbackURL == "" {
		return Refusal(http.StatusBadRequest, false)
	}
	a.numbered++
	hook := Hook{ID: strconv.Itoa(a.numbered), CallbackURL: in.Body.CallbackURL, Secret: in.Body.Secret}
	a.hooks = append(a.hooks, hook)
	answer := reply(http.StatusCreated, hook)
	location := "/webhooks/" + hook.ID
	if a.Location != nil {
		location = a.Location(hook.ID)
	}
	if location != "-" {
		answer.Header.Set("Location", location)
	}
	return answer
}

func (a *API) unregister(c core.Call) core.Answer {
	var in struct{ ID string }
	if err := json.Unmarshal([]byte(c.Input), &in); err != nil {
		return Refusal(http.StatusBadRequest, false)
	}
	i := slices.IndexFunc(a.hooks, func(h Hook) bool { return h.ID == in.ID })
	if i < 0 {
		return Refusal(http.StatusNotFound, false)
	}
	a.hooks = slices.Delete(a.hooks, i, i+1)
	return core.Answer{Status: http.StatusNoContent, Header: http.Header{}}
}

func reply(status int, body any) core.Answer {
	data, err := json.Marshal(body)
	if err != nil {
		panic(err)
	}
	return core.Answer{Status: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: data}
}

// Refusal is an answer that reports a failure.
func Refusal(status int, retryable bool) core.Answer {
	return core.Answer{Status: status, Header: http.Header{}, Refusal: &core.Refusal{
		Reason: "UPSTREAM_ERROR", Message: fmt.Sprintf("the API said %d", status), Retryable: retryable,
	}}
}
