package cli

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/suite"
)

func (a *app) up() *cobra.Command {
	var cfg suite.Config
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the whole suite in this process",
		Long: `Up runs all services in one process, with everything they keep in one directory
(--data): connectors, encrypted credentials, subscriptions and events. A first
admin token is written to admin.token in it; the commands on this machine find
it there.

Connections to private networks are refused unless --allow-network opens one.`,
		Example: `  ferrule up
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
			begin := clock.System().Now()
			return suite.Run(cmd.Context(), cfg, func(at suite.Endpoints) {
				a.printf("Ferrule is ready after %d ms\n", clock.System().Now().Sub(begin).Milliseconds())
				a.printf("  REST   %s (/openapi.json describes it)\n", at.HTTP)
				if at.GRPC != "" {
					a.printf("  gRPC   %s\n", at.GRPC)
				}
				a.printf("  token  %s\n", at.TokenFile)
			})
		},
	}
	cfg.Flags(cmd.Flags())
	return cmd
}
