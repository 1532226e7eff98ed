package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) sinkSecret() *cobra.Command {
	var rotate bool
	cmd := &cobra.Command{
		Use:   "sink-secret SUBSCRIPTION SINK",
		Short: "Show the secret that deliveries to a sink are signed with",
		Long: `Sink-secret prints the secret with which a receiver verifies that events come from
here (Standard Webhooks, https://www.standardwebhooks.com). With --rotate a new one is
made; deliveries are signed with the old one, too, until it expires, so that receivers
can take over the new one without losing an event.`,
		Example: `  ferrule sink-secret new-items s1
  ferrule sink-secret new-items s1 --rotate`,
		Args: exactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var secret triggerv1.SinkSecret
			path := rest.Path(a.resource("subscriptions", args[0]), "sinks", args[1])
			if rotate {
				err = client.Call(cmd.Context(), http.MethodPost, path+":rotateSecret", nil, &triggerv1.RotateSinkSecretRequest{}, &secret)
			} else {
				err = client.Call(cmd.Context(), http.MethodGet, path+":secret", nil, nil, &secret)
			}
			if err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&secret)
			}
			a.printf("%s\n", secret.GetSecret())
			if secret.GetPreviousSecret() != "" {
				a.progress("deliveries are signed with the one before, too, until %s", moment(secret.GetPreviousExpireTime()))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&rotate, "rotate", false, "make a new secret; the old one stays valid for a while")
	return cmd
}
