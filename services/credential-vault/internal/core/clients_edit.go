package core

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/page"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// GetClient returns an OAuth client. It needs the role maker.
func (v *Vault) GetClient(ctx context.Context, caller Caller, name resource.OAuthClient) (OAuthClient, error) {
	c, _, err := v.managedClient(ctx, caller, name)
	return c, err
}

func (v *Vault) managedClient(ctx context.Context, caller Caller, name resource.OAuthClient) (OAuthClient, []Sealed, error) {
	if err := caller.mayManageClients(); err != nil {
		return OAuthClient{}, nil, err
	}
	c, sealed, err := v.store.Client(ctx, name)
	switch {
	case err == nil:
		return c, sealed, nil
	case !errors.Is(err, ErrNotFound):
		return OAuthClient{}, nil, fmt.Errorf("read %s: %w", name, err)
	}
	if nowhere, why := v.nowhere(ctx, name.Environment); nowhere {
		return OAuthClient{}, nil, why
	}
	return OAuthClient{}, nil, fault.NotFound(fault.ReasonOAuthClientNotFound,
		"OAuth client %q does not exist; list them to see which there are", name.ID).With("oauth_client", name.String())
}

// ClientListing asks for a page of OAuth clients.
type ClientListing struct {
	// Environment is the id of the environment.
	Environment string
	// Connector is the id of a connector whose clients are wanted; empty for all.
	Connector string
	// PageSize and PageToken are as the caller sent them.
	PageSize  int32
	PageToken string
}

// ListClients returns OAuth clients in the order of their ids, and the token of
// the next page. It needs the role maker.
func (v *Vault) ListClients(ctx context.Context, caller Caller, l ClientListing) ([]OAuthClient, string, error) {
	if err := caller.mayManageClients(); err != nil {
		return nil, "", err
	}
	if err := v.environments.Exists(ctx, l.Environment); err != nil {
		return nil, "", err
	}
	scope := page.Scope("oauthClients", l.Environment, l.Connector)
	after, err := page.Decode(scope, l.PageToken)
	if err != nil {
		return nil, "", err
	}
	found, next, err := v.store.Clients(ctx, ClientQuery{
		Environment: l.Environment, Connector: l.Connector, After: after, Limit: page.Size(l.PageSize, defaultPage, maxPage),
	})
	if err != nil {
		return nil, "", fmt.Errorf("list OAuth clients: %w", err)
	}
	for _, c := range found {
		if c.Unreadable {
			v.warnOf(ctx, c.Name.String())
		}
	}
	return found, page.Encode(scope, next), nil
}

// UpdateClient changes an OAuth client. Secrets that are not sent are kept, unless
// they would then go to another provider: then all must be sent again. Codes and tokens
// of people who sign in go where a client says, and all that it has says so: only its
// creator, as long as he may change the connector, and administrators may write it.
func (v *Vault) UpdateClient(ctx context.Context, caller Caller, e ClientEdit) (OAuthClient, error) {
	return settledClient(e.Name, func() (OAuthClient, error) { return v.tryUpdateClient(ctx, caller, e) })
}

func (v *Vault) tryUpdateClient(ctx context.Context, caller Caller, e ClientEdit) (OAuthClient, error) {
	before, sealed, err := v.managedClient(ctx, caller, e.Name)
	if err != nil {
		return OAuthClient{}, err
	}
	if !caller.created(before) {
		return OAuthClient{}, notTheirs(before, "change")
	}
	if _, err := v.mayEdit(ctx, caller, before.Connector); err != nil {
		return OAuthClient{}, err
	}
	if err := checkClientEdit(before, e); err != nil {
		return OAuthClient{}, err
	}
	secrets, made, err := v.clientSecrets(e.Secrets)
	defer clearTexts(made)
	if err != nil {
		return OAuthClient{}, err
	}
	after := before.with(e)
	if err := checkClientID(after.ClientID); err != nil {
		return OAuthClient{}, err
	}
	if err := checkStrength(after.Method, secrets[ClientSecret]); err != nil {
		return OAuthClient{}, err
	}
	after.Edits++
	after.UpdateTime = v.clock.Now()
	if len(secrets) > 0 {
		after.Registered = false // whose secrets it has, his it is
	}
	if err := v.anchor(ctx, &after, namesOf(secrets, before.SecretNames)); err != nil {
		return OAuthClient{}, err
	}
	if err := bindClient(before, after, secrets); err != nil {
		return OAuthClient{}, err
	}
	if err := v.confirmed(ctx, before, e); err != nil {
		return OAuthClient{}, err
	}
	if after, err = v.storeClient(ctx, caller, after, secrets, sealed); err != nil {
		return OAuthClient{}, err
	}
	v.retry(ctx, after.Connector)
	return after, nil
}

