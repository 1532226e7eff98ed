// Package pki gives every service a certificate, without any setup.
//
// The first [Open] in a directory makes a private certificate authority there;
// each service that opens the directory gets a certificate of it that says
// which service it is: the URI spiffe://ferrule/service/<name> (SPIFFE-ID,
// section 2). An [Identity] turns that into TLS 1.3 configurations in which
// both sides prove who they are:
//
//	id, err := pki.Open(pki.Config{Dir: "pki", Service: "registry", Clock: clk, Log: log})
//	server := credentials.NewTLS(id.ServerTLS())
//	toVault := credentials.NewTLS(id.ClientTLS("credential-vault"))
//
// The files in the directory:
//
//	ca.pem         the authority's certificate, for everybody. An operator may
//	               append others; all of them are trusted
//	ca-key.pem     the authority's certificate and key (mode 0600). Whoever has
//	               it can be any service. Only what makes certificates needs it
//	<service>.pem  certificate and key of one service (mode 0600)
//
// A service that finds its own file and ca.pem works without ca-key.pem, until
// its certificate ends.
package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// AuthorityLife is how long a new authority is valid.
	AuthorityLife = 10 * 365 * 24 * time.Hour
	// CertificateLife is how long a new certificate of a service is valid.
	CertificateLife = 365 * 24 * time.Hour
	// RenewBefore is how much of its life a certificate has left when it is
	// replaced, at start or by a process that is running.
	RenewBefore = 30 * 24 * time.Hour

	// retryRenewal is the pause after a renewal that failed.
	retryRenewal = 10 * time.Minute
	// maxHosts bounds the names of one certificate.
	maxHosts = 100
)

var serviceName = regexp.MustCompile(`^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Config says whose identity to open, and where.
type Config struct {
	// Dir is the directory of the files. It is made (mode 0700) when missing.
	Dir string
	// Service is the name of the service: lower-case letters, digits and
	// hyphens, a letter first, at most 63. "ca" and "ca-key" are taken.
	Service string
	// Hosts are the further DNS names and IP addresses under which clients
	// reach the service, at most 100. Its name, localhost, 127.0.0.1 and ::1
	// are always among them.
	Hosts []string
	// Clock dates certificates and judges those of others.
	Clock clock.Clock
	// Log gets a line for a renewal while running, and for one that failed.
	Log *slog.Logger
}

// Identity is a service's certificate and whom it trusts. It is safe for
// concurrent use and needs no closing.
type Identity struct {
	cfg   Config
	hosts []string
	trust *x509.CertPool

	mu      sync.Mutex
	current *tls.Certificate
	renewAt time.Time
}

// Open returns the identity of cfg.Service and makes what is missing of it: the
// authority, and a certificate when there is none, when it has less than
// [RenewBefore] left, or when it lacks one of the hosts. Any number of
// processes may do so at once. It fails when files are accessible to others
// than their owner, or when something is missing and ca-key.pem is not there
// to make it.
func Open(cfg Config) (*Identity, error) {
	if err := check(cfg); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make pki directory: %w", err)
	}
	if err := ensureAuthority(cfg.Dir, cfg.Clock.Now()); err != nil {
		return nil, err
	}
	trust, err := loadTrust(filepath.Join(cfg.Dir, trustFile))
	if err != nil {
		return nil, err
	}
	id := &Identity{cfg: cfg, hosts: allHosts(cfg), trust: trust}
	if err := id.obtain(cfg.Clock.Now()); err != nil {
		return nil, err
	}
	return id, nil
}

func check(cfg Config) error {
	switch {
	case cfg.Dir == "" || cfg.Clock == nil || cfg.Log == nil:
		return errors.New("open pki: directory, clock and log are required")
	case !serviceName.MatchString(cfg.Service) || cfg.Service+".pem" == trustFile || cfg.Service+".pem" == authorityFile:
		return fmt.Errorf("open pki: %q cannot be the name of a service", cfg.Service)
	case len(cfg.Hosts) > maxHosts:
		return fmt.Errorf("open pki: %d hosts, at most %d are possible", len(cfg.Hosts), maxHosts)
	}
	return nil
}

// Service returns the name that the certificate proves.
func (id *Identity) Service() string { return id.cfg.Service }

// obtain makes a good certificate the current one: that of the file, or a new
// one. A certificate that should be renewed and cannot be is better than none
// for as long as it is valid.
func (id *Identity) obtain(now time.Time) error {
	path := filepath.Join(id.cfg.Dir, id.cfg.Service+".pem")
	cert, loadErr := loadCertificate(path)
	usable := loadErr == nil && id.accepts(cert.Leaf, now)
	if usable && cert.Leaf.NotAfter.Sub(now) >= RenewBefore {
		id.use(cert, now)
		return nil
	}
	if loadErr != nil && !errors.Is(loadErr, os.ErrNotExist) {
		return loadErr
	}
	fresh, err := issue(id.cfg.Dir, path, id.cfg.Service, id.hosts, now)
	if err == nil && !id.accepts(fresh.Leaf, now) {
		err = fmt.Errorf("the authority of %s is not among those of %s", authorityFile, trustFile)
	}
	switch {
	case err == nil:
		id.use(fresh, now)
		return nil
	case usable:
		id.use(cert, now)
		id.cfg.Log.Warn("the service certificate cannot be renewed", "service", id.cfg.Service,
			"expires", cert.Leaf.NotAfter, "error", err)
		return nil
	}
	return fmt.Errorf("make certificate of %s: %w", id.cfg.Service, err)
}

// use makes cert the current one until it is time to renew it, or to try again.
func (id *Identity) use(cert *tls.Certificate, now time.Time) {
	id.current = cert
	id.renewAt = cert.Leaf.NotAfter.Add(-RenewBefore)
	if soonest := now.Add(retryRenewal); id.renewAt.Before(soonest) {
		id.renewAt = soonest
	}
}

// certificate returns the current certificate, after renewing it if it is time
// to. A renewal reads and writes a few small files, once a year.
func (id *Identity) certificate() (*tls.Certificate, error) {
	id.mu.Lock()
	defer id.mu.Unlock()
	now := id.cfg.Clock.Now()
	if now.Before(id.renewAt) {
		return id.current, nil
	}
	before := id.current
	if err := id.obtain(now); err != nil {
		id.cfg.Log.Error("the service certificate cannot be renewed", "service", id.cfg.Service,
			"expires", before.Leaf.NotAfter, "error", err)
		// The other side refuses it if it is over; and files may be back soon.
		id.use(before, now)
	} else if id.current != before {
		id.cfg.Log.Info("the service certificate was renewed", "service", id.cfg.Service,
			"expires", id.current.Leaf.NotAfter)
	}
	return id.current, nil
}
