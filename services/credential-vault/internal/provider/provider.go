// Package provider knows the authorization servers of the world, and turns what
// a connector, its OAuth client and a connection say into an oauth.Profile.
//
// What is known about a provider is data: one YAML file each in presets, whose
// form is presets/schema.json. A [Set] holds all of them:
//
//	presets, err := provider.Load()
//	form, err := presets.Form(definition, set)              // what is asked for
//	profile, err := presets.Profile(definition, set, given)  // how to get a token
//	reach, err := presets.Reach(definition, set, client)     // where its secret may go
//
// A connector gets the preset whose name or alias is its identity provider. One
// that names none ("oauth2", "openidconnect", …) gets the preset on whose hosts
// its endpoints are: its own URLs stay, unless they are those of the preset, in
// which case the owner's settings can fill the placeholders. "oauth2generic" has
// templates of its own, of which nothing is replaced; "oauth2pkcewithprm" is found
// by asking the API.
//
// Three things are guarded here. Values keep their places: none of them turns an
// endpoint into another one than its template says. Secrets stand in no URL. And
// what a connector's client does by itself, without any person, is its maker's to
// say: owners of connections who want it otherwise bring their own client.
package provider

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Form is what the sign-in of a parameter set asks for, beyond the parameters
// that the set itself has.
type Form struct {
	// Parameter is the name of the set's OAuth parameter.
	Parameter string
	// Provider is the id of the preset that applies; empty if none does.
	Provider string
	// Title is the provider's name for people; empty without a preset.
	Title string
	// Grants can be chosen, the one that is used without a choice first.
	Grants []oauth.Grant
	// Fields are values that the owner of a connection may or must supply, named
	// "{parameter}:{setting}", for instance "token:clientId". Those that the set
	// declares itself are not among them.
	Fields []Field
	// Settings are the names of what an OAuth client may set, in lower case and
	// sorted; one that ends with ":" stands for all names that begin with it.
	Settings []string
	// ClientNeeded reports whether a client id must come from somewhere: from an
	// OAuth client, or from the connection. It is false where the provider may
	// register clients by itself (RFC 7591), which only its metadata tell.
	ClientNeeded bool
	// DocumentationURL explains how to register a client; may be empty.
	DocumentationURL string
	// Scopes are asked for.
	Scopes []string
	// Declared are other names of what the set declares itself, in lower case, with
	// the name that the set has for it: "token:tenant" for "token:TenantId".
	Declared map[string]string
}

// Field is one value.
type Field struct {
	// Name is the name under which it is given; compared without case.
	Name string
	// Aliases are other names under which it is taken, for instance
	// "token:tenantid", in lower case behind the colon; nil if there are none.
	Aliases []string
	// Title and Description are for people.
	Title, Description string
	// Required values have no default.
	Required bool
	// Secret values are sealed.
	Secret bool
	// Default is used where nothing is given.
	Default string
	// Allowed are the values to choose from; nil for any.
	Allowed []string
	// Grants are those that need it; nil means all.
	Grants []oauth.Grant
	// OwnClient fields are taken only together with a client of the owner's own:
	// they say where secrets go.
	OwnClient bool
	// Kind is what a value may hold, Suffix what is cut off from it, as in
	// [Setting]. An empty Kind means that values are compared as they are.
	Kind   Kind
	Suffix string
}

// Wrong says what is wrong with a value, "" if [Set.Profile] takes it. An empty
// value is one that is not given.
func (f Field) Wrong(value string) string {
	if value == "" {
		return ""
	}
	switch f.Kind {
	case kindGrant:
		if g, ok := ParseGrant(value); ok {
			value = string(g)
		}
	case kindMethod:
		if m, ok := methods[strings.ToLower(strings.TrimSpace(value))]; ok {
			value = string(m)
		}
	case KindLabel, KindHost, KindURL, KindSegment, KindText:
		s := Setting{Kind: f.Kind, Suffix: f.Suffix, Allowed: f.Allowed}
		_, wrong := s.normal(strings.TrimSpace(value))
		return wrong
	}
	if len(f.Allowed) > 0 && !slices.Contains(f.Allowed, value) {
		return "must be one of " + strings.Join(f.Allowed, ", ")
	}
	return ""
}

// Given is what there is to make a profile from.
type Given struct {
	// Plain are the connection's values, Secrets its secrets, by parameter.
	Plain   map[string]string
	Secrets map[string]secret.Text
	// Client is the connector's OAuth client; nil if there is none. A client id of
	// the connection comes before it.
	Client *Client
	// RedirectURL is the gateway's.
	RedirectURL string
	// ServerURL is where the connection's API is, for providers that are found by
	// asking it (RFC 9728); may be empty.
	ServerURL string
	// Unregistered lets a client id be missing where a person signs in and metadata
	// of the provider may name an endpoint that registers clients (RFC 7591). Whoever
	// has asked for the metadata, in vain, asks again without it.
	Unregistered bool
}

// Client is a connector's registration.
type Client struct {
	// Registration is the client itself.
	Registration oauth.Registration
	// Settings are values that the connector leaves open, compared without case.
	Settings map[string]string
	// Withheld means that the secrets were left out of Registration: that they are
	// not there says nothing.
	Withheld bool
}

// Set is all presets. It is immutable and safe for concurrent use.
type Set struct {
	presets []*Preset          // in the order of their ids
	byName  map[string]*Preset // by id and alias, lower case
}
