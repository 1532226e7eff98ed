package core

import (
	"context"
	"errors"
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/provider"
)

// Presets knows providers; package provider has the real one. Implementations
// are safe for concurrent use.
type Presets interface {
	// All returns every preset, in the order of their ids.
	All() []*provider.Preset
	// Form returns what the sign-in of a parameter set asks for. A set without an
	// OAuth parameter has an empty Parameter.
	Form(def *connectorv1.Definition, set *connectorv1.ParameterSet) (provider.Form, error)
	// Profile returns how the tokens of a connection come about.
	Profile(def *connectorv1.Definition, set *connectorv1.ParameterSet, given provider.Given) (*oauth.Profile, error)
	// Reach returns patterns of the origins to which a client's secret may go; see
	// [OAuthClient.TokenOrigins].
	Reach(def *connectorv1.Definition, set *connectorv1.ParameterSet, client *provider.Client) ([]string, error)
	// Outline returns how the sign-in goes about by a grant, without the values of
	// whoever owns a connection.
	Outline(def *connectorv1.Definition, set *connectorv1.ParameterSet, given provider.Given, grant oauth.Grant) ([]oauth.Facet, error)
}

// signIn is all that is known before anybody has asked the provider.
type signIn struct {
	set    *connectorv1.ParameterSet
	client *OAuthClient // that serves the connection; nil if none does
	own    bool         // the connection brings a client id of its own
	given  provider.Given
	// outline is how the sign-in goes about, with the connection's own addresses;
	// shared is the same without them, as the maker of a client knows it.
	outline, shared []oauth.Facet
}

// profileOf returns how the tokens of a connection come about, with every
// endpoint that its provider has. The profile shares the secrets: they must not
// be cleared while it is used. A profile that would carry secrets to endpoints
// for which they were not given is HOST_NOT_ALLOWED, and so is one whose token
// would go where the maker of the OAuth client did not mean it to.
func (v *Vault) profileOf(ctx context.Context, conn Connection, def *connectorv1.Definition, secrets []NamedSecret) (*oauth.Profile, error) {
	in, err := v.gather(ctx, conn, def, secrets)
	if err != nil {
		return nil, err
	}
	return v.profileFrom(ctx, conn, def, in)
}

// gather finds out what a profile is made from.
func (v *Vault) gather(ctx context.Context, conn Connection, def *connectorv1.Definition, secrets []NamedSecret) (signIn, error) {
	set, err := chooseSet(def, conn.ParameterSet)
	if err != nil {
		return signIn{}, err
	}
	in := signIn{set: set, given: provider.Given{
		Plain: conn.Parameters, Secrets: map[string]secret.Text{}, RedirectURL: v.redirectUnknown(), ServerURL: apiURL(def, conn),
	}}
	for _, s := range secrets {
		in.given.Secrets[s.Name] = s.Value
	}
	in.own = bringsClient(oauthParameter(set), conn.Parameters, in.given.Secrets)
	client, sealed, err := v.store.ClientFor(ctx, conn.Connector, set.GetName())
	switch {
	case errors.Is(err, ErrNotFound):
		return in, nil
	case err != nil:
		return signIn{}, fmt.Errorf("read the OAuth client of %s: %w", conn.Connector, err)
	}
	in.client = &client
	if in.own {
		return in, nil // neither the maker's secrets nor his settings are its business
	}
	in.given.Client = &provider.Client{Settings: client.Settings}
	in.given.Client.Registration, err = v.registration(ctx, client, sealed)
	return in, err
}

