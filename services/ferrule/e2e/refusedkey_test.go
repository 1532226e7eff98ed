package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// TestAKeyThatTheAPIRefusesIsShownUntilItIsAccepted from outside, by all ways to call.
func TestAKeyThatTheAPIRefusesIsShownUntilItIsAccepted(t *testing.T) {
	t.Parallel()
	var good atomic.Pointer[string]
	accept := func(key string) { good.Store(&key) }
	accept("right")
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Key") != *good.Load() {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{"id": 1}`))
	}))
	defer api.Close()
	s := up(t, suiteOptions{data: t.TempDir()})
	s.do(t, nil, "import", write(t, filepath.Join(t.TempDir(), "v1.yaml"), keyedAt(strings.TrimPrefix(api.URL, "http://"))), "--id", "keyed")
	s.do(t, nil, "connect", "keyed", "--no-test", "--secret", "api_key=wrong")
	healthy := func(when string) {
		t.Helper()
		if got := s.do(t, nil, "connections"); strings.Contains(got, "error") || strings.Contains(got, "ERROR") {
			t.Errorf("%s: %s", when, got)
		}
	}
	broken := []string{`operation "List"`, "status 401", "ferrule connections update keyed --secret"}
	healthy("before the first call")
	s.cli(t, "invoke", "keyed", "List")
	s.do(t, broken, "connections", "show", "keyed")
	s.do(t, []string{"error"}, "connections")
	s.cli(t, "invoke", "keyed", "List") // which is not blocked, and says the same
	s.do(t, broken, "connections", "show", "keyed")
	s.do(t, nil, "connections", "update", "keyed", "--secret", "api_key=right")
	healthy("with another key")
	s.do(t, []string{`"id": 1`}, "invoke", "keyed", "List")

	// A key that is withdrawn, and given back, without any command.
	s.do(t, nil, "connections", "update", "keyed", "--secret", "api_key=second")
	testkit.Await(t, "a refusal of the second key, which the runtime hears of a moment later", func() bool {
		return s.request(t, http.MethodGet, "/v1/environments/default/connections/keyed/proxy/items", s.token, "").status == http.StatusUnauthorized
	})
	s.do(t, []string{"a pass-through call", "status 401"}, "connections", "show", "keyed")
	accept("second")
	s.do(t, []string{`"id": 1`}, "invoke", "keyed", "List")
	healthy("after a call that was accepted")
	audit := s.do(t, nil, "audit", "list", "--connection", "keyed")
	if strings.Count(audit, " rejected ") != 2 || strings.Count(audit, " accepted ") != 1 {
		t.Errorf("the audit trail has\n%s", audit)
	}
	// The owner has been told less than a minute before the second loss.
	if log := s.out.String(); strings.Count(log, "a connection was lost") != 1 {
		t.Errorf("the log does not have one line of the losses of a minute:\n%s", log)
	}
}
