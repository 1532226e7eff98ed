package cli

import (
	"net/http"

	"github.com/spf13/cobra"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// redirectURL prints what to register for a client that nobody has made yet.
func (a *app) redirectURL() *cobra.Command {
	var how clientFlags
	var set string
	cmd := &cobra.Command{
		Use:   "redirect-url CONNECTOR --client-id ID",
		Short: "Print the redirect URL of an OAuth client that is not made yet",
		Long: `Redirect-url prints what has to be registered at the provider for a client id, if
"ferrule oauth-clients create" were run now with the same --auth and --set. Nothing is
stored. The URL is another one when the connector is given other token endpoints.`,
		Example: "  ferrule oauth-clients redirect-url mail --client-id 1234.apps",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if how.clientID == "" {
				return usage("give the client id of the provider with --client-id")
			}
			planned, _, err := how.read(a)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			planned.Connector, planned.ParameterSet = a.resource("connectors", args[0]), set
			req := &vaultv1.CreateOAuthClientRequest{Parent: a.parent(), OauthClient: planned, ValidateOnly: true}
			var res vaultv1.OAuthClient
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(a.parent(), "oauthClients"), nil, req, &res); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&res)
			}
			if res.GetRedirectUrl() == "" {
				return fault.Precondition(fault.ReasonAuthorizationFailed,
					"the server has no public URL, so nobody can come back to it: its operator sets --public-url")
			}
			a.printf("%s\n", res.GetRedirectUrl())
			return nil
		},
	}
	how.declareIdentity(cmd)
	cmd.Flags().StringVar(&set, "auth", "", "parameter set that it will serve; all that have no other client if not given")
	return cmd
}
