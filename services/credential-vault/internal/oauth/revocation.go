package oauth

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// Revocation says how a provider takes tokens back, where that differs from RFC 7009.
// Nothing in it says where to: that is the revocation endpoint. The zero value is
// RFC 7009.
type Revocation struct {
	// Method is that of the request: POST, or DELETE; empty means POST.
	Method string `yaml:"method"`
	// Path is appended to that of the endpoint. {client_id} stands for the client id, as
	// one segment.
	Path string `yaml:"path"`
	// Token is which one is given back: "access" or "refresh"; empty means both, the
	// refresh token first.
	Token string `yaml:"token"`
	// Authentication is how the request is authenticated, one of the constants.
	Authentication Authentication `yaml:"authentication"`
	// Body is what is sent: "form", "json" or "none"; empty means a form.
	Body string `yaml:"body"`
	// Fields are those of the body. The values {token}, {client_id} and {identity}, who
	// signed in, stand for themselves; nil means that "token" is the only one.
	Fields []Parameter `yaml:"fields"`
}

// Authentication is how a revocation request is authenticated.
type Authentication string

const (
	// AsInTokenRequests is the client authentication of token requests.
	AsInTokenRequests Authentication = ""
	// ByBasic is the client's id and secret in the header (HTTP basic).
	ByBasic Authentication = "basic"
	// BySecret is the client's secret as a bearer token.
	BySecret Authentication = "secret"
	// ByToken is the token that is given back, placed as the API wants tokens.
	ByToken Authentication = "token"
)

// The placeholders of a revocation.
const (
	placeToken    = "{token}"
	placeClientID = "{client_id}"
	placeIdentity = "{identity}"
)

// Standard reports whether tokens are given back by RFC 7009.
func (v Revocation) Standard() bool {
	return v.Method == "" && v.Path == "" && v.Token == "" && v.Authentication == "" && v.Body == "" && v.Fields == nil
}

// takes reports whether a kind of token is given back.
func (v Revocation) takes(kind string) bool { return v.Token == "" || kind == v.Token+"_token" }

// revokeAs gives one token back as the provider wants it.
func (c *Client) revokeAs(ctx context.Context, p *Profile, token secret.Text, identity string) (failed *Error, ended bool) {
	how := p.Revocation
	r, err := newRequest(p, "revocation endpoint", p.Endpoints.Revocation)
	if err != nil {
		return err, false
	}
	defer r.close()
	r.json = how.Body == "json"
	if how.Path != "" {
		r.endpoint = r.endpoint.JoinPath(strings.ReplaceAll(how.Path, placeClientID, segment(p.Client.ID)))
	}
	if err := r.fill(how, token, identity); err != nil {
		return err, false
	}
	if err := c.authenticateRevocation(r, how.Authentication, token); err != nil {
		return err, false
	}
	answer, err := c.sendRevocation(ctx, r, how)
	if err != nil {
		return err, false
	}
	defer answer.clear()
	return c.revoked(r, answer)
}

// fill adds the fields of the body.
func (r *request) fill(how Revocation, token secret.Text, identity string) *Error {
	fields := how.Fields
	if fields == nil && how.Body != "none" {
		fields = []Parameter{{Name: "token", Value: placeToken}}
	}
	for _, f := range fields {
		switch f.Value {
		case placeToken:
			r.secret(f.Name, token)
		case placeClientID:
			r.form.add(f.Name, r.profile.Client.ID)
		case placeIdentity:
			if identity == "" {
				return r.unsent("it takes tokens back only from who signed in, and nobody knows who that was")
			}
			r.form.add(f.Name, identity)
		default:
			r.form.add(f.Name, f.Value)
		}
	}
	return nil
}

// authenticateRevocation authenticates a request.
func (c *Client) authenticateRevocation(r *request, by Authentication, token secret.Text) *Error {
	client, value, place := r.profile.Client, token, r.profile.Placement
	switch by {
	case AsInTokenRequests:
		return c.authenticate(r)
	case ByBasic:
		return r.basic(client)
	case BySecret:
		value, place = client.Secret, Placement{}
		if value.Empty() {
			return r.unsent("the client has no secret")
		}
	case ByToken:
	default:
		return r.unsent("the authentication of its revocation is not known")
	}
	text := opened(value)
	defer clear(text)
	r.hide.add(text)
	place.put(r.header, text)
	return nil
}

// sendRevocation sends the request.
func (c *Client) sendRevocation(ctx context.Context, r *request, how Revocation) (*reply, *Error) {
	var body []byte
	if how.Body != "none" {
		var kind string
		body, kind = r.body()
		r.header.Set("Content-Type", kind)
	}
	for _, one := range r.profile.TokenHeader {
		r.header.Set(one.Name, one.Value)
	}
	return c.send(ctx, call{
		method: cmp.Or(how.Method, http.MethodPost), endpoint: r.endpoint, header: r.header, body: body,
		certificate: r.certificate, hide: &r.hide,
	})
}

// segment returns a text as one segment of a path, which no dots lead out of.
func segment(text string) string {
	if text == "." || text == ".." {
		return strings.ReplaceAll(text, ".", "%2E")
	}
	return url.PathEscape(text)
}
