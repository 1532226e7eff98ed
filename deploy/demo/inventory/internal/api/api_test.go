package api

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

const testKey = "key-of-the-test"

func TestTheLifeOfAnItem(t *testing.T) {
	api := newAPI(t)
	created := api.call(t, "POST", "/items", `{"name":"bolt","quantity":5,"tags":["metal"]}`)
	id := created.text("id")
	created.want(t, 201, map[string]any{"name": "bolt", "quantity": 5.0, "sku": "", "tags": []any{"metal"}})
	if got := created.header.Get("Location"); got != "/items/"+id || id == "" {
		t.Errorf("location %q of item %q", got, id)
	}

	api.call(t, "GET", "/items/"+id, "").want(t, 200, map[string]any{"id": id, "name": "bolt"})
	api.call(t, "PATCH", "/items/"+id, `{"quantity":0}`).want(t, 200, map[string]any{"name": "bolt", "quantity": 0.0, "tags": []any{"metal"}})
	api.call(t, "PUT", "/items/"+id, `{"name":"nut"}`).want(t, 200, map[string]any{"id": id, "name": "nut", "tags": []any{}})

	deleted := api.call(t, "DELETE", "/items/"+id, "")
	if deleted.status != 204 || deleted.raw != "" {
		t.Errorf("delete answered %d %q", deleted.status, deleted.raw)
	}
	api.call(t, "GET", "/items/"+id, "").wantProblem(t, 404, "no such item")
	api.call(t, "DELETE", "/items/"+id, "").wantProblem(t, 404, "no such item")
	api.call(t, "PATCH", "/items/"+id, `{}`).wantProblem(t, 404, "no such item")
}

func TestLists(t *testing.T) {
	api := newAPI(t)
	var second string
	for i, body := range []string{`{"name":"a bolt","tags":["metal"]}`, `{"name":"b board"}`, `{"name":"c beam","tags":["metal","long"]}`} {
		answer := api.call(t, "POST", "/items", body)
		if i == 1 {
			second = answer.text("createdAt")
		}
	}
	tests := []struct {
		path  string
		names string
		total any // nil where the answer has none
	}{
		{"/items", "c beam, b board, a bolt", 3.0},
		{"/items?limit=1", "c beam", 3.0},
		{"/items?limit=1&offset=1", "b board", 3.0},
		{"/items?limit=100&offset=3", "", 3.0},
		{"/items?createdAfter=" + second, "c beam", 1.0},
		{"/items?createdAfter=2000-01-01T00:00:00%2B02:00", "c beam, b board, a bolt", 3.0},
		{"/items/search", "c beam, b board, a bolt", 3.0},
		{"/items/search?q=B%20", "b board", 1.0},
		{"/items/search?tag=metal", "c beam, a bolt", 2.0},
		{"/items/search?tag=metal&tag=long&limit=5", "c beam", 1.0},
		{"/items/search?q=bolt&tag=long", "", 0.0},
		{"/triggers/items", "c beam, b board, a bolt", nil},
		{"/triggers/items?limit=2", "c beam, b board", nil},
		{"/triggers/items?tag=metal", "c beam, a bolt", nil},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			answer := api.call(t, "GET", tt.path, "")
			if got := strings.Join(answer.names(t), ", "); answer.status != 200 || got != tt.names {
				t.Errorf("%d: got %q, want %q", answer.status, got, tt.names)
			}
			if got := answer.body["total"]; got != tt.total {
				t.Errorf("total %v, want %v", got, tt.total)
			}
		})
	}
}

