package pki_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn/pki"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

// site is a directory with a clock and a log.
type site struct {
	t     *testing.T
	dir   string
	clock *clocktest.Fake
	log   *bytes.Buffer
}

func newSite(t *testing.T) *site {
	t.Helper()
	return &site{t: t, dir: filepath.Join(t.TempDir(), "pki"), clock: clocktest.New(start), log: &bytes.Buffer{}}
}

func (s *site) tryOpen(service string, hosts ...string) (*pki.Identity, error) {
	return pki.Open(pki.Config{
		Dir: s.dir, Service: service, Hosts: hosts, Clock: s.clock,
		Log: slog.New(slog.NewTextHandler(s.log, nil)),
	})
}

func (s *site) open(service string, hosts ...string) *pki.Identity {
	s.t.Helper()
	id, err := s.tryOpen(service, hosts...)
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *site) read(name string) []byte {
	s.t.Helper()
	data, err := os.ReadFile(filepath.Join(s.dir, name))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func (s *site) remove(name string) {
	s.t.Helper()
	if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
		s.t.Fatal(err)
	}
}

// handshake connects a client to a server in memory and returns what each
// side knows of the other.
func handshake(server, client *tls.Config) (atServer, atClient tls.ConnectionState, err error) {
	a, b := net.Pipe()
	defer func() { _ = errors.Join(a.Close(), b.Close()) }()
	srv, cli := tls.Server(a, server), tls.Client(b, client)
	served := make(chan error, 1)
	go func() {
		err := srv.Handshake()
		if err == nil { // in TLS 1.3 the client hears of a refusal with its first read
			_, err = srv.Write([]byte("x"))
		}
		if err != nil {
			_ = a.Close()
		}
		served <- err
	}()
	clientErr := cli.Handshake()
	if clientErr == nil {
		_, clientErr = cli.Read(make([]byte, 1))
	}
	if clientErr != nil {
		_ = b.Close()
	}
	return srv.ConnectionState(), cli.ConnectionState(), errors.Join(clientErr, <-served)
}

func leafOf(t *testing.T, s *site, service string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(s.read(service + ".pem"))
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestServicesProveWhoTheyAreToEachOther(t *testing.T) {
	s := newSite(t)
	vault, runtime := s.open("credential-vault"), s.open("runtime-proxy")
	atServer, atClient, err := handshake(vault.ServerTLS(), runtime.ClientTLS("credential-vault"))
	if err != nil {
		t.Fatal(err)
	}
	if atServer.Version != tls.VersionTLS13 || len(atServer.VerifiedChains) == 0 {
		t.Errorf("version %x, verified chains %d", atServer.Version, len(atServer.VerifiedChains))
	}
	for want, state := range map[string]tls.ConnectionState{"runtime-proxy": atServer, "credential-vault": atClient} {
		if got, err := pki.ServiceOf(state.PeerCertificates[0]); err != nil || got != want {
			t.Errorf("peer = %q, %v; want %q", got, err, want)
		}
	}
	if vault.Service() != "credential-vault" {
		t.Errorf("Service() = %q", vault.Service())
	}
}

func TestHandshakesThatFail(t *testing.T) {
	here, elsewhere := newSite(t), newSite(t)
	vault, gateway := here.open("credential-vault"), here.open("gateway")
	foreign := elsewhere.open("gateway")
	change := func(cfg *tls.Config, f func(*tls.Config)) *tls.Config { f(cfg); return cfg }
	credulous := func(c *tls.Config) { c.InsecureSkipVerify, c.VerifyConnection = true, nil }
	tests := []struct {
		name           string
		server, client *tls.Config
	}{
		{"a client of another authority", vault.ServerTLS(), change(foreign.ClientTLS("credential-vault"), credulous)},
		{"a client of another authority, at the edge", vault.EdgeTLS(), change(foreign.ClientTLS("credential-vault"), credulous)},
		{"a client without a certificate", vault.ServerTLS(), change(gateway.ClientTLS("credential-vault"), func(c *tls.Config) { c.GetClientCertificate = nil })},
		{"a server of another authority", foreign.ServerTLS(), gateway.ClientTLS("gateway")},
		{"another service than asked for", gateway.ServerTLS(), gateway.ClientTLS("credential-vault")},
		{
			"another service than asked for, under its own host name", gateway.ServerTLS(),
			change(gateway.ClientTLS("credential-vault"), func(c *tls.Config) { c.ServerName = "localhost" }),
		},
		{"a client that only speaks TLS 1.2", vault.ServerTLS(), change(gateway.ClientTLS("credential-vault"), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 })},
		{"a server that only speaks TLS 1.2", change(vault.ServerTLS(), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS12, tls.VersionTLS12 }), gateway.ClientTLS("credential-vault")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, _, err := handshake(tt.server, tt.client); err == nil {
				t.Error("the handshake succeeded")
			}
		})
	}
	t.Run("but the edge takes a client without a certificate", func(t *testing.T) {
		anonymous := change(gateway.ClientTLS("credential-vault"), func(c *tls.Config) { c.GetClientCertificate = nil })
		atServer, _, err := handshake(vault.EdgeTLS(), anonymous)
		if err != nil || len(atServer.VerifiedChains) != 0 {
			t.Errorf("err = %v, chains = %v", err, atServer.VerifiedChains)
		}
	})
}

