package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

const (
	kindHTTP = "http"
	// maxAnswer is how much of an answer is read, so that the connection can be
	// used again. Nobody looks at it.
	maxAnswer = 64 << 10
	// maxRetryAfter is the longest pause that an endpoint can ask for.
	maxRetryAfter = 24 * time.Hour
)

// Secrets are the secrets of sinks.
type Secrets interface {
	// SinkSecret returns the signing secret number n of a sink, "whsec_…".
	SinkSecret(uid, sink string, n int) string
	// Open decrypts a secret of one of the subscription's fields.
	Open(uid, field string, sealed []byte) ([]byte, error)
}

var _ Sender = (*HTTP)(nil)

// HTTP posts events as CloudEvents (HTTP binding 1.0.2), signed as Standard
// Webhooks says. It follows no redirects: an event goes to the endpoint that was
// named. It is safe for concurrent use.
type HTTP struct {
	client  *http.Client
	secrets Secrets
	clock   clock.Clock
}

// NewHTTP returns a sender whose connections are judged by the guard.
func NewHTTP(guard *egress.Guard, secrets Secrets, clk clock.Clock) *HTTP {
	client := guard.Client(egress.ClientOptions{
		Transport: egress.TransportOptions{ResponseHeaderTimeout: core.MaxSinkTimeout},
		Timeout:   core.MaxSinkTimeout,
		MaxBody:   maxAnswer,
	})
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &HTTP{client: client, secrets: secrets, clock: clk}
}

// Kind implements [Sender].
func (*HTTP) Kind() string { return kindHTTP }

// Serves implements [Sender].
func (*HTTP) Serves(sink core.Sink) bool { return sink.HTTP != nil }

// Send implements [Sender].
func (h *HTTP) Send(ctx context.Context, job Job) Result {
	timeout := job.Sink.HTTP.Timeout
	if timeout == 0 {
		timeout = core.DefaultSinkTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := h.request(ctx, job)
	if err != nil {
		return *err
	}
	res, failure := h.client.Do(req)
	if failure != nil {
		return Result{Reason: reasonOf(failure)}
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body) // what it says does not matter, only that it ends
	switch {
	case res.StatusCode >= http.StatusOK && res.StatusCode < http.StatusMultipleChoices:
		return Result{Outcome: Accepted, Status: res.StatusCode}
	case res.StatusCode == http.StatusGone:
		return Result{Outcome: Gone, Status: res.StatusCode, Reason: "the endpoint answered 410 Gone"}
	}
	return Result{
		Status: res.StatusCode, Reason: fmt.Sprintf("the endpoint answered with status %d", res.StatusCode),
		RetryAfter: h.retryAfter(res.Header.Get("Retry-After")),
	}
}

// request returns the request of an attempt, or why there can be none.
func (h *HTTP) request(ctx context.Context, job Job) (*http.Request, *Result) {
	sink := job.Sink.HTTP
	body, header, err := encoded(job.Event, sink.Binary)
	if err != nil {
		return nil, &Result{Outcome: Refused, Reason: "the event cannot be written as an HTTP request: " + err.Error()}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, sink.URL, bytes.NewReader(body))
	if err != nil {
		return nil, &Result{Reason: "the sink's URL cannot be called"}
	}
	req.Header = header
	req.Header.Set("User-Agent", "ferrule")
	req.Header.Set(core.HopsHeader, strconv.Itoa(events.Hops(job.Event)+1))
	if sink.Authorization != nil {
		value, err := h.secrets.Open(job.Subscription.UID, core.AuthorizationField(job.Sink.ID), sink.Authorization)
		if err != nil {
			return nil, &Result{Reason: "the sink's authorization cannot be read; give it again"}
		}
		req.Header.Set("Authorization", string(value))
		clear(value)
	}
	h.sign(req.Header, job, body)
	return req, nil
}

// reasonOf says why there was no answer, without the URL, whose query may hold a
// secret.
func reasonOf(err error) string {
	if refused, ok := errors.AsType[*fault.Error](err); ok {
		return refused.Message()
	}
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		if wrapped.Timeout() {
			return "the endpoint did not answer in time"
		}
		err = wrapped.Err
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok { // its text names our name server
		return "the endpoint could not be reached: its host name " + lookup.Name + " could not be looked up"
	}
	return "the endpoint could not be reached: " + err.Error()
}

// retryAfter reads the header (RFC 9110, section 10.2.3): seconds or a date.
func (h *HTTP) retryAfter(value string) time.Duration {
	value = strings.TrimSpace(value)
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter)
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(h.clock.Now()), 0), maxRetryAfter)
}