func TestBadRequestsAreExplainedAndChangeNothing(t *testing.T) {
	api := newAPI(t)
	id := api.call(t, "POST", "/items", `{"name":"bolt"}`).text("id")
	item, hook := "/items/"+id, "/webhooks"
	secret := strings.Repeat("s", 16)
	tests := []struct {
		name, method, path, body string
		status                   int
		fields                   []string
	}{
		{"no object", "POST", "/items", `[]`, 400, nil},
		{"null", "PATCH", item, `null`, 400, nil},
		{"no body", "POST", "/items", ``, 400, nil},
		{"half an object", "POST", "/items", `{"name":`, 400, nil},
		{"two objects", "POST", "/items", `{"name":"a"}{"name":"b"}`, 400, nil},
		{"an unknown field", "POST", "/items", `{"name":"a","colour":"red"}`, 400, nil},
		{"a field that is not for callers", "POST", "/items", `{"name":"a","id":"mine"}`, 400, nil},
		{"a wrong type", "POST", "/items", `{"name":1}`, 400, nil},
		{"bad fields", "POST", "/items", `{"name":"","quantity":-1}`, 400, []string{"name", "quantity"}},
		{"bad fields in a replacement", "PUT", item, `{"quantity":1}`, 400, []string{"name"}},
		{"bad fields in a change", "PATCH", item, `{"name":" "}`, 400, []string{"name"}},
		{"a body over the limit", "POST", "/items", `{"name":"` + strings.Repeat("x", MaxBody) + `"}`, 413, nil},
		{"limit 0", "GET", "/items?limit=0", "", 400, []string{"limit"}},
		{"limit past the end", "GET", "/items?limit=101", "", 400, []string{"limit"}},
		{"several at once", "GET", "/items?limit=x&offset=-1&createdAfter=today", "", 400, []string{"limit", "offset", "createdAfter"}},
		{"a long search", "GET", "/items/search?q=" + strings.Repeat("q", 201), "", 400, []string{"q"}},
		{"many tags", "GET", "/items/search?" + strings.Repeat("tag=t&", 21), "", 400, []string{"tag"}},
		{"a bad poll", "GET", "/triggers/items?limit=1000", "", 400, []string{"limit"}},
		{"a webhook of nothing", "POST", hook, `{}`, 400, []string{"callbackUrl", "secret"}},
		{"a relative callback", "POST", hook, `{"callbackUrl":"/hook","secret":"` + secret + `"}`, 400, []string{"callbackUrl"}},
		{"a callback to a file", "POST", hook, `{"callbackUrl":"file://h/etc","secret":"` + secret + `"}`, 400, []string{"callbackUrl"}},
		{"a callback without a host", "POST", hook, `{"callbackUrl":"http://:80/","secret":"` + secret + `"}`, 400, []string{"callbackUrl"}},
		{"a long callback", "POST", hook, `{"callbackUrl":"http://h/` + strings.Repeat("x", 2048) + `","secret":"` + secret + `"}`, 400, []string{"callbackUrl"}},
		{"a webhook without a secret", "POST", hook, `{"callbackUrl":"http://h/"}`, 400, []string{"secret"}},
		{"a short secret", "POST", hook, `{"callbackUrl":"http://h/","secret":"` + secret[1:] + `"}`, 400, []string{"secret"}},
		{"an unknown event", "POST", hook, `{"callbackUrl":"http://h/","secret":"` + secret + `","events":["item.lost"]}`, 400, []string{"events"}},
		{"an unknown webhook", "DELETE", "/webhooks/whk_0", "", 404, nil},
		{"an unknown path", "GET", "/nowhere", "", 404, nil},
		{"an unknown method", "DELETE", "/items", "", 405, nil},
		{"search is not an item", "DELETE", "/items/search", "", 405, nil},
	}
	before := api.call(t, "GET", "/items", "").raw + api.call(t, "GET", "/webhooks", "").raw
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			answer := api.call(t, tt.method, tt.path, tt.body)
			answer.wantProblem(t, tt.status, "")
			if got := answer.fields(); !slices.Equal(got, tt.fields) {
				t.Errorf("fields %q, want %q", got, tt.fields)
			}
		})
	}
	if after := api.call(t, "GET", "/items", "").raw + api.call(t, "GET", "/webhooks", "").raw; after != before {
		t.Errorf("something changed:\nbefore %s\nafter  %s", before, after)
	}
	if got := api.call(t, "DELETE", "/items", "").header.Get("Allow"); got != "GET, POST" {
		t.Errorf("allow %q", got)
	}
}

