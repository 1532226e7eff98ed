package fetch_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/fetch"
)

// newFetcher may reach the loopback if it is allowed to.
func newFetcher(t *testing.T, timeout time.Duration, allow ...string) *fetch.Fetcher {
	t.Helper()
	var policy egress.Policy
	for _, network := range allow {
		policy.AllowNetworks = append(policy.AllowNetworks, netip.MustParsePrefix(network))
	}
	guard, err := egress.New(policy)
	if err != nil {
		t.Fatal(err)
	}
	return fetch.New(guard, timeout, lines)
}

func serve(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(handler)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestADocumentIsFetched(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html") // servers say anything
		_, _ = w.Write([]byte(r.URL.RequestURI()))
	})
	for _, row := range []struct{ name, path, file, content string }{
		{"named by its path", "/v1/swagger.json", "swagger.json", "/v1/swagger.json"},
		{"the query is sent and not shown", "/a.yaml?key=secret", "a.yaml", "/a.yaml?key=secret"},
		{"a fragment is nobody's business", "/a.yaml#top", "a.yaml", "/a.yaml"},
		{"without a path", "", "document", "/"},
		{"a path that is no file name", "/a%5Cb", "document", "/a%5Cb"},
	} {
		t.Run(row.name, func(t *testing.T) {
			files, shown, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), base+row.path)
			if err != nil || len(files) != 1 || files[0].Path != row.file || string(files[0].Content) != row.content {
				t.Fatalf("Fetch = %q, %v", files, err)
			}
			if at := files[0].URL; strings.ContainsAny(at, "?#") || !strings.HasPrefix(at, base) {
				t.Errorf("found at %q", at)
			}
			if strings.ContainsAny(shown, "?#") || !strings.HasPrefix(shown, base) {
				t.Errorf("shown as %q", shown)
			}
		})
	}
}

func TestFailuresSayWhatHappened(t *testing.T) {
	base := serve(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/missing":
			http.NotFound(w, r)
		case "/moved":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/large":
			chunk := make([]byte, 1<<20)
			for range document.MaxBytes/len(chunk) + 1 {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		case "/broken":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("{"))
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		}
	})
	for _, row := range []struct {
		name, url string
		reason    fault.Reason
	}{
		{"the document is not there", base + "/missing?key=hunter2", fault.ReasonDocumentUnreachable},
		{"the answer has no document", base + "/empty?key=hunter2", fault.ReasonDocumentUnreachable},
		{"the answer breaks off", base + "/broken?key=hunter2", fault.ReasonDocumentUnreachable},
		{"the document is too large", base + "/large?key=hunter2", fault.ReasonDocumentTooLarge},
		{"a redirect to where nobody may go", base + "/moved?key=hunter2", fault.ReasonEgressRefused},
		{"a redirect without end", base + "/round?key=hunter2", fault.ReasonEgressRefused},
		{"an address where nobody may go", "http://10.0.0.1/a.json?key=hunter2", fault.ReasonEgressRefused},
		{"nobody listens", closedPort(t) + "/a.json?key=hunter2", fault.ReasonDocumentUnreachable},
		{"no URL", "://?key=hunter2", fault.ReasonInvalidArgument},
		{"another scheme", "file:///etc/passwd?key=hunter2", fault.ReasonInvalidArgument},
		{"no host", "http:///a.json?key=hunter2", fault.ReasonInvalidArgument},
		{"credentials in the URL", "http://ann:hunter2@127.0.0.1/a.json", fault.ReasonInvalidArgument},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(t.Context(), row.url)
			if fault.ReasonOf(err) != row.reason {
				t.Fatalf("Fetch: %v, want %s", err, row.reason)
			}
			if text := err.Error() + fault.From(err).Message() + strings.Join(mapped(fault.From(err).Meta()), " "); strings.Contains(text, "hunter2") {
				t.Errorf("the error tells the secret: %s", text)
			}
		})
	}
}

func mapped(meta map[string]string) []string {
	var list []string
	for k, v := range meta {
		list = append(list, k, v)
	}
	return list
}

// closedPort returns the address of a listener that is gone.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return "http://" + l.Addr().String()
}

func TestTheGuardIsOnThePath(t *testing.T) {
	base := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("the server was reached") })
	_, _, err := newFetcher(t, time.Minute).Fetch(t.Context(), base+"/a.json")
	if fault.ReasonOf(err) != fault.ReasonEgressRefused {
		t.Errorf("Fetch: %v, want EGRESS_REFUSED", err)
	}
}

func TestAServerThatDoesNotAnswerIsGivenUp(t *testing.T) {
	release := make(chan struct{})
	base := serve(t, func(http.ResponseWriter, *http.Request) { <-release })
	t.Cleanup(func() { close(release) })
	_, _, err := newFetcher(t, 20*time.Millisecond, "127.0.0.0/8").Fetch(t.Context(), base+"/a.json")
	if fault.ReasonOf(err) != fault.ReasonDocumentUnreachable || !strings.Contains(fault.From(err).Message(), "20ms") {
		t.Errorf("Fetch: %v", err)
	}
}

func TestACallerWhoGoesAwayIsNoFailureOfTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	base := serve(t, func(http.ResponseWriter, *http.Request) { cancel(); <-release })
	t.Cleanup(func() { close(release) })
	_, _, err := newFetcher(t, time.Minute, "127.0.0.0/8").Fetch(ctx, base+"/a.json")
	if !errors.Is(err, context.Canceled) || fault.ReasonOf(err) != fault.ReasonCanceled {
		t.Errorf("Fetch: %v", err)
	}
}
