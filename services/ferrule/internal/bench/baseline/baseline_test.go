package baseline_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/load"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
)

const key = "key-of-things"

func startUpstream(t *testing.T) *url.URL {
	t.Helper()
	server := httptest.NewServer(baseline.Upstream(key))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func get(t *testing.T, target, key string) (int, []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(baseline.KeyHeader, key)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, body
}

func TestTheAPIAnswersOneKiBToWhoHasTheKey(t *testing.T) {
	api := startUpstream(t).String()
	for _, row := range []struct {
		name, path, key string
		status, size    int
	}{
		{"with the key", baseline.Path, key, 200, baseline.AnswerSize},
		{"with another key", baseline.Path, "other", 401, 0},
		{"somewhere else", "/nothing", key, 404, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, body := get(t, api+row.path, row.key)
			if status != row.status || row.size > 0 && (len(body) != row.size || !json.Valid(body)) {
				t.Errorf("answer = %d with %d bytes %.60s", status, len(body), body)
			}
		})
	}
	var document struct {
		Swagger, Host       string
		SecurityDefinitions map[string]struct{ Type, In, Name string }
		Paths               map[string]map[string]struct{ OperationID string }
	}
	_, body := get(t, api+"/swagger.json", "")
	if err := json.Unmarshal(body, &document); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	if document.Swagger != "2.0" || "http://"+document.Host != api ||
		document.SecurityDefinitions[baseline.KeyName].Name != baseline.KeyHeader ||
		document.Paths["/things/{id}"]["get"].OperationID != baseline.Operation {
		t.Errorf("description = %s", body)
	}
}

// TestEveryBaselineCanBeMeasured makes a few calls in each of the ways in which
// the suite is measured.
func TestEveryBaselineCanBeMeasured(t *testing.T) {
	api := startUpstream(t)
	proxy := httptest.NewServer(baseline.ReverseProxy(api, key))
	t.Cleanup(proxy.Close)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 2)
	bare := func(client http.RoundTripper) string {
		l := listen(t)
		go func() { served <- baseline.ServeGRPC(ctx, l, baseline.NewHandler(api, key, client)) }()
		return l.Addr().String()
	}
	own := &http.Transport{}
	t.Cleanup(own.CloseIdleConnections)

	request := &load.HTTP{Method: http.MethodGet, Path: baseline.Path}
	invoke := &load.Invoke{Connection: "any", Operation: baseline.Operation, Input: baseline.Input}
	for _, row := range []struct {
		name   string
		target load.Target
		fails  bool
	}{
		{"the proxy brings the key", load.Target{Addr: proxy.Listener.Addr().String(), HTTP: request, Token: "t"}, false},
		{"the handler brings the key", load.Target{Addr: bare(nil), Invoke: invoke, Token: "t"}, false},
		{"the handler with a client of ours does too", load.Target{Addr: bare(own), Invoke: invoke, Token: "t"}, false},
		{"the load brings the key", load.Target{Addr: api.Host, HTTP: request, Key: key}, false},
		{"the API itself misses it", load.Target{Addr: api.Host, HTTP: request}, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			calls, done, err := load.Open(t.Context(), row.target, 2)
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			got, err := measure.Run(t.Context(), measure.Config{Clock: clock.System(), Duration: 50 * time.Millisecond}, calls)
			if err != nil {
				t.Fatal(err)
			}
			if failed := got.Errors > 0; failed != row.fails || !row.fails && got.Requests == 0 {
				t.Errorf("result = %+v", got)
			}
		})
	}
	cancel()
	for range cap(served) {
		if err := <-served; err != nil {
			t.Error(err)
		}
	}
}

func TestServersStopWithTheirContext(t *testing.T) {
	l := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- baseline.ServeHTTP(ctx, l, baseline.Upstream(key)) }()
	if status, _ := get(t, "http://"+l.Addr().String()+baseline.Path, key); status != http.StatusOK {
		t.Errorf("status = %d", status)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
	_ = l.Close()
	if err := baseline.ServeHTTP(t.Context(), l, http.NotFoundHandler()); err == nil {
		t.Error("no error on a closed listener")
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