func TestABodyMustBeJSONByItsHeader(t *testing.T) {
	api := newAPI(t)
	for media, status := range map[string]int{
		"application/json": 201, "application/json; charset=utf-8": 201, "text/plain": 415, "": 415, "application/jsonp": 415,
	} {
		request := httptest.NewRequest("POST", "/items", strings.NewReader(`{"name":"bolt"}`))
		request.Header.Set("X-Api-Key", testKey)
		request.Header.Set("Content-Type", media)
		if answer := api.do(t, request); answer.status != status {
			t.Errorf("%q: status %d, want %d", media, answer.status, status)
		}
	}
}

func TestNothingButTheDocumentIsOpen(t *testing.T) {
	api := newAPI(t)
	for path, methods := range (&server{}).routes() {
		for method := range methods {
			for _, key := range []string{"", "wrong", testKey + "x", testKey[1:]} {
				request := httptest.NewRequest(method, strings.ReplaceAll(path, "{id}", "x"), strings.NewReader(`{"name":"n"}`))
				request.Header.Set("Content-Type", "application/json")
				request.Header.Set("X-Api-Key", key)
				api.do(t, request).wantProblem(t, 401, "X-Api-Key")
			}
		}
	}
	if answer := api.do(t, httptest.NewRequest("GET", "/nowhere", nil)); answer.status != 401 {
		t.Errorf("an unknown path without the key: %d, want 401", answer.status)
	}
	if answer := api.do(t, httptest.NewRequest("GET", "/swagger.json", nil)); answer.status != 200 {
		t.Errorf("the document: %d, want 200", answer.status)
	}
	if _, err := New(Config{}); err == nil {
		t.Error("an API without a key was built")
	}
	api.call(t, "GET", "/status", "").want(t, 200, map[string]any{"status": "ok", "items": 0.0})
	if answer := api.call(t, "HEAD", "/status", ""); answer.status != 200 {
		t.Errorf("HEAD: %d, want 200", answer.status)
	}
}

func TestBoundsAreAnsweredAsSuch(t *testing.T) {
	api := newAPI(t)
	for range testMaxItems {
		api.call(t, "POST", "/items", `{"name":"bolt"}`).want(t, 201, nil)
	}
	api.call(t, "POST", "/items", `{"name":"bolt"}`).wantProblem(t, 507, "delete something first")
	hook := `{"callbackUrl":"http://h/","secret":"0123456789abcdef"}`
	api.call(t, "POST", "/webhooks", hook).want(t, 201, nil)
	api.call(t, "POST", "/webhooks", hook).wantProblem(t, 507, "too many webhooks")
}

func TestANewItemReachesTheWebhook(t *testing.T) {
	arrived := make(chan string, 10)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var event struct{ Data struct{ Name string } }
		if err := json.NewDecoder(r.Body).Decode(&event); err != nil {
			t.Error(err)
		}
		arrived <- event.Data.Name
	}))
	t.Cleanup(receiver.Close)
	api := newAPI(t)
	go func() { _ = api.hub.Run(t.Context()) }()

	created := api.call(t, "POST", "/webhooks", `{"callbackUrl":"`+receiver.URL+`","secret":"0123456789abcdef","events":["item.created"]}`)
	created.want(t, 201, map[string]any{"callbackUrl": receiver.URL, "events": []any{"item.created"}})
	location := created.header.Get("Location")
	if location != "/webhooks/"+created.text("id") {
		t.Errorf("location %q", location)
	}
	list := api.call(t, "GET", "/webhooks", "")
	if strings.Contains(list.raw+created.raw, "0123456789abcdef") || !strings.Contains(list.raw, receiver.URL) {
		t.Errorf("answers show the secret or no webhook:\n%s\n%s", created.raw, list.raw)
	}
	api.call(t, "POST", "/items", `{"name":"bolt"}`)
	if got := <-arrived; got != "bolt" {
		t.Errorf("the webhook got %q", got)
	}
	if answer := api.call(t, "DELETE", location, ""); answer.status != 204 {
		t.Errorf("unregister: %d", answer.status)
	}
	api.call(t, "GET", "/webhooks", "").want(t, 200, map[string]any{"webhooks": []any{}})
}

