package cli

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) oauthClients() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "oauth-clients",
		Short: "List, make and remove the OAuth clients of connectors",
		Long: `An OAuth client is a connector's registration at its provider: a client id, and
usually a secret. All connections of the connector sign in with it, unless they
bring one of their own. It takes the role maker, and to be owner or editor of the
connector ("ferrule connectors share").

The provider asks for a redirect URL. It stands for the connector, the client id and
where codes go, so "create" prints it, and most providers take it afterwards.
"ferrule oauth-clients redirect-url" prints it before.`,
		Example: "  ferrule oauth-clients create mail --client-id 1234.apps --secret client_secret=-",
		Args:    exactArgs(0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.listOAuthClients(cmd.Context()) },
	}
	list := &cobra.Command{
		Use: "list", Short: "List the OAuth clients, like oauth-clients alone", Args: exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listOAuthClients(cmd.Context()) },
	}
	cmd.AddCommand(list, a.showOAuthClients(), a.createOAuthClient(), a.redirectURL(), a.updateOAuthClient(), a.deleteOAuthClient())
	return cmd
}

func (a *app) listOAuthClients(ctx context.Context) error {
	client, err := a.client()
	if err != nil {
		return err
	}
	out := a.listing("CLIENT", "CONNECTOR", "AUTH", "CLIENT ID", "SECRETS", "TOKENS FROM")
	err = everyPage(func(token string) (string, error) {
		var res vaultv1.ListOAuthClientsResponse
		query := url.Values{"page_token": {token}, "page_size": {"1000"}}
		if err := client.Call(ctx, http.MethodGet, rest.Path(a.parent(), "oauthClients"), query, nil, &res); err != nil {
			return "", err
		}
		for _, c := range res.GetOauthClients() {
			clientID := c.GetClientId()
			if clientID == "" { // every client has one
				clientID = "cannot be read: restore or delete it"
			}
			row := []string{
				id(c.GetName()), id(c.GetConnector()), c.GetParameterSet(), short(clientID, 40),
				plural(len(c.GetSecretNames()), "secret"), strings.Join(c.GetTokenOrigins(), " "),
			}
			if err := out.add(c, row); err != nil {
				return "", err
			}
		}
		return res.GetNextPageToken(), nil
	})
	if err != nil {
		return err
	}
	return out.end("there are no OAuth clients; `ferrule oauth-clients create CONNECTOR` makes one")
}

// showOAuthClients shows the clients of one connector.
func (a *app) showOAuthClients() *cobra.Command {
	return &cobra.Command{
		Use:     "show CONNECTOR",
		Aliases: []string{"describe"},
		Short:   "Show the OAuth clients of a connector, and what to register at its provider",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			connector := a.resource("connectors", args[0])
			found := 0
			err = everyPage(func(token string) (string, error) {
				var res vaultv1.ListOAuthClientsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}, "connector": {connector}}
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "oauthClients"), query, nil, &res); err != nil {
					return "", err
				}
				for _, c := range res.GetOauthClients() {
					found++
					if err := a.showOAuthClient(cmd.Context(), client, "there is", c); err != nil {
						return "", err
					}
				}
				return res.GetNextPageToken(), nil
			})
			if err == nil && found == 0 {
				a.progress("connector %s has no OAuth client; `ferrule oauth-clients create %s` makes one", args[0], args[0])
			}
			return err
		},
	}
}

// clientFlags are what a client consists of.
type clientFlags struct {
	clientID, method  string
	settings, secrets []string
}

func (f *clientFlags) declare(cmd *cobra.Command) {
	f.declareIdentity(cmd)
	cmd.Flags().StringArrayVar(&f.secrets, "secret", nil, "client_secret, private_key, certificate or certificate_password: name=-, name=@FILE or name=value (repeatable)")
}

// declareIdentity declares all flags but those of secrets.
func (f *clientFlags) declareIdentity(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.clientID, "client-id", "", "client id at the provider")
	flags.StringVar(&f.method, "authentication", "",
		"how the client proves itself: client-secret-basic, client-secret-post, none, private-key-jwt, client-secret-jwt or tls-client-auth (default: what fits the provider)")
	flags.StringArrayVar(&f.settings, "set", nil, "setting of the provider that the connector leaves open, name=value (repeatable)")
}

// read returns the client that the flags describe, and its secrets.
func (f *clientFlags) read(a *app) (*vaultv1.OAuthClient, map[string]string, error) {
	settings, err := pairs("set", f.settings)
	if err != nil {
		return nil, nil, err
	}
	secrets, err := a.secrets(f.secrets)
	if err != nil {
		return nil, nil, err
	}
	client := &vaultv1.OAuthClient{ClientId: f.clientID, Settings: settings}
	if f.method != "" {
		word := "CLIENT_AUTHENTICATION_" + strings.ToUpper(strings.ReplaceAll(f.method, "-", "_"))
		number, ok := vaultv1.ClientAuthentication_value[word]
		if !ok || number == 0 {
			return nil, nil, usage("--authentication %q is not known; `ferrule oauth-clients create --help` lists the ways", f.method)
		}
		client.Authentication = vaultv1.ClientAuthentication(number)
	}
	return client, secrets, nil
}

