package upstream

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// alerts are what a server's TLS says about a client certificate (RFC 8446,
// section 6.2), in the words of crypto/tls, and what they mean. In TLS 1.3 they
// come after the request has been written; it was not read.
var alerts = [...]struct{ words, meaning string }{
	{"tls: certificate required", "it asks for one"},
	{"tls: expired certificate", "it has expired or is not valid yet"},
	{"tls: revoked certificate", "it was revoked"},
	{"tls: unsupported certificate", "it is of a kind that the API does not support"},
	{"tls: unknown certificate authority", "the API does not know its issuer"},
	{"tls: unknown certificate", "the API does not know it"},
	{"tls: bad certificate", "the API cannot verify it"},
	{"tls: access denied", "it has no access"},
}

// alertAbout returns what the API says about the client certificate, "" if err is
// something else. Alerts of the server alone count: ours are about its own.
func alertAbout(err error) string {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return ""
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ""
	}
	text := op.Err.Error()
	for _, alert := range alerts {
		if text == alert.words {
			return alert.meaning
		}
	}
	return ""
}

// refusal explains that a client certificate was not accepted.
func refusal(err error, attempt *Attempt) *fault.Error {
	if attempt.Identity == nil || attempt.Identity.certificate == nil {
		return fault.Unavailable(fault.ReasonUpstreamUnreachable,
			"the API at %q wants a client certificate, and the connection has none for this call; give it one", attempt.Host)
	}
	return fault.Unavailable(fault.ReasonUpstreamUnreachable,
		"the API at %q refused the connection's client certificate: %s; give the connection another one", attempt.Host, alertAbout(err))
}

// MaxRefusal is how much of an answer's body is looked at for the reason of a
// refusal, in bytes. Longer bodies are content.
const MaxRefusal = 64 << 10

// signs are what APIs write into answers of 403 whose reason is the token. They
// are compared in lower case. Sources: RFC 6750 section 3.1, Microsoft Graph,
// Azure Resource Manager, Google, Salesforce, Slack, Zoho, Dropbox.
var signs = [...]string{
	"invalid_token", "expired_token", "token_expired", "expired_access_token", "invalid_access_token", "invalid_auth",
	"invalidauthenticationtoken", "expiredauthenticationtoken", "authenticationtokenexpired", "lifetime validation failed",
	"invalid_session_id", "invalid_oauthtoken", "oauth_token_expired", "access_token_expired",
	"token has expired", "token is expired", "token expired", "expired token", "access token is invalid", "invalid access token",
}

// TokenRefused reports whether an answer says that the token of the request is
// not, or no longer, good: 401 always does, 403 if its WWW-Authenticate field or
// its body says so. Only the first 64 KiB of body count, and a longer one is not
// looked at.
func TokenRefused(status int, header http.Header, body []byte) bool {
	switch status {
	case http.StatusUnauthorized:
		return true
	case http.StatusForbidden:
	default:
		return false
	}
	for _, line := range header["Www-Authenticate"] {
		if strings.Contains(strings.ToLower(line), "invalid_token") {
			return true
		}
	}
	if len(body) == 0 || len(body) > MaxRefusal {
		return false
	}
	text := strings.ToLower(string(body))
	for _, sign := range signs {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}