// profileFrom makes the profile and sees to where it leads.
func (v *Vault) profileFrom(ctx context.Context, conn Connection, def *connectorv1.Definition, in signIn) (*oauth.Profile, error) {
	stated, found, err := v.registrable(ctx, conn, def, in)
	if err != nil {
		return nil, err
	}
	if in.outline, in.shared, err = v.outlines(conn, def, in, stated.Grant); err != nil {
		return nil, err
	}
	if in.client != nil && in.client.Registered && !in.own {
		if o, ok := v.registeredFor(ctx, conn, in, stated, found); !ok {
			if err := v.registeredAt(ctx, conn, stated, found, &in); err != nil {
				return nil, err
			}
			if stated, found, err = v.registrable(ctx, conn, def, in); err != nil {
				return nil, err
			}
			if found.Client.ID == "" && found.Endpoints.Registration == "" {
				return nil, registeredElsewhere(conn, o)
			}
		}
	}
	nowhere := found.Endpoints.Revocation == ""
	stated, found = v.revocable(ctx, conn, &in, stated, found)
	if err := v.mayLead(conn, in, stated, found); err != nil {
		return nil, err
	}
	with := *found
	if nowhere { // an endpoint that the provider had once gets nothing
		with.Endpoints.Revocation = ""
	}
	to := in.audience(conn, stated, found)
	with.RedirectURL, with.CodeOrigins = v.redirect(to.id()), to.origins
	with.OwnClient = to.kind == ofOwner
	with.Outline, with.Strays = in.outline, in.strays(conn, stated, found)
	if in.client != nil && !in.own {
		with.ClientUID = in.client.UID
	}
	with.Facets, with.RefreshedBy = to.facets, refreshedBy(in.outline, stated, found)
	return &with, nil
}

// outlines returns how a sign-in goes about: with the connection's own addresses, and
// without.
func (v *Vault) outlines(conn Connection, def *connectorv1.Definition, in signIn, grant oauth.Grant) (own, shared []oauth.Facet, err error) {
	if own, err = v.presets.Outline(def, in.set, in.given, grant); err == nil && in.client != nil {
		shared, err = v.presets.Outline(def, in.set, provider.Given{Client: in.given.Client}, grant)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("work out the sign-in of %s: %w", conn.Connector, err)
	}
	return own, shared, nil
}

// mayLead refuses a sign-in that leads elsewhere than its client, or its connection,
// is for.
func (v *Vault) mayLead(conn Connection, in signIn, stated, found *oauth.Profile) error {
	if o, ok := in.leadsHome(stated, found); !ok {
		return movedFromClient(*in.client, o)
	}
	if in.client != nil && !in.own && !in.client.Registered {
		if what := in.client.differsFrom(in.set.GetName(), stated.Grant, in.shared); what != "" {
			return changedForClient(conn, *in.client, what)
		}
		if err := in.client.vouchesFor(conn, v.cfg.AllowHosts); err != nil {
			return err
		}
	}
	if !in.boundToConnection(conn, found) {
		return nil
	}
	if o, ok := within(conn.TokenOrigins, stated, found); !ok {
		return movedFromConnection(conn, o)
	}
	if what := differing(withoutRevocation(conn.Profile), withoutRevocation(in.outline)); what != "" {
		return changedForConnection(conn, what)
	}
	return nil
}

// boundToConnection reports whether a sign-in leads only where its connection did when
// it was given its secrets, and in the same way. Codes, verifiers and refresh tokens
// are secrets, too: where no maker's client binds them, and somebody's client is there
// already, the connection does.
func (in signIn) boundToConnection(conn Connection, found *oauth.Profile) bool {
	return in.own || in.client == nil && found.Client.ID != "" || signInSecrets(in.set, conn.SecretNames)
}

// registrable is [Vault.discover] for a sign-in that may have no client yet, if its
// provider registers clients. Whether it does, only its metadata tell.
func (v *Vault) registrable(ctx context.Context, conn Connection, def *connectorv1.Definition, in signIn) (stated, found *oauth.Profile, err error) {
	in.given.Unregistered = true
	stated, found, err = v.discover(ctx, conn, def, in)
	if err != nil || found.Client.ID != "" || found.Endpoints.Registration != "" {
		return stated, found, err
	}
	if e := stated.Endpoints; e.Metadata != "" && stated.Grant.Interactive() {
		// One that states all that a sign-in needs was not asked for more.
		asking := *stated
		asking.Endpoints = oauth.Endpoints{Metadata: e.Metadata}
		learnt, err := v.tokens.Discover(ctx, &asking)
		if err == nil && learnt.Endpoints.Registration != "" && sameOrigin(learnt.Endpoints.Token, found.Endpoints.Token) {
			with := *found
			with.Endpoints.Registration = learnt.Endpoints.Registration
			return stated, &with, nil
		}
	}
	in.given.Unregistered = false
	return v.discover(ctx, conn, def, in)
}

