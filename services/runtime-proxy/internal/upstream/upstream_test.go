package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestWordsAreFound(t *testing.T) {
	tests := []struct{ name, mediaType, body, want string }{
		{"problem+json", "application/problem+json", `{"type":"x","title":"Bad","detail":"the name is taken"}`, "the name is taken"},
		{"problem+json with a title only", "application/problem+json", `{"title":"Bad"}`, "Bad"},
		{"google and stripe", "application/json", `{"error":{"code":400,"message":"no such id"}}`, "no such id"},
		{"odata", "application/json", `{"odata.error":{"code":"x","message":{"lang":"en","value":"no such set"}}}`, "no such set"},
		{"oauth", "application/json", `{"error":"invalid_grant","error_description":"the code is old"}`, "the code is old"},
		{"a bare error", "application/json", `{"error":"nope"}`, "nope"},
		{"a list", "application/json", `{"errors":[{"message":"one"},{"message":"two"},"three","four"]}`, "one; two; three"},
		{"a list at the top", "application/json", `[{"message":"one"}]`, "one"},
		{"without a content type", "", `{"message":"m"}`, "m"},
		{"a string", "application/json", `"just text"`, "just text"},
		{"plain text on several lines", "text/plain; charset=utf-8", "line one\r\n\tline two\x00", "line one line two"},
		{"html is not for people", "text/html", "<h1>Error</h1>", ""},
		{"broken json, as far as it goes", "application/json", `{"message":"m","x":`, "m"},
		{"repeated names", "application/json", `{"message":"a","message":"b"}`, "b"},
		{"nothing", "", "", ""},
		{"numbers", "application/json", `{"error":5}`, ""},
		{"deeper than anybody looks", "application/json", `{"error":{"error":{"error":{"error":{"error":{"message":"m"}}}}}}`, ""},
		{"too long", "text/plain", strings.Repeat("ä", 400), strings.Repeat("ä", 250) + "…"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resp := &Response{Status: 400, Header: http.Header{"Content-Type": {tt.mediaType}}, Body: []byte(tt.body)}
			if got := line(newErrorBody(resp).words()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDiagnose(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	same := func(s string) string { return s }
	tests := []struct {
		status     int
		repeatable bool
		after      string
		want       Problem
	}{
		{400, true, "", Problem{Reason: "UPSTREAM_BAD_REQUEST", Message: "the API did not accept the request (status 400)"}},
		{422, true, "", Problem{Reason: "UPSTREAM_BAD_REQUEST", Message: "the API did not accept the request (status 422)"}},
		{401, true, "", Problem{Reason: "UPSTREAM_UNAUTHENTICATED", Message: "the API did not accept the connection's credentials (status 401)"}},
		{403, true, "", Problem{Reason: "UPSTREAM_PERMISSION_DENIED", Message: "the API does not allow this to the connection's account (status 403)"}},
		{404, true, "", Problem{Reason: "UPSTREAM_NOT_FOUND", Message: "the API does not have what was asked for (status 404)"}},
		{409, true, "", Problem{Reason: "UPSTREAM_CONFLICT", Message: "the API refused because of the present state of the resource (status 409)"}},
		{429, false, "30", Problem{Reason: "UPSTREAM_RATE_LIMITED", Message: "the API is being called too often (status 429)", Retryable: true, RetryAfter: 30 * time.Second}},
		{429, false, "Fri, 01 May 2026 12:01:00 GMT", Problem{Reason: "UPSTREAM_RATE_LIMITED", Message: "the API is being called too often (status 429)", Retryable: true, RetryAfter: time.Minute}},
		{429, false, "999999999", Problem{Reason: "UPSTREAM_RATE_LIMITED", Message: "the API is being called too often (status 429)", Retryable: true, RetryAfter: 24 * time.Hour}},
		{429, false, "soon", Problem{Reason: "UPSTREAM_RATE_LIMITED", Message: "the API is being called too often (status 429)", Retryable: true}},
		{429, false, "-5", Problem{Reason: "UPSTREAM_RATE_LIMITED", Message: "the API is being called too often (status 429)", Retryable: true}},
		{500, true, "", Problem{Reason: "UPSTREAM_ERROR", Message: "the API failed (status 500)"}},
		{502, false, "", Problem{Reason: "UPSTREAM_UNAVAILABLE", Message: "the API is not available just now (status 502)"}},
		{502, true, "", Problem{Reason: "UPSTREAM_UNAVAILABLE", Message: "the API is not available just now (status 502)", Retryable: true}},
		{503, false, "", Problem{Reason: "UPSTREAM_UNAVAILABLE", Message: "the API is not available just now (status 503)", Retryable: true}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, tt.repeatable, tt.after), func(t *testing.T) {
			got := Diagnose(&Response{Status: tt.status, Header: http.Header{"Retry-After": {tt.after}}}, now, tt.repeatable, same)
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("problem (-want +got):\n%s", diff)
			}
		})
	}
	if got := Diagnose(&Response{Status: 399}, now, true, same); got != nil {
		t.Errorf("a problem with 399: %v", got)
	}
	t.Run("a secret is redacted before the message is cut", func(t *testing.T) {
		body := strings.Repeat("x", maxWords-3) + "secret"
		resp := &Response{Status: 400, Header: http.Header{"Content-Type": {"text/plain"}}, Body: []byte(body)}
		got := Diagnose(resp, now, true, func(s string) string { return strings.ReplaceAll(s, "secret", "******") })
		if strings.Contains(got.Message, "sec") {
			t.Errorf("message = …%s", got.Message[len(got.Message)-20:])
		}
	})
}

func TestExplain(t *testing.T) {
	late, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	gone, leave := context.WithCancel(t.Context())
	leave()
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	tests := []struct {
		name    string
		ctx     context.Context
		err     error
		written bool
		want    fault.Reason
	}{
		{"nobody listens", t.Context(), refused, false, fault.ReasonUpstreamUnreachable},
		{"no such name", t.Context(), &net.DNSError{Err: "no such host", Name: "x"}, false, fault.ReasonUpstreamUnreachable},
		{"a certificate", t.Context(), &tls.CertificateVerificationError{Err: errors.New("unknown authority")}, false, fault.ReasonUpstreamUnreachable},
		{"time is over before it was sent", late, context.DeadlineExceeded, false, fault.ReasonUpstreamTimeout},
		{"time is over after it was sent", late, context.DeadlineExceeded, true, fault.ReasonOutcomeUnknown},
		{"the caller left", gone, context.Canceled, true, fault.ReasonCanceled},
		{"reset before it was sent", t.Context(), syscall.ECONNRESET, false, fault.ReasonUpstreamReset},
		{"reset after it was sent", t.Context(), fmt.Errorf("read: %w", syscall.ECONNRESET), true, fault.ReasonOutcomeUnknown},
		{"the end came early", t.Context(), io.ErrUnexpectedEOF, true, fault.ReasonOutcomeUnknown},
		{"not http", t.Context(), errors.New(`malformed HTTP response "secret"`), false, fault.ReasonUpstreamInvalidResponse},
		{"refused by the guard", t.Context(), fault.Denied(fault.ReasonEgressRefused, "no"), false, fault.ReasonEgressRefused},
		{"words of the API in an error that nobody knows", t.Context(), errors.New(`http2: GOAWAY debug="secret"`), false, fault.ReasonUpstreamReset},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := &Attempt{Operation: "Create", Host: "api.example.com"}
			a.written.Store(tt.written)
			f := fault.From(Explain(tt.ctx, tt.err, a))
			if f.Reason() != tt.want || strings.Contains(f.Error(), "secret") || f.Message() == "" {
				t.Errorf("got %v %v, want %v", f.Reason(), f, tt.want)
			}
			if tt.want == fault.ReasonOutcomeUnknown {
				a.Repeatable = true
				if again := fault.ReasonOf(Explain(tt.ctx, tt.err, a)); again == tt.want {
					t.Error("the outcome of a repeatable request does not matter")
				}
			}
		})
	}
}

