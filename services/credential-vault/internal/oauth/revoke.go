package oauth

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// Revoke gives tokens back, by RFC 7009 or as the profile says: the refresh token first,
// whose end usually ends the others, then the access token. A provider without an
// endpoint for that is no failure. Both are tried; the first failure is returned. It is
// [ErrNothingToRevoke] if the provider has revoked none, as none held any more.
//
// After the refresh token nobody minds that the provider takes back no access tokens.
// Where it wants only the access token, one that has ended tells nothing about a
// refresh token that there is beside it, which is a failure then.
func (c *Client) Revoke(ctx context.Context, p *Profile, t Token) error {
	if p.Endpoints.Revocation == "" {
		return nil
	}
	var first *Error
	var tried, done, over bool
	for _, one := range []struct {
		hint  string
		token secret.Text
	}{{"refresh_token", t.Refresh}, {"access_token", t.Access}} {
		if one.token.Empty() || !p.Revocation.takes(one.hint) {
			continue
		}
		err, ended := c.revoke(ctx, p, one.hint, one.token, t.Identity)
		left := !tried && one.hint == "access_token" && !t.Refresh.Empty()
		tried = true
		switch {
		case err == nil:
			done = true
		case ended && !left:
			over = true
		case first == nil && !(err.Code == unsupportedKind && done):
			first = err
		}
	}
	switch {
	case !tried && (!t.Refresh.Empty() || !t.Access.Empty()):
		first = unsent("", "there is no token of the kind that it takes back")
	case first == nil && over && !done:
		return ErrNothingToRevoke
	case first == nil:
		return nil // not the typed nil, which is an error
	}
	first.Revoking = true
	return first
}

// revoke gives one token back.
func (c *Client) revoke(ctx context.Context, p *Profile, hint string, token secret.Text, identity string) (failed *Error, ended bool) {
	if !p.Revocation.Standard() {
		return c.revokeAs(ctx, p, token, identity)
	}
	r, err := newRequest(p, "revocation endpoint", p.Endpoints.Revocation)
	if err != nil {
		return err, false
	}
	defer r.close()
	r.json = false // RFC 7009, section 2.1; providers with JSON tokens follow it here
	r.secret("token", token)
	r.form.add("token_type_hint", hint)
	if err := c.authenticate(r); err != nil {
		return err, false
	}
	answer, err := c.post(ctx, r)
	if err != nil {
		return err, false
	}
	defer answer.clear()
	return c.revoked(r, answer)
}
