package grpcx

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// OpenedHeader is a header that a streaming method sends once it has accepted a
// request and before its first message. Without it a client cannot tell a quiet
// stream from one that is about to be refused: other headers come either way.
const OpenedHeader = "x-ferrule-opened"

// StopGrace is how long calls may go on after a server was told to stop. It is
// shorter than half of the time that a process has for stopping (20 s unless it
// is told otherwise), of which the rest belongs to closing stores.
const StopGrace = 8 * time.Second

// Serve accepts connections on all listeners until ctx ends, then gives the
// calls that are open [StopGrace] to finish, cuts off those that did not, and
// returns nil. It closes the listeners. It returns early with an error when a
// listener fails. A server cannot be served again.
func Serve(ctx context.Context, srv *grpc.Server, clk clock.Clock, listeners ...net.Listener) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range listeners {
		group.Go(func() error {
			// After Stop and GracefulStop, Serve returns nil or ErrServerStopped.
			if err := srv.Serve(l); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
				return fmt.Errorf("serve grpc on %s: %w", l.Addr(), err)
			}
			return nil
		})
	}
	group.Go(func() error {
		<-ctx.Done()
		stop(srv, clk)
		return nil
	})
	return group.Wait()
}

// stop returns when no call is open any more.
func stop(srv *grpc.Server, clk clock.Clock) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		srv.GracefulStop()
	}()
	select {
	case <-done:
	case <-clk.After(StopGrace):
		srv.Stop()
		<-done
	}
}
