package cli

import (
	"context"
	"errors"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/suite"
)

func (a *app) up() *cobra.Command {
	var cfg suite.Config
	var mocks []string
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole suite in this process",
		Long: `Up runs all services in one process, with everything they keep in one directory
(--data): connectors, encrypted credentials, subscriptions and events. A first
admin token is written to admin.token in it; the commands on this machine find
it there.

Connections to private networks are refused unless --allow-network opens one.

--mock makes a connection to try a connector with before you have credentials: its
operations answer from the examples and schemas of the connector, and nobody is
called. It takes the id of a connector, or a path or URL that is imported first; a
path that looks like an id begins with "./". The connection is named after the
connector and stays.`,
		Example: `  ferrule up
  ferrule up --mock ./petstore.yaml
  ferrule up --data /srv/ferrule --http 0.0.0.0:8080 --allow-network 10.20.0.0/16`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := filepath.Abs(a.data)
			if err != nil {
				return err
			}
			cfg.Data = data
			if err := cfg.Validate(); err != nil {
				return usageError{err}
			}
			if err := checkMocks(mocks); err != nil {
				return err
			}
			return a.runSuite(cmd.Context(), cfg, mocks)
		},
	}
	cmd.Flags().StringArrayVar(&mocks, "mock", nil, "make a mock of this connector: an id, or a path or URL to import (repeatable)")
	cfg.Flags(cmd.Flags())
	return cmd
}

// runSuite runs the suite until ctx ends, or until a mock cannot be made.
func (a *app) runSuite(ctx context.Context, cfg suite.Config, mocks []string) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	begin := clock.System().Now()
	var making sync.WaitGroup
	err := suite.Run(ctx, cfg, func(at suite.Endpoints) {
		a.printf("Ferrule is ready after %d ms\n", clock.System().Now().Sub(begin).Milliseconds())
		a.printf("  REST   %s (/openapi.json describes it)\n", at.HTTP)
		if at.GRPC != "" {
			a.printf("  gRPC   %s\n", at.GRPC)
		}
		a.printf("  token  %s\n", at.TokenFile)
		making.Go(func() { // whoever tells that the suite is ready must not wait for it
			if err := a.makeMocks(ctx, at, mocks); err != nil && ctx.Err() == nil {
				stop(mockError{err})
			}
		})
	})
	making.Wait()
	if cause := new(mockError); err == nil && errors.As(context.Cause(ctx), cause) {
		return cause.error
	}
	return err
}

// mockError ends a suite whose mock could not be made.
type mockError struct{ error }
