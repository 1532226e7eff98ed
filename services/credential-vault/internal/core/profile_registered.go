package core

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// A client that the vault registers by itself serves the connections of one
// authorization server. The first one stands for its parameter set, like a
// client that a maker creates; those of further servers, which other server URLs
// of connections lead to, stand for "{set} at {issuer}", or where that is not known
// "{set} at {origin of the token endpoint}".
const servedAt = " at "

// setAt returns what the client of a further server stands for.
func setAt(set string, p *oauth.Profile) string {
	origin, _ := endpointOrigin(p.Endpoints.Token)
	return set + servedAt + cmp.Or(p.Issuer, origin)
}

// setOf returns the parameter set in what a client stands for.
func setOf(served string) string {
	if at := strings.LastIndex(served, servedAt); at >= 0 {
		return served[:at]
	}
	return served
}

// registeredAt replaces the registered client of a sign-in by the one of its own
// authorization server, or by none if nobody has registered there yet.
func (v *Vault) registeredAt(ctx context.Context, conn Connection, found *oauth.Profile, in *signIn) error {
	settings := in.client.Settings
	clearProfile(&oauth.Profile{Client: in.given.Client.Registration})
	in.client, in.given.Client = nil, &provider.Client{Settings: settings}
	served := setAt(in.set.GetName(), found)
	client, sealed, err := v.store.ClientFor(ctx, conn.Connector, served)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && client.ParameterSet != served:
		return nil
	case err != nil:
		return fmt.Errorf("read the OAuth client of %s: %w", conn.Connector, err)
	}
	in.client = &client
	in.given.Client.Registration, err = v.registration(ctx, client, sealed)
	return err
}

// servedBy returns what a client that is to be registered for a connection will
// stand for.
func (v *Vault) servedBy(ctx context.Context, conn Connection, p *oauth.Profile) (string, error) {
	client, _, err := v.store.ClientFor(ctx, conn.Connector, conn.ParameterSet)
	switch {
	case errors.Is(err, ErrNotFound):
		return conn.ParameterSet, nil
	case err != nil:
		return "", fmt.Errorf("read the OAuth client of %s: %w", conn.Connector, err)
	}
	if _, same := within(client.TokenOrigins, p, p); same && sameIssuer(client.Issuer, p.Issuer) {
		return conn.ParameterSet, nil // somebody was faster
	}
	return setAt(conn.ParameterSet, p), nil
}

// registeredElsewhere is for a connection whose authorization server registers
// nobody, while the client that there is belongs to another one.
func registeredElsewhere(conn Connection, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the provider of connection %q is at %s, and the OAuth client of its connector was registered at another one: bring a client id of your own, or have a maker create an OAuth client",
		conn.Name.ID, origin).
		With("host", origin).With("connection", conn.Name.String())
}
