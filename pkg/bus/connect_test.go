package bus_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/embedded"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// restartable is an embedded server that can go away and come back.
type restartable struct {
	dir string
	mu  sync.Mutex
	srv *embedded.Server
}

func newRestartable(t *testing.T) *restartable {
	r := &restartable{dir: t.TempDir()}
	r.start(t)
	return r
}

func (r *restartable) start(t *testing.T) {
	t.Helper()
	srv := testkit.StartNATS(t, r.dir)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.srv = srv
}

func (r *restartable) stop(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.srv.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// InProcessConn connects to the server that runs now.
func (r *restartable) InProcessConn() (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.srv.InProcessConn()
}

func (r *restartable) connect(t *testing.T, onStatus func(error)) *bus.Bus {
	t.Helper()
	b, err := bus.Connect(t.Context(), bus.Config{Name: "test", InProcess: r, Log: testkit.Logger(t), OnStatus: onStatus})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func TestTheBusFindsItsServerAgainAndSaysSo(t *testing.T) {
	srv := newRestartable(t)
	status := make(chan error, 1000)
	b := srv.connect(t, func(err error) { status <- err })
	if err := b.Ensure(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := testkit.Receive(t, "the first status", status); err != nil {
		t.Fatalf("first status = %v, want nil", err)
	}
	for round := range 2 {
		srv.stop(t)
		if err := testkit.Receive(t, "the bad news", status); err == nil {
			t.Fatal("status = nil while the server is away")
		}
		srv.start(t)
		testkit.Await(t, "the good news", func() bool {
			select {
			case err := <-status:
				return err == nil
			default:
				return false
			}
		})
		publish(t, b, string(rune('a'+round)), "ferrule.event.a.b.c.d")
	}
	if n, _ := stored(t, b, bus.StreamEvents, "-"); n != 2 {
		t.Errorf("%d events, want 2", n)
	}
}

func TestConnectWaitsForAServerThatStartsLater(t *testing.T) {
	srv := newRestartable(t)
	srv.stop(t)
	connected := make(chan error, 1)
	refused := make(chan error, 1000)
	go func() {
		b, err := bus.Connect(t.Context(), bus.Config{InProcess: srv, Log: testkit.Logger(t), OnStatus: func(err error) { refused <- err }})
		if err == nil {
			b.Close()
		}
		connected <- err
	}()
	if err := testkit.Receive(t, "the first refusal", refused); err == nil {
		t.Fatal("status = nil without a server")
	}
	srv.start(t)
	if err := testkit.Receive(t, "the connection", connected); err != nil {
		t.Errorf("Connect() = %v", err)
	}
}

func TestConnectGivesUpWithItsContextAndTellsTheCause(t *testing.T) {
	srv := newRestartable(t)
	srv.stop(t)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := bus.Connect(ctx, bus.Config{InProcess: srv, Log: testkit.Logger(t), OnStatus: func(error) { cancel() }})
	cancel()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Connect() = %v, want context.Canceled", err)
	}
}

func TestBadConfigurationIsRefusedWithoutRepeatingPasswords(t *testing.T) {
	srv := testkit.StartNATS(t, t.TempDir())
	log := testkit.Logger(t)
	for _, row := range []struct {
		name string
		cfg  bus.Config
	}{
		{"neither a url nor a server", bus.Config{Log: log}},
		{"both a url and a server", bus.Config{Log: log, URL: "nats://localhost", InProcess: srv}},
		{"no log", bus.Config{InProcess: srv}},
		{"a url that cannot be read", bus.Config{Log: log, URL: "nats://user:hunter2@host:port%"}},
		{"a url without a host", bus.Config{Log: log, URL: "hunter2"}},
		{"one bad url among good ones", bus.Config{Log: log, URL: "nats://a:4222,nats://u:hunter2@host:bad"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := bus.Connect(t.Context(), row.cfg)
			if err == nil {
				t.Fatal("Connect() = nil, want an error")
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

// listening starts a server on a free port of the loopback interface.
func listening(t *testing.T, opts *server.Options) *server.Server {
	t.Helper()
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, true, true
	opts.JetStream, opts.StoreDir = true, t.TempDir()
	// By default it is a share of the free disk of the machine, which may be less than
	// what the streams reserve.
	opts.JetStreamMaxStore = embedded.DefaultMaxStore
	s, err := server.NewServer(opts)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(testkit.Patience) {
		t.Fatal("the server does not listen")
	}
	return s
}

// certificate returns a server's certificate for 127.0.0.1, and who trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "nats"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestServersOfTheirOwn(t *testing.T) {
	cert, trusted := certificate(t)
	secured := listening(t, &server.Options{TLS: true, TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}}).Addr().String()
	guarded := listening(t, &server.Options{Username: "ferrule", Password: "hunter2"}).Addr().String()
	for _, row := range []struct {
		name string
		url  string
		tls  *tls.Config
		want string // fragment of the error, empty for success
	}{
		{"with tls and a certificate that we trust", "nats://" + secured, &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS13}, ""},
		{"with tls and a certificate that nobody vouches for", "nats://" + secured, &tls.Config{RootCAs: x509.NewCertPool(), MinVersion: tls.VersionTLS13}, "unknown authority"},
		{"with the right password", "nats://ferrule:hunter2@" + guarded, nil, ""},
		{"with a wrong password", "nats://ferrule:wrong1@" + guarded, nil, "Authorization"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			b, err := bus.Connect(ctx, bus.Config{
				URL: row.url, TLS: row.tls, Log: testkit.Logger(t),
				OnStatus: func(err error) {
					if err != nil { // patience is tested elsewhere
						cancel()
					}
				},
			})
			if row.want == "" {
				if err != nil {
					t.Fatalf("Connect() = %v", err)
				}
				defer b.Close()
				if err := b.Ensure(t.Context()); err != nil {
					t.Errorf("Ensure() = %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Connect() = %v, want an error about %q", err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "wrong1") {
				t.Errorf("the error repeats the password: %v", err)
			}
		})
	}
}

func TestRefusedCredentialsAreTriedUntilTheyAreAccepted(t *testing.T) {
	opts := &server.Options{Username: "ferrule", Password: "not yet"}
	srv := listening(t, opts)
	connected := make(chan error, 1)
	go func() {
		b, err := bus.Connect(t.Context(), bus.Config{URL: "nats://ferrule:rotated@" + srv.Addr().String(), Log: testkit.Logger(t)})
		if err == nil {
			b.Close()
		}
		connected <- err
	}()
	// The client's own habit is to give up for good after the second refusal.
	testkit.Await(t, "four refusals", func() bool {
		v, err := srv.Varz(nil)
		return err == nil && v.TotalConnections >= 4
	})
	accepting := opts.Clone()
	accepting.Password = "rotated"
	if err := srv.ReloadOptions(accepting); err != nil {
		t.Fatal(err)
	}
	if err := testkit.Receive(t, "the connection", connected); err != nil {
		t.Errorf("Connect() = %v", err)
	}
}
