package hooks_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/hooks"
)

// trigger answers what a test wants and remembers what it was asked.
type trigger struct {
	answer *triggerv1.IngestWebhookResponse
	asked  *triggerv1.IngestWebhookRequest
}

func (t *trigger) IngestWebhook(_ context.Context, in *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
	t.asked = in
	return t.answer, nil
}

func line(name, value string) *triggerv1.WebhookHeader {
	return &triggerv1.WebhookHeader{Name: name, Value: []byte(value)}
}

func TestHandshakesAreAnsweredAsTheTriggerServiceSays(t *testing.T) {
	for _, tc := range []struct {
		name, method string
		answer       *triggerv1.IngestWebhookResponse
		want         http.Header
		body         string
	}{
		{
			"a challenge as text", "GET",
			&triggerv1.IngestWebhookResponse{StatusCode: 200, Headers: []*triggerv1.WebhookHeader{line("Content-Type", "text/plain; charset=utf-8")}, Body: []byte("abc")},
			http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}},
			"abc",
		},
		{
			"markup without a type is text", "POST", &triggerv1.IngestWebhookResponse{StatusCode: 200, Body: []byte("<html><script>")},
			http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "X-Content-Type-Options": {"nosniff"}},
			"<html><script>",
		},
		{
			"header lines of one name", "OPTIONS",
			&triggerv1.IngestWebhookResponse{StatusCode: 200, Headers: []*triggerv1.WebhookHeader{line("Webhook-Allowed-Origin", "a"), line("Allow", "POST"), line("Allow", "PUT")}},
			http.Header{"Webhook-Allowed-Origin": {"a"}, "Allow": {"POST", "PUT"}},
			"",
		},
		{"HEAD has no body", "HEAD", &triggerv1.IngestWebhookResponse{StatusCode: 200, Body: []byte("abc")}, nil, ""},
		{"accepted", "POST", &triggerv1.IngestWebhookResponse{StatusCode: 202}, nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			rec := httptest.NewRecorder()
			hooks.New(&trigger{answer: tc.answer}).ServeHTTP(rec, httptest.NewRequest(tc.method, "/hooks/abc?challenge=a%20b", nil))
			if rec.Code != int(tc.answer.GetStatusCode()) || rec.Body.String() != tc.body {
				t.Errorf("%d %q", rec.Code, rec.Body)
			}
			for name, values := range tc.want {
				if got := rec.Header().Values(name); strings.Join(got, "|") != strings.Join(values, "|") {
					t.Errorf("header %s: %q, want %q", name, got, values)
				}
			}
		})
	}
}

// Failure mode 21: the bytes that are verified are those that arrived, however they
// travelled.
func TestABodyInChunksArrivesByteForByte(t *testing.T) {
	to := &trigger{answer: &triggerv1.IngestWebhookResponse{StatusCode: 202}}
	const body = "{ \"b\" : 1,\r\n\"a\":\"\xe9\" }\n"
	raw := "POST /hooks/abc HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" +
		"5\r\n" + body[:5] + "\r\n" + "1\r\n" + body[5:6] + "\r\n" + "10\r\n" + body[6:] + "\r\n0\r\n\r\n"
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		t.Fatal(err)
	}
	rec := httptest.NewRecorder()
	hooks.New(to).ServeHTTP(rec, r)
	if rec.Code != 202 || string(to.asked.GetBody()) != body {
		t.Errorf("%d %q, want %q", rec.Code, to.asked.GetBody(), body)
	}
	_, _ = io.Copy(io.Discard, r.Body)
}

func TestWhatFollowsTheTokenIsForTheTriggerServiceToJudge(t *testing.T) {
	for _, tc := range []struct {
		name, path, token, suffix string
		status                    int
	}{
		{"nothing", "/hooks/abc", "abc", "", 202},
		{"a path", "/hooks/abc/data/x", "abc", "/data/x", 202},
		{"a slash", "/hooks/abc/", "abc", "/", 202},
		{"a long one", "/hooks/abc/" + strings.Repeat("x", 256), "", "", 404},
		{"no text", "/hooks/abc/%ff", "", "", 404},
		{"no token", "/hooks//data", "", "", 404},
	} {
		t.Run(tc.name, func(t *testing.T) {
			to := &trigger{answer: &triggerv1.IngestWebhookResponse{StatusCode: 202}}
			rec := httptest.NewRecorder()
			hooks.New(to).ServeHTTP(rec, httptest.NewRequest(http.MethodPost, tc.path, nil))
			if rec.Code != tc.status || to.asked.GetToken() != tc.token || to.asked.GetSuffix() != tc.suffix {
				t.Errorf("%d, token %q, suffix %q", rec.Code, to.asked.GetToken(), to.asked.GetSuffix())
			}
		})
	}
}
