package core

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Providers compare the redirect URL of a sign-in with what was registered for the
// client, and the vault compares the one that a browser comes back to with the one
// of the sign-in whose state it brings. So two sign-ins that could be mixed up have
// one redirect URL only if their codes go to the same place (RFC 9700,
// section 4.4.2.2):
//
//	{environment}/{connector}                   a client that a maker has stored: its codes go to its token origins only
//	{environment}/{connector}/{connection}      a client of the connection's own, whose owner says where codes go
//	{environment}/{connector}/as_{server}       any other client, by its authorization server
//
// No id holds an underscore, so the last two differ.

// callbackPath is where the gateway takes the redirects of providers.
const callbackPath = "/v1/oauth/callback"

// connectionPlaceholder stands for the id of a connection that is not there yet.
const connectionPlaceholder = "{connection}"

// RedirectURL returns what has to be registered at a provider for the OAuth client
// of a connector; empty if the operator has not said under which URL the suite is
// reached.
func (v *Vault) RedirectURL(connector resource.Connector) string {
	return v.redirect(connector.Environment + "/" + connector.ID)
}

// OwnRedirectURL returns the same for a client of a connection's own, with
// "{connection}" in place of the connection's id.
func (v *Vault) OwnRedirectURL(connector resource.Connector) string {
	return v.redirect(connector.Environment + "/" + connector.ID + "/" + connectionPlaceholder)
}

func (v *Vault) redirect(callback string) string {
	if v.cfg.PublicURL == "" {
		return ""
	}
	return strings.TrimSuffix(v.cfg.PublicURL, "/") + callbackPath + "/" + callback
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

// redirectOf returns the redirect URL of a sign-in of a connection.
func (v *Vault) redirectOf(conn Connection, in signIn, found *oauth.Profile) string {
	shared := conn.Connector.Environment + "/" + conn.Connector.ID
	switch {
	case in.own:
		return v.redirect(shared + "/" + conn.Name.ID)
	case in.client != nil && !in.client.Registered:
		return v.redirect(shared)
	}
	issuer := found.Issuer
	if in.client != nil {
		issuer = cmp.Or(issuer, in.client.Issuer)
	}
	return v.redirect(shared + "/as_" + serverID(issuer, found.Endpoints))
}

// serverID stands for an authorization server: for who it says it is, and for where
// people and codes are sent.
func serverID(issuer string, e oauth.Endpoints) string {
	authorization, _ := endpointOrigin(e.Authorization)
	token, _ := endpointOrigin(e.Token)
	sum := sha256.Sum256([]byte(issuer + "\x00" + authorization + "\x00" + token))
	return hex.EncodeToString(sum[:8])
}

// ownersToRegister returns the redirect URL of a sign-in if the owner of the
// connection has to see to it that the provider knows it; empty if a maker or the
// vault has.
func (v *Vault) ownersToRegister(conn Connection, p *oauth.Profile) string {
	if p.RedirectURL == v.redirect(conn.Connector.Environment+"/"+conn.Connector.ID+"/"+conn.Name.ID) {
		return p.RedirectURL
	}
	return ""
}
