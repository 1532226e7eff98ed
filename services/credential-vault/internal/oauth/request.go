package oauth

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// request is a POST to a provider while it is put together. Whoever makes one
// closes it.
type request struct {
	profile  *Profile
	endpoint *url.URL
	form     form
	// query and text replace the form; they come from templates.
	query, text []byte
	header      http.Header
	certificate *tls.Certificate
	hide        redactor
	json        bool
}

// newRequest returns an empty request to an endpoint; use names it in errors.
func newRequest(p *Profile, use, endpoint string) (*request, *Error) {
	u, err := parseEndpoint(use, endpoint)
	if err != nil {
		return nil, err
	}
	r := &request{profile: p, endpoint: u, header: http.Header{}, json: p.JSONBody}
	r.header.Set("Accept", jsonType)
	return r, nil
}

// close overwrites every secret of the request.
func (r *request) close() {
	r.form.clear()
	r.hide.clear()
	clear(r.query)
	clear(r.text)
}

// secret adds a secret parameter; an empty one adds nothing.
func (r *request) secret(name string, text secret.Text) {
	if value := opened(text); len(value) > 0 {
		r.own(name, value)
	}
}

// own adds a secret parameter and becomes the owner of its bytes.
func (r *request) own(name string, value []byte) {
	r.hide.add(value)
	r.form = append(r.form, field{name, value})
}

// unsent returns the error of a request that cannot be made.
func (r *request) unsent(description string) *Error {
	return unsent(r.endpoint.Host, description)
}

// body returns what is sent, and its type.
func (r *request) body() ([]byte, string) {
	switch {
	case r.text != nil && r.json:
		return append(make([]byte, 0, len(r.text)), r.text...), jsonType
	case r.text != nil:
		return append(make([]byte, 0, len(r.text)), r.text...), formType
	case r.json:
		return r.form.encodeJSON(), jsonType
	default:
		return r.form.encode(), formType
	}
}

// post sends a request that is put together.
func (c *Client) post(ctx context.Context, r *request) (*reply, *Error) {
	body, kind := r.body()
	r.header.Set("Content-Type", kind)
	for _, one := range r.profile.TokenHeader {
		r.header.Set(one.Name, one.Value)
	}
	return c.send(ctx, call{
		method:      http.MethodPost,
		endpoint:    withQuery(r.endpoint, string(r.query)),
		header:      r.header,
		body:        body,
		certificate: r.certificate,
		hide:        &r.hide,
	})
}
