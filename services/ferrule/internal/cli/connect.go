package cli

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// connectFlags are the options of connect.
type connectFlags struct {
	id, serverURL, title, revision string
	given                          connectionValues
	tls                            tlsFlags
	how                            signInFlags
	mock, untested, unsigned       bool
}

func (f *connectFlags) declare(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.id, "id", "", "id of the connection; made from the connector's id if not given")
	f.given.declare(cmd)
	flags.StringVar(&f.serverURL, "server-url", "", "another server of the same API, if the connector or an administrator allows its host")
	f.tls.declare(cmd)
	flags.BoolVar(&f.mock, "mock", false, "answer from the connector's examples and schemas instead of calling the API")
	flags.StringVar(&f.title, "title", "", "name for people")
	flags.StringVar(&f.revision, "revision", "", "stay at this revision of the connector (its id or the beginning of it, or latest) instead of following the published one")
	flags.BoolVar(&f.untested, "no-test", false, "do not test the connection")
	flags.BoolVar(&f.unsigned, "no-sign-in", false, "do not sign in now")
	f.how.declare(cmd)
}

func (a *app) connect() *cobra.Command {
	var f connectFlags
	cmd := &cobra.Command{
		Use:   "connect CONNECTOR",
		Short: "Make a connection with your credentials, sign in, and test it",
		Long: `Connect stores values and secrets for one connector. Secrets are encrypted and
never come out again. "ferrule describe CONNECTOR" shows what is needed; at a
terminal you are asked for what is missing.

Where the API wants you to sign in at its provider, connect opens the provider's
page in your browser and waits. On a machine without a browser use --no-browser.

A secret's value on the command line is seen by everybody on the machine:
"--secret name=-" asks for it (or reads a line of standard input), and
"--secret name=@FILE" reads a file.

--mock makes a connection that needs no credentials and calls nobody: every
operation answers with what the connector gives as an example, or with values made
from the answer's schema. --ca-file is for an API whose certificate an authority of
your own has signed.`,
		Example: `  ferrule connect inventory --id shop --secret api_key=-
  ferrule connect mail
  ferrule connect inventory --id try --mock
  ferrule connect intranet --ca-file company.pem --tls-min 1.3 --secret api_key=-`,
		Args: exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			return a.connectTo(cmd.Context(), client, a.resource("connectors", args[0]), &f)
		},
	}
	f.declare(cmd)
	return cmd
}

// connectTo makes a connection, signs in where that is wanted, and tests it.
func (a *app) connectTo(ctx context.Context, client *rest.Client, connector string, f *connectFlags) error {
	if f.mock && f.given.any() {
		return usage("--mock calls nobody and takes no values: leave --auth, --set and --secret out")
	}
	tls, err := f.tls.settings(nil)
	if err != nil {
		return err
	}
	revision, err := a.exactRevision(ctx, client, connector, f.revision)
	if err != nil {
		return err
	}
	var plain, hidden map[string]string
	if !f.mock { // nobody is asked for what a mock does not need
		a.tellServers(ctx, client, connector, f)
		if plain, hidden, err = f.given.read(ctx, a, client, connector); err != nil {
			return err
		}
	}
	connection, err := a.createConnection(ctx, client, &vaultv1.CreateConnectionRequest{
		Parent: a.parent(), ConnectionId: f.id, Secrets: hidden,
		Connection: &vaultv1.Connection{
			Connector: connector, ParameterSet: f.given.set, Parameters: plain, ServerUrl: f.serverURL, DisplayName: f.title,
			PinnedRevision: revision, Mock: f.mock, Tls: tls,
		},
	})
	if err != nil {
		return err
	}
	if f.mock {
		a.tellConnected(connection)
		return nil // there is nothing to sign in to, or to test
	}
	grant := a.grantOf(ctx, client, connection)
	if grant == legacyGrant {
		a.progress("legacy: %s", legacyNote)
	}
	if slices.Contains(obtainedGrants, grant) {
		if done, err := a.firstToken(ctx, client, connection, f); !done || err != nil {
			return err
		}
	}
	a.tellConnected(connection)
	return a.tryOut(ctx, client, connection, f)
}

// tryOut signs in for a new connection where that is wanted, and tests it.
func (a *app) tryOut(ctx context.Context, client *rest.Client, connection *vaultv1.Connection, f *connectFlags) error {
	waits := connection.GetState() == vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION
	if waits && f.unsigned {
		a.tellRedirect(connection.GetRedirectUrl())
		a.progress("nobody has signed in yet: run `ferrule authorize %s`", id(connection.GetName()))
		return nil
	}
	if waits {
		if err := a.firstSignIn(ctx, client, connection.GetName(), f.how); err != nil {
			return err
		}
	}
	if f.untested {
		return nil
	}
	err := a.testConnection(ctx, client, connection.GetName())
	if err != nil {
		a.tellKept(connection)
	}
	return err
}

