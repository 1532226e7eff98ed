package upstream

import (
	"fmt"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// maxWords is how much of an API's own message is repeated, in bytes.
const maxWords = 500

// The stable reasons of ferrule.runtime.v1.UpstreamError. A rule of a connector may
// report others.
const (
	reasonBadRequest      = "UPSTREAM_BAD_REQUEST"
	reasonUnauthenticated = "UPSTREAM_UNAUTHENTICATED"
	reasonDenied          = "UPSTREAM_PERMISSION_DENIED"
	reasonNotFound        = "UPSTREAM_NOT_FOUND"
	reasonConflict        = "UPSTREAM_CONFLICT"
	reasonRateLimited     = "UPSTREAM_RATE_LIMITED"
	reasonUnavailable     = "UPSTREAM_UNAVAILABLE"
	reasonError           = "UPSTREAM_ERROR"
)

// Problem says what an answer that reports a failure means.
type Problem struct {
	// Reason is one of the stable reasons of ferrule.runtime.v1.UpstreamError, or
	// what a rule of the connector says.
	Reason string
	// Message is one sentence for people.
	Message string
	// Retryable is true if the same call may succeed later without any change.
	Retryable bool
	// RetryAfter is how long to wait; 0 if the API does not say.
	RetryAfter time.Duration
	// Violations are what the API has against single fields, at most 20.
	Violations []fault.Violation
}

// Diagnose explains an answer, or returns nil if it reports no failure. now is
// for waits that are given as a date; redact removes secrets from the API's own
// words; repeatable says whether repeating the call does no harm. Connectors with
// rules of their own use [ErrorRules.Diagnose].
func Diagnose(resp *Response, now time.Time, repeatable bool, redact func(string) string) *Problem {
	return (*ErrorRules)(nil).Diagnose(resp, now, repeatable, redact)
}

// Diagnose explains an answer as [Diagnose] does, but the first rule that fits
// counts. A nil receiver has no rules. What no rule says is read from the status,
// then from what is known of the bodies of many APIs.
func (r *ErrorRules) Diagnose(resp *Response, now time.Time, repeatable bool, redact func(string) string) *Problem {
	found := r.match(resp)
	if found == nil && resp.Status < http.StatusBadRequest {
		return nil
	}
	body := newErrorBody(resp)
	p := &Problem{Reason: reasonOfAnswer(resp, body), Retryable: retryable(resp.Status, repeatable), RetryAfter: RetryAfter(resp.Status, resp.Header, now)}
	if p.RetryAfter == 0 {
		p.RetryAfter = body.retryDelay()
	}
	if p.Reason == reasonRateLimited || p.Reason == reasonConflict && body.aborted() { // whatever the status is, nothing was done yet
		p.Retryable = true
	}
	if resp.Status < http.StatusInternalServerError {
		p.Violations = body.violations(redact)
	}
	said := ""
	if found != nil {
		said = found.apply(p, resp)
	}
	if said == "" {
		said = body.words()
	}
	p.Message = fmt.Sprintf("the API %s (status %d)", meaning(p.Reason), resp.Status)
	// Redacted as it is, since a secret may look like markup; after markup is gone,
	// which can hide one; and before it is cut: half a secret would not be
	// recognised.
	if said = line(redact(withoutMarkup(redact(said)))); said != "" {
		p.Message += ": " + said
	}
	return p
}

// reasonOfAnswer reads the reason from the status, and from the body where a status says
// too little: there are APIs that answer 400 or 403 to too many calls.
func reasonOfAnswer(resp *Response, body *errorBody) string {
	reason := reasonOfStatus(resp.Status)
	switch reason {
	case reasonBadRequest, reasonDenied, reasonError, reasonUnavailable:
		if better := body.reason(); better != "" && (resp.Status < http.StatusInternalServerError || ofFailure(better)) {
			return better
		}
	}
	if resp.Status == http.StatusForbidden && budgetSpent(resp.Header) {
		return reasonRateLimited // GitHub and those who follow it
	}
	return reason
}

// ofFailure reports whether a code may say more of an answer of 5xx than its status:
// which failure it is, but not that it is none.
func ofFailure(reason string) bool { return reason == reasonRateLimited || reason == reasonUnavailable }

// TokenNotRenewed says that the answer is about the connection's token, and why
// there is no other: err is the vault's. What helps depends on how the token comes
// about, which the vault's sentence knows: where nobody signs in, that is no remedy.
func (p *Problem) TokenNotRenewed(err error) {
	p.Reason = reasonUnauthenticated
	f := fault.From(err)
	if f.Reason() == fault.ReasonConnectionNotReady {
		p.Message += "; there is no better token: " + f.Message()
		return
	}
	p.Retryable = true
	p.Message += "; the connection's token could not be renewed just now, try again later"
}

func reasonOfStatus(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return reasonUnauthenticated
	case http.StatusForbidden, http.StatusPaymentRequired:
		return reasonDenied
	case http.StatusNotFound, http.StatusGone:
		return reasonNotFound
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusLocked:
		return reasonConflict
	case http.StatusTooManyRequests:
		return reasonRateLimited
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return reasonUnavailable
	}
	if status >= http.StatusBadRequest && status < http.StatusInternalServerError {
		return reasonBadRequest
	}
	return reasonError
}

func meaning(reason string) string {
	switch reason {
	case reasonUnauthenticated:
		return "did not accept the connection's credentials"
	case reasonDenied:
		return "does not allow this to the connection's account"
	case reasonNotFound:
		return "does not have what was asked for"
	case reasonConflict:
		return "refused because of the present state of the resource"
	case reasonRateLimited:
		return "is being called too often"
	case reasonUnavailable:
		return "is not available just now"
	case reasonBadRequest:
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
