package oauth

import (
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxListed bounds how many items of a list in metadata are read.
const maxListed = 1000

// readMetadata reads a document of either kind.
func readMetadata(tree *node) *metadata {
	return &metadata{
		issuer:   tree.get("issuer").str(),
		resource: tree.get("resource").str(),
		servers:  stringsOf(tree.get("authorization_servers")),
		scopes:   stringsOf(tree.get("scopes_supported")),
		methods:  stringsOf(tree.get("token_endpoint_auth_methods_supported")),
		endpoints: Endpoints{
			Authorization: tree.get("authorization_endpoint").str(),
			Token:         tree.get("token_endpoint").str(),
			Device:        tree.get("device_authorization_endpoint").str(),
			Revocation:    tree.get("revocation_endpoint").str(),
			Registration:  tree.get("registration_endpoint").str(),
		},
		mutual: tree.at("mtls_endpoint_aliases", "token_endpoint").str(),
		named:  tree.get("authorization_response_iss_parameter_supported").kind == jsontext.KindTrue,
	}
}

// stringsOf returns the texts of a list.
func stringsOf(n *node) []string {
	var all []string
	for _, item := range n.children {
		if n.kind == '[' && item.value.kind == '"' && len(all) < maxListed {
			all = append(all, item.value.str())
		}
	}
	return all
}

// method returns how a client proves itself where nobody has said so: the safest
// way that both sides know. Metadata without a list mean SecretBasic (RFC 8414,
// section 2). A client that is not registered yet asks to be a public one if it
// may.
func (m *metadata) method(client Registration) Method {
	var able []Method
	switch {
	case client.ID == "":
		able = []Method{NoSecret, SecretBasic, SecretPost}
	case !client.Secret.Empty():
		able = []Method{SecretBasic, SecretPost, SecretJWT}
	case !client.PrivateKey.Empty():
		return PrivateKeyJWT
	case !client.Certificate.Empty():
		return TLSClientAuth
	default:
		return NoSecret
	}
	for _, one := range able {
		if slices.Contains(m.methods, string(one)) {
			return one
		}
	}
	return able[0]
}

// issuerOf returns the issuer whose metadata belong at a URL; false if the URL is
// not of the usual form.
func issuerOf(u *url.URL) (string, bool) {
	origin, path := u.Scheme+"://"+u.Host, u.EscapedPath()
	if before, ok := strings.CutSuffix(path, openIDDocument); ok {
		return origin + before, true
	}
	for _, known := range []string{oauthDocument, openIDDocument} {
		if after, ok := strings.CutPrefix(path, known); ok {
			return origin + after, true
		}
	}
	return "", false
}

// openTenant stands for the tenant in an issuer that is for any.
const openTenant = "{tenantid}"

// issuerFits compares issuers as text (RFC 8414, section 3.3), but for a slash at
// the end and the tenant that Microsoft Entra ID leaves open in the metadata of
// "common" and "organizations".
func issuerFits(expected, found string) bool {
	expected, found = strings.TrimSuffix(expected, "/"), strings.TrimSuffix(found, "/")
	if expected == found {
		return expected != ""
	}
	return tenantOf(expected, found) != ""
}

// tenantOf returns what an issuer has in the place that another one leaves open;
// "" if they differ in more than that.
func tenantOf(issuer, open string) string {
	before, after, found := strings.Cut(open, openTenant)
	if !found || !strings.HasPrefix(issuer, before) || !strings.HasSuffix(issuer, after) || len(issuer) <= len(before)+len(after) {
		return ""
	}
	tenant := issuer[len(before) : len(issuer)-len(after)]
	// Three slashes: the tenant stands for a part of the path, never of the host.
	if strings.Contains(tenant, "/") || strings.Count(before, "/") < 3 || !strings.HasSuffix(before, "/") {
		return ""
	}
	return tenant
}

// ownIssuer returns the issuer as its answers name it: as its metadata write it,
// which may differ from the profile in a slash. A profile that is for one tenant
// stays with it when the metadata are for any.
func ownIssuer(expected, found string) string {
	switch tenantOf(strings.TrimSuffix(expected, "/"), strings.TrimSuffix(found, "/")) {
	case "", "common", "organizations", "consumers":
		return found
	}
	return expected
}

// AnsweredBy reports whether the issuer that a redirect names (RFC 9207) is the one
// that was asked: the text of p.Issuer, but for a slash at the end and a tenant that
// is left open there.
func (p *Profile) AnsweredBy(issuer string) bool { return issuerFits(issuer, p.Issuer) }

// sameOrigin reports whether a text is a URL of the same origin.
func sameOrigin(u *url.URL, text string) bool {
	other, err := url.Parse(text)
	return err == nil && other.Scheme == u.Scheme && strings.EqualFold(other.Host, u.Host)
}

// covers reports whether metadata of a resource speak for a URL: the same origin,
// and a path at or above it (RFC 9728, section 3.3 wants the very same; servers
// name the root of an API).
func covers(resource string, u *url.URL) bool {
	if !sameOrigin(u, resource) {
		return false
	}
	named, err := url.Parse(resource)
	if err != nil {
		return false
	}
	above := strings.TrimSuffix(named.EscapedPath(), "/")
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	return path == above || strings.HasPrefix(path, above+"/")
}