func (a *app) createOAuthClient() *cobra.Command {
	var how clientFlags
	var clientID, set string
	cmd := &cobra.Command{
		Use:   "create CONNECTOR",
		Short: "Make the OAuth client of a connector",
		Example: `  ferrule oauth-clients create mail --client-id 1234.apps --secret client_secret=-
  ferrule oauth-clients create graph --client-id 0f1e --secret certificate=@app.pem --set tenant=example.com`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			made, secrets, err := how.read(a)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			made.Connector, made.ParameterSet = a.resource("connectors", args[0]), set
			req := &vaultv1.CreateOAuthClientRequest{Parent: a.parent(), OauthClientId: clientID, OauthClient: made, Secrets: secrets}
			var res vaultv1.OAuthClient
			if err := client.Call(cmd.Context(), http.MethodPost, rest.Path(a.parent(), "oauthClients"), nil, req, &res); err != nil {
				return err
			}
			return a.showOAuthClient(cmd.Context(), client, "made", &res)
		},
	}
	how.declare(cmd)
	cmd.Flags().StringVar(&clientID, "id", "", "id of the client here; made from the connector's id if not given")
	cmd.Flags().StringVar(&set, "auth", "", "parameter set that it serves; all that have no other client if not given")
	return cmd
}

func (a *app) updateOAuthClient() *cobra.Command {
	var how clientFlags
	cmd := &cobra.Command{
		Use:   "update CLIENT",
		Short: "Change an OAuth client; what is not given is kept",
		Long: `Update changes what is given and keeps the rest, secrets included. Settings of --set
are merged with those that the client has; an empty value removes one. Names of settings
are the same in upper and lower case.

If the connector has changed since the client was last written, so that people would sign
in, or tokens go, elsewhere, an update is refused until you have looked at it and say so
with --client-id and all secrets. Only its creator and administrators may.`,
		Example: "  ferrule oauth-clients update mail --secret client_secret=-\n  ferrule oauth-clients update graph --set tenant=example.com",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			changed, secrets, err := how.read(a)
			if err != nil {
				return err
			}
			mask := &fieldmaskpb.FieldMask{}
			for flag, field := range map[string]string{"client-id": "client_id", "authentication": "authentication", "set": "settings"} {
				if cmd.Flags().Changed(flag) {
					mask.Paths = append(mask.Paths, field)
				}
			}
			if len(mask.GetPaths()) == 0 && len(secrets) == 0 {
				return usage("nothing to change; give --client-id, --authentication, --set or --secret")
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			changed.Name = a.resource("oauthClients", args[0])
			var now vaultv1.OAuthClient
			if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(changed.GetName()), nil, nil, &now); err != nil {
				return err
			}
			changed.Etag, changed.Settings = now.GetEtag(), mergedSettings(now.GetSettings(), changed.GetSettings())
			req := &vaultv1.UpdateOAuthClientRequest{OauthClient: changed, UpdateMask: mask, Secrets: secrets}
			var res vaultv1.OAuthClient
			if err := client.Call(cmd.Context(), http.MethodPatch, rest.Path(changed.GetName()), nil, req, &res); err != nil {
				return err
			}
			return a.showOAuthClient(cmd.Context(), client, "changed", &res)
		},
	}
	how.declare(cmd)
	return cmd
}

// mergedSettings returns the settings of a client with changes; an empty one
// removes a setting. Names are compared without case.
func mergedSettings(now, changes map[string]string) map[string]string {
	merged := maps.Clone(now)
	if merged == nil {
		merged = map[string]string{}
	}
	for name, value := range changes {
		maps.DeleteFunc(merged, func(old, _ string) bool { return strings.EqualFold(old, name) })
		if value != "" {
			merged[name] = value
		}
	}
	return merged
}

func (a *app) deleteOAuthClient() *cobra.Command {
	return &cobra.Command{
		Use:   "delete CLIENT",
		Short: "Remove an OAuth client; grants that came with it cannot be renewed any more",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			name := a.resource("oauthClients", args[0])
			return a.removed(cmd.Context(), client, name)
		},
	}
}

func (a *app) removed(ctx context.Context, client *rest.Client, name string) error {
	if err := client.Call(ctx, http.MethodDelete, rest.Path(name), nil, nil, nil); err != nil {
		return err
	}
	a.progress("removed %s", id(name))
	return nil
}

func (a *app) showOAuthClient(ctx context.Context, client *rest.Client, what string, c *vaultv1.OAuthClient) error {
	if a.json() {
		return a.printMessage(c)
	}
	a.printf("%s OAuth client %s of %s\n", what, id(c.GetName()), id(c.GetConnector()))
	if c.GetRedirectUrl() != "" && redirects(a.connectionForm(ctx, client, c.GetConnector()), c.GetParameterSet()) {
		a.printf("  register this redirect URL at the provider: %s\n", c.GetRedirectUrl())
	}
	if what == "there is" {
		a.printf("  client id %s, %s\n", c.GetClientId(), plural(len(c.GetSecretNames()), "secret"))
	}
	if len(c.GetTokenOrigins()) > 0 {
		a.printf("  its secrets are sent to %s and nowhere else\n", strings.Join(c.GetTokenOrigins(), ", "))
	}
	if len(c.GetApiOrigins()) > 0 {
		a.printf("  its tokens are sent to %s and nowhere else\n", strings.Join(c.GetApiOrigins(), ", "))
	}
	return nil
}
