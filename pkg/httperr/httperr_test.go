package httperr_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

func TestErrorsHaveOneForm(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		status int
		reason string
		header map[string]string
		hidden string
	}{
		{
			name: "what does not exist", status: http.StatusNotFound, reason: "CONNECTOR_NOT_FOUND",
			err: fault.NotFound(fault.ReasonConnectorNotFound, "connector does not exist").With("connector", "crm"),
		},
		{
			name: "who is not known", status: http.StatusUnauthorized, reason: "UNAUTHENTICATED",
			err:    fault.Unauthenticated(fault.ReasonUnauthenticated, "the token has expired"),
			header: map[string]string{"WWW-Authenticate": "Bearer"},
		},
		{
			name: "waiting helps", status: http.StatusTooManyRequests, reason: "LIMIT_REACHED",
			err:    fault.Exhausted(fault.ReasonLimitReached, "too many calls").RetryAfter(1500 * time.Millisecond),
			header: map[string]string{"Retry-After": "2"},
		},
		{
			name: "the API failed, not we", status: http.StatusBadGateway, reason: "UPSTREAM_UNREACHABLE",
			err: fault.Unavailable(fault.ReasonUpstreamUnreachable, "no connection"),
		},
		{
			name: "the API was too slow", status: http.StatusGatewayTimeout, reason: "UPSTREAM_TIMEOUT",
			err: fault.Deadline(fault.ReasonUpstreamTimeout, "no answer in time"),
		},
		{
			name: "something was too large", status: http.StatusRequestEntityTooLarge, reason: "INPUT_TOO_LARGE",
			err: fault.Invalid(fault.ReasonInputTooLarge, "too large"),
		},
		{
			name: "causes stay inside", status: http.StatusInternalServerError, reason: "INTERNAL", hidden: "password",
			err: errors.New("dial postgres with password hunter2"),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			w.Header().Set("Content-Length", "3")
			httperr.Write(w, row.err)
			var body struct {
				Code    int
				Message string
				Details []struct {
					Reason   string
					Domain   string
					Metadata map[string]string
				}
			}
			if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
				t.Fatalf("%s: %v", w.Body, err)
			}
			if w.Code != row.status || len(body.Details) == 0 || body.Details[0].Reason != row.reason || body.Details[0].Domain != "ferrule.dev" {
				t.Errorf("answer = %d %s, want %d %s", w.Code, w.Body, row.status, row.reason)
			}
			for name, want := range row.header {
				if got := w.Header().Get(name); got != want {
					t.Errorf("%s = %q, want %q", name, got, want)
				}
			}
			if w.Header().Get("Content-Length") != "" {
				t.Error("a length of something else was kept")
			}
			if row.hidden != "" && strings.Contains(w.Body.String(), row.hidden) {
				t.Errorf("the answer shows the cause: %s", w.Body)
			}
		})
	}
}
