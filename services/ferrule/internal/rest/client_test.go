package rest_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func client(t *testing.T, handler http.HandlerFunc) *rest.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c, err := rest.New(server.URL+"/", "secret-token")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPathsEscapeIdsAndKeepNames(t *testing.T) {
	for _, row := range []struct{ want, got string }{
		{"/v1/environments/default/connectors", rest.Path("environments/default", "connectors")},
		{"/v1/environments/default/connectors/a%20b", rest.Path("environments/default/connectors/a b")},
		{"/v1/a%3Fb/%25", rest.Path("a?b", "%")},
	} {
		if row.got != row.want {
			t.Errorf("Path() = %s, want %s", row.got, row.want)
		}
	}
}

func TestCallSendsJSONWithTheTokenAndReadsTheAnswer(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.RequestURI() != "/v1/x?a=1" || r.Header.Get("Authorization") != "Bearer secret-token" ||
			r.Header.Get("Content-Type") != "application/json" || !strings.Contains(string(body), `"title"`) {
			t.Errorf("asked %s %s with %s", r.Method, r.URL, body)
		}
		_, _ = io.WriteString(w, `{"title": "CRM", "fieldOfTheFuture": 1}`)
	})
	var out registryv1.Connector
	err := c.Call(t.Context(), http.MethodPost, "/v1/x", url.Values{"a": {"1"}}, &registryv1.Connector{Title: "x"}, &out)
	if err != nil || out.GetTitle() != "CRM" {
		t.Errorf("Call() = %v, %v", &out, err)
	}
}

func TestErrorsKeepTheirReason(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		body   string
		reason fault.Reason
		text   string
	}{
		{
			name: "an error of ours", status: 404, reason: fault.ReasonConnectorNotFound, text: "does not exist",
			body: `{"code":5,"message":"connector does not exist","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"CONNECTOR_NOT_FOUND","domain":"ferrule.dev"}]}`,
		},
		{name: "an error of somebody else", status: 502, body: "<html>Bad gateway</html>", reason: fault.ReasonServiceUnavailable, text: "502 bad gateway"},
		{name: "no body", status: 403, reason: fault.ReasonServiceUnavailable, text: "403"},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := client(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			})
			err := c.Call(t.Context(), http.MethodGet, "/v1/x", nil, nil, nil)
			if fault.ReasonOf(err) != row.reason || !strings.Contains(fault.From(err).Message(), row.text) {
				t.Errorf("Call() = %v, want %s with %q", err, row.reason, row.text)
			}
		})
	}
}

func TestAnAnswerThatIsNotOursIsExplained(t *testing.T) {
	c := client(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>hello</html>") })
	err := c.Call(t.Context(), http.MethodGet, "/v1/x", nil, nil, &registryv1.Connector{})
	if err == nil || !strings.Contains(err.Error(), "is http://127.0.0.1") {
		t.Errorf("Call() = %v", err)
	}
}

func TestAServerThatIsGoneIsExplainedWithoutTheToken(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := rest.New(server.URL, "secret-token")
	if err != nil {
		t.Fatal(err)
	}
	err = c.Call(t.Context(), http.MethodGet, "/v1/x", nil, nil, nil)
	if fault.ReasonOf(err) != fault.ReasonServiceUnavailable || strings.Contains(err.Error(), "secret-token") {
		t.Errorf("Call() = %v", err)
	}
}

func TestACallThatIsCancelledSaysOnlyThat(t *testing.T) {
	c := client(t, func(http.ResponseWriter, *http.Request) {})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Call(ctx, http.MethodGet, "/v1/x", nil, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Call() = %v", err)
	}
}

func TestNoRedirectIsFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("%s %s was followed, with %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		for name, location := range map[string]string{
			"to another host": other.URL + "/x", "to the server itself": "/v1/environments/default/connections/a1:revoke", "to nowhere": "",
		} {
			t.Run(http.StatusText(status)+" "+name, func(t *testing.T) {
				asked := 0
				c := client(t, func(w http.ResponseWriter, _ *http.Request) {
					asked++
					w.Header().Set("Location", location)
					w.WriteHeader(status)
				})
				err := c.Call(t.Context(), http.MethodPost, "/v1/x", nil, &registryv1.Connector{}, nil)
				if fault.ReasonOf(err) != fault.ReasonServiceUnavailable || !strings.Contains(fault.From(err).Message(), location) {
					t.Errorf("Call() = %v", err)
				}
				res, err := c.Do(t.Context(), http.MethodPost, "/v1/x", nil, []byte("{}"))
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != status || asked != 2 {
					t.Errorf("Do() = %d after %d requests", res.StatusCode, asked)
				}
			})
		}
	}
}

func TestServersThatCannotBeAreRefused(t *testing.T) {
	for _, server := range []string{"", "127.0.0.1:8080", "ftp://x", "http://", "http://%zz"} {
		if _, err := rest.New(server, ""); err == nil {
			t.Errorf("New(%q) = nil", server)
		}
	}
}
