package provider

import (
	"time"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// Preset is what is known about one provider: one file of the folder presets,
// whose README.md explains the members. Texts with placeholders in braces are
// completed from the settings. It must not be changed.
type Preset struct {
	// ID is its name, the base name of its file.
	ID string `yaml:"id"`
	// Title is for people.
	Title string `yaml:"title"`
	// Aliases are other names by which connectors ask for it, lower case.
	Aliases []string `yaml:"aliases"`
	// Hosts are those of its endpoints, "*.suffix" for any below one. A connector
	// that names no provider and has an endpoint there gets this preset.
	Hosts []string `yaml:"hosts"`
	// Path is a part of the path that endpoints must have besides; it tells
	// providers on the same hosts apart.
	Path string `yaml:"path"`
	// Issuer identifies it (RFC 9207); empty if it does not say who it is.
	Issuer string `yaml:"issuer"`
	// Grants that it offers, best first.
	Grants []oauth.Grant `yaml:"grants"`
	// Endpoints are URLs with placeholders.
	Endpoints oauth.Endpoints `yaml:"endpoints"`
	// Settings are what the placeholders stand for.
	Settings []Setting `yaml:"settings"`
	// Scopes say what is asked for, and how.
	Scopes Scopes `yaml:"scopes"`
	// PKCE is "required", "supported" or "refused" (RFC 7636).
	PKCE string `yaml:"pkce"`
	// Client says how clients prove themselves.
	Client ClientRules `yaml:"client"`
	// Parameters are further ones of requests.
	Parameters Parameters `yaml:"parameters"`
	// Templates replace what the protocol says about requests.
	Templates Templates `yaml:"templates"`
	// JSONBody means that token requests are JSON.
	JSONBody bool `yaml:"json_body"`
	// TokenHeader are header fields of token requests.
	TokenHeader []oauth.Parameter `yaml:"token_header"`
	// Answer says how token answers differ from the standard.
	Answer Answer `yaml:"answer"`
	// Rotates means that a refresh token works once.
	Rotates bool `yaml:"rotates"`
	// Assertion says how the grant jwtBearer differs from RFC 7523.
	Assertion AssertionRules `yaml:"assertion"`
	// Identity says how to learn who signed in.
	Identity oauth.Identity `yaml:"identity"`
	// Revocation says how tokens are given back, if not as RFC 7009 says.
	Revocation oauth.Revocation `yaml:"revocation"`
	// Placement is how the API wants tokens.
	Placement oauth.Placement `yaml:"placement"`
	// Documentation are links for people.
	Documentation Documentation `yaml:"documentation"`
	// Notes are what people should know, plain sentences.
	Notes []string `yaml:"notes"`
}

// Kind is what a setting may hold.
type Kind string

// The kinds.
const (
	// KindLabel is one label of a host name, without a dot.
	KindLabel Kind = "label"
	// KindHost is a host name, with a port if need be. A URL is cut down to it.
	KindHost Kind = "host"
	// KindURL is a URL, to which paths are appended.
	KindURL Kind = "url"
	// KindSegment is one segment of a path.
	KindSegment Kind = "segment"
	// KindText is anything; it never stands in an endpoint.
	KindText Kind = "text"

	// kindGrant and kindMethod are for fields of forms: values in any spelling.
	kindGrant  Kind = "grant"
	kindMethod Kind = "method"
)

// Setting is one thing that differs between customers of a provider.
type Setting struct {
	// Name is that of the placeholder.
	Name string `yaml:"name"`
	// Aliases are other names for it.
	Aliases []string `yaml:"aliases"`
	// Title and Description are for people.
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	// Kind is what it may hold.
	Kind Kind `yaml:"kind"`
	// Suffix is cut off from values: people paste "acme.myshopify.com" where
	// "acme" is wanted.
	Suffix string `yaml:"suffix"`
	// Default is used where nothing is given.
	Default string `yaml:"default"`
	// Optional settings may be empty. Others without a default are asked for.
	Optional bool `yaml:"optional"`
	// Allowed are the values to choose from; nil for any.
	Allowed []string `yaml:"allowed"`
	// Grants are those that need it; nil means all.
	Grants []oauth.Grant `yaml:"grants"`
}

// Scopes say which permissions are asked for.
type Scopes struct {
	// Delimiter joins them; empty means a space.
	Delimiter string `yaml:"delimiter"`
	// Parameter carries them; empty means "scope".
	Parameter string `yaml:"parameter"`
	// Default is used where the connector names none.
	Default []string `yaml:"default"`
	// Always are added when a person signs in, so that there is a refresh token.
	Always []string `yaml:"always"`
	// ByGrant replaces all of the others; placeholders are completed.
	ByGrant map[oauth.Grant][]string `yaml:"by_grant"`
}

// ClientRules say how clients prove themselves.
type ClientRules struct {
	// Methods that the provider takes, best first.
	Methods []oauth.Method `yaml:"methods"`
	// Thumbprint is as in oauth.Registration.
	Thumbprint bool `yaml:"thumbprint"`
	// Certificate means that owners may bring one.
	Certificate bool `yaml:"certificate"`
	// AssertionAudience is as in oauth.Registration, with placeholders.
	AssertionAudience string `yaml:"assertion_audience"`
}

// Parameters are further ones, whose values may have placeholders. One that
// becomes empty is left out.
type Parameters struct {
	// Authorize, Token and Refresh are as in oauth.Profile.
	Authorize []oauth.Parameter `yaml:"authorize"`
	Token     []oauth.Parameter `yaml:"token"`
	Refresh   []oauth.Parameter `yaml:"refresh"`
	// ByGrant are those of token requests of one grant.
	ByGrant map[oauth.Grant][]oauth.Parameter `yaml:"by_grant"`
}

// Templates are those of oauth.Templates; empty ones mean what the protocol says.
type Templates struct {
	AuthorizeQuery string `yaml:"authorize_query"`
	TokenQuery     string `yaml:"token_query"`
	TokenBody      string `yaml:"token_body"`
	RefreshQuery   string `yaml:"refresh_query"`
	RefreshBody    string `yaml:"refresh_body"`
}

// Answer is oauth.Answer as a file has it.
type Answer struct {
	AccessToken  []string      `yaml:"access_token"`
	RefreshToken []string      `yaml:"refresh_token"`
	ExpiresIn    []string      `yaml:"expires_in"`
	Scope        []string      `yaml:"scope"`
	Lifetime     time.Duration `yaml:"lifetime"`
	Lasting      bool          `yaml:"lasting"`
}

// AssertionRules are oauth.Assertion as a file has it.
type AssertionRules struct {
	// WithoutClient means that no client is needed.
	WithoutClient bool `yaml:"without_client"`
	// IssuerIsClient means that the client id is the issuer.
	IssuerIsClient bool `yaml:"issuer_is_client"`
	// Audience of the assertion, with placeholders; empty means the token
	// endpoint.
	Audience string `yaml:"audience"`
	// ScopesAsClaim is as in oauth.Assertion.
	ScopesAsClaim bool `yaml:"scopes_as_claim"`
	// SubjectOptional means that the subject may be left out.
	SubjectOptional bool `yaml:"subject_optional"`
	// Lifetime of the assertion.
	Lifetime time.Duration `yaml:"lifetime"`
}

// Documentation are links.
type Documentation struct {
	// Registration explains how to register a client.
	Registration string `yaml:"registration"`
	// Protocol is the provider's own description.
	Protocol string `yaml:"protocol"`
}
