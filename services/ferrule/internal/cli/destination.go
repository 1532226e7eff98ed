package cli

import (
	"context"
	"slices"
	"strings"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
)

// asks reports whether somebody is about to be asked for a secret that the options name.
func (v *connectionValues) asks() bool {
	return slices.ContainsFunc(v.secrets, func(given string) bool { return strings.HasSuffix(given, "=-") })
}

// tellServers says where a new connection will lead before anybody types a secret in:
// nobody should for an API that he does not mean. What was done is said once it is made;
// see [app.tellBound].
func (a *app) tellServers(ctx context.Context, client *rest.Client, connector string, f *connectFlags) {
	if !a.attended() && !f.given.asks() {
		return
	}
	if f.serverURL != "" {
		a.progress("the connection will be for %s", f.serverURL)
		return
	}
	if f.revision != "" {
		return // the form is that of the published revision
	}
	if origins := a.connectionForm(ctx, client, connector).GetApiOrigins(); len(origins) > 0 {
		a.progress("the connection will be for %s", strings.Join(origins, ", "))
	}
}

// tellBound says where the secrets of a connection may be sent.
func (a *app) tellBound(connection *vaultv1.Connection) {
	if origins := connection.GetApiOrigins(); len(origins) > 0 && len(connection.GetSecretNames()) > 0 {
		a.progress("%s is for %s: its secrets for the API go there and nowhere else", id(connection.GetName()), strings.Join(origins, ", "))
	}
}
