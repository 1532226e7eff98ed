package oauth

import (
	"bytes"
	"cmp"
	"context"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// The grant types of extensions (RFC 8628, 7523 and 8693).
const (
	deviceGrant    = "urn:ietf:params:oauth:grant-type:device_code"
	bearerGrant    = "urn:ietf:params:oauth:grant-type:jwt-bearer" //nolint:gosec // a type, not a token
	exchangeGrant  = "urn:ietf:params:oauth:grant-type:token-exchange"
	accessTokenURN = "urn:ietf:params:oauth:token-type:access_token" //nolint:gosec // a type, not a token
)

// Exchange swaps an authorization code (RFC 6749, section 4.1.3), and learns who
// signed in if the profile says how. An id token that is not meant for us or not
// of this attempt is a failure; a provider that does not say who it was is none.
func (c *Client) Exchange(ctx context.Context, p *Profile, code secret.Text, a Attempt) (Token, error) {
	r, err := newRequest(p, "token endpoint", p.Endpoints.Token)
	if err != nil {
		return Token{}, err
	}
	defer r.close()
	r.form.add("grant_type", "authorization_code")
	r.secret("code", code)
	r.form.add("redirect_uri", p.RedirectURL)
	if !p.WithoutPKCE {
		r.secret("code_verifier", a.Verifier)
	}
	return c.person(ctx, r, p.nonce(a))
}

// Obtain gets a token by a grant that needs neither a person nor a caller:
// ClientCredentials, Password, RefreshToken or JWTBearer. Another grant is
// Misconfigured.
func (c *Client) Obtain(ctx context.Context, p *Profile) (Token, error) {
	if p.Grant == RefreshToken {
		return c.Refresh(ctx, p, p.Refreshing)
	}
	r, err := newRequest(p, "token endpoint", p.Endpoints.Token)
	if err != nil {
		return Token{}, err
	}
	defer r.close()
	switch p.Grant {
	case ClientCredentials:
		r.form.add("grant_type", "client_credentials")
	case Password:
		r.form.add("grant_type", "password")
		r.form.add("username", p.Username)
		r.secret("password", p.Password)
	case JWTBearer:
		r.form.add("grant_type", bearerGrant)
		if err := c.assert(r, scopesOf(p, nil)); err != nil {
			return Token{}, err
		}
	default:
		return Token{}, r.unsent("the grant " + string(p.Grant) + " needs a person or a caller")
	}
	if !p.Assertion.ScopesAsClaim || p.Grant != JWTBearer {
		r.scopes(nil)
	}
	return c.token(ctx, r)
}

// ExchangeSubject swaps a caller's token: by RFC 8693 for the grant TokenExchange,
// as Microsoft Entra ID does for OnBehalfOf. Another grant is Misconfigured.
func (c *Client) ExchangeSubject(ctx context.Context, p *Profile, subject secret.Text) (Token, error) {
	r, err := newRequest(p, "token endpoint", p.Endpoints.Token)
	if err != nil {
		return Token{}, err
	}
	defer r.close()
	switch p.Grant {
	case TokenExchange:
		r.form.add("grant_type", exchangeGrant)
		r.secret("subject_token", subject)
		r.form.add("subject_token_type", accessTokenURN)
	case OnBehalfOf:
		r.form.add("grant_type", bearerGrant)
		r.secret("assertion", subject)
		r.form.add("requested_token_use", "on_behalf_of")
	default:
		return Token{}, r.unsent("the grant " + string(p.Grant) + " does not swap a caller's token")
	}
	r.scopes(nil)
	return c.token(ctx, r)
}

// Refresh renews a token (RFC 6749, section 6). A Refresh of the result that is
// empty means that the old one still holds.
func (c *Client) Refresh(ctx context.Context, p *Profile, refresh secret.Text) (Token, error) {
	r, err := newRequest(p, "token endpoint", cmp.Or(p.Endpoints.Refresh, p.Endpoints.Token))
	if err != nil {
		return Token{}, err
	}
	defer r.close()
	if refresh.Empty() {
		return Token{}, &Error{Verdict: Gone, Host: r.endpoint.Host, Description: "there is no refresh token"}
	}
	r.form.add("grant_type", "refresh_token")
	r.secret("refresh_token", refresh)
	return c.token(ctx, r)
}

// scopes adds the scopes of the profile and further ones.
func (r *request) scopes(further []string) {
	r.form.add(cmp.Or(r.profile.ScopeParameter, "scope"), joinScopes(r.profile, scopesOf(r.profile, further)))
}

// complete adds to a request what is the same for every grant, or lets templates
// say it.
func (c *Client) complete(r *request) *Error {
	t := r.profile.Templates
	if t == nil {
		return c.ordinary(r)
	}
	own := r.placeholders()
	defer own.clear()
	if bytes.Equal(r.form.get("grant_type"), []byte("refresh_token")) {
		return c.template(r, t.RefreshQuery, t.RefreshBody, own)
	}
	return c.template(r, t.TokenQuery, t.TokenBody, own)
}

// ordinary adds the client's proof and the profile's parameters.
func (c *Client) ordinary(r *request) *Error {
	if err := c.authenticate(r); err != nil {
		return err
	}
	r.form.replace(r.profile.Token)
	if bytes.Equal(r.form.get("grant_type"), []byte("refresh_token")) {
		r.form.replace(r.profile.Refresh)
	}
	return nil
}

// placeholders returns what templates of token requests may use. The caller clears
// it.
func (r *request) placeholders() form {
	own := r.profile.placeholders()
	own.add("Scopes", joinScopes(r.profile, scopesOf(r.profile, nil)))
	secrets := form{
		{"ClientSecret", opened(r.profile.Client.Secret)},
		{"Code", bytes.Clone(r.form.get("code"))},
		{"CodeVerifier", bytes.Clone(r.form.get("code_verifier"))},
		{"RefreshToken", bytes.Clone(r.form.get("refresh_token"))},
	}
	r.hide.add(secrets[0].value)
	return append(own, secrets...)
}

// person finishes the request of a grant for which a person signed in.
func (c *Client) person(ctx context.Context, r *request, nonce string) (Token, error) {
	token, tree, err := c.ask(ctx, r)
	if err != nil {
		return Token{}, err
	}
	defer tree.clear()
	subject, failure := c.idToken(r, tree, nonce)
	if failure != nil {
		token.Clear()
		return Token{}, failure
	}
	token.Identity = subject
	if token.Identity == "" {
		token.Identity = c.identify(ctx, r, token.Access, tree)
	}
	return token, nil
}

// token finishes the request of a grant without a person.
func (c *Client) token(ctx context.Context, r *request) (Token, error) {
	token, tree, err := c.ask(ctx, r)
	if err != nil {
		return Token{}, err
	}
	tree.clear()
	return token, nil
}

// ask sends a token request and reads the token. The caller clears the tree.
func (c *Client) ask(ctx context.Context, r *request) (Token, *node, *Error) {
	if err := c.complete(r); err != nil {
		return Token{}, nil, err
	}
	answer, err := c.post(ctx, r)
	if err != nil {
		return Token{}, nil, err
	}
	defer answer.clear()
	tree := parse(answer.body)
	token, err := c.read(r, answer, tree)
	if err != nil {
		tree.clear()
		return Token{}, nil, err
	}
	return token, tree, nil
}
