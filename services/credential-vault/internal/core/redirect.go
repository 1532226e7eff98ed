package core

import (
	"cmp"
	"context"
	"encoding/base32"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Providers compare the redirect URL of a sign-in with what was registered for the
// client, and the vault compares the one that a browser comes back to with the one
// of the sign-in whose state it brings. So the redirect URL says where its codes may
// go (RFC 9700, section 4.4.2.2): its last segment stands for the client, for how its
// sign-in goes about, and for the API to which its tokens go. Whoever makes another
// client, or the same once more, and would have codes or tokens sent elsewhere, has
// another redirect URL, which the provider does not know for that client.
//
// How the client proves itself is no part of it: that changes nothing about where
// anything goes, and a new secret, or a key instead of it, would ask for another URL.
//
// There is one segment of one length: no redirect URL is the folder of another, and
// a provider that lets clients come back anywhere below a registered one finds none.

const (
	// callbackPath is where the gateway takes the redirects of providers.
	callbackPath = "/v1/oauth/callback"
	// audienceVersion is what every hash of an audience begins with.
	audienceVersion = "ferrule redirect 2"
	// audienceSize is how much of the hash is used, in bytes.
	audienceSize = 16
	// redirectTime is how long an answer waits for a provider's metadata that a
	// redirect URL depends on.
	redirectTime = 10 * time.Second
)

// audience says whose codes come to a redirect URL, and where they may go.
type audience struct {
	connector resource.Connector
	set       string // parameter set; empty for all
	kind      clientKind
	creator   string        // who vouches for the client; empty if the vault does
	client    string        // client id; the issuer if the vault registers the client, which has no id before
	origins   []string      // patterns of token endpoints, as in [OAuthClient.TokenOrigins]
	api       []string      // patterns of where tokens may be used, as in [OAuthClient.APIOrigins]
	facets    []oauth.Facet // how the sign-in goes about
}

// clientKind says who sees to it that the provider knows a redirect URL.
type clientKind string

const (
	ofMaker clientKind = "maker" // an OAuth client that somebody has stored
	ofOwner clientKind = "owner" // of a connection, or part of the connector
	ofVault clientKind = "vault" // registered by the vault (RFC 7591)
)

// id returns the last segment of the redirect URL: 26 characters.
func (a audience) id() string {
	parts := []string{audienceVersion, a.connector.Environment, a.connector.ID, a.set, string(a.kind), a.creator, a.client}
	for _, list := range [][]string{a.origins, a.api} {
		list = slices.Compact(slices.Sorted(slices.Values(list)))
		parts = append(append(parts, strconv.Itoa(len(list))), list...)
	}
	sum := digestOf(append(parts, facetTexts(a.facets)...))
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:audienceSize]))
}

// audience returns that of a client which somebody has stored.
func (c OAuthClient) audience() audience {
	a := audience{
		connector: c.Connector, set: c.ParameterSet, kind: ofMaker, creator: c.Creator, client: c.ClientID,
		origins: c.TokenOrigins, api: c.APIOrigins, facets: c.facets(),
	}
	if c.Registered {
		a.kind, a.creator, a.client, a.set, a.facets = ofVault, "", c.Issuer, setOf(c.ParameterSet), nil
		for _, p := range c.Profiles {
			a.facets = append(a.facets, p.Facets...)
		}
	}
	return a
}

// audience returns that of a sign-in.
func (in signIn) audience(conn Connection, stated, found *oauth.Profile) audience {
	if in.client != nil && !in.own {
		return in.client.audience()
	}
	a := audience{
		connector: conn.Connector, set: in.set.GetName(), kind: ofOwner, creator: conn.Owner, client: found.Client.ID,
		origins: tokenOrigins(stated.Endpoints, found.Endpoints), api: originTexts(conn.Origins), facets: in.facets(stated, found),
	}
	if found.Client.ID == "" { // as the client that will be registered has it
		a.kind, a.creator, a.client, a.origins = ofVault, "", found.Issuer, tokenOrigins(found.Endpoints)
	}
	return a
}

// RedirectURL returns what has to be registered at the provider for an OAuth client;
// empty if the vault has registered it by itself, or if the operator has not said
// under which URL the suite is reached.
func (v *Vault) RedirectURL(c OAuthClient) string {
	if c.Registered || c.Unreadable {
		return ""
	}
	return v.redirect(c.audience().id())
}

// redirectUnknown stands for the redirect URL while it is worked out where a sign-in
// leads, which it depends on. Nothing is sent there.
func (v *Vault) redirectUnknown() string { return v.redirect("unknown") }

func (v *Vault) redirect(id string) string {
	if v.cfg.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(v.cfg.PublicURL, "/") + callbackPath + "/" + id
}

// callbackOf returns what a redirect URL has behind [callbackPath]; empty if it is
// none.
func callbackOf(redirectURL string) string {
	at := strings.LastIndex(redirectURL, callbackPath+"/")
	if at < 0 {
		return ""
	}
	return redirectURL[at+len(callbackPath)+1:]
}

// codesStray returns the first origin to which the code of a sign-in, or tokens that
// it brings, would go, and for which its redirect URL does not stand. Not even
// metadata of an allowed origin vouch for such a one.
func codesStray(p *oauth.Profile) (string, bool) {
	for _, raw := range []string{p.Endpoints.Token, p.Endpoints.Refresh, p.Endpoints.Revocation} {
		if raw == "" {
			continue
		}
		if o, ok := endpointOrigin(raw); !ok || !allows(p.CodeOrigins, o) {
			return cmp.Or(o, "an unknown place"), true
		}
	}
	return "", false
}

// judgeExchange returns why the code of a sign-in must not be sent to the token
// endpoint that there is now, "" if it may.
func judgeExchange(a Authorization, p *oauth.Profile) string {
	if callbackOf(p.RedirectURL) != a.Callback {
		return changedSince("its redirect URL")
	}
	if o, stray := codesStray(p); stray {
		return "its code would go to " + o + ", for which its redirect URL does not stand; begin the sign-in again"
	}
	return ""
}

// OwnRedirectURL returns what the owner of a connection has to register at the
// provider for a client that no maker has stored; empty if there is nothing to do, or
// if the provider cannot be asked now: the sign-in says it, too.
func (v *Vault) OwnRedirectURL(ctx context.Context, conn Connection) string {
	if conn.State != StateNeedsAuthorization || v.cfg.PublicURL == "" {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, redirectTime)
	defer cancel()
	def, err := v.definition(ctx, conn)
	if err != nil {
		return ""
	}
	held, err := v.store.Held(ctx, conn.Name)
	if err != nil {
		return ""
	}
	secrets, err := v.open(ctx, held.Connection, signInOf(held.Secrets))
	if err != nil {
		return ""
	}
	defer Credential{Secrets: secrets}.Clear()
	in, err := v.gather(ctx, held.Connection, def, secrets)
	if err != nil || in.client != nil && !in.own {
		return "" // nobody has to be asked for what a maker's client says
	}
	p, err := v.profileFrom(ctx, held.Connection, def, in)
	if err != nil {
		return ""
	}
	defer clearProfile(p)
	return ownersToRegister(p)
}

// ownersToRegister returns the redirect URL of a sign-in if the owner of the
// connection has to see to it that the provider knows it; empty if a maker or the
// vault has.
func ownersToRegister(p *oauth.Profile) string {
	if p.Grant != oauth.AuthorizationCode || !p.OwnClient {
		return ""
	}
	return p.RedirectURL
}