// storeClient seals the secrets that were sent, and replaces a client. Whether the
// caller may change the connector is asked once more: providers may have taken their
// time since.
func (v *Vault) storeClient(ctx context.Context, caller Caller, after OAuthClient, sent map[string]secret.Text, sealed []Sealed) (OAuthClient, error) {
	w := ClientWrite{Client: after, Audit: v.recordClient(caller, after, slices.Sorted(maps.Keys(sent)))}
	if len(sent) > 0 {
		fresh, err := v.sealClient(ctx, after, sent)
		if err != nil {
			return OAuthClient{}, err
		}
		w.Secrets = merge(sealed, sent, fresh)
		w.Client.named(w.Secrets)
	}
	if _, err := v.mayEdit(ctx, caller, after.Connector); err != nil {
		return OAuthClient{}, err
	}
	if err := v.store.ReplaceClient(ctx, w); err != nil {
		return OAuthClient{}, fmt.Errorf("store %s: %w", after.Name, err)
	}
	return w.Client, nil
}

// checkClientEdit refuses edits of something else than what was read, and of what
// cannot be changed.
func checkClientEdit(before OAuthClient, e ClientEdit) error {
	var field string
	switch {
	case e.Etag != "" && e.Etag != before.Etag():
		return clientChanged(before)
	case e.Connector != "" && e.Connector != before.Connector.String():
		field = "connector"
	case e.ParameterSet != "" && e.ParameterSet != before.ParameterSet:
		field = "parameter_set"
	default:
		return nil
	}
	return fault.Invalid(fault.ReasonInvalidArgument, "the %s of an OAuth client cannot be changed; create another one", field).
		Field("oauth_client."+field, "cannot be changed")
}

// clientChanged is for writes of something that has changed since it was read.
func clientChanged(c OAuthClient) error {
	return fault.Aborted(fault.ReasonEtagMismatch,
		"OAuth client %q has changed since it was read; read it again and repeat the change", c.Name.ID).With("etag", c.Etag())
}

// with returns the client with the fields of an edit. One that somebody edits is
// his from then on, and not the vault's.
func (c OAuthClient) with(e ClientEdit) OAuthClient {
	for _, field := range e.Fields {
		switch field {
		case ClientFieldClientID:
			c.ClientID = e.ClientID
			c.Registered = false
		case ClientFieldAuthentication:
			c.Method = e.Method
		case ClientFieldSettings:
			c.Settings = withoutEmpty(e.Settings)
		}
	}
	return c
}

// bindClient decides to which origins the secrets of a changed client, and its
// tokens, are bound: to more than before, or to a sign-in that goes about in another
// way, only if all secrets were sent again.
func bindClient(before, after OAuthClient, sent map[string]secret.Text) error {
	strange := further(before.TokenOrigins, after.TokenOrigins)
	if !before.Registered { // whoever edits one of the vault's own brings its secrets
		strange = append(strange, further(before.APIOrigins, after.APIOrigins)...)
	}
	what := differing(before.facets(), after.facets())
	var where string
	switch {
	case len(strange) > 0:
		where = "to " + strange[0]
	case what != "" && !before.Registered:
		where = "in another way (" + what + ")"
	default:
		return nil
	}
	wrong := violations{}
	for _, name := range before.SecretNames {
		if _, again := sent[name]; !again {
			wrong.add(secretPath(name), "must be sent again: it, or tokens that it brings, would go "+where+", for which it was not given")
		}
	}
	return wrong.describe("the secrets of OAuth client %q, or tokens that they bring, would go %s, for which they were not given; send all of them again in the same update",
		before.Name.ID, where)
}

// confirmed refuses an edit that would bind a client to what the connector has become
// since it was last written, unless it names the client id: whoever exchanges a secret has
// not looked at what others have published meanwhile.
func (v *Vault) confirmed(ctx context.Context, before OAuthClient, e ClientEdit) error {
	if before.Registered || slices.Contains(e.Fields, ClientFieldClientID) {
		return nil
	}
	now := before
	if err := v.anchor(ctx, &now, before.SecretNames); err != nil {
		return nil //nolint:nilerr // it cannot be used as it was; the edit repairs it
	}
	what := differing(before.facets(), now.facets())
	if strange := append(further(before.TokenOrigins, now.TokenOrigins), further(before.APIOrigins, now.APIOrigins)...); len(strange) > 0 {
		what = strange[0]
	}
	if what == "" {
		return nil
	}
	return fault.Denied(fault.ReasonHostNotAllowed,
		"the connector of OAuth client %q has changed since it was last written (%s), and its secrets and tokens would go along: look at the connector, and confirm it by naming the client id in the same update (`ferrule oauth-clients update %s --client-id ID`, with all its secrets)",
		before.Name.ID, what, before.Name.ID).
		With("oauth_client", before.Name.String())
}

