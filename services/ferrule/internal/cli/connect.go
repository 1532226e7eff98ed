package cli

import (
	"context"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) connect() *cobra.Command {
	var connectionID, set, serverURL, title string
	var values, secrets []string
	var untested bool
	cmd := &cobra.Command{
		Use:   "connect CONNECTOR",
		Short: "Make a connection with your credentials, and test it",
		Long: `Connect stores values and secrets for one connector. Secrets are encrypted and
never come out again. "ferrule describe CONNECTOR" shows what is needed.

A secret's value on the command line is seen by everybody on the machine:
"--secret name=-" asks for it (or reads a line of standard input), and
"--secret name=@FILE" reads a file.`,
		Example: "  ferrule connect inventory --id shop --secret api_key=-",
		Args:    exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			parameters, err := pairs("set", values)
			if err != nil {
				return err
			}
			hidden, err := a.secrets(secrets)
			if err != nil {
				return err
			}
			client, err := a.client()
			if err != nil {
				return err
			}
			connection, err := a.createConnection(cmd.Context(), client, &vaultv1.CreateConnectionRequest{
				Parent:       a.parent(),
				ConnectionId: connectionID,
				Secrets:      hidden,
				Connection: &vaultv1.Connection{
					Connector: a.resource("connectors", args[0]), ParameterSet: set, Parameters: parameters,
					ServerUrl: serverURL, DisplayName: title,
				},
			})
			if err != nil || untested {
				return err
			}
			return a.testConnection(cmd.Context(), client, connection.GetName())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&connectionID, "id", "", "id of the connection; made from the connector's id if not given")
	flags.StringVar(&set, "auth", "", "name of the parameter set, where the connector has several")
	flags.StringArrayVar(&values, "set", nil, "value of a parameter, name=value (repeatable)")
	flags.StringArrayVar(&secrets, "secret", nil, "value of a secret parameter: name=-, name=@FILE or name=value (repeatable)")
	flags.StringVar(&serverURL, "server-url", "", "another server of the same API, if the connector or an administrator allows its host")
	flags.StringVar(&title, "title", "", "name for people")
	flags.BoolVar(&untested, "no-test", false, "do not test the connection")
	return cmd
}

func (a *app) createConnection(ctx context.Context, client *rest.Client, req *vaultv1.CreateConnectionRequest) (*vaultv1.Connection, error) {
	var connection vaultv1.Connection
	if err := client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connections"), nil, req, &connection); err != nil {
		return nil, err
	}
	if a.json() {
		return &connection, a.printMessage(&connection)
	}
	a.printf("connected %s to %s (%s)\n", id(connection.GetName()), id(connection.GetConnector()), enumWord(connection.GetState(), "CONNECTION_STATE_"))
	return &connection, nil
}

func (a *app) test() *cobra.Command {
	return &cobra.Command{
		Use:   "test CONNECTION",
		Short: "Find out whether a connection works",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.testConnection(cmd.Context(), client, a.resource("connections", args[0]))
		},
	}
}

func (a *app) testConnection(ctx context.Context, client *rest.Client, name string) error {
	var res runtimev1.TestConnectionResponse
	req := &runtimev1.TestConnectionRequest{Name: name}
	if err := client.Call(ctx, http.MethodPost, rest.Path(name)+":test", nil, req, &res); err != nil {
		return err
	}
	if a.json() {
		if err := a.printMessage(&res); err != nil {
			return err
		}
	}
	if !res.GetSucceeded() {
		a.progress("the test of %s failed: %s", id(name), res.GetMessage())
		return errReported
	}
	if !a.json() {
		a.printf("tested %s: %s (%s)\n", id(name), res.GetMessage(), res.GetLatency().AsDuration().Round(100_000))
	}
	return nil
}

func (a *app) connections() *cobra.Command {
	return &cobra.Command{
		Use:   "connections",
		Short: "List your connections",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			out := a.listing("CONNECTION", "CONNECTOR", "STATE", "OWNER", "SECRETS")
			err = everyPage(func(token string) (string, error) {
				var res vaultv1.ListConnectionsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}}
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "connections"), query, nil, &res); err != nil {
					return "", err
				}
				for _, c := range res.GetConnections() {
					row := []string{
						id(c.GetName()), id(c.GetConnector()), enumWord(c.GetState(), "CONNECTION_STATE_"), c.GetOwner(),
						plural(len(c.GetSecretNames()), "secret"),
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
			return out.end("there are no connections of yours; `ferrule connect CONNECTOR` makes one")
		},
	}
}