// discover makes the profile as the connector states it, and as its provider's
// metadata complete it.
func (v *Vault) discover(ctx context.Context, conn Connection, def *connectorv1.Definition, in signIn) (stated, found *oauth.Profile, err error) {
	if stated, err = v.presets.Profile(def, in.set, in.given); err != nil {
		return nil, nil, fmt.Errorf("work out the sign-in of %s: %w", conn.Connector, err)
	}
	if found, err = v.tokens.Discover(ctx, stated); err != nil {
		return nil, nil, fmt.Errorf("learn the endpoints of the provider of %s: %w", conn.Connector, err)
	}
	return stated, found, nil
}

// leadsHome reports whether the secrets of the connector's client, if they are
// used at all, go only where they were given for, and else where they would go. A
// client without secrets is no exception: its codes and tokens are as good.
func (in signIn) leadsHome(stated, found *oauth.Profile) (string, bool) {
	if in.client == nil || in.own {
		return "", true
	}
	if o, ok := within(in.client.TokenOrigins, stated, found); !ok {
		return o, false
	}
	return found.Issuer, !in.client.Registered || sameIssuer(in.client.Issuer, found.Issuer)
}

// sameIssuer reports whether two authorization servers can be one. Who does not
// say who he is, or cannot be asked now, is known by his endpoints alone.
func sameIssuer(a, b string) bool { return a == "" || b == "" || a == b }

// registration opens the secrets of a client.
func (v *Vault) registration(ctx context.Context, client OAuthClient, sealed []Sealed) (oauth.Registration, error) {
	r := oauth.Registration{ID: client.ClientID, Method: client.Method}
	for _, s := range sealed {
		value, err := v.sealer.Open(ctx, client.place(s.Parameter, s.Version), s.Blob)
		if err != nil {
			return oauth.Registration{}, fmt.Errorf("decrypt %q of %s: %w", s.Parameter, client.Name, err)
		}
		switch s.Parameter {
		case ClientSecret:
			r.Secret = value
		case ClientKey:
			r.PrivateKey = value
		case ClientCertificate:
			r.Certificate = value
		}
	}
	return r, nil
}

// oauthParameter returns the name of a set's OAuth parameter, "" if it has none.
func oauthParameter(set *connectorv1.ParameterSet) string {
	for _, p := range set.GetParameters() {
		if p.GetType() == connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH {
			return p.GetName()
		}
	}
	return ""
}

// bringsClient reports whether a connection has a client id of its own.
func bringsClient(parameter string, plain map[string]string, secrets map[string]secret.Text) bool {
	for name, value := range plain {
		if value != "" && strings.EqualFold(name, parameter+":clientId") {
			return true
		}
	}
	for name, value := range secrets {
		if !value.Empty() && strings.EqualFold(name, parameter+":clientId") {
			return true
		}
	}
	return false
}

// movedFromClient is for a connector that was pointed at another provider than
// the one for which its client's secrets were given.
func movedFromClient(client OAuthClient, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the connector leads to %s now, for which the secrets of its OAuth client %q were not given: whoever created the client, or an administrator, confirms the new provider by updating it with its client id and all its secrets again",
		origin, client.Name.ID).
		With("host", origin).With("oauth_client", client.Name.String())
}

// changedForClient is for a connector whose sign-in goes about in another way than when
// the client was written.
func changedForClient(conn Connection, client OAuthClient, what string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the sign-in of connector %q goes about in another way than OAuth client %q was made for (%s): whoever created the client, or an administrator, looks at it and confirms it (`ferrule oauth-clients update %s --client-id ID`, with all its secrets), or the connection brings a client id of its own",
		conn.Connector.ID, client.Name.ID, what, client.Name.ID).
		With("oauth_client", client.Name.String()).With("connection", conn.Name.String())
}

// changedForConnection is the same for a client of the connection's own.
func changedForConnection(conn Connection, what string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the sign-in of connector %q goes about in another way than connection %q was made for (%s): its owner looks at it and sends the secrets of the sign-in again, or stays at a revision (`ferrule connections update %s --revision ID`), or makes another connection",
		conn.Connector.ID, conn.Name.ID, what, conn.Name.ID).
		With("connection", conn.Name.String())
}

// movedFromConnection is the same for the secrets of a connection.
func movedFromConnection(conn Connection, origin string) error {
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the sign-in of connection %q leads to %s now, for which its secrets were not given: the owner confirms the new provider by updating the connection with its secrets again, or with another client id, or makes a new one",
		conn.Name.ID, origin).
		With("host", origin).With("connection", conn.Name.String())
}
