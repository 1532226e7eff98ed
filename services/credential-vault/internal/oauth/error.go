package oauth

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Verdict is what a failure means.
type Verdict int

const (
	// Transient means that the same request may succeed later; whether the
	// provider has acted on it is not known.
	Transient Verdict = iota
	// Gone means that the grant does not hold any more: somebody has to sign in
	// again, or to give another password, key or refresh token (invalid_grant and
	// its kin). The grant ClientCredentials has nobody for that: it never gets it.
	Gone
	// Misconfigured means that the provider does not take our client or our
	// request, that the request cannot be made from the profile, or that the egress
	// guard refuses its destination; signing in again would not help.
	Misconfigured
	// Pending means that the person has not finished yet (device flow only).
	Pending
	// SlowDown is Pending, and the interval grows by five seconds (RFC 8628,
	// section 3.5).
	SlowDown
)

// Error is a provider that gave no token, or took none back. It holds no secret: what the
// provider wrote is cut, cleaned and searched for everything secret that was sent.
type Error struct {
	// Verdict is what it means.
	Verdict Verdict
	// Code is the provider's error code, such as "invalid_grant"; empty if it gave
	// none.
	Code string
	// Description is what the provider wrote, at most 300 bytes on one line.
	Description string
	// Host is whom we asked, "host:port" or "host".
	Host string
	// Status is the HTTP status of the answer; 0 if there was none.
	Status int
	// RetryAfter is how long the provider asks to wait; 0 if it does not.
	RetryAfter time.Duration
	// Sent tells whether the request may have reached the provider: only then may
	// it have acted on it.
	Sent bool
	// Revoking tells that it was to take a token back, not to give one.
	Revoking bool
	// Cause is the error below; nil if there was an answer.
	Cause error
}

// Fault returns the error for callers: PROVIDER_UNAVAILABLE if it is transient,
// else PROVIDER_REFUSED, with the metadata "host", "status" and "error".
//
// A provider that the guard of the network lets nobody reach was never asked: that
// is the guard's own EGRESS_REFUSED, which names what the operator can do.
func (e *Error) Fault() *fault.Error {
	if f := new(fault.Error); errors.As(e.Cause, &f) && f.Reason() == fault.ReasonEgressRefused {
		return f
	}
	if e.Verdict == Transient {
		return e.describe(fault.Unavailable(fault.ReasonProviderUnavailable,
			"the provider%s could not be asked %s", e.where(), e.asking()))
	}
	return e.describe(fault.Precondition(fault.ReasonProviderRefused,
		"%s", e.refusal()))
}

// Error implements error.
func (e *Error) Error() string { return e.Fault().Error() }

// Unwrap returns the fault, so that callers find code and reason.
func (e *Error) Unwrap() error { return e.Fault() }

// where returns whom we asked, ready to stand behind "the provider".
func (e *Error) where() string {
	if e.Host == "" {
		return ""
	}
	return " at " + e.Host
}

// refusal says that there is no token: by the provider's word, or because it could
// not even be asked with what is known.
func (e *Error) refusal() string {
	if e.Status == 0 && e.Code == "" {
		return "the provider" + e.where() + " was not asked " + e.wish() + e.why()
	}
	if e.Revoking {
		return "the provider" + e.where() + " refused to revoke the token" + e.why()
	}
	return "the provider" + e.where() + " refused to give a token" + e.why()
}

// wish returns what the provider was asked for, ready to stand behind "asked".
func (e *Error) wish() string {
	if e.Revoking {
		return "to revoke the token"
	}
	return "for a token"
}

// asking is wish and why. Nobody can try again with a token that was given away.
func (e *Error) asking() string {
	if e.Revoking {
		return e.wish() + e.why()
	}
	return e.wish() + e.why() + "; try again later"
}

// why returns what is known about the failure, ready to stand behind a sentence.
func (e *Error) why() string {
	text := e.Code
	if e.Description != "" {
		text += ": " + e.Description
	}
	if text == "" && e.Status != 0 {
		text = "it answered with status " + strconv.Itoa(e.Status)
	}
	if text == "" {
		return ""
	}
	return " (" + strings.TrimPrefix(text, ": ") + ")"
}

// describe adds what programs read.
func (e *Error) describe(f *fault.Error) *fault.Error {
	f = f.With("host", e.Host)
	if e.Status != 0 {
		f = f.With("status", strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		f = f.With("error", e.Code)
	}
	if e.RetryAfter > 0 {
		f = f.RetryAfter(e.RetryAfter)
	}
	if e.Cause != nil {
		f = f.Because(e.Cause)
	}
	return f
}
