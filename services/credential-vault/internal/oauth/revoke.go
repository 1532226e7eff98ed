package oauth

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// Revoke gives tokens back, by RFC 7009 or as the profile says: the refresh token first, whose end usually
// ends the others, then the access token. A provider without an endpoint for that
// is no failure, nor is one that does not know the token any more or takes back no
// tokens of a kind. Both are tried; the first failure is returned.
func (c *Client) Revoke(ctx context.Context, p *Profile, t Token) error {
	if p.Endpoints.Revocation == "" {
		return nil
	}
	var first *Error
	tried := false
	for _, one := range []struct {
		hint  string
		token secret.Text
	}{{"refresh_token", t.Refresh}, {"access_token", t.Access}} {
		if one.token.Empty() || !p.Revocation.takes(one.hint) {
			continue
		}
		tried = true
		if err := c.revoke(ctx, p, one.hint, one.token, t.Identity); err != nil && first == nil {
			first = err
		}
	}
	if !tried && (!t.Refresh.Empty() || !t.Access.Empty()) {
		return unsent("", "there is no token of the kind that it takes back")
	}
	if first == nil {
		return nil // not the typed nil, which is an error
	}
	return first
}

// revoke gives one token back.
func (c *Client) revoke(ctx context.Context, p *Profile, hint string, token secret.Text, identity string) *Error {
	if !p.Revocation.Standard() {
		return c.revokeAs(ctx, p, token, identity)
	}
	r, err := newRequest(p, "revocation endpoint", p.Endpoints.Revocation)
	if err != nil {
		return err
	}
	defer r.close()
	r.json = false // RFC 7009, section 2.1; providers with JSON tokens follow it here
	r.secret("token", token)
	r.form.add("token_type_hint", hint)
	if err := c.authenticate(r); err != nil {
		return err
	}
	answer, err := c.post(ctx, r)
	if err != nil {
		return err
	}
	defer answer.clear()
	if succeeded(answer.status) {
		return nil
	}
	tree := parse(answer.body)
	defer tree.clear()
	err = c.failure(r, answer, tree)
	if err.Verdict == Gone || err.Code == "unsupported_token_type" {
		return nil
	}
	return err
}
