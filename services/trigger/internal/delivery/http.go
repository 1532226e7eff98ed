package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

const (
	// attemptTime bounds one attempt from dialling to the end of the answer.
	attemptTime = 30 * time.Second
	// maxAnswer is how much of an answer is read, so that the connection can be
	// used again. Nobody looks at it.
	maxAnswer = 64 << 10
	// maxRetryAfter is the longest pause that an endpoint can ask for.
	maxRetryAfter = 24 * time.Hour
)

// Outcome is what an attempt led to.
type Outcome int

const (
	// Failed means that the delivery is to be tried again.
	Failed Outcome = iota
	// Accepted means that the endpoint has the event.
	Accepted
	// Gone means that the endpoint wants no more events.
	Gone
)

// Result is what an attempt led to, and why.
type Result struct {
	Outcome Outcome
	// Reason is one sentence about a failure; it holds nothing of the answer.
	Reason string
	// RetryAfter is how long the endpoint wants to be left alone; 0 if it did
	// not say.
	RetryAfter time.Duration
}

var _ Sender = (*HTTP)(nil)

// HTTP posts events as CloudEvents in structured JSON mode (CloudEvents HTTP
// binding 1.0.2, section 3.2). It follows no redirects: an event goes to the
// endpoint that was named. It is safe for concurrent use.
type HTTP struct {
	client *http.Client
	clock  clock.Clock
}

// NewHTTP returns a sender whose connections are judged by the guard.
func NewHTTP(guard *egress.Guard, clk clock.Clock) *HTTP {
	client := guard.Client(egress.ClientOptions{
		Transport: egress.TransportOptions{MaxConnsPerHost: 2 * perEndpoint, ResponseHeaderTimeout: attemptTime},
		Timeout:   attemptTime,
		MaxBody:   maxAnswer,
	})
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &HTTP{client: client, clock: clk}
}

// Send implements [Sender].
func (h *HTTP) Send(ctx context.Context, target string, event []byte) Result {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(event))
	if err != nil {
		return Result{Reason: "the sink's URL cannot be called"}
	}
	req.Header.Set("Content-Type", events.ContentType)
	req.Header.Set("User-Agent", "ferrule")
	res, err := h.client.Do(req)
	if err != nil {
		return Result{Reason: reasonOf(err)}
	}
	defer func() { _ = res.Body.Close() }()
	_, _ = io.Copy(io.Discard, res.Body) // what it says does not matter, only that it ends
	switch {
	case res.StatusCode >= http.StatusOK && res.StatusCode < http.StatusMultipleChoices:
		return Result{Outcome: Accepted}
	case res.StatusCode == http.StatusGone:
		return Result{Outcome: Gone, Reason: "the endpoint answered 410 Gone"}
	}
	return Result{
		Reason:     fmt.Sprintf("the endpoint answered with status %d", res.StatusCode),
		RetryAfter: h.retryAfter(res.Header.Get("Retry-After")),
	}
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
