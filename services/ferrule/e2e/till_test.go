package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// till is a suite with a connection "till" to an API that behaves in all the ways
// that a call has to cope with, and counts what it is asked.
type till struct {
	*suite
	url, host, dir string

	mu    sync.Mutex
	asked map[string]int // by method and path
	done  chan struct{}  // closed when the test ends
}

// tillKey is the key of the connection: no output may show it.
const tillKey = "canary-of-the-till-4711"

// openTill starts both. Each description is imported as "till" and connected.
func openTill(t *testing.T, o suiteOptions) *till {
	t.Helper()
	a := &till{asked: map[string]int{}, done: make(chan struct{}), dir: t.TempDir()}
	server := httptest.NewServer(a.routes())
	t.Cleanup(func() {
		close(a.done)
		server.CloseClientConnections()
		server.Close()
	})
	a.url, a.host = server.URL, strings.TrimPrefix(server.URL, "http://")
	o.data = t.TempDir()
	a.suite = up(t, o)
	a.do(t, nil, "import", a.describe(t), "--id", "till")
	a.do(t, nil, "connect", "till", "--no-test", "--secret", "api_key="+tillKey)
	return a
}

// count returns how often the API was asked for a method and path.
func (a *till) count(what string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.asked[what]
}

func (a *till) routes() http.Handler {
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, text string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(text))
	}
	mux.HandleFunc("GET /linked", func(w http.ResponseWriter, r *http.Request) {
		next := ""
		if n := number(r, "page"); n < 3 {
			next = fmt.Sprintf(`,"nextLink":"%s/linked?page=%d"`, a.url, n+1)
		}
		reply(w, `{"value":`+numbers(2*number(r, "page"), 2)+next+`}`)
	})
	mux.HandleFunc("GET /headed", func(w http.ResponseWriter, r *http.Request) {
		if n := number(r, "page"); n < 3 {
			w.Header().Set("Link", fmt.Sprintf(`<%s/headed?page=%d>; rel="next"`, a.url, n+1))
		}
		reply(w, numbers(2*number(r, "page"), 2))
	})
	mux.HandleFunc("GET /skipped", func(w http.ResponseWriter, r *http.Request) {
		skip := number(r, "skip")
		reply(w, `{"rows":`+numbers(skip, min(number(r, "top"), 8-skip))+`}`)
	})
	mux.HandleFunc("GET /pointed", func(w http.ResponseWriter, r *http.Request) {
		after, more := number(r, "after"), ""
		if after < 6 {
			more = fmt.Sprintf(`,"cursor":"%d"`, after+2)
		}
		reply(w, `{"rows":`+numbers(after, 2)+more+`}`)
	})
	mux.HandleFunc("POST /orders", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, fmt.Sprintf(`{"order":%d}`, a.count("POST /orders")))
	})
	mux.HandleFunc("GET /tagged", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"v1"`)
		w.Header().Set("Cache-Control", "max-age=0, must-revalidate")
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		reply(w, fmt.Sprintf(`{"asked":%d}`, a.count("GET /tagged")))
	})
	mux.HandleFunc("GET /fresh", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=600")
		reply(w, fmt.Sprintf(`{"asked":%d}`, a.count("GET /fresh")))
	})
	mux.HandleFunc("/flaky", func(w http.ResponseWriter, r *http.Request) {
		if a.count(r.Method+" /flaky") == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		reply(w, `{"ok":true}`)
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-a.done:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("GET /folders", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, `{"value":[{"id":"in","name":"Inbox"},{"id":"out","name":"Sent"},{"id":"bin","name":"Bin","open":false}]}`)
	})
	mux.HandleFunc("GET /columns", func(w http.ResponseWriter, r *http.Request) {
		reply(w, `{"schema":{"type":"object","properties":{"of_`+r.URL.Query().Get("folder")+`":{"type":"string"}}}}`)
	})
	mux.HandleFunc("POST /folders", func(w http.ResponseWriter, _ *http.Request) { reply(w, `{}`) })
	mux.HandleFunc("GET /wrong", func(w http.ResponseWriter, _ *http.Request) { reply(w, `{"price":"cheap"}`) })
	mux.HandleFunc("POST /echo", func(w http.ResponseWriter, r *http.Request) {
		reply(w, fmt.Sprintf(`{"you_said":%q,"with":%q}`, readAll(r), r.Header.Get("X-Key")))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		a.asked[r.Method+" "+r.URL.Path]++
		a.mu.Unlock()
		mux.ServeHTTP(w, r)
	})
}

func number(r *http.Request, name string) int {
	n, _ := strconv.Atoi(r.URL.Query().Get(name))
	return n
}

// numbers is a JSON array of n numbers after first.
func numbers(first, n int) string {
	out := []int{}
	for i := range max(n, 0) {
		out = append(out, first+i+1)
	}
	text, _ := json.Marshal(out) // numbers cannot fail
	return string(text)
}

// describe writes the description of the API and returns its path.
func (a *till) describe(t *testing.T) string {
	t.Helper()
	query := func(names ...string) string {
		var out []string
		for _, name := range names {
			out = append(out, `{"name":"`+name+`","in":"query","type":"string"}`)
		}
		return strings.Join(out, ",")
	}
	paths := map[string]string{}
	for _, op := range []struct{ path, method, id, parameters, more, schema string }{
		{"/linked", "get", "Linked", query("page"), `"x-ms-pageable":{"nextLinkName":"nextLink"},`, `{"type":"object"}`},
		{"/headed", "get", "Headed", query("page"), `"x-ms-pageable":{},`, `{"type":"array","items":{}}`},
		{"/skipped", "get", "Skipped", query("skip", "top"), "", `{"type":"object"}`},
		{"/pointed", "get", "Pointed", query("after"), "", `{"type":"object"}`},
		{"/orders", "post", "Order", `{"name":"body","in":"body","schema":{"type":"object"}}`, "", `{"type":"object"}`},
		{"/tagged", "get", "Tagged", "", "", `{"type":"object"}`},
		{"/fresh", "get", "Fresh", "", "", `{"type":"object"}`},
		{"/flaky", "get", "Flaky", "", "", `{"type":"object"}`},
		{"/flaky", "post", "FlakyPost", "", "", `{"type":"object"}`},
		{"/silent", "post", "Silent", "", "", `{"type":"object"}`},
		{"/folders", "get", "Folders", "", "", `{"type":"object"}`},
		{"/columns", "get", "Columns", query("folder"), "", `{"type":"object"}`},
		{"/folders", "post", "Fill", `{"name":"folder","in":"query","type":"string","required":true,"x-ms-dynamic-values":` +
			`{"operationId":"Folders","value-collection":"value","value-path":"id","value-title":"name","value-selectable":"open"}},` +
			`{"name":"body","in":"body","schema":{"type":"object","x-ms-dynamic-schema":` +
			`{"operationId":"Columns","parameters":{"folder":{"parameter":"folder"}},"value-path":"schema"}}}`, "", `{"type":"object"}`},
		{"/wrong", "get", "Wrong", "", "", `{"type":"object","required":["name"],"properties":{"price":{"type":"number"},"name":{"type":"string"}}}`},
		{"/echo", "post", "Echo", `{"name":"body","in":"body","schema":{"type":"object"}}`, "", `{"type":"object"}`},
	} {
		if paths[op.path] != "" {
			paths[op.path] += ","
		}
		paths[op.path] += `"` + op.method + `":{"operationId":"` + op.id + `",` + op.more + `"parameters":[` + op.parameters + `],` +
			`"responses":{"200":{"description":"fine","schema":` + op.schema + `}}}`
	}
	var all []string
	for path, methods := range paths {
		all = append(all, `"`+path+`":{`+methods+`}`)
	}
	return write(t, filepath.Join(a.dir, "till.json"), `{"swagger":"2.0","info":{"title":"Till","version":"1"},"host":"`+a.host+`","schemes":["http"],`+
		`"produces":["application/json"],"consumes":["application/json"],`+
		`"securityDefinitions":{"api_key":{"type":"apiKey","in":"header","name":"X-Key"}},"security":[{"api_key":[]}],"paths":{`+strings.Join(all, ",")+`}}`)
}

// amend changes members of operations in the definition and publishes the result.
func (a *till) amend(t *testing.T, changes map[string]map[string]any) {
	t.Helper()
	file := filepath.Join(a.dir, "native.json")
	a.do(t, nil, "export", "till", "--format", "ferrule", "-o", file)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var doc map[string]any
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	for _, op := range doc["operations"].([]any) {
		op := op.(map[string]any)
		maps.Copy(op, changes[op["operationId"].(string)])
	}
	if text, err = json.Marshal(doc); err != nil {
		t.Fatal(err)
	}
	a.do(t, nil, "edit", "till", "--file", write(t, file, string(text)), "--publish", "--allow-breaking")
}