func TestTheFilesOfADirectory(t *testing.T) {
	s := newSite(t)
	s.open("registry")
	for name, mode := range map[string]fs.FileMode{"ca.pem": 0o644, "ca-key.pem": 0o600, "registry.pem": 0o600} {
		info, err := os.Stat(filepath.Join(s.dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v; want mode %v", name, info, err, mode)
		}
	}
	if entries, _ := os.ReadDir(s.dir); len(entries) != 3 {
		t.Errorf("files: %v", entries)
	}
	if info, _ := os.Stat(s.dir); info.Mode().Perm() != 0o700 {
		t.Errorf("directory mode %v", info.Mode())
	}
	if bytes.Contains(s.read("ca.pem"), []byte("PRIVATE")) {
		t.Error("the public file holds a private key")
	}
	before := map[string][]byte{"ca.pem": s.read("ca.pem"), "ca-key.pem": s.read("ca-key.pem"), "registry.pem": s.read("registry.pem")}
	s.open("registry")
	for name, data := range before {
		if !bytes.Equal(data, s.read(name)) {
			t.Errorf("opening again changed %s", name)
		}
	}
}

func TestACertificateSaysNoMoreThanItMust(t *testing.T) {
	s := newSite(t)
	s.open("registry", "registry.ferrule.svc", "10.0.0.7", "localhost")
	cert := leafOf(t, s, "registry")
	if got := fmt.Sprint(cert.URIs); got != "[spiffe://ferrule/service/registry]" {
		t.Errorf("URIs = %s", got)
	}
	if want := []string{"localhost", "registry", "registry.ferrule.svc"}; !slices.Equal(cert.DNSNames, want) {
		t.Errorf("DNS names = %v", cert.DNSNames)
	}
	if got := fmt.Sprint(cert.IPAddresses); got != "[10.0.0.7 127.0.0.1 ::1]" {
		t.Errorf("IP addresses = %s", got)
	}
	if cert.IsCA || cert.KeyUsage != x509.KeyUsageDigitalSignature || len(cert.ExtKeyUsage) != 2 {
		t.Errorf("CA %v, usage %v, %v", cert.IsCA, cert.KeyUsage, cert.ExtKeyUsage)
	}
	if life := cert.NotAfter.Sub(start); life != pki.CertificateLife {
		t.Errorf("life = %v", life)
	}
}

func TestAnyNumberOfProcessesMayStartAtOnce(t *testing.T) {
	s := newSite(t)
	names := []string{"registry", "credential-vault", "runtime-proxy", "gateway"}
	ids := make([]*pki.Identity, 4*len(names))
	var wg sync.WaitGroup
	for i := range ids {
		wg.Go(func() {
			id, err := pki.Open(pki.Config{Dir: s.dir, Service: names[i%len(names)], Clock: s.clock, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Error(err)
			}
			ids[i] = id
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	for _, server := range ids {
		for _, client := range ids {
			if _, _, err := handshake(server.ServerTLS(), client.ClientTLS(server.Service())); err != nil {
				t.Fatalf("%s to %s: %v", client.Service(), server.Service(), err)
			}
		}
	}
	if entries, _ := os.ReadDir(s.dir); len(entries) != 2+len(names) {
		t.Errorf("files: %v", entries)
	}
}

func TestServicesNeedNotHaveTheAuthoritysKey(t *testing.T) {
	s := newSite(t)
	s.open("registry", "registry.svc")
	gateway := s.open("gateway")
	s.remove("ca-key.pem")
	registry := s.open("registry", "registry.svc")
	if _, _, err := handshake(registry.ServerTLS(), gateway.ClientTLS("registry")); err != nil {
		t.Errorf("handshake: %v", err)
	}
	if _, err := s.tryOpen("trigger"); err == nil || !strings.Contains(err.Error(), "ca-key.pem") {
		t.Errorf("a service without a certificate: %v", err)
	}
	if _, err := s.tryOpen("registry", "other.svc"); err == nil {
		t.Error("a host was added without the key")
	}
	s.clock.Advance(pki.CertificateLife - pki.RenewBefore + day)
	if _, err := s.tryOpen("registry", "registry.svc"); err != nil || !strings.Contains(s.log.String(), "cannot be renewed") {
		t.Errorf("a certificate that should be renewed: %v, log %q", err, s.log)
	}
	s.clock.Advance(pki.RenewBefore)
	if _, err := s.tryOpen("registry", "registry.svc"); err == nil {
		t.Error("a certificate that is over was taken")
	}
}

func TestRenewal(t *testing.T) {
	tests := []struct {
		name    string
		change  func(s *site)
		hosts   []string
		renewed bool
	}{
		{"nothing happened", func(*site) {}, nil, false},
		{"just enough time is left", func(s *site) { s.clock.Advance(pki.CertificateLife - pki.RenewBefore) }, nil, false},
		{"a second less", func(s *site) { s.clock.Advance(pki.CertificateLife - pki.RenewBefore + time.Second) }, nil, true},
		{"it is over", func(s *site) { s.clock.Advance(pki.CertificateLife + day) }, nil, true},
		{"there is a new host", func(*site) {}, []string{"new.svc"}, true},
		{"the file is gone", func(s *site) { s.remove("registry.pem") }, nil, true},
		{"the file is another service's", func(s *site) {
			s.open("gateway")
			if err := os.Rename(filepath.Join(s.dir, "gateway.pem"), filepath.Join(s.dir, "registry.pem")); err != nil {
				s.t.Fatal(err)
			}
		}, nil, true},
		{"there is a new authority", func(s *site) { s.remove("ca.pem"); s.remove("ca-key.pem") }, nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.open("registry")
			before := leafOf(t, s, "registry")
			tt.change(s)
			id := s.open("registry", tt.hosts...)
			after := leafOf(t, s, "registry")
			if got := !after.Equal(before); got != tt.renewed {
				t.Errorf("renewed = %v, want %v", got, tt.renewed)
			}
			if _, _, err := handshake(id.ServerTLS(), id.ClientTLS("registry")); err != nil {
				t.Errorf("handshake: %v", err)
			}
		})
	}
}

func TestARunningServiceRenewsItsCertificate(t *testing.T) {
	s := newSite(t)
	registry, gateway := s.open("registry"), s.open("gateway")
	server, client := registry.ServerTLS(), gateway.ClientTLS("registry")
	serial := func() string {
		t.Helper()
		_, atClient, err := handshake(server, client)
		if err != nil {
			t.Fatal(err)
		}
		return atClient.PeerCertificates[0].SerialNumber.String()
	}
	first := serial()
	if serial() != first {
		t.Error("renewed without need")
	}
	s.clock.Advance(pki.CertificateLife - pki.RenewBefore + time.Second)
	second := serial()
	if second == first || serial() != second {
		t.Error("not renewed, or over and over")
	}
	if strings.Count(s.log.String(), "was renewed") != 2 { // the client's, too
		t.Errorf("log: %s", s.log)
	}

	// When renewal fails the old one does its work as long as it may.
	key := s.read("ca-key.pem")
	s.remove("ca-key.pem")
	s.clock.Advance(pki.CertificateLife - pki.RenewBefore + time.Second)
	if first, again := serial(), serial(); first != second || again != second || strings.Count(s.log.String(), "cannot be renewed") != 2 {
		t.Errorf("log: %s", s.log)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "ca-key.pem"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	if serial() != second {
		t.Error("tried again at once")
	}
	s.clock.Advance(10 * time.Minute)
	if serial() == second {
		t.Error("did not try again")
	}
}

func TestNoCertificateOutlivesItsAuthority(t *testing.T) {
	s := newSite(t)
	s.open("registry")
	s.clock.Advance(pki.AuthorityLife - 10*day)
	id := s.open("registry")
	if left := leafOf(t, s, "registry").NotAfter.Sub(s.clock.Now()); left != 10*day {
		t.Errorf("%v left", left)
	}
	before := leafOf(t, s, "registry")
	if _, _, err := handshake(id.ServerTLS(), id.ClientTLS("registry")); err != nil {
		t.Fatal(err)
	}
	if !leafOf(t, s, "registry").Equal(before) {
		t.Error("a new certificate for every handshake")
	}
	s.clock.Advance(11 * day)
	if _, err := s.tryOpen("registry"); err == nil || !strings.Contains(err.Error(), "authority ended") {
		t.Errorf("err = %v", err)
	}
}

func TestDirectoriesThatAreRefused(t *testing.T) {
	write := func(name, content string) func(*site) {
		return func(s *site) {
			if err := os.WriteFile(filepath.Join(s.dir, name), []byte(content), 0o600); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	chmod := func(name string) func(*site) {
		return func(s *site) {
			if err := os.Chmod(filepath.Join(s.dir, name), 0o640); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	tests := []struct {
		name   string
		change func(*site)
		want   string
	}{
		{"the authority's key is readable by the group", chmod("ca-key.pem"), "chmod 600"},
		{"the service's key is readable by the group", chmod("registry.pem"), "chmod 600"},
		{"the authority's key is damaged", write("ca-key.pem", "hello"), "ca-key.pem"},
		{"the service's key is damaged", write("registry.pem", "hello"), "registry.pem"},
		{"the authority's certificate is damaged", write("ca.pem", "hello"), "ca.pem"},
		{"the public file holds the private key", func(s *site) { write("ca.pem", string(s.read("ca-key.pem")))(s) }, "nothing else"},
		{"the key is another authority's", func(s *site) {
			other := newSite(s.t)
			other.open("x")
			write("ca-key.pem", string(other.read("ca-key.pem")))(s)
			s.remove("registry.pem")
		}, "not among those of ca.pem"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			s.open("registry")
			tt.change(s)
			if _, err := s.tryOpen("registry"); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("err = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestConfigsThatAreRefused(t *testing.T) {
	good := pki.Config{Dir: filepath.Join(t.TempDir(), "pki"), Service: "registry", Clock: clocktest.New(start), Log: slog.New(slog.DiscardHandler)}
	tests := []struct {
		name   string
		change func(*pki.Config)
	}{
		{"no directory", func(c *pki.Config) { c.Dir = "" }},
		{"no clock", func(c *pki.Config) { c.Clock = nil }},
		{"no log", func(c *pki.Config) { c.Log = nil }},
		{"no service", func(c *pki.Config) { c.Service = "" }},
		{"the authority's name", func(c *pki.Config) { c.Service = "ca" }},
		{"the authority's key's name", func(c *pki.Config) { c.Service = "ca-key" }},
		{"a way out of the directory", func(c *pki.Config) { c.Service = "../registry" }},
		{"capitals", func(c *pki.Config) { c.Service = "Registry" }},
		{"too many hosts", func(c *pki.Config) { c.Hosts = make([]string, 101) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			if _, err := pki.Open(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
	if _, err := os.Stat(good.Dir); !errors.Is(err, fs.ErrNotExist) {
		t.Error("a refused configuration left a directory behind")
	}
}

func TestServiceOf(t *testing.T) {
	tests := []struct {
		name string
		uris []string
		want string
	}{
		{"a service", []string{"spiffe://ferrule/service/runtime-proxy"}, "runtime-proxy"},
		{"no URI", nil, ""},
		{"two URIs", []string{"spiffe://ferrule/service/a", "spiffe://ferrule/service/b"}, ""},
		{"another trust domain", []string{"spiffe://ferrule.example/service/a"}, ""},
		{"another scheme", []string{"https://ferrule/service/a"}, ""},
		{"another path", []string{"spiffe://ferrule/user/a"}, ""},
		{"no name", []string{"spiffe://ferrule/service/"}, ""},
		{"a longer path", []string{"spiffe://ferrule/service/a/b"}, ""},
		{"a query", []string{"spiffe://ferrule/service/a?b"}, ""},
		{"a fragment", []string{"spiffe://ferrule/service/a#b"}, ""},
		{"a port", []string{"spiffe://ferrule:1/service/a"}, ""},
		{"a user", []string{"spiffe://u@ferrule/service/a"}, ""},
		{"an escaped character", []string{"spiffe://ferrule/service/%61"}, ""},
		{"the authority itself", []string{"spiffe://ferrule"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert := &x509.Certificate{}
			for _, raw := range tt.uris {
				u, err := url.Parse(raw)
				if err != nil {
					t.Fatal(err)
				}
				cert.URIs = append(cert.URIs, u)
			}
			got, err := pki.ServiceOf(cert)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("ServiceOf = %q, %v; want %q", got, err, tt.want)
			}
		})
	}
	if got := pki.ServiceURI("registry").String(); got != "spiffe://ferrule/service/registry" {
		t.Errorf("ServiceURI = %s", got)
	}
}
