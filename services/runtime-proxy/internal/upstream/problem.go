package upstream

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// maxWords is how much of an API's own message is repeated, in bytes.
	maxWords = 500
	// maxRetryAfter is the longest wait that is believed.
	maxRetryAfter = 24 * time.Hour
)

// Problem says what an answer of 400 or more means.
type Problem struct {
	// Reason is one of the stable reasons of ferrule.runtime.v1.UpstreamError.
	Reason string
	// Message is one sentence for people.
	Message string
	// Retryable is true if the same call may succeed later without any change.
	Retryable bool
	// RetryAfter is how long to wait; 0 if the API does not say.
	RetryAfter time.Duration
}

// Diagnose explains an answer, or returns nil if it reports no failure. now is
// for waits that are given as a date; redact removes secrets from the API's own
// words; repeatable says whether repeating the call does no harm.
func Diagnose(resp *Response, now time.Time, repeatable bool, redact func(string) string) *Problem {
	if resp.Status < http.StatusBadRequest {
		return nil
	}
	p := &Problem{
		Reason:     reasonOfStatus(resp.Status),
		Retryable:  retryable(resp.Status, repeatable),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), now),
	}
	p.Message = fmt.Sprintf("the API %s (status %d)", meaning(p.Reason), resp.Status)
	// Redacted before it is cut: half a secret would not be recognised.
	if said := line(redact(words(resp))); said != "" {
		p.Message += ": " + said
	}
	return p
}

// TokenNotRenewed says that the answer is about the connection's token, and why
// there is no other: err is the vault's.
func (p *Problem) TokenNotRenewed(err error) {
	p.Reason = "UPSTREAM_UNAUTHENTICATED"
	f := fault.From(err)
	if f.Reason() == fault.ReasonConnectionNotReady {
		p.Message += "; the connection's token cannot be renewed, sign in again"
		return
	}
	p.Retryable = true
	p.Message += "; the connection's token could not be renewed just now, try again later"
}

func reasonOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "UPSTREAM_UNAUTHENTICATED"
	case http.StatusForbidden, http.StatusPaymentRequired:
		return "UPSTREAM_PERMISSION_DENIED"
	case http.StatusNotFound, http.StatusGone:
		return "UPSTREAM_NOT_FOUND"
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked:
		return "UPSTREAM_CONFLICT"
	case http.StatusTooManyRequests:
		return "UPSTREAM_RATE_LIMITED"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return "UPSTREAM_UNAVAILABLE"
	}
	if status < http.StatusInternalServerError {
		return "UPSTREAM_BAD_REQUEST"
	}
	return "UPSTREAM_ERROR"
}

func meaning(reason string) string {
	switch reason {
	case "UPSTREAM_UNAUTHENTICATED":
		return "did not accept the connection's credentials"
	case "UPSTREAM_PERMISSION_DENIED":
		return "does not allow this to the connection's account"
	case "UPSTREAM_NOT_FOUND":
		return "does not have what was asked for"
	case "UPSTREAM_CONFLICT":
		return "refused because of the present state of the resource"
	case "UPSTREAM_RATE_LIMITED":
		return "is being called too often"
	case "UPSTREAM_UNAVAILABLE":
		return "is not available just now"
	case "UPSTREAM_BAD_REQUEST":
		return "did not accept the request"
	}
	return "failed"
}

// retryable: 502 and 504 can come after the work was done, so they count only
// where doing it again does no harm.
func retryable(status int, repeatable bool) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return true
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		return repeatable
	}
	return false
}

// retryAfter reads RFC 9110, section 10.2.3: seconds or a date.
func retryAfter(line string, now time.Time) time.Duration {
	line = strings.TrimSpace(line)
	if seconds, err := strconv.ParseInt(line, 10, 32); err == nil {
		return min(max(time.Duration(seconds)*time.Second, 0), maxRetryAfter)
	}
	date, err := http.ParseTime(line)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}