// created reports whether a client is the caller's, as everything is an
// administrator's.
func (c Caller) created(client OAuthClient) bool {
	return c.Principal.Is(authn.RoleAdmin) || client.Creator != "" && client.Creator == c.Principal.Name
}

// notTheirs is for makers who did not create a client.
func notTheirs(c OAuthClient, what string) error {
	return fault.Denied(fault.ReasonPermissionDenied,
		"OAuth client %q is not yours: only whoever created it or an administrator may %s it; a connection may bring a client id of its own", c.Name.ID, what).
		With("oauth_client", c.Name.String())
}

// further returns the patterns that are not covered by those before.
func further(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(o string) bool {
		return slices.Contains(before, o) || allows(before, o)
	})
}

// DeleteClient removes an OAuth client and destroys its secrets. Grants that were
// obtained with it cannot be renewed any more. Its creator may, if he may change the
// connector or it does not exist any more, the owner of the connector, and
// administrators. Unless empty, etag must be the client's.
func (v *Vault) DeleteClient(ctx context.Context, caller Caller, name resource.OAuthClient, etag string) error {
	_, err := settledClient(name, func() (OAuthClient, error) {
		c, _, err := v.managedClient(ctx, caller, name)
		if isUnreadable(err) {
			return OAuthClient{}, v.removeUnreadableClient(ctx, caller, name, err)
		}
		if err != nil {
			return OAuthClient{}, err
		}
		of, err := v.mayEdit(ctx, caller, c.Connector)
		if err != nil && !isGone(err) {
			return OAuthClient{}, err
		}
		if !caller.created(c) && !of.owns(caller) {
			return OAuthClient{}, notTheirs(c, "delete")
		}
		if etag != "" && etag != c.Etag() {
			return OAuthClient{}, clientChanged(c)
		}
		if err := v.store.RemoveClient(ctx, ClientWrite{Client: c, Audit: v.recordClient(caller, c, c.SecretNames)}); err != nil {
			return OAuthClient{}, fmt.Errorf("remove %s: %w", name, err)
		}
		return c, nil
	})
	return err
}

// settledClient calls try until nobody else has changed the client meanwhile.
func settledClient(name resource.OAuthClient, try func() (OAuthClient, error)) (OAuthClient, error) {
	for range changeAttempts {
		done, err := try()
		if !errors.Is(err, ErrChanged) {
			return done, err
		}
	}
	return OAuthClient{}, fault.Aborted(fault.ReasonEtagMismatch,
		"OAuth client %q is being changed by others at this moment; try again", name.ID).With("oauth_client", name.String())
}

// register makes a client at the provider of a connection (RFC 7591) and keeps it
// for all connections of the same parameter set and authorization server.
func (v *Vault) register(ctx context.Context, caller Caller, conn Connection, p *oauth.Profile) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeTime)
	defer cancel()
	r, err := v.tokens.Register(ctx, p, "Ferrule ("+conn.Connector.ID+")")
	if err != nil {
		return fmt.Errorf("register a client at the provider of %s: %w", conn.Connector, err)
	}
	defer r.Secret.Clear()
	served, err := v.servedBy(ctx, conn, p)
	if err != nil {
		return err
	}
	now := v.clock.Now()
	c := OAuthClient{
		UID: v.newID()[:16], Edits: 1, Connector: conn.Connector, ParameterSet: served, ClientID: r.ID, Method: r.Method,
		Settings: map[string]string{}, TokenOrigins: tokenOrigins(p.Endpoints), APIOrigins: originTexts(conn.Origins), Issuer: p.Issuer, Registered: true,
		Profiles: []SignInProfile{{Set: conn.ParameterSet, Grant: p.Grant, Facets: p.Facets}}, CreateTime: now, UpdateTime: now,
	}
	_, err = v.insertClient(ctx, caller, c, "", map[string]secret.Text{ClientSecret: r.Secret})
	if fault.ReasonOf(err) == fault.ReasonOAuthClientExists {
		return nil // somebody else was faster: theirs is as good
	}
	return err
}
