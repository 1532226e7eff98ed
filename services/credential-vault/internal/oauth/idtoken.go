package oauth

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"time"
)

const (
	// clockSkew is how much the provider's clock may differ from ours.
	clockSkew = 5 * time.Minute
	// maxIdentity bounds the name of who signed in, in bytes.
	maxIdentity = 256
	// codeIDToken is the code of an id token that is not ours.
	codeIDToken = "invalid_id_token"
)

// idToken checks the id token of an answer and returns who signed in; "" if there
// is none. It came from the provider itself over TLS, so its signature need not be
// checked (OpenID Connect Core, section 3.1.3.7, item 6). A provider that was not
// asked for one may send what it wants; it is then ignored.
func (c *Client) idToken(r *request, tree *node, nonce string) (string, *Error) {
	raw := tree.get("id_token")
	if raw.kind != '"' || len(raw.text) == 0 {
		return "", nil
	}
	r.hide.add(raw.text)
	claims := jwtClaims(raw.text)
	defer claims.clear()
	problem, verdict := c.checkClaims(r.profile, claims, nonce)
	switch {
	case problem == "":
		return r.label(claims, r.claimPaths()), nil
	case nonce == "" && !slices.Contains(r.profile.Scopes, "openid"):
		return "", nil
	default:
		return "", &Error{Verdict: verdict, Code: codeIDToken, Description: problem, Host: r.endpoint.Host, Status: 200, Sent: true}
	}
}

// checkClaims returns what is wrong with an id token; "" if nothing is.
func (c *Client) checkClaims(p *Profile, claims *node, nonce string) (string, Verdict) {
	end, ok := claims.get("exp").number()
	switch {
	case claims.kind != '{':
		return "the id token cannot be read", Misconfigured
	case p.Issuer != "" && !sameIssuer(p.Issuer, claims):
		return "the id token is of another issuer", Misconfigured
	case !audience(claims.get("aud"), p.Client.ID):
		return "the id token is meant for another client", Misconfigured
	case nonce != "" && claims.get("nonce").str() != nonce:
		return "the id token is not of this sign-in", Gone
	case !ok || end < float64(c.config.Clock.Now().Add(-clockSkew).Unix()):
		return "the id token has ended", Gone
	default:
		return "", Transient
	}
}

// sameIssuer compares the claim "iss". Microsoft Entra ID has a placeholder for the
// tenant in its issuer, Google leaves out the scheme, and some add a slash.
func sameIssuer(issuer string, claims *node) bool {
	tenant := claims.get("tid").str()
	if tenant != "" && !strings.ContainsAny(tenant, "/{}") {
		issuer = strings.ReplaceAll(issuer, openTenant, tenant)
	}
	plain := func(text string) string {
		return strings.TrimSuffix(strings.TrimPrefix(text, "https://"), "/")
	}
	return plain(issuer) == plain(claims.get("iss").str())
}

// audience reports whether the claim "aud" names the client.
func audience(n *node, client string) bool {
	if n.kind != '[' {
		return n.str() == client
	}
	return slices.ContainsFunc(n.children, func(item member) bool { return item.value.str() == client })
}

// jwtClaims returns the claims of a JWT; the zero node if it is none. The caller
// clears them.
func jwtClaims(token []byte) *node {
	sections := bytes.Split(token, []byte("."))
	if len(sections) != 3 || len(sections[1]) == 0 {
		return &node{}
	}
	payload, err := base64.RawURLEncoding.AppendDecode(nil, bytes.TrimRight(sections[1], "="))
	defer clear(payload)
	if err != nil || len(payload) == 0 || payload[0] != '{' {
		return &node{}
	}
	return parseJSON(payload)
}

// claimPaths returns where an id token has the name of who signed in: where the
// profile says, or where OpenID Connect has it (Core, section 5.1) and Microsoft
// Entra ID. The subject is a name only if there is nobody to ask for a better one.
func (r *request) claimPaths() [][]string {
	paths := slices.Clone(r.profile.Identity.Paths)
	for _, name := range []string{"preferred_username", "email", "upn", "unique_name", "name"} {
		paths = append(paths, []string{name})
	}
	if r.profile.Identity.URL == "" {
		paths = append(paths, []string{"sub"})
	}
	return paths
}

// label returns the first name of a person that is at one of the paths. A name that
// has a secret in it is none: it is shown to people.
func (r *request) label(tree *node, paths [][]string) string {
	for _, path := range paths {
		found := tree.at(path...)
		if found.kind != '"' && found.kind != '0' || len(found.text) > maxReadDescription {
			continue
		}
		if name := oneLine(found.str()); name != "" && !r.hide.equals(name) {
			return cut(name, maxIdentity)
		}
	}
	return ""
}