const testMaxItems = 20

// testAPI is the API without a network.
type testAPI struct {
	handler http.Handler
	hub     *hooks.Hub
}

func newAPI(t *testing.T) *testAPI {
	t.Helper()
	var made atomic.Int64
	newID := func(kind string) string { return fmt.Sprintf("%s_%d", kind, made.Add(1)) }
	hub := hooks.New(hooks.Config{MaxWebhooks: 1, Now: time.Now, NewID: newID, Client: &http.Client{}, Log: slog.New(slog.DiscardHandler)})
	handler, err := New(Config{
		Key:   testKey,
		Items: stock.New(stock.Config{MaxItems: testMaxItems, Now: time.Now, NewID: newID}),
		Hooks: hub,
		Log:   slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatalf("new API: %v", err)
	}
	return &testAPI{handler, hub}
}

// answer is a response with its body, decoded if it is an object.
type answer struct {
	status int
	header http.Header
	raw    string
	body   map[string]any
}

// call makes a request with the key.
func (a *testAPI) call(t *testing.T, method, path, body string) answer {
	t.Helper()
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	request.Header.Set("X-Api-Key", testKey)
	request.Header.Set("Content-Type", "application/json")
	return a.do(t, request)
}

func (a *testAPI) do(t *testing.T, request *http.Request) answer {
	t.Helper()
	recorder := httptest.NewRecorder()
	a.handler.ServeHTTP(recorder, request)
	got := answer{status: recorder.Code, header: recorder.Header(), raw: recorder.Body.String()}
	if got.raw != "" {
		if err := json.Unmarshal([]byte(got.raw), &got.body); err != nil {
			t.Fatalf("%s %s answered %d %q: %v", request.Method, request.URL, got.status, got.raw, err)
		}
	}
	return got
}

func (a answer) text(field string) string { text, _ := a.body[field].(string); return text }

func (a answer) want(t *testing.T, status int, fields map[string]any) {
	t.Helper()
	if a.status != status || a.header.Get("Content-Type") != "application/json" {
		t.Fatalf("status %d as %s, want %d: %s", a.status, a.header.Get("Content-Type"), status, a.raw)
	}
	for name, want := range fields {
		if got := a.body[name]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

func (a answer) wantProblem(t *testing.T, status int, detail string) {
	t.Helper()
	if a.status != status || a.header.Get("Content-Type") != "application/problem+json" {
		t.Fatalf("status %d as %s, want problem %d: %s", a.status, a.header.Get("Content-Type"), status, a.raw)
	}
	if a.body["status"] != float64(status) || a.text("title") != http.StatusText(status) || a.text("type") != "about:blank" ||
		a.text("detail") == "" || !strings.Contains(a.text("detail"), detail) {
		t.Errorf("problem %s does not say %q", a.raw, detail)
	}
}

// fields returns the names of the fields at fault.
func (a answer) fields() []string {
	var names []string
	list, _ := a.body["errors"].([]any)
	for _, entry := range list {
		fault, _ := entry.(map[string]any)
		names = append(names, fmt.Sprint(fault["field"]))
	}
	return names
}

func (a answer) names(t *testing.T) []string {
	t.Helper()
	list, ok := a.body["items"].([]any)
	if !ok {
		t.Fatalf("no list of items: %s", a.raw)
	}
	names := []string{}
	for _, entry := range list {
		item, _ := entry.(map[string]any)
		names = append(names, fmt.Sprint(item["name"]))
	}
	return names
}
