package oauth

import (
	"cmp"
	"context"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// maxClientID bounds a client id that a provider gives, in bytes.
const maxClientID = 2048

// Register makes a client at the provider (RFC 7591): a public one that protects
// its codes by PKCE, unless the profile's registration names another method. The
// profile has a registration endpoint; [Client.Discover] finds it. Whoever gets the
// registration keeps its secret, which may have been given though none was asked
// for.
func (c *Client) Register(ctx context.Context, p *Profile, name string) (Registration, error) {
	r, failed := newRequest(p, "registration endpoint", p.Endpoints.Registration)
	if failed != nil {
		return Registration{}, failed
	}
	defer r.close()
	answer, failed := c.send(ctx, call{
		method: http.MethodPost, endpoint: r.endpoint, hide: &r.hide,
		header: http.Header{"Accept": {jsonType}, "Content-Type": {jsonType}},
		body:   registration(p, name),
	})
	if failed != nil {
		return Registration{}, failed
	}
	defer answer.clear()
	tree := parse(answer.body)
	defer tree.clear()
	id := tree.get("client_id").str()
	if !succeeded(answer.status) || id == "" || len(id) > maxClientID || oneLine(id) != id {
		return Registration{}, c.failure(r, answer, tree)
	}
	made := Registration{ID: id, Method: Method(tree.get("token_endpoint_auth_method").str())}
	if given := tree.get("client_secret"); given.kind == '"' && carried(given.text) {
		made.Secret = secret.New(given.text)
	}
	if made.Method == "" {
		made.Method = registered(p, made)
	}
	return made, nil
}

// registered returns the method of a registration whose answer names none.
func registered(p *Profile, made Registration) Method {
	if made.Secret.Empty() {
		return NoSecret
	}
	if p.Client.Method == SecretPost {
		return SecretPost
	}
	return SecretBasic // the default of RFC 7591, section 2
}

// registration returns the client's metadata (RFC 7591, section 2).
func registration(p *Profile, name string) []byte {
	grants := []string{"authorization_code", "refresh_token"}
	switch p.Grant {
	case DeviceCode:
		grants = []string{deviceGrant, "refresh_token"}
	case ClientCredentials:
		grants = []string{"client_credentials"}
	default:
	}
	claims := []claim{
		text("client_name", name),
		text("token_endpoint_auth_method", string(cmp.Or(p.Client.Method, NoSecret))),
		list("grant_types", grants),
	}
	if p.Grant != DeviceCode && p.Grant != ClientCredentials {
		claims = append(claims, list("redirect_uris", []string{p.RedirectURL}), list("response_types", []string{"code"}))
	}
	if scopes := scopesOf(p, nil); len(scopes) > 0 {
		claims = append(claims, text("scope", joinScopes(p, scopes)))
	}
	return object(claims)
}

// list returns a member that is an array of strings.
func list(name string, values []string) claim {
	out := []byte{'['}
	for i, value := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendQuoted(out, []byte(value))
	}
	return claim{name, append(out, ']')}
}
