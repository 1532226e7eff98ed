package grpcx_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/memnet"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// bareServer is a server with the given echo, which the test serves itself.
func bareServer(handler echo, clk clock.Clock) *grpc.Server {
	srv := grpcx.NewServer(grpcx.ServerConfig{Log: slog.New(slog.DiscardHandler), Clock: clk, Verifier: authn.NewVerifier(clk)})
	srv.RegisterService(echoDesc(), handler)
	return srv
}

// serving is one run of Serve with a call that is open.
type serving struct {
	stop    context.CancelFunc
	served  chan error
	result  chan error    // of the call
	release chan struct{} // closed to let the call finish
}

func serveOpenCall(t *testing.T, clk clock.Clock, obeys bool) serving {
	t.Helper()
	s := serving{served: make(chan error, 1), result: make(chan error, 1), release: make(chan struct{})}
	entered := make(chan struct{})
	srv := bareServer(echo{unary: func(ctx context.Context, _ string) (string, error) {
		close(entered)
		if obeys {
			<-s.release
			return "finished", nil
		}
		<-ctx.Done()
		return "", ctx.Err()
	}}, clk)
	l := memnet.Listen("echo")
	ctx, cancel := context.WithCancel(t.Context())
	s.stop = cancel
	go func() { s.served <- grpcx.Serve(ctx, srv, clk, l) }()
	conn, err := grpcx.NewClient(grpcx.ClientConfig{Target: "passthrough:///echo", Creds: memnet.ClientCredentials(), Dialer: l.Dialer("gateway")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		_, err := call(context.Background(), conn, echoMethod, "")
		s.result <- err
	}()
	<-entered
	return s
}

func TestServeLetsOpenCallsFinish(t *testing.T) {
	s := serveOpenCall(t, clocktest.New(rigStart), true)
	s.stop()
	select {
	case err := <-s.served:
		t.Fatalf("Serve returned with a call open: %v", err)
	default:
	}
	close(s.release)
	if err := <-s.result; err != nil {
		t.Errorf("the open call: %v", err)
	}
	if err := <-s.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeCutsOffCallsAfterItsGrace(t *testing.T) {
	clk := graceClock{clocktest.New(rigStart), make(chan time.Duration, 1)}
	s := serveOpenCall(t, clk, false)
	s.stop()
	if grace := <-clk.waits; grace != grpcx.StopGrace {
		t.Errorf("the grace is %v", grace)
	}
	clk.Advance(grpcx.StopGrace)
	if err := <-s.result; fault.CodeOf(err) != fault.CodeUnavailable && fault.CodeOf(err) != fault.CodeCanceled {
		t.Errorf("the open call: %v", err)
	}
	if err := <-s.served; err != nil {
		t.Errorf("Serve: %v", err)
	}
}

func TestServeReportsAListenerThatFails(t *testing.T) {
	clk := clocktest.New(rigStart)
	healthy := memnet.Listen("echo")
	err := grpcx.Serve(t.Context(), bareServer(echo{}, clk), clk, healthy, brokenListener{})
	if !errors.Is(err, errBroken) {
		t.Errorf("err = %v", err)
	}
	if _, err := healthy.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the other listener is still open: %v", err)
	}
}

func TestServeAfterTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	clk := clocktest.New(rigStart)
	if err := grpcx.Serve(ctx, bareServer(echo{}, clk), clk, memnet.Listen("echo")); err != nil {
		t.Errorf("err = %v", err)
	}
}

// graceClock tells when somebody waits, and for how long.
type graceClock struct {
	*clocktest.Fake

	waits chan time.Duration
}

func (c graceClock) After(d time.Duration) <-chan time.Time {
	fires := c.Fake.After(d)
	c.waits <- d
	return fires
}

var errBroken = errors.New("the network is gone")

type brokenListener struct{}

func (brokenListener) Accept() (net.Conn, error) { return nil, errBroken }
func (brokenListener) Close() error              { return nil }
func (brokenListener) Addr() net.Addr            { return &net.TCPAddr{} }