// tellKept says what is left of a connect that failed: whoever repeats it makes another
// connection.
func (a *app) tellKept(connection *vaultv1.Connection) {
	name := id(connection.GetName())
	a.progress("  the connection %s stays: repair it with `ferrule connections update %s%s`, or remove it with `ferrule delete connection %s`",
		name, name, repairFlags(connection), name)
}

// repairFlags are the flags that give a connection its secrets anew.
func repairFlags(connection *vaultv1.Connection) string {
	var flags strings.Builder
	for _, secret := range connection.GetSecretNames() {
		flags.WriteString(" --secret " + secret + "=-")
	}
	return flags.String()
}

// obtainedGrants are those by which the vault gets a token without anybody's doing.
var obtainedGrants = []string{"clientCredentials", "password", "refreshToken", "jwtBearer"}

// grantOf returns how a connection gets its token; empty if it has none, or if the
// server does not say.
func (a *app) grantOf(ctx context.Context, client *rest.Client, connection *vaultv1.Connection) string {
	form := a.connectionForm(ctx, client, connection.GetConnector())
	for _, set := range form.GetSets() {
		if set.GetName() != connection.GetParameterSet() {
			continue
		}
		for name, value := range connection.GetParameters() {
			for _, known := range obtainedGrants {
				if strings.HasSuffix(strings.ToLower(name), ":granttype") && strings.EqualFold(strings.ReplaceAll(value, "_", ""), known) {
					return known
				}
			}
		}
		return set.GetAuthorization().GetGrant()
	}
	return ""
}

// firstToken has the vault get the token of a new connection that needs nobody to sign
// in: only then it is known to be connected. done is false if that was not wanted.
func (a *app) firstToken(ctx context.Context, client *rest.Client, connection *vaultv1.Connection, f *connectFlags) (done bool, err error) {
	name := connection.GetName()
	if f.unsigned || f.untested {
		a.progress("made %s; its provider was not asked for a token yet", id(name))
		return false, nil
	}
	a.progress("made %s; asking its provider for a token", id(name))
	return true, a.firstSignIn(ctx, client, name, f.how)
}

// tellConnected says what has been made.
func (a *app) tellConnected(connection *vaultv1.Connection) {
	if !a.json() {
		a.printf("connected %s to %s (%s)\n", id(connection.GetName()), id(connection.GetConnector()), stateWord(connection))
		a.tellBound(connection)
	}
}

// firstSignIn signs in for a new connection, which stays if that fails.
func (a *app) firstSignIn(ctx context.Context, client *rest.Client, name string, how signInFlags) error {
	err := a.signIn(ctx, client, name, how)
	if err != nil {
		a.progress("  the connection %s stays: `ferrule authorize %s` tries again, `ferrule connections update %s` changes it, `ferrule delete connection %s` removes it",
			id(name), id(name), id(name), id(name))
	}
	return err
}

func (a *app) createConnection(ctx context.Context, client *rest.Client, req *vaultv1.CreateConnectionRequest) (*vaultv1.Connection, error) {
	var connection vaultv1.Connection
	if err := client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connections"), nil, req, &connection); err != nil {
		return nil, err
	}
	if a.json() {
		return &connection, a.printMessage(&connection)
	}
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
		a.suggestSignIn(ctx, client, name)
		return errReported
	}
	outcome := "tested"
	if res.GetOperationId() == "" { // the server was reached, and nothing more
		outcome = "untested"
	}
	if !a.json() {
		a.printf("%s %s: %s (%s)\n", outcome, id(name), res.GetMessage(), res.GetLatency().AsDuration().Round(100_000))
	}
	return nil
}

// suggestSignIn says how to get on if a connection waits for its owner.
func (a *app) suggestSignIn(ctx context.Context, client *rest.Client, name string) {
	var connection vaultv1.Connection
	err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, &connection)
	if err == nil && connection.GetState() == vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION {
		a.progress("  run `ferrule authorize %s` to sign in", id(name))
	}
}

func (a *app) connections() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connections",
		Short: "List, show and change your connections",
		Args:  exactArgs(0),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			out := a.listing("CONNECTION", "CONNECTOR", "STATE", "OWNER", "SECRETS", "SIGNED IN AS", "REASON")
			err = everyPage(func(token string) (string, error) {
				var res vaultv1.ListConnectionsResponse
				query := url.Values{"page_token": {token}, "page_size": {"1000"}}
				if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(a.parent(), "connections"), query, nil, &res); err != nil {
					return "", err
				}
				for _, c := range res.GetConnections() {
					row := []string{
						id(c.GetName()), id(c.GetConnector()), stateWord(c), c.GetOwner(),
						plural(len(c.GetSecretNames()), "secret"), c.GetIdentity(), short(c.GetStateReason(), 60),
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
	cmd.AddCommand(a.showConnection(), a.updateConnection())
	return cmd
}
