package oauth

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

const (
	// shortestVerifier and longestVerifier bound code verifiers (RFC 7636, section
	// 4.1).
	shortestVerifier = 43
	longestVerifier  = 128
)

// AuthorizationURL returns the page that a person has to open (RFC 6749, section
// 4.1.1). It holds nothing secret: secrets that a template names are left out of
// it. The error is an [*Error] with the verdict Misconfigured: an endpoint that is
// none, no client id, no state, or a verifier of the wrong length.
func (c *Client) AuthorizationURL(p *Profile, a Attempt) (string, error) {
	page, err := authorizationURL(p, a)
	if err != nil {
		return "", err
	}
	return page, nil
}

func authorizationURL(p *Profile, a Attempt) (string, *Error) {
	u, err := parseEndpoint(pageUse, p.Endpoints.Authorization)
	if err != nil {
		return "", err
	}
	switch {
	case p.Client.ID == "":
		return "", unsent(u.Host, "there is no client id")
	case a.State == "":
		return "", unsent(u.Host, "there is no state")
	}
	challenge, ok := p.challenge(a.Verifier)
	if !ok {
		return "", unsent(u.Host, "the code verifier is not 43 to 128 characters long")
	}
	if p.Templates != nil && p.Templates.AuthorizeQuery != "" {
		return p.templateURL(u, a, challenge)
	}
	f := p.authorizeForm(a, challenge)
	return withQuery(withoutFields(u, f), string(f.encode())).String(), nil
}

// authorizeForm returns the parameters of an authorization request.
func (p *Profile) authorizeForm(a Attempt, challenge string) form {
	var f form
	f.add("response_type", "code")
	f.add("client_id", p.Client.ID)
	f.add("redirect_uri", p.RedirectURL)
	f.add(cmp.Or(p.ScopeParameter, "scope"), joinScopes(p, scopesOf(p, a.ExtraScopes)))
	f.add("state", a.State)
	if challenge != "" {
		f.add("code_challenge", challenge)
		f.add("code_challenge_method", "S256")
	}
	if slices.Contains(scopesOf(p, a.ExtraScopes), "openid") {
		f.add("nonce", a.Nonce)
	}
	f.add(cmp.Or(p.LoginHintParameter, "login_hint"), a.LoginHint)
	f.replace(p.Authorize)
	if !f.has("state") {
		f.add("state", a.State) // no parameter may take that protection away
	}
	return f
}

// nonce returns what the id token must hold; empty if nothing was asked for.
func (p *Profile) nonce(a Attempt) string {
	if p.Templates != nil && p.Templates.AuthorizeQuery != "" {
		return ""
	}
	return string(p.authorizeForm(a, "").get("nonce"))
}

// templateURL makes the page from the template of a connector package.
func (p *Profile) templateURL(u *url.URL, a Attempt, challenge string) (string, *Error) {
	own := p.placeholders()
	own.add("State", a.State)
	own.add("Scopes", joinScopes(p, scopesOf(p, a.ExtraScopes)))
	own.add("LoginHint", a.LoginHint)
	own.add("Nonce", a.Nonce)
	own.add("CodeChallenge", challenge)
	template := p.Templates.AuthorizeQuery
	query, ok := expansion{templates: p.Templates, own: own}.fill(template, appendEscaped)
	if !ok {
		return "", unsent(u.Host, "the query template is too long with its values")
	}
	var further form
	if !mentions(template, "{state}") {
		further.add("state", a.State)
	}
	if challenge != "" && !mentions(template, "code_challenge") {
		further.add("code_challenge", challenge)
		further.add("code_challenge_method", "S256")
	}
	return withQuery(withQuery(u, string(query)), string(further.encode())).String(), nil
}

// placeholders returns the protocol's own values that every template may use, but
// for those that are secret.
func (p *Profile) placeholders() form {
	var own form
	own.add("ClientId", p.Client.ID)
	own.add("RedirectUrl", p.RedirectURL)
	return own
}

// challenge returns the code challenge S256 of a verifier (RFC 7636, section 4.2);
// empty if the provider takes none.
func (p *Profile) challenge(verifier secret.Text) (string, bool) {
	if p.WithoutPKCE {
		return "", true
	}
	var challenge string
	_ = verifier.Use(reveal.Grant(), func(b []byte) error {
		if len(b) >= shortestVerifier && len(b) <= longestVerifier {
			sum := sha256.Sum256(b)
			challenge = base64.RawURLEncoding.EncodeToString(sum[:])
		}
		return nil
	})
	return challenge, challenge != ""
}

// scopesOf returns the scopes of the profile and further ones, each once.
func scopesOf(p *Profile, further []string) []string {
	var all []string
	for _, scope := range slices.Concat(p.Scopes, further) {
		if scope != "" && !slices.Contains(all, scope) {
			all = append(all, scope)
		}
	}
	return all
}

// joinScopes writes scopes as the provider wants them.
func joinScopes(p *Profile, scopes []string) string {
	return strings.Join(scopes, cmp.Or(p.ScopeDelimiter, " "))
}

// withoutFields returns a copy of a URL without the query parameters that a form
// brings.
func withoutFields(u *url.URL, f form) *url.URL {
	clone := *u
	var kept []string
	for pair := range strings.SplitSeq(u.RawQuery, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if pair != "" && !f.has(name) {
			kept = append(kept, pair)
		}
	}
	clone.RawQuery = strings.Join(kept, "&")
	return &clone
}