func TestHeadersOfOneConnectionAreRemoved(t *testing.T) {
	h := http.Header{
		"Connection": {"close, X-Hop", "keep-alive"}, "X-Hop": {"1"}, "Keep-Alive": {"1"}, "Transfer-Encoding": {"chunked"}, "Upgrade": {"x"},
		"Set-Cookie": {"a=1"}, "Strict-Transport-Security": {"x"}, "Alt-Svc": {"x"}, "Content-Type": {"text/plain"}, "Etag": {"1"},
	}
	CleanHeader(h)
	if diff := cmp.Diff(http.Header{"Content-Type": {"text/plain"}, "Etag": {"1"}}, h); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// TestWhatActsOnOurOriginIsRemoved, while what is about the answer stays.
func TestWhatActsOnOurOriginIsRemoved(t *testing.T) {
	for _, name := range []string{
		"NEL", "Report-To", "Reporting-Endpoints", "Accept-CH", "Critical-CH", "Origin-Agent-Cluster", "Set-Login", "Clear-Site-Data",
		"Public-Key-Pins", "Public-Key-Pins-Report-Only", "Content-Security-Policy-Report-Only", "Service-Worker-Allowed", "SourceMap", "X-SourceMap",
		"Alt-Svc", "Expect-CT", "Speculation-Rules", "Use-As-Dictionary", "Sec-Session-Registration", "Attribution-Reporting-Register-Source",
	} {
		h := http.Header{}
		h.Set(name, "x")
		if CleanHeader(h); len(h) != 0 {
			t.Errorf("%s passes", name)
		}
	}
	h := http.Header{
		"Content-Security-Policy": {"default-src 'none'; report-uri https://x.example/r; Report-To group", "sandbox"},
		"X-Frame-Options":         {"DENY"}, "Permissions-Policy": {"camera=()"},
	}
	CleanHeader(h)
	if got := strings.Join(h["Content-Security-Policy"], "|"); got != "default-src 'none'|sandbox" || len(h) != 3 {
		t.Errorf("header %v", h)
	}
}

func TestPathsGoOutAsTheyAre(t *testing.T) {
	for _, path := range []string{"/a%2Fb", "//a//b", "/{x}/é", "/a%zz", "/%7e"} {
		u := &url.URL{Scheme: "https", Host: "api.example.com", RawQuery: "q=%41"}
		setPath(u, path)
		if got := u.RequestURI(); got != path+"?q=%41" {
			t.Errorf("%s goes out as %s", path, got)
		}
	}
	u := &url.URL{}
	setPath(u, "")
	if u.RequestURI() != "/" {
		t.Errorf("nothing goes out as %s", u.RequestURI())
	}
}
