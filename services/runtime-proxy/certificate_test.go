package runtimeproxy_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(name string) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Unix(0, 0), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return &authority{certificate, key}
}

// issue returns a certificate with its key as the vault lends them: the key, then
// the chain.
func (a *authority) issue(name string, until time.Time) string {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Unix(0, 0), NotAfter: until,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}, a.certificate, key.Public(), a.key)
	if err != nil {
		panic(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	for _, block := range []*pem.Block{{Type: "PRIVATE KEY", Bytes: raw}, {Type: "CERTIFICATE", Bytes: der}, {Type: "CERTIFICATE", Bytes: a.certificate.Raw}} {
		_ = pem.Encode(&out, block)
	}
	return out.String()
}

// trusted issues the certificates of the APIs here. The system's roots are
// replaced by it: they are read once, when the first certificate is verified.
var trusted = sync.OnceValue(func() *authority { return newAuthority("APIs of the tests") })

func trustTestAuthority() {
	file, err := os.CreateTemp("", "ferrule-test-roots")
	if err != nil {
		panic(err)
	}
	_ = pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: trusted().certificate.Raw})
	_ = file.Close()
	_ = os.Setenv("SSL_CERT_FILE", file.Name())
	_ = os.Setenv("SSL_CERT_DIR", file.Name())
	if _, err := x509.SystemCertPool(); err != nil {
		panic(err)
	}
	_ = os.Remove(file.Name())
}

// mutual starts an API that wants client certificates of an authority, with a
// version of TLS.
func mutual(t *testing.T, clients *authority, version uint16) (url string, requests chan string) {
	t.Helper()
	requests = make(chan string, 16)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- r.TLS.PeerCertificates[0].Subject.CommonName + " " + r.Header.Get("X-Api-Key") + " " + string(body)
	}))
	pool := x509.NewCertPool()
	pool.AddCert(clients.certificate)
	own := trusted().issue("api", time.Now().Add(time.Hour))
	pair, err := tls.X509KeyPair([]byte(own), []byte(own))
	must(t, err)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool, MinVersion: version, MaxVersion: version}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL, requests
}

var certificatePlacement = &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Certificate{
	Certificate: &connectorv1.CertificatePlacement{Parameter: "certificate"},
}}

// presenting starts the runtime with a client certificate and a key.
func presenting(t *testing.T, url, certificate string) *suite {
	t.Helper()
	s := proving(t, url, []string{"certificate", certificate, "api_key", canary}, certificatePlacement, key("api_key", inHeader, "X-Api-Key", ""))
	s.vault.change(func(c *vaultv1.Credential) {
		c.AllowedHosts[0] = url
	})
	return s
}

func TestClientCertificates(t *testing.T) {
	clients := newAuthority("clients")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		t.Run(tls.VersionName(version), func(t *testing.T) {
			url, requests := mutual(t, clients, version)
			s := presenting(t, url, clients.issue("ada", time.Now().Add(time.Hour)))
			s.bothWays(t, func(t *testing.T, _ string) {
				if got := <-requests; !strings.HasPrefix(got, "ada "+canary+" {") {
					t.Errorf("the API got %q", got)
				}
			})
			t.Run("another connection has another certificate", func(t *testing.T) {
				s.vault.change(func(c *vaultv1.Credential) {
					c.Secrets[0].Value = []byte(clients.issue("bea", time.Now().Add(time.Hour)))
				})
				s.clock.Advance(2 * time.Minute) // the lease ends
				must(t, second(s.invoke("ListItems", "")))
				if got := <-requests; !strings.HasPrefix(got, "bea ") {
					t.Errorf("the API got %q", got)
				}
			})
		})
	}
}

// TestCertificatesThatAreNotAccepted: in either version of TLS, what the API does
// not like is told, and nothing counts as lost: the request was not read.
func TestCertificatesThatAreNotAccepted(t *testing.T) {
	clients, others := newAuthority("clients"), newAuthority("others")
	tests := []struct{ name, certificate, says string }{
		{"one of another authority", others.issue("eve", time.Now().Add(time.Hour)), "refused the connection's client certificate"},
		{"one that has expired", clients.issue("old", time.Now().Add(-time.Hour)), "refused the connection's client certificate"},
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, tt := range tests {
			t.Run(tls.VersionName(version)+": "+tt.name, func(t *testing.T) {
				url, requests := mutual(t, clients, version)
				s := presenting(t, url, tt.certificate)
				for _, err := range []error{second(s.invoke("ListItems", "")), s.through(s.request("GET", "/items", nil)), s.through(s.request("POST", "/items", strings.NewReader("{}")))} {
					checkFault(t, s, err, fault.ReasonUpstreamUnreachable)
					if !strings.Contains(err.Error(), tt.says) {
						t.Errorf("error = %v", err)
					}
				}
				if len(requests) != 0 {
					t.Error("the API got the request")
				}
				checked, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
				if err != nil || checked.GetSucceeded() || !strings.Contains(checked.GetMessage(), tt.says) {
					t.Errorf("test: %v, %v", checked, err)
				}
			})
		}
	}
	t.Run("none at all", func(t *testing.T) {
		url, _ := mutual(t, clients, tls.VersionTLS13)
		s := proving(t, url, []string{"api_key", canary}, key("api_key", inHeader, "X-Api-Key", ""))
		s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts[0] = url })
		err := second(s.invoke("ListItems", ""))
		checkFault(t, s, err, fault.ReasonUpstreamUnreachable)
		if !strings.Contains(err.Error(), "wants a client certificate") {
			t.Errorf("error = %v", err)
		}
	})
}

// TestCertificatesGoToTheirHostsOnly: neither over plain http, where nobody would
// see it, nor to a host that the connection is not bound to.
func TestCertificatesGoToTheirHostsOnly(t *testing.T) {
	clients := newAuthority("clients")
	certificate := clients.issue("ada", time.Now().Add(time.Hour))
	url, requests := recording(t, 200)
	s := presenting(t, url, certificate)
	checkFault(t, s, second(s.invoke("ListItems", "")), fault.ReasonConnectionNotReady)
	checkFault(t, s, s.through(s.request("GET", "/items", nil)), fault.ReasonConnectionNotReady)
	elsewhere, asked := mutual(t, clients, tls.VersionTLS13)
	s = start(t, elsewhere, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{certificatePlacement}
	})
	s.vault.change(func(c *vaultv1.Credential) {
		c.Secrets, c.AllowedHosts = values("certificate", certificate), []string{"https://api.example.com:443"}
	})
	checkFault(t, s, second(s.invoke("ListItems", "")), fault.ReasonHostNotAllowed)
	if len(requests)+len(asked) != 0 {
		t.Error("a request was sent")
	}
}
