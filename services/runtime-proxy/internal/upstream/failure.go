package upstream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// kind is what can happen to a request on its way.
type kind int

const (
	unreachable kind = iota
	untrusted
	timedOut
	reset
	garbage
	oversized // the header of an answer
	miscoded  // content that is not compressed as it says
	refused   // the client certificate, or that there is none
)

// Explain turns the failure of a request into a fault with a stable reason. The
// cause is kept as text without the API's own words: it may have put a secret, or
// a part of one, into them. ctx is the request's.
func Explain(ctx context.Context, err error, attempt *Attempt) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.With("host", attempt.Host)
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return fault.From(context.Canceled)
	}
	k := classify(ctx, err, attempt.written.Load())
	cause := errors.New(attempt.redact(ownWords(err.Error())))
	if k == refused {
		return refusal(err, attempt).With("host", attempt.Host).With("tls", "refused").Because(cause)
	}
	if !attempt.Repeatable && attempt.written.Load() && k != unreachable && k != untrusted {
		return fault.New(fault.CodeUnknown, fault.ReasonOutcomeUnknown,
			"operation %q was sent and its answer was lost (%s), so it may or may not have happened; look before you call it again",
			attempt.Operation, k).
			With("operation", attempt.Operation).With("host", attempt.Host).Because(cause)
	}
	return k.fault(attempt.Host).With("host", attempt.Host).Because(cause)
}

func (a *Attempt) redact(text string) string {
	if a.Redact == nil {
		return text
	}
	return a.Redact(text)
}

// String completes "its answer was lost".
func (k kind) String() string {
	switch k {
	case timedOut:
		return "the API took too long"
	case garbage:
		return "the API answered something that is not HTTP"
	case oversized:
		return "the header of the API's answer is longer than 64 KiB, or has more than 1000 fields"
	case miscoded:
		return "the content of the API's answer is not compressed as it says"
	case reset, unreachable, untrusted, refused:
	}
	return "the API closed the connection"
}

func (k kind) fault(host string) *fault.Error {
	switch k {
	case timedOut:
		return fault.Deadline(fault.ReasonUpstreamTimeout, "the API at %q did not answer in time; try again or allow more time", host)
	case reset:
		return fault.Unavailable(fault.ReasonUpstreamReset, "the API at %q closed the connection before its answer was complete; try again", host)
	case garbage:
		return fault.Unavailable(fault.ReasonUpstreamInvalidResponse, "the API at %q answered something that is not http; check the server url", host)
	case oversized:
		return fault.Unavailable(fault.ReasonUpstreamInvalidResponse, "the API at %q answered with a header that is longer than the limit of 64 KiB, or has more than 1000 fields; ask it for less, or tell those who run it", host)
	case miscoded:
		return fault.Unavailable(fault.ReasonUpstreamInvalidResponse, "the API at %q answered with content that is not gzip, as its Content-Encoding says; tell those who run it", host)
	case untrusted:
		return fault.Unavailable(fault.ReasonUpstreamUnreachable, "no trusted connection to the API at %q can be made: its certificate or its tls settings are not accepted", host).With("tls", "untrusted")
	case unreachable, refused:
	}
	return fault.Unavailable(fault.ReasonUpstreamUnreachable, "the API at %q cannot be reached; check the server url and whether it is up", host)
}

func classify(ctx context.Context, err error, written bool) kind {
	if alertAbout(err) != "" {
		return refused
	}
	if isUntrusted(err) || (!written && isAlert(err)) {
		return untrusted
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return timedOut
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return unreachable
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return unreachable
	}
	if isOversized(err.Error()) {
		return oversized
	}
	if strings.Contains(err.Error(), "gzip: invalid") || strings.Contains(err.Error(), "flate: corrupt") {
		return miscoded
	}
	if phrase := nonsense(err.Error()); phrase != "" && !isBroken(err) {
		return garbage
	}
	if n, ok := errors.AsType[net.Error](err); ok && n.Timeout() {
		return timedOut
	}
	return reset
}

// isOversized reports whether an error is about the length of an answer's header, in
// the words of HTTP/1 and HTTP/2.
func isOversized(text string) bool {
	return strings.Contains(text, "server response headers exceeded") || strings.Contains(text, "response header list larger")
}

// nonsense returns the phrase by which net/http says that what it got is not
// HTTP, "" if the text says nothing of the kind. It has no types for these; its
// words have been the same for many years, and a test holds them.
func nonsense(text string) string {
	for _, phrase := range []string{
		"malformed HTTP response", "malformed HTTP status code", "malformed HTTP version", "malformed MIME header",
		"malformed chunked encoding", "malformed", "invalid byte in chunk length", "chunked line ends with bare LF",
		"http chunk length too large", "server response headers exceeded", "too many transfer encodings",
		"unsupported transfer encoding", "bad Content-Length", "multiple Content-Length", "invalid Content-Length", "invalid empty Content-Length",
		"PROTOCOL_ERROR", "gzip: invalid", "flate: corrupt", "server gave HTTP response to HTTPS client", "unexpected", "invalid",
	} {
		if strings.Contains(text, phrase) {
			return phrase
		}
	}
	return ""
}

// ownWords keeps what the library says and drops what it quotes.
func ownWords(text string) string {
	if phrase := nonsense(text); phrase != "" {
		return "net/http: " + phrase
	}
	if own, _, quotes := strings.Cut(text, `"`); quotes {
		return own + "…"
	}
	return text
}

func isUntrusted(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	return strings.Contains(err.Error(), "TLS handshake timeout")
}

// isAlert reports whether one end of a TLS connection gave it up. That is how
// handshakes fail; later it can mean anything.
func isAlert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && (op.Op == "remote error" || op.Op == "local error")
}

// isBroken reports whether a connection ended, as opposed to somebody talking
// nonsense over it.
func isBroken(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, end) {
			return true
		}
	}
	return false
}

func reasonOf(err error) fault.Reason { return fault.ReasonOf(err) }
