package callbacks_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/callbacks"
)

// runtime answers callbacks as a test says, and keeps the last one.
type runtime struct {
	seen   *runtimev1.ReceiveCallbackRequest
	answer *runtimev1.ReceiveCallbackResponse
	err    error
}

func (r *runtime) ReceiveCallback(_ context.Context, in *runtimev1.ReceiveCallbackRequest, _ ...grpc.CallOption) (*runtimev1.ReceiveCallbackResponse, error) {
	r.seen = in
	return r.answer, r.err
}

func serve(r *runtime, req *http.Request) *http.Response {
	w := httptest.NewRecorder()
	callbacks.New(r).ServeHTTP(w, req)
	return w.Result()
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestARequestReachesTheRuntimeAsItCame(t *testing.T) {
	r := &runtime{answer: &runtimev1.ReceiveCallbackResponse{StatusCode: 202, Body: []byte("ok")}}
	req := httptest.NewRequest(http.MethodPut, "/callbacks/abc_-9?x=%2F1&y=a+b", strings.NewReader("\x00\xff{}"))
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-Hub-Signature-256": "sha256=1", "Authorization": "Basic aG9vazpw", "X-Odd": "caf\xe9",
		"Connection": "close, X-Hop", "X-Hop": "1", "Te": "trailers", "Upgrade": "h2c", "Cookie": "s=1", "Forwarded": "for=10.0.0.1",
		"X-Forwarded-For": "10.0.0.1", "X-Real-Ip": "10.0.0.1", "Via": "1.1 a", "Ferrule-Subject-Token": "t", "Expect": "100-continue",
	} {
		req.Header.Set(name, value)
	}
	res := serve(r, req)
	if res.StatusCode != 202 || text(t, res) != "ok" {
		t.Errorf("status = %d", res.StatusCode)
	}
	in := r.seen
	if in.GetToken() != "abc_-9" || in.GetMethod() != "PUT" || in.GetQuery() != "x=%2F1&y=a+b" || string(in.GetBody()) != "\x00\xff{}" || in.GetPath() != "" {
		t.Errorf("the runtime was told %v", in)
	}
	var fields []string
	for _, h := range in.GetHeaders() {
		fields = append(fields, h.GetName()+": "+h.GetValue())
	}
	slices.Sort(fields)
	want := []string{"Authorization: Basic aG9vazpw", "Content-Type: application/json", "X-Hub-Signature-256: sha256=1", "X-Odd: caf\uFFFD"}
	if diff := cmp.Diff(want, fields); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestWhatLeadsNowhereIsRefusedHere(t *testing.T) {
	many := http.Header{"X-Many": slices.Repeat([]string{"1"}, 300)}
	for _, row := range []struct {
		name, method, path, body string
		header                   http.Header
		status                   int
		reason                   fault.Reason
	}{
		{name: "no token", path: "/callbacks/", status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "a path behind the token", path: "/callbacks/abc/more", status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "a slash behind the token", path: "/callbacks/abc/", status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "an escaped slash", path: "/callbacks/abc%2Fmore", status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "an endless token", path: "/callbacks/" + strings.Repeat("a", 129), status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "an endless method", method: strings.Repeat("A", 17), path: "/callbacks/abc", status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "an endless query", path: "/callbacks/abc?" + strings.Repeat("a", 16<<10+1), status: 400, reason: fault.ReasonInvalidArgument},
		{name: "a query that is no text", path: "/callbacks/abc?\xff", status: 400, reason: fault.ReasonInvalidArgument},
		{name: "too many lines", path: "/callbacks/abc", header: many, status: 400, reason: fault.ReasonInvalidArgument},
		{name: "a body over the limit", path: "/callbacks/abc", body: strings.Repeat("x", callbacks.MaxBody+1), status: 413, reason: fault.ReasonInputTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := &runtime{}
			req := httptest.NewRequest(http.MethodPost, "/callbacks/x", strings.NewReader(row.body))
			path, query, _ := strings.Cut(row.path, "?")
			req.URL.Path, req.URL.RawPath, req.URL.RawQuery = strings.ReplaceAll(path, "%2F", "/"), path, query
			if row.method != "" {
				req.Method = row.method
			}
			if row.header != nil {
				req.Header = row.header
			}
			res := serve(r, req)
			if body := text(t, res); res.StatusCode != row.status || !strings.Contains(body, string(row.reason)) {
				t.Errorf("answer = %d %s, want %d %s", res.StatusCode, body, row.status, row.reason)
			}
			if r.seen != nil {
				t.Error("the runtime was asked")
			}
		})
	}
	t.Run("a body of just the limit passes", func(t *testing.T) {
		r := &runtime{answer: &runtimev1.ReceiveCallbackResponse{StatusCode: 200}}
		serve(r, httptest.NewRequest(http.MethodPost, "/callbacks/abc", strings.NewReader(strings.Repeat("x", callbacks.MaxBody))))
		if len(r.seen.GetBody()) != callbacks.MaxBody {
			t.Errorf("the runtime got %d bytes", len(r.seen.GetBody()))
		}
	})
}

