package oauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	oauthDocument    = "/.well-known/oauth-authorization-server"
	openIDDocument   = "/.well-known/openid-configuration"
	resourceDocument = "/.well-known/oauth-protected-resource"
)

// Discover returns the profile with the endpoints that its metadata name; a profile
// that has all that its grant needs is returned as it is, and so is one that does
// not say where to ask. What the profile says itself comes before what metadata
// say. Metadata hold for an hour.
//
// It asks, in this order: Endpoints.Metadata; the Issuer; Endpoints.Resource, whose
// metadata (RFC 9728) name the authorization server. In the last case requests get
// the parameter "resource" (RFC 8707), and a profile without scopes those that the
// resource names.
func (c *Client) Discover(ctx context.Context, p *Profile) (*Profile, error) {
	if p.complete() {
		return c.enrich(ctx, p), nil
	}
	found, err := c.find(ctx, p)
	if err != nil {
		return nil, err
	}
	return found, nil
}

// enrich adds what a named metadata document says beside the endpoints that are
// needed: the issuer, which answers of the provider are compared with, and where
// tokens are given back, if that is where they came from. It is no loss if that
// cannot be learnt; then it is not tried again for a while.
func (c *Client) enrich(ctx context.Context, p *Profile) *Profile {
	place, now := p.Endpoints.Metadata, c.config.Clock.Now()
	// People who come back may bring another server's answer: metadata say whether it must
	// name its server.
	known := p.Issuer != "" && p.Endpoints.Revocation != "" && p.Grant != AuthorizationCode
	if place == "" || known || c.known.missed(place, now) {
		return p
	}
	ctx, cancel := context.WithTimeout(ctx, enrichTimeout)
	defer cancel()
	found, err := c.fromDocument(ctx, p)
	if err != nil {
		c.known.miss(place, now)
		return p
	}
	with := *p
	with.Issuer, with.IssuerNamed = found.Issuer, found.IssuerNamed
	token, failed := parseEndpoint("token endpoint", p.Endpoints.Token)
	if failed == nil && p.Endpoints.Revocation == "" && sameOrigin(token, found.Endpoints.Revocation) {
		with.Endpoints.Revocation = found.Endpoints.Revocation
	}
	return &with
}

// enrichTimeout bounds the wait for what is not needed.
const enrichTimeout = 5 * time.Second

// complete reports whether a profile has the endpoints that its grant needs, or
// nothing to learn them from.
func (p *Profile) complete() bool {
	e := p.Endpoints
	if e.Metadata == "" && p.Issuer == "" && e.Resource == "" {
		return true
	}
	switch p.Grant {
	case AuthorizationCode:
		return e.Token != "" && e.Authorization != ""
	case DeviceCode:
		return e.Token != "" && e.Device != ""
	default:
		return e.Token != ""
	}
}

// find asks for metadata.
func (c *Client) find(ctx context.Context, p *Profile) (*Profile, *Error) {
	switch {
	case p.Endpoints.Metadata != "":
		return c.fromDocument(ctx, p)
	case p.Issuer != "":
		return c.fromIssuer(ctx, p, p.Issuer)
	default:
		return c.fromResource(ctx, p)
	}
}

// fromDocument reads the document that the profile names. Its issuer is that of the
// profile, or else the one that the document's place belongs to (RFC 8414, section
// 3.3): else a server could pose as another.
func (c *Client) fromDocument(ctx context.Context, p *Profile) (*Profile, *Error) {
	u, err := parseEndpoint("metadata document", p.Endpoints.Metadata)
	if err != nil {
		return nil, err
	}
	found, err := c.document(ctx, u)
	if err != nil {
		return nil, err
	}
	expected, named := p.Issuer, p.Issuer != ""
	if !named {
		expected, named = issuerOf(u)
	}
	if named && !issuerFits(expected, found.issuer) || !named && !sameOrigin(u, found.issuer) {
		return nil, unsent(u.Host, "the metadata are those of another issuer")
	}
	return p.with(found)
}

// fromIssuer looks for an issuer's metadata in the three places where they may be
// (RFC 8414, sections 3.1 and 5).
func (c *Client) fromIssuer(ctx context.Context, p *Profile, issuer string) (*Profile, *Error) {
	base, err := parseEndpoint("issuer", issuer)
	if err != nil {
		return nil, err
	}
	path := strings.TrimSuffix(base.EscapedPath(), "/")
	places := []string{oauthDocument + path, openIDDocument + path}
	if path != "" {
		places = append(places, path+openIDDocument)
	}
	var failed *Error
	for _, place := range places {
		found, err := c.document(ctx, at(base, place))
		if err == nil && issuerFits(issuer, found.issuer) {
			return p.with(found)
		}
		if err == nil {
			err = unsent(base.Host, "the metadata are those of another issuer")
		}
		if failed == nil || err.Verdict == Transient {
			failed = err
		}
	}
	return nil, failed
}

