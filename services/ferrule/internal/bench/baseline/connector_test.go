package baseline_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/cost"
)

func TestTheFastAPI(t *testing.T) {
	api := httptest.NewServer(baseline.FastAPI(key))
	t.Cleanup(api.Close)
	for _, row := range []struct {
		name, method, path, body string
		marks                    bool
		status, size             int
	}{
		{"a thing", http.MethodGet, baseline.Path, "", false, 200, baseline.AnswerSize},
		{"a checked thing with the headers of the policies", http.MethodGet, "/checked" + baseline.Path, "", true, 200, baseline.AnswerSize},
		{"a checked thing without them", http.MethodGet, "/checked" + baseline.Path, "", false, 400, 0},
		{"a large body down", http.MethodGet, "/bulk/100000", "", false, 200, 100_000},
		{"no number of bytes", http.MethodGet, "/bulk/many", "", false, 400, 0},
		{"fewer bytes than none", http.MethodGet, "/bulk/-1", "", false, 400, 0},
		{"a large body up", http.MethodPut, "/bulk", strings.Repeat("x", 100_000), false, 200, len(`{"bytes": 100000}`)},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), row.method, api.URL+row.path, strings.NewReader(row.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(baseline.KeyHeader, key)
			if row.marks {
				for name, value := range baseline.Marks() {
					req.Header.Set(name, value)
				}
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = res.Body.Close() }()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != row.status || row.size > 0 && len(body) != row.size {
				t.Errorf("answer = %d with %d bytes %.40s, %v", res.StatusCode, len(body), body, err)
			}
		})
	}
}

func TestTheConnectorHasPoliciesForTheMarks(t *testing.T) {
	var document struct {
		Host     string
		Policies []struct {
			Parameters []struct{ Name, JSON string }
		} `json:"x-ferrule-policies"`
		Limits []struct{ Calls int } `json:"x-ferrule-rate-limits"`
	}
	if err := json.Unmarshal(baseline.Connector("127.0.0.1:4711"), &document); err != nil {
		t.Fatal(err)
	}
	set := map[string]string{}
	for _, p := range document.Policies {
		set[p.Parameters[0].JSON] = p.Parameters[1].JSON
	}
	for name, value := range baseline.Marks() {
		if set[name] != value {
			t.Errorf("header %s is set to %q, want %q", name, set[name], value)
		}
	}
	if document.Host != "127.0.0.1:4711" || len(document.Limits) != 1 || document.Limits[0].Calls != baseline.Generous {
		t.Errorf("description = %+v", document)
	}
}

func TestAProcessShowsItsAllocations(t *testing.T) {
	server := httptest.NewServer(baseline.Inspect())
	t.Cleanup(server.Close)
	count := func() float64 {
		_, body := get(t, server.URL+"/metrics", "")
		n, err := cost.Allocations(strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if before, after := count(), count(); before <= 0 || after <= before {
		t.Errorf("allocations = %v, then %v", before, after)
	}
}
