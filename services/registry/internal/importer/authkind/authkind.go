// Package authkind knows the ways to authenticate that no connection can do, and
// says so in the same way for every format.
//
// An importer asks [HTTP] about a scheme of the Authorization header, or [Header]
// about one that somebody has written, reports a
// [Kind] as a finding with [Code], and makes [Set] of those it has met where the
// API offers nothing else:
//
//	if kind, ok := authkind.HTTP("NTLM"); ok {
//		def.ParameterSets = []*connectorv1.ParameterSet{authkind.Set(kind)}
//	}
package authkind

import (
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
)

// Code is the code of findings about ways to authenticate that are not supported.
const Code = "AuthKindNotSupported"

// Kind is a way to authenticate that is not supported.
type Kind struct {
	// Name is what people call it.
	Name string
	// Remedy is what to do instead, an imperative clause without a full stop.
	Remedy string
}

// hmacRemedy is about kinds that sign requests with a shared secret, as far as a
// template can say how.
const hmacRemedy = "describe the signature in \"x-ferrule-hmac\" of an OpenAPI document, if a template can say it"

// instead is the remedy where nothing better is known.
const instead = "use another way to authenticate, if the API has one"

// schemes are those of the Authorization header whose credentials are made anew
// for each request or connection, so that nobody can type them: all of the
// registry of IANA but Basic, Bearer and Digest, and what others have added.
var schemes = map[string]Kind{
	"concealed":       {"Concealed", instead},
	"dpop":            {"DPoP", "use bearer tokens, if the API takes them without a proof"},
	"gnap":            {"GNAP", instead},
	"hoba":            {"HOBA", instead},
	"mutual":          {"Mutual", "use another way to authenticate, or write the type \"mutualTLS\" if client certificates are meant"},
	"negotiate":       {"Kerberos (Negotiate)", "use another way to authenticate, or put a proxy that does Kerberos in front of the API"},
	"oauth":           {"OAuth 1.0", oauthRemedy},
	"privatetoken":    {"PrivateToken", instead},
	"scram-sha-1":     {"SCRAM-SHA-1", instead},
	"scram-sha-256":   {"SCRAM-SHA-256", instead},
	"vapid":           {"VAPID", instead},
	"eg1-hmac-sha256": {"Akamai EdgeGrid", hmacRemedy},
	"hawk":            {"Hawk", hmacRemedy},
	"hmac":            {"HMAC", hmacRemedy},
	"kerberos":        {"Kerberos", "use another way to authenticate, or put a proxy that does Kerberos in front of the API"},
	"ntlm":            {"NTLM", "use another way to authenticate, or put a proxy that does NTLM in front of the API"},
	"oauth1":          {"OAuth 1.0", oauthRemedy},
	"scram-sha-512":   {"SCRAM-SHA-512", instead},
	"signature":       {"HTTP signatures", hmacRemedy},
}

const oauthRemedy = "use OAuth 2.0 or a token, if the API takes one; a token behind the word \"OAuth\" is an API key in the header \"Authorization\"" +
	" with \"x-ferrule-value-template\": \"OAuth {value}\""

// HTTP returns the kind of a scheme of the Authorization header, in any case of
// letters; false if people can type what it sends.
func HTTP(scheme string) (Kind, bool) {
	kind, ok := schemes[strings.ToLower(scheme)]
	return kind, ok
}

// Header returns the kind of credentials behind a scheme in an Authorization header
// that somebody has written; false if people can type them. Tokens behind the word
// "OAuth" can be, and the parameters of OAuth 1.0 (RFC 5849, section 3.5.1) cannot.
func Header(scheme, credentials string) (Kind, bool) {
	if strings.EqualFold(scheme, "oauth") && !strings.Contains(credentials, "oauth_") {
		return Kind{}, false
	}
	return HTTP(scheme)
}

// Unknown is a kind that nobody has heard of.
func Unknown(name string) Kind { return Kind{name, instead} }

// Set is the parameter set of an API that authenticates only in the given ways, of
// which there is at least one. No connection can be made with it.
func Set(kinds ...Kind) *connectorv1.ParameterSet {
	var names, remedies []string
	for _, k := range kinds {
		if !slices.Contains(names, k.Name) {
			names = append(names, k.Name)
		}
		if !slices.Contains(remedies, k.Remedy) {
			remedies = append(remedies, k.Remedy)
		}
	}
	return &connectorv1.ParameterSet{
		Name: "default", Title: "Not possible",
		Unsupported: &connectorv1.UnsupportedAuthentication{
			Kind: shorten(strings.Join(names, " and "), definition.MaxUnsupportedKind), Remedy: shorten(strings.Join(remedies, "; "), definition.MaxUnsupportedRemedy),
		},
	}
}

// shorten cuts text that is longer than a limit in bytes, between two characters.
func shorten(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit-len("…")], "") + "…"
}
