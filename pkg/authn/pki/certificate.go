package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn/internal/keyfile"
)

const (
	trustFile     = "ca.pem"
	authorityFile = "ca-key.pem"

	// backdate lets machines whose clocks are a little behind accept a new
	// certificate.
	backdate = time.Hour
)

// ensureAuthority makes the authority when the directory has neither its key
// nor its certificate.
func ensureAuthority(dir string, now time.Time) error {
	authority, trust := filepath.Join(dir, authorityFile), filepath.Join(dir, trustFile)
	data, err := keyfile.Read(authority)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(trust); err == nil {
			return nil // its key is kept elsewhere
		}
		if err := createAuthority(authority, now); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make certificate authority: %w", err)
		}
		data, err = keyfile.Read(authority)
	}
	if err != nil {
		return err
	}
	// The certificate follows from the key's file, so a process that stopped
	// between the two files is made good by the next.
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE" {
		return fmt.Errorf("%s does not begin with a certificate", authority)
	}
	err = keyfile.Share(trust, pem.EncodeToMemory(block))
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return err
}

func createAuthority(path string, now time.Time) error {
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "Ferrule private authority", Organization: []string{"Ferrule"}},
		URIs:                  []*url.URL{{Scheme: uriScheme, Host: trustDomain}},
		NotBefore:             now.Add(-backdate),
		NotAfter:              now.Add(AuthorityLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true, // it signs services, not other authorities
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	bundle, err := sign(template, nil)
	if err != nil {
		return err
	}
	return keyfile.Create(path, bundle)
}

// issue makes a certificate of the directory's authority and replaces the file
// at path with it.
func issue(dir, path, service string, hosts []string, now time.Time) (*tls.Certificate, error) {
	authority, err := loadCertificate(filepath.Join(dir, authorityFile))
	if err != nil {
		return nil, fmt.Errorf("load certificate authority: %w", err)
	}
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: service, Organization: []string{"Ferrule"}},
		URIs:                  []*url.URL{ServiceURI(service)},
		NotBefore:             now.Add(-backdate),
		NotAfter:              earlier(now.Add(CertificateLife), authority.Leaf.NotAfter),
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if !template.NotAfter.After(now) {
		return nil, fmt.Errorf("the certificate authority ended on %s: make a new pki directory", authority.Leaf.NotAfter)
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	bundle, err := sign(template, authority)
	if err != nil {
		return nil, err
	}
	if err := keyfile.Replace(path, bundle); err != nil {
		return nil, err
	}
	return parse(bundle)
}

// sign makes a key and its certificate, signed by authority or, without one, by
// itself, and returns both as PEM, the certificate first.
func sign(template *x509.Certificate, authority *tls.Certificate) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate key: %w", err)
	}
	parent, signer := template, crypto.PrivateKey(key)
	if authority != nil {
		parent, signer = authority.Leaf, authority.PrivateKey
	}
	// Without a serial number CreateCertificate draws a random one.
	cert, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode key: %w", err)
	}
	return append(
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...), nil
}

// loadCertificate reads a file that [sign] made.
func loadCertificate(path string) (*tls.Certificate, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	cert, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("load %s: %w", path, err)
	}
	return cert, nil
}

// parse also checks that the key belongs to the certificate.
func parse(bundle []byte) (*tls.Certificate, error) {
	cert, err := tls.X509KeyPair(bundle, bundle)
	if err != nil {
		return nil, fmt.Errorf("parse certificate and key: %w", err)
	}
	return &cert, nil
}

// loadTrust reads the certificates of the authorities.
func loadTrust(path string) (*x509.CertPool, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read certificate authority: %w", err)
	}
	pool := x509.NewCertPool()
	if bytes.Contains(data, []byte("PRIVATE KEY")) || !pool.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%s must hold certificates and nothing else", path)
	}
	return pool, nil
}

// accepts reports whether the certificate proves this service under all its
// hosts, to others who trust the same authorities.
func (id *Identity) accepts(leaf *x509.Certificate, now time.Time) bool {
	if name, err := ServiceOf(leaf); err != nil || name != id.cfg.Service {
		return false
	}
	for _, host := range id.hosts {
		if leaf.VerifyHostname(host) != nil {
			return false
		}
	}
	_, err := leaf.Verify(x509.VerifyOptions{
		Roots: id.trust, CurrentTime: now,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return err == nil
}

// allHosts returns the names of the certificate, each once.
func allHosts(cfg Config) []string {
	hosts := append([]string{cfg.Service, "localhost", "127.0.0.1", "::1"}, cfg.Hosts...)
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