// fromResource lets the API say which authorization server it trusts. An API that
// has no such metadata is asked whether it is its own.
func (c *Client) fromResource(ctx context.Context, p *Profile) (*Profile, *Error) {
	resource, err := parseEndpoint("resource", p.Endpoints.Resource)
	if err != nil {
		return nil, err
	}
	found, err := c.resourceMetadata(ctx, resource)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return c.fromIssuer(ctx, p, resource.Scheme+"://"+resource.Host)
	}
	if len(found.servers) == 0 {
		return nil, unsent(resource.Host, "the resource names no authorization server")
	}
	with := *p
	if len(with.Scopes) == 0 {
		with.Scopes = found.scopes
	}
	indicator := Parameter{"resource", found.resource}
	with.Authorize = withParameter(with.Authorize, indicator)
	with.Token = withParameter(with.Token, indicator)
	return c.fromIssuer(ctx, &with, found.servers[0])
}

// withParameter adds a parameter that is not there.
func withParameter(all []Parameter, one Parameter) []Parameter {
	if slices.ContainsFunc(all, func(p Parameter) bool { return p.Name == one.Name }) {
		return all
	}
	return append(slices.Clip(slices.Clone(all)), one)
}

// resourceMetadata returns a resource's metadata: from the place for its path, from
// where its challenge says, or from the place of its host; nil if there are none.
func (c *Client) resourceMetadata(ctx context.Context, resource *url.URL) (*metadata, *Error) {
	path := strings.TrimSuffix(resource.EscapedPath(), "/")
	places := []func() (*url.URL, bool){
		func() (*url.URL, bool) { return at(resource, resourceDocument+path), true },
		func() (*url.URL, bool) { return c.challenged(ctx, resource) },
		func() (*url.URL, bool) { return at(resource, resourceDocument), path != "" },
	}
	for _, place := range places {
		u, ok := place()
		if !ok {
			continue
		}
		found, err := c.document(ctx, u)
		switch {
		case err == nil && covers(found.resource, resource):
			return found, nil
		case err == nil:
			return nil, unsent(resource.Host, "the metadata are those of another resource")
		case err.Verdict == Transient:
			return nil, err
		}
	}
	return nil, nil
}

// challenged asks a resource for the place of its metadata (RFC 9728, section 5.1).
// It is asked without any credentials.
func (c *Client) challenged(ctx context.Context, resource *url.URL) (*url.URL, bool) {
	answer, err := c.send(ctx, call{method: http.MethodGet, endpoint: resource, hide: &redactor{}})
	if err != nil {
		return nil, false
	}
	defer answer.clear()
	for _, challenge := range answer.header.Values("WWW-Authenticate") {
		u, err := parseEndpoint("resource metadata", challengeParameter(challenge, "resource_metadata"))
		if err == nil && answer.status == http.StatusUnauthorized {
			return u, true
		}
	}
	return nil, false
}

// document returns a metadata document, remembered or fetched. The guard judges
// redirects; what matters is where we asked.
func (c *Client) document(ctx context.Context, u *url.URL) (*metadata, *Error) {
	if found, ok := c.known.get(u.String(), c.config.Clock.Now()); ok {
		return found, nil
	}
	answer, err := c.send(ctx, call{
		method: http.MethodGet, endpoint: u, follow: true,
		header: http.Header{"Accept": {jsonType}}, hide: &redactor{},
	})
	if err != nil {
		return nil, err
	}
	tree := parse(answer.body)
	if !succeeded(answer.status) || tree.kind != '{' {
		failed := unsent(u.Host, "there are no metadata")
		failed.Status, failed.Sent, failed.Verdict = answer.status, true, judgeStatus(answer.status, tree.kind == 0)
		if succeeded(answer.status) {
			failed.Verdict = Misconfigured
		}
		failed.RetryAfter = c.retryAfter(answer.header, tree)
		return nil, failed
	}
	found := readMetadata(tree)
	c.known.put(u.String(), found, c.config.Clock.Now())
	return found, nil
}

// at returns a URL with another path.
func at(u *url.URL, path string) *url.URL {
	place, err := url.Parse(u.Scheme + "://" + u.Host + path)
	if err != nil {
		return u // cannot be: both parts were parsed before
	}
	return place
}

// with returns the profile with what metadata add to it.
func (p *Profile) with(found *metadata) (*Profile, *Error) {
	with := *p
	have, more := &with.Endpoints, found.endpoints
	for _, one := range []struct {
		use  string
		have *string
		more string
	}{
		{"authorization endpoint", &have.Authorization, more.Authorization},
		{"token endpoint", &have.Token, more.Token},
		{"device authorization endpoint", &have.Device, more.Device},
		{"revocation endpoint", &have.Revocation, more.Revocation},
		{"registration endpoint", &have.Registration, more.Registration},
	} {
		if *one.have != "" || one.more == "" {
			continue
		}
		if _, err := parseEndpoint(one.use, one.more); err != nil {
			return nil, err
		}
		*one.have = one.more
	}
	with.Issuer, with.IssuerNamed = ownIssuer(p.Issuer, found.issuer), found.named
	if with.Client.Method == "" {
		with.Client.Method = found.method(with.Client)
	}
	if with.Client.Method == TLSClientAuth && found.mutual != "" && p.Endpoints.Token == "" && shown(found.mutual) {
		have.Token = found.mutual
	}
	return &with, nil
}