func TestTheAnswerIsThatOfTheCode(t *testing.T) {
	r := &runtime{answer: &runtimev1.ReceiveCallbackResponse{
		StatusCode: 303, Body: []byte("<script>alert(1)</script>"),
		Headers: []*runtimev1.InvokeStreamHeader{
			{Name: "content-type", Value: "text/html"},
			{Name: "X-Own", Value: "1"},
			{Name: "X-Own", Value: "2"},
			{Name: "Set-Cookie", Value: "session=1"},
			{Name: "Access-Control-Allow-Origin", Value: "*"},
			{Name: "Location", Value: "/v1/x"},
			{Name: "Content-Length", Value: "3"},
			{Name: "Content-Security-Policy", Value: "script-src *"},
			{Name: "Service-Worker-Allowed", Value: "/"},
			{Name: "X-Content-Type-Options", Value: "none"},
		},
	}}
	res := serve(r, httptest.NewRequest(http.MethodGet, "/callbacks/abc", http.NoBody))
	if res.StatusCode != 303 || text(t, res) != "<script>alert(1)</script>" {
		t.Errorf("status = %d", res.StatusCode)
	}
	want := http.Header{
		"Content-Type": {"text/html"}, "X-Own": {"1", "2"}, "Ferrule-Upstream-Location": {"/v1/x"},
		"X-Content-Type-Options": {"nosniff"}, "Content-Security-Policy": {"default-src 'none'; sandbox"},
	}
	if diff := cmp.Diff(want, res.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestAnAnswerWithoutATypeIsNotGuessed(t *testing.T) {
	r := &runtime{answer: &runtimev1.ReceiveCallbackResponse{StatusCode: 200, Body: []byte("<html><script>1</script>")}}
	res := serve(r, httptest.NewRequest(http.MethodGet, "/callbacks/abc", http.NoBody))
	if got := res.Header.Get("Content-Type"); got != "" {
		t.Errorf("type = %q", got)
	}
}

func TestFailuresTellStrangersLittle(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		answer *runtimev1.ReceiveCallbackResponse
		status int
		reason fault.Reason
		wait   string
	}{
		{name: "a token that leads nowhere", err: fault.NotFound(fault.ReasonCallbackUnknown, "secret story").With("connection", "secret"), status: 404, reason: fault.ReasonCallbackUnknown},
		{name: "code that fails", err: fault.Precondition(fault.ReasonScriptFailed, "secret story").With("operation", "secret"), status: 400, reason: fault.ReasonScriptFailed},
		{name: "a budget that is spent", err: fault.Exhausted(fault.ReasonRateLimited, "secret story").RetryAfter(3 * time.Second), status: 429, reason: fault.ReasonRateLimited, wait: "3"},
		{name: "a body that is larger than the runtime takes", err: fault.Invalid(fault.ReasonInputTooLarge, "too large"), status: 413, reason: fault.ReasonInputTooLarge},
		{name: "what nobody foresaw", err: errors.New("secret story"), status: 500, reason: fault.ReasonInternal},
		{name: "an answer with no status", answer: &runtimev1.ReceiveCallbackResponse{Body: []byte("secret")}, status: 500, reason: fault.ReasonInternal},
	} {
		t.Run(row.name, func(t *testing.T) {
			res := serve(&runtime{err: row.err, answer: row.answer}, httptest.NewRequest(http.MethodGet, "/callbacks/abc", http.NoBody))
			body := text(t, res)
			if res.StatusCode != row.status || !strings.Contains(body, string(row.reason)) || res.Header.Get("Retry-After") != row.wait {
				t.Errorf("answer = %d %s", res.StatusCode, body)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("the answer tells %s", body)
			}
		})
	}
}
