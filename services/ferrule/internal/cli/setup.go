package cli

import (
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/provision"
)

func (a *app) setup() *cobra.Command {
	cfg := provision.Config{Clock: clock.System(), Log: slog.New(slog.NewTextHandler(a.Err, nil))}
	cmd := &cobra.Command{
		Use:   "setup",
		Short: "Make keys and certificates for services that run separately",
		Long: `Setup makes what the services need when each runs as a process of its own: a
private authority, a certificate for each service, the key that signs tokens and
a first admin token. Running it again renews what runs out and changes nothing
else. "ferrule up" does not need it.`,
		Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := provision.Run(cmd.Context(), cfg); err != nil {
				return err
			}
			a.progress("keys and certificates are in place; the admin token is in %s", cfg.Dir)
			return nil
		},
	}
	cfg.Flags(cmd.Flags())
	return cmd
}
