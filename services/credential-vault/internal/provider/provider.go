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
	// ClientNeeded reports whether a client id must come from somewhere: from an
	// OAuth client, or from the connection.
	ClientNeeded bool
	// DocumentationURL explains how to register a client; may be empty.
	DocumentationURL string
	// Scopes are asked for.
	Scopes []string
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
}

// Client is a connector's registration.
type Client struct {
	// Registration is the client itself.
	Registration oauth.Registration
	// Settings are values that the connector leaves open, compared without case.
	Settings map[string]string
}

// Set is all presets. It is immutable and safe for concurrent use.
type Set struct {
	presets []*Preset          // in the order of their ids
	byName  map[string]*Preset // by id and alias, lower case
}
