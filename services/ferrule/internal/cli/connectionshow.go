package cli

import (
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

func (a *app) showConnection() *cobra.Command {
	return &cobra.Command{
		Use:   "show CONNECTION",
		Short: "Show all that is known about a connection, and no secrets",
		Args:  exactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.client()
			if err != nil {
				return err
			}
			var c vaultv1.Connection
			name := a.resource("connections", args[0])
			if err := client.Call(cmd.Context(), http.MethodGet, rest.Path(name), nil, nil, &c); err != nil {
				return err
			}
			if a.json() {
				return a.printMessage(&c)
			}
			return a.printConnection(&c)
		},
	}
}

// printConnection prints what a connection has, one thing in a line.
func (a *app) printConnection(c *vaultv1.Connection) error {
	state := stateWord(c)
	if c.GetStateTime() != nil {
		state += " since " + moment(c.GetStateTime())
	}
	rows := [][]string{{"connection", id(c.GetName())}}
	for _, row := range [][]string{
		{"title", c.GetDisplayName()},
		{"connector", id(c.GetConnector())},
		{"revision", id(c.GetPinnedRevision())},
		{"owner", c.GetOwner()},
		{"state", state},
		{"reason", c.GetStateReason()},
		{"signed in as", c.GetIdentity()},
		{"scopes", strings.Join(c.GetGrantedScopes(), " ")},
		{"token ends", moment(c.GetTokenExpireTime())},
		{"tested", moment(c.GetTestTime())},
		{"parameter set", c.GetParameterSet()},
		{"server", c.GetServerUrl()},
		{"leads to", strings.Join(c.GetApiOrigins(), ", ")},
		{"mock", mockText(c)},
		{"TLS", tlsText(c.GetTls())},
		{"secrets", strings.Join(c.GetSecretNames(), ", ")},
	} {
		if row[1] != "" {
			rows = append(rows, row)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.GetParameters())) {
		rows = append(rows, []string{name, c.GetParameters()[name]})
	}
	if err := writeTable(a.Out, rows); err != nil {
		return err
	}
	if c.GetState() == vaultv1.ConnectionState_CONNECTION_STATE_NEEDS_AUTHORIZATION {
		a.progress("run `ferrule authorize %s` to sign in", id(c.GetName()))
	}
	return nil
}

// stateWord is the state of a connection as people read it: connected only says that
// nothing is missing, so that secrets that nobody has accepted yet are called untested.
func stateWord(c *vaultv1.Connection) string {
	word := enumWord(c.GetState(), "CONNECTION_STATE_")
	accepted := c.GetTestTime() != nil || c.GetTokenExpireTime() != nil || c.GetIdentity() != "" || len(c.GetGrantedScopes()) > 0
	if c.GetState() == vaultv1.ConnectionState_CONNECTION_STATE_CONNECTED && len(c.GetSecretNames()) > 0 && !accepted {
		return word + ", untested"
	}
	return word
}

// mockText says what a mock is; "" for other connections.
func mockText(c *vaultv1.Connection) string {
	if !c.GetMock() {
		return ""
	}
	return "answers from examples and schemas; calls nobody"
}

// moment is a time as people read it; "" if there is none.
func moment(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Local().Format(time.DateTime)
}
