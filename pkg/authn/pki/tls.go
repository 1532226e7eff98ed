package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// The parts of a service's URI.
const (
	uriScheme   = "spiffe"
	trustDomain = "ferrule"
	pathPrefix  = "/service/"
)

// ServerTLS returns a configuration for a server that only services of this
// authority can connect to. The caller owns it. Certificates are renewed
// without a restart.
func (id *Identity) ServerTLS() *tls.Config {
	cfg := id.server()
	cfg.ClientAuth = tls.RequireAndVerifyClientCert
	return cfg
}

// EdgeTLS returns a configuration for a server that anybody can connect to:
// clients that show a certificate must be services of this authority, and those
// that show none remain without a service identity.
func (id *Identity) EdgeTLS() *tls.Config {
	cfg := id.server()
	cfg.ClientAuth = tls.VerifyClientCertIfGiven
	return cfg
}

func (id *Identity) server() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		ClientCAs:  id.trust,
		Time:       id.cfg.Clock.Now,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return id.certificate()
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return nil // where that is allowed, see EdgeTLS
			}
			_, err := ServiceOf(state.PeerCertificates[0])
			return err
		},
	}
}

// ClientTLS returns a configuration for connections to the named service,
// wherever it is: the server must prove to be that service, whatever address
// was dialed. The caller owns it.
func (id *Identity) ClientTLS(service string) *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS13,
		RootCAs:    id.trust,
		ServerName: service,
		Time:       id.cfg.Clock.Now,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return id.certificate()
		},
		VerifyConnection: func(state tls.ConnectionState) error {
			name, err := ServiceOf(state.PeerCertificates[0])
			if err != nil {
				return err
			}
			if name != service {
				return fmt.Errorf("the server is the service %q, not %q", name, service)
			}
			return nil
		},
	}
}

// ServiceURI returns the URI that names the service in its certificate.
func ServiceURI(service string) *url.URL {
	return &url.URL{Scheme: uriScheme, Host: trustDomain, Path: pathPrefix + service}
}

// ServiceOf returns the name of the service that the certificate belongs to. It
// does not check who signed the certificate. It fails unless the certificate
// has exactly one URI (X.509-SVID, section 2) and that is one of [ServiceURI].
func ServiceOf(cert *x509.Certificate) (string, error) {
	if len(cert.URIs) != 1 {
		return "", errors.New("the certificate does not name exactly one service")
	}
	name, ok := strings.CutPrefix(cert.URIs[0].String(), uriScheme+"://"+trustDomain+pathPrefix)
	if !ok || !serviceName.MatchString(name) {
		return "", errors.New("the certificate does not name a service of ferrule")
	}
	return name, nil
}
