package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"syscall"
)

// obstacle says in words of our own why there was no answer, "" if that is not known:
// texts of the network may hold what was sent.
func obstacle(err error) string {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return "its certificate was signed by an authority that this server does not trust: an operator adds it to the system's, or names it in SSL_CERT_FILE"
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return "its certificate is for another host"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return "its certificate has expired, or does not hold yet"
		}
		return "its certificate is not valid"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "it does not speak TLS at that port"
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return "it refused the TLS handshake"
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "its name is not known"
	}
	switch {
	case errors.Is(err, http.ErrSchemeMismatch):
		return "it does not speak TLS at that port"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not answer in time"
	}
	return ""
}
