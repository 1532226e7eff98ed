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
// authorization server and one API: whose tokens would be used elsewhere gets another
// one, with another redirect URL. The first one stands for its parameter set, like a
// client that a maker creates; the others, which other server URLs of connections lead
// to, or a later publication, stand for "{set} at {issuer} {what its redirect URL ends
// with}", or where the issuer is not known for "{set} at {origin of the token endpoint}
// {…}".
const servedAt = " at "

// setAt returns what such a further client stands for.
func setAt(set string, found *oauth.Profile, of audience) string {
	origin, _ := endpointOrigin(found.Endpoints.Token)
	of.client, of.origins = "", nil // they stand in front
	return set + servedAt + cmp.Or(found.Issuer, origin) + " " + of.id()
}

// registeredHere reports whether the registered client of a sign-in is for that very
// sign-in, and else where this one leads.
func (in signIn) registeredHere(conn Connection, stated, found *oauth.Profile) (string, bool) {
	if o, ok := in.leadsHome(stated, found); !ok {
		return o, false
	}
	if in.client.registeredFor(in.registration(conn, stated, found)) {
		return "", true
	}
	o, _ := endpointOrigin(found.Endpoints.Token)
	return o, false
}

// registeredFor is [signIn.registeredHere], but for a revocation endpoint that came
// later.
func (v *Vault) registeredFor(ctx context.Context, conn Connection, in signIn, stated, found *oauth.Profile) (string, bool) {
	if o, ok := in.registeredHere(conn, stated, found); ok {
		return o, ok
	}
	stated, found = v.revocable(ctx, conn, &in, stated, found)
	return in.registeredHere(conn, stated, found)
}

// registeredFor reports whether a registered client is for an audience, whose
// authorization server is known to be its own.
func (c OAuthClient) registeredFor(to audience) bool {
	mine := c.audience()
	mine.client, mine.origins, to.client, to.origins = "", nil, "", nil
	return mine.id() == to.id()
}

// registration returns whom a client that is registered for a sign-in will serve.
func (in signIn) registration(conn Connection, stated, found *oauth.Profile) audience {
	without := *found
	without.Client.ID = ""
	in.client, in.own = nil, false
	return in.audience(conn, stated, &without)
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
func (v *Vault) registeredAt(ctx context.Context, conn Connection, stated, found *oauth.Profile, in *signIn) error {
	to := in.registration(conn, stated, found)
	settings := in.client.Settings
	clearProfile(&oauth.Profile{Client: in.given.Client.Registration})
	in.client, in.given.Client = nil, &provider.Client{Settings: settings}
	served := setAt(in.set.GetName(), found, to)
	client, sealed, err := v.store.ClientFor(ctx, conn.Connector, served)
	if errors.Is(err, ErrNotFound) || err == nil && client.ParameterSet != served {
		served = served[:strings.LastIndex(served, " ")] // one that a maker has made for that server
		client, sealed, err = v.store.ClientFor(ctx, conn.Connector, served)
		if err == nil && client.Registered {
			return nil
		}
	}
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
	to := registrationOf(conn, p)
	client, _, err := v.store.ClientFor(ctx, conn.Connector, conn.ParameterSet)
	switch {
	case errors.Is(err, ErrNotFound):
		return conn.ParameterSet, nil
	case err != nil:
		return "", fmt.Errorf("read the OAuth client of %s: %w", conn.Connector, err)
	}
	if _, same := within(client.TokenOrigins, p, p); same && sameIssuer(client.Issuer, p.Issuer) && client.registeredFor(to) {
		return conn.ParameterSet, nil // somebody was faster
	}
	return setAt(conn.ParameterSet, p, to), nil
}

// registrationOf is [signIn.registration] for a profile without a client.
func registrationOf(conn Connection, p *oauth.Profile) audience {
	return audience{
		connector: conn.Connector, set: conn.ParameterSet, kind: ofVault, client: p.Issuer,
		origins: p.CodeOrigins, api: originTexts(conn.Origins), facets: p.Facets,
	}
}

// registeredElsewhere is for a connection whose authorization server registers
// nobody, while the client that there is belongs to another one.
func registeredElsewhere(conn Connection, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the provider of connection %q is at %s, and the OAuth client of its connector was registered at another one: bring a client id of your own, or have a maker create an OAuth client",
		conn.Name.ID, origin).
		With("host", origin).With("connection", conn.Name.String())
}
