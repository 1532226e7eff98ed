package notices_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
)

// call sends a body and returns the answer.
func call(t *testing.T, server *httptest.Server, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	res, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, strings.TrimSpace(string(text))
}

func TestTheAPIRegistersTimesAndRefuses(t *testing.T) {
	server := httptest.NewServer(notices.NewAPI(clock.System()))
	defer server.Close()
	for _, step := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/hooks", `{"url":"http://here","secret":"s"}`, 201, ""},
		{notices.RegisteredPath, "", 200, `{"url":"http://here","secret":"s"}`},
		{notices.SinkPath, "nonsense", 400, "invalid character 'o' in literal null (expecting 'u')"},
		{notices.DeadPath, `{}`, 503, ""},
		{notices.StatsPath, "", 200, `{"arrived":0,"p50_ns":0,"p99_ns":0}`},
	} {
		if status, text := call(t, server, step.path, step.body); status != step.status || text != step.want {
			t.Errorf("%s %s: %d %q, want %d %q", step.path, step.body, status, text, step.status, step.want)
		}
	}
}

func TestNotificationsAreSignedTimedAndCounted(t *testing.T) {
	api := httptest.NewServer(notices.NewAPI(clock.System()))
	defer api.Close()
	signed := 0
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.HasPrefix(r.Header.Get("X-Signature"), "sha256=") {
			signed++
		}
		status, _ := call(t, api, notices.SinkPath, `{"data":`+string(body)+`}`) // as the suite would
		w.WriteHeader(status)
	}))
	defer edge.Close()
	send, err := notices.Calls(clock.System(), notices.Registration{URL: edge.URL, Secret: "s"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := send[0](t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var stats notices.Stats
	_, text := call(t, api, notices.StatsPath, "")
	if err := json.Unmarshal([]byte(text), &stats); err != nil || stats.Arrived != 3 || stats.P50 <= 0 || stats.P99 < stats.P50 || signed != 3 {
		t.Errorf("%+v, %d signed, %v", stats, signed, err)
	}
}

func TestARefusedNotificationIsAnError(t *testing.T) {
	api := httptest.NewServer(notices.NewAPI(clock.System()))
	defer api.Close()
	to := notices.Registration{URL: api.URL + notices.DeadPath}
	send, err := notices.Calls(clock.System(), to, 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := send[0](t.Context()); err == nil {
		t.Error("no error")
	}
	if n, err := notices.Steady(t.Context(), clock.System(), to, 100, 50*time.Millisecond); err == nil || n != 0 {
		t.Errorf("%d accepted, %v", n, err)
	}
}

func TestTheBareHandlerAnswersWhenTheStreamHasIt(t *testing.T) {
	handler, done, err := notices.NewBare(t.Context(), t.TempDir(), embedded.SyncInterval)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	server := httptest.NewServer(handler)
	defer server.Close()
	if status, text := call(t, server, "/", `{"a":1}`); status != http.StatusAccepted {
		t.Errorf("%d %s", status, text)
	}
	if status, _ := call(t, server, "/", `{`); status != http.StatusBadRequest {
		t.Errorf("%d for what is no JSON", status)
	}
}
