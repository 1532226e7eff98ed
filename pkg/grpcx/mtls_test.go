package grpcx_test

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/ferrule-dev/ferrule/pkg/authn/pki"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// identity opens the identity of a service in dir.
func identity(t *testing.T, dir, service string, clk *clocktest.Fake) *pki.Identity {
	t.Helper()
	id, err := pki.Open(pki.Config{Dir: dir, Service: service, Clock: clk, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestIdentitiesOverTLS(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	clk := clocktest.New(rigStart)
	server := identity(t, dir, "echo", clk)
	gateway, runtime := identity(t, dir, "gateway", clk), identity(t, dir, "runtime-proxy", clk)
	foreign := identity(t, elsewhere, "runtime-proxy", clk) // another authority's
	// A user's own program trusts the server and has no certificate.
	anonymous := gateway.ClientTLS("echo")
	anonymous.GetClientCertificate = nil
	// A stranger does not even check the server.
	stranger := foreign.ClientTLS("echo")
	stranger.InsecureSkipVerify, stranger.VerifyConnection = true, nil

	servers := map[string]*tls.Config{"mutual": server.ServerTLS(), "edge": server.EdgeTLS()}
	tests := []struct {
		name   string
		server string
		client *tls.Config
		token  bool
		method string
		want   string       // what the handler sees
		refuse fault.Reason // or why it is not reached
	}{
		{"a service acts for itself", "mutual", gateway.ClientTLS("echo"), false, echoMethod, `service:gateway [] via "gateway"`, ""},
		{"a service acts for a user", "mutual", gateway.ClientTLS("echo"), true, echoMethod, `user:ada [] via "gateway"`, ""},
		{"an internal method by its service", "mutual", runtime.ClientTLS("echo"), false, secretMethod, `service:runtime-proxy [] via "runtime-proxy"`, ""},
		{"an internal method by another service", "mutual", gateway.ClientTLS("echo"), false, secretMethod, "", fault.ReasonServiceOnly},
		{"another authority's certificate", "mutual", stranger, true, echoMethod, "", fault.ReasonServiceUnavailable},
		{"no certificate where one is needed", "mutual", anonymous, true, echoMethod, "", fault.ReasonServiceUnavailable},
		{"the server is not the service that was asked for", "mutual", gateway.ClientTLS("credential-vault"), true, echoMethod, "", fault.ReasonServiceUnavailable},
		{"a user without a certificate at the edge", "edge", anonymous, true, echoMethod, `user:ada [] via ""`, ""},
		{"nobody at the edge", "edge", anonymous, false, echoMethod, "", fault.ReasonUnauthenticated},
		{"a user at the edge does not reach internal methods", "edge", anonymous, true, secretMethod, "", fault.ReasonServiceOnly},
		{"a service at the edge", "edge", runtime.ClientTLS("echo"), false, secretMethod, `service:runtime-proxy [] via "runtime-proxy"`, ""},
		{"another authority's certificate at the edge", "edge", stranger, true, echoMethod, "", fault.ReasonServiceUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, addr := serveTLS(t, servers[tt.server])
			conn := r.client(grpcx.ClientConfig{Target: "passthrough:///" + addr, Creds: credentials.NewTLS(tt.client)})
			ctx := t.Context()
			if tt.token {
				ctx = r.asUser("ada")
			}
			got, err := call(ctx, conn, tt.method, "")
			if got != tt.want || fault.ReasonOf(err) != tt.refuse {
				t.Errorf("got %q, %v; want %q, %q", got, err, tt.want, tt.refuse)
			}
		})
	}
}

func TestACertificateThatNobodyVerifiedMakesNoService(t *testing.T) {
	server := identity(t, t.TempDir(), "echo", clocktest.New(rigStart))
	foreign := identity(t, t.TempDir(), "runtime-proxy", clocktest.New(rigStart))
	careless := server.EdgeTLS()
	careless.ClientAuth = tls.RequestClientCert // asked for, not checked
	client := foreign.ClientTLS("echo")
	client.InsecureSkipVerify, client.VerifyConnection = true, nil

	r, addr := serveTLS(t, careless)
	conn := r.client(grpcx.ClientConfig{Target: "passthrough:///" + addr, Creds: credentials.NewTLS(client)})
	if got, err := call(t.Context(), conn, echoMethod, ""); fault.ReasonOf(err) != fault.ReasonUnauthenticated {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := call(r.asUser("ada"), conn, echoMethod, ""); err != nil || got != `user:ada [] via ""` {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOneServerInMemoryAndOnTheNetwork(t *testing.T) {
	dir, clk := t.TempDir(), clocktest.New(rigStart)
	r, addr := serveTLS(t, identity(t, dir, "echo", clk).ServerTLS())
	network := r.client(grpcx.ClientConfig{
		Target: "passthrough:///" + addr,
		Creds:  credentials.NewTLS(identity(t, dir, "gateway", clk).ClientTLS("echo")),
	})
	for conn, want := range map[*grpc.ClientConn]string{
		network:         `service:gateway [] via "gateway"`,
		r.as("trigger"): `service:trigger [] via "trigger"`,
	} {
		if got, err := call(t.Context(), conn, echoMethod, ""); err != nil || got != want {
			t.Errorf("got %q, %v; want %q", got, err, want)
		}
	}
}

func TestWithoutCredentialsTheNetworkIsRefused(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, echo{unary: whoami}, func(c *setup) { c.listeners = []net.Listener{l} })
	id := identity(t, t.TempDir(), "gateway", r.clock)
	conn := r.client(grpcx.ClientConfig{Target: "passthrough:///" + l.Addr().String(), Creds: credentials.NewTLS(id.ClientTLS("echo"))})
	if _, err := call(t.Context(), conn, echoMethod, ""); fault.ReasonOf(err) != fault.ReasonServiceUnavailable {
		t.Errorf("err = %v", err)
	}
}

// serveTLS is a rig that also listens on a loopback port, with cfg.
func serveTLS(t *testing.T, cfg *tls.Config) (*rig, string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := newRig(t, echo{unary: whoami}, func(c *setup) {
		c.Creds, c.listeners = credentials.NewTLS(cfg), []net.Listener{l}
	})
	return r, l.Addr().String()
}
