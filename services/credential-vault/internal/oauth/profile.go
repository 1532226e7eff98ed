package oauth

import (
	"cmp"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// Grant is how a token comes about.
type Grant string

// The grants. The first five are named as in OAuth2Flow of the connector model.
const (
	// AuthorizationCode is a person who signs in (RFC 6749, section 4.1).
	AuthorizationCode Grant = "authorizationCode"
	// ClientCredentials is the client by itself (section 4.4).
	ClientCredentials Grant = "clientCredentials"
	// Password is the owner's user name and password (section 4.3). OAuth 2.1 has
	// removed it; some APIs offer nothing else.
	Password Grant = "password"
	// DeviceCode is a person who signs in on another device (RFC 8628).
	DeviceCode Grant = "deviceAuthorization"
	// RefreshToken is a refresh token that the owner brings along.
	RefreshToken Grant = "refreshToken"
	// JWTBearer is an assertion that is signed with the owner's key (RFC 7523,
	// section 2.1).
	JWTBearer Grant = "jwtBearer"
	// TokenExchange swaps the caller's own token (RFC 8693).
	TokenExchange Grant = "tokenExchange"
	// OnBehalfOf swaps the caller's own token as Microsoft Entra ID does: an
	// assertion with requested_token_use.
	OnBehalfOf Grant = "onBehalfOf"
)

// Interactive reports whether a person has to sign in.
func (g Grant) Interactive() bool { return g == AuthorizationCode || g == DeviceCode }

// PerCaller reports whether the token depends on who calls: there is no grant of
// the connection.
func (g Grant) PerCaller() bool { return g == TokenExchange || g == OnBehalfOf }

// Profile is all that is known about an authorization server and our part in it,
// for one connection. It is immutable once made, and safe for concurrent use.
// It prints nothing that is secret.
type Profile struct {
	// Provider is the id of the preset that was used; empty if none was.
	Provider string
	// Grant is how the token comes about.
	Grant Grant
	// Issuer identifies the authorization server (RFC 8414, RFC 9207); empty if
	// unknown, in which case it is not compared.
	Issuer string
	// Endpoints are its URLs.
	Endpoints Endpoints
	// Client is our registration.
	Client Registration
	// ClientUID is the UID under which Client is stored; empty for one that is part of a
	// connection or its connector.
	ClientUID string
	// RedirectURL is where the provider sends the browser back to.
	RedirectURL string
	// CodeOrigins are patterns of the origins that codes may be sent to, for which
	// RedirectURL stands. Whoever exchanges a code sees to it.
	CodeOrigins []string
	// Facets are what RedirectURL stands for, and what a sign-in must find unchanged
	// at its end. RefreshedBy stands for those of them, with the values filled in, that
	// say where refresh tokens go: a grant is renewed by one with the same text only.
	Facets      []Facet
	RefreshedBy string
	// Outline is how the sign-in goes about, with the addresses that the owner of the
	// connection states, and Strays is where it is not what he has agreed to; empty if
	// it is.
	Outline []Facet
	Strays  string
	// IssuerNamed means that answers of the authorization server must name it (RFC
	// 9207, section 2.4).
	IssuerNamed bool
	// OwnClient means that the client is not one that is kept here for others:
	// whoever signs in has to see to it that the provider knows RedirectURL.
	OwnClient bool
	// Scopes are asked for, each once.
	Scopes []string
	// ScopeDelimiter joins them; empty means a space (RFC 6749, section 3.3).
	ScopeDelimiter string
	// ScopeParameter carries them; empty means "scope". Slack asks for the scopes
	// of people in "user_scope".
	ScopeParameter string
	// WithoutPKCE leaves out code challenges (RFC 7636), for providers that refuse
	// them.
	WithoutPKCE bool
	// Authorize, Token and Refresh are further parameters of the authorization
	// request, of token requests of every kind, and of those for renewal only.
	// They replace our own of the same name; an empty value removes it.
	Authorize, Token, Refresh []Parameter
	// LoginHintParameter carries a login hint; empty means "login_hint".
	LoginHintParameter string
	// JSONBody sends token requests as JSON instead of as a form.
	JSONBody bool
	// TokenHeader are header fields of token requests, such as Notion-Version.
	TokenHeader []Parameter
	// Templates replace what the fields above say about requests; nil for none.
	Templates *Templates
	// Username and Password are for the grant of that name.
	Username string
	// Password is the owner's.
	Password secret.Text
	// Refreshing is the owner's refresh token, for the grant RefreshToken.
	Refreshing secret.Text
	// Assertion describes the JWT of the grant JWTBearer.
	Assertion Assertion
	// Answer says how token answers differ from the standard.
	Answer Answer
	// Identity says how to learn who signed in.
	Identity Identity
	// Revocation says how tokens are given back, where that is not as RFC 7009 says.
	Revocation Revocation
	// Placement is how the API wants the token, where it is not a bearer token.
	Placement Placement
}

// Parameter is a name and a value that is not secret.
type Parameter struct{ Name, Value string }

// Endpoints are URLs of an authorization server; empty ones are not there. They
// hold no placeholders.
type Endpoints struct {
	// Metadata is where the others can be learnt: an OpenID discovery document or
	// authorization server metadata (RFC 8414).
	Metadata string
	// Resource is the URL of the API, whose protected resource metadata (RFC 9728)
	// names the authorization server. Used if Metadata and Token are empty.
	Resource string
	// Authorization is opened in a browser.
	Authorization string
	// Token is where tokens come from.
	Token string
	// Refresh is where they are renewed; empty means Token.
	Refresh string
	// Device is where device codes come from.
	Device string
	// Revocation is where tokens are given back, by RFC 7009 or as [Revocation] says.
	Revocation string
	// Registration is where clients register (RFC 7591).
	Registration string
}

// Method is how a client proves itself at the token endpoint, named as in the
// registry of RFC 8414 ("token_endpoint_auth_method").
type Method string

// The methods.
const (
	SecretBasic   Method = "client_secret_basic"
	SecretPost    Method = "client_secret_post"
	NoSecret      Method = "none"
	PrivateKeyJWT Method = "private_key_jwt"
	SecretJWT     Method = "client_secret_jwt"
	TLSClientAuth Method = "tls_client_auth"
)

// Registration is our client at an authorization server.
type Registration struct {
	// ID is the client id.
	ID string
	// Method is how it proves itself; empty means SecretPost with a secret,
	// PrivateKeyJWT with a key and no secret, else NoSecret.
	Method Method
	// Secret is the client secret.
	Secret secret.Text
	// PrivateKey signs assertions: PEM (PKCS#1, PKCS#8, SEC 1) or a JWK.
	PrivateKey secret.Text
	// KeyID is the "kid" of assertions, Algorithm their "alg"; empty means what
	// fits the key.
	KeyID, Algorithm string
	// Thumbprint adds "x5t" and "x5t#S256" of Certificate to assertions, as
	// Microsoft Entra ID wants them.
	Thumbprint bool
	// AssertionAudience is the "aud" of client assertions; empty means the token
	// endpoint.
	AssertionAudience string
	// Certificate is for TLSClientAuth and Thumbprint: PEM, key and then chain.
	Certificate secret.Text
}

// Assertion describes a signed JWT of the owner.
type Assertion struct {
	// Key signs it: PEM or JWK.
	Key secret.Text
	// KeyID and Algorithm are as in [Registration].
	KeyID, Algorithm string
	// Issuer, Subject and Audience are its claims; an empty Audience means the
	// token endpoint.
	Issuer, Subject, Audience string
	// Lifetime is how long it holds; 0 means five minutes, at most an hour.
	Lifetime time.Duration
	// Claims are further ones. The scopes are put into the claim "scope" if
	// ScopesAsClaim, as Google wants them.
	Claims        []Parameter
	ScopesAsClaim bool
}

// Answer says how the answers of a token endpoint differ from the standard.
// Paths are names of members, from the outermost.
type Answer struct {
	// AccessToken, RefreshToken, ExpiresIn and Scope say where these are; empty
	// means where the standard has them.
	AccessToken, RefreshToken, ExpiresIn, Scope []string
	// Lifetime is how long a token holds if the answer does not say; 0 if that is
	// not known.
	Lifetime time.Duration
	// Lasting means that a token without a stated end has none.
	Lasting bool
}

// Identity says how to learn who signed in, where there is no id token.
type Identity struct {
	// URL is asked with the access token; empty if there is nothing to ask. Its
	// host is one of the provider's.
	URL string
	// Method is the method of the request; empty means GET.
	Method string
	// Header are header fields of the request.
	Header []Parameter
	// Paths are where an answer, or else the token answer, has a name; the first
	// that is there counts.
	Paths [][]string
}

// Placement is how an API wants an access token. The zero Placement is as the
// parameter set of the connector says.
type Placement struct{ Header, Prefix string }

// put writes a token into a header; by the zero Placement as a bearer token.
func (p Placement) put(header http.Header, token []byte) {
	if p == (Placement{}) {
		p.Prefix = "Bearer "
	}
	header.Set(cmp.Or(p.Header, "Authorization"), p.Prefix+string(token))
}

// Templates are the texts of a connector package with the provider
// "oauth2generic". Placeholders in braces are looked up without case: the
// protocol's own (ClientId, ClientSecret, RedirectUrl, State, Scopes, Code,
// RefreshToken), then Values, then Secrets. What is unknown becomes empty. In
// queries and bodies values are escaped for a form. The URLs themselves are in
// [Endpoints].
type Templates struct {
	// AuthorizeQuery, TokenQuery, TokenBody, RefreshQuery and RefreshBody; empty
	// ones mean what the protocol says.
	AuthorizeQuery, TokenQuery, TokenBody, RefreshQuery, RefreshBody string
	// Values are plain values by placeholder.
	Values map[string]string
	// Secrets are secret ones.
	Secrets map[string]secret.Text
}

// Token is what a provider gave. Whoever gets it clears it.
type Token struct {
	// Access is the access token.
	Access secret.Text
	// Refresh renews it; empty if the answer had none.
	Refresh secret.Text
	// Scopes are those that were granted; nil if the answer does not say.
	Scopes []string
	// ExpireTime is when Access ends; zero if nobody knows.
	ExpireTime time.Time
	// RefreshExpireTime is when Refresh ends; zero if nobody knows.
	RefreshExpireTime time.Time
	// Identity is who signed in; empty if nobody knows.
	Identity string
}

// Clear overwrites the secrets.
func (t Token) Clear() {
	t.Access.Clear()
	t.Refresh.Clear()
}

// Device is a device code and what the person is shown (RFC 8628, section 3.2).
type Device struct {
	// Code is what the vault polls with.
	Code secret.Text
	// UserCode is typed in at VerificationURL; CompleteURL has it in it already
	// and may be empty.
	UserCode, VerificationURL, CompleteURL string
	// Interval is the shortest time between two polls.
	Interval time.Duration
	// ExpireTime is when it ends.
	ExpireTime time.Time
}

// Attempt is what belongs to one sign-in of one person.
type Attempt struct {
	// State comes back with the code.
	State string
	// Verifier is the PKCE code verifier (RFC 7636): 43 to 128 characters.
	Verifier secret.Text
	// Nonce comes back in the id token (OpenID Connect Core, section 3.1.2.1).
	Nonce string
	// LoginHint is the account to suggest; may be empty.
	LoginHint string
	// ExtraScopes are asked for besides those of the profile.
	ExtraScopes []string
}
