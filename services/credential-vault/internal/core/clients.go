package core

import (
	"slices"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// The secrets that an OAuth client can have.
const (
	// ClientSecret is the client secret.
	ClientSecret = "client_secret"
	// ClientKey is the private key that signs assertions: PEM or a JWK.
	ClientKey = "private_key"
	// ClientCertificate is a certificate with its key, kept as PEM.
	ClientCertificate = "certificate"
	// certificatePassword opens a certificate that is sent as PKCS#12. It is not
	// kept.
	certificatePassword = "certificate_password"
)

// OAuthClient is a connector's registration at a provider, without the secrets.
type OAuthClient struct {
	// Name is its resource name. It can be used again after a deletion.
	Name resource.OAuthClient
	// UID is different for every client that ever was.
	UID string
	// Edits counts all writes, from 1.
	Edits uint64
	// Connector is whose registration it is.
	Connector resource.Connector
	// ParameterSet is the set that it serves; empty for all that have no other.
	ParameterSet string
	// ClientID is the client id at the provider.
	ClientID string
	// Method is how it proves itself; empty for the provider's usual way.
	Method oauth.Method
	// Settings are values that the connector leaves open, by name; compared
	// without case.
	Settings map[string]string
	// SecretNames are the names of the secrets that have a value, sorted.
	SecretNames []string
	// Key is the key of its secrets, encrypted; see [Sealer.NewKey].
	Key []byte
	// TokenOrigins are the only ones that its secrets may be sent to, as patterns
	// "https://host:port" or "https://*.suffix:port": where the endpoints of the
	// provider were when the secrets were given. No publication of the connector
	// changes them.
	TokenOrigins []string
	// APIOrigins are the only ones that tokens of a maker's client may be sent to,
	// besides those that an administrator allows for server URLs: patterns like
	// TokenOrigins, of where the servers of the published connector were when the client
	// was last written. Of one that the vault has registered: where the connection led
	// for which it did.
	APIOrigins []string
	// Profiles say how the sign-ins that it serves went about when it was last written.
	// A sign-in that goes about in another way does not get it. One that the vault has
	// registered has one profile, and its sign-ins use the API at APIOrigins only.
	Profiles []SignInProfile
	// Issuer is the authorization server that a registered client belongs to; empty
	// if it does not say who it is.
	Issuer string
	// Creator is the principal who created it; empty for one that the vault has
	// registered by itself.
	Creator string
	// Registered reports whether the vault registered it by itself (RFC 7591).
	Registered bool
	// Unreadable means that somebody has changed it in the store. Listings have nothing
	// of it but its name; it can only be deleted, by administrators.
	Unreadable bool
	// CreateTime is when it was created.
	CreateTime time.Time
	// UpdateTime is when it last changed.
	UpdateTime time.Time
}

// Etag returns a text that changes with every write, and that no client of the
// same name had before.
func (c OAuthClient) Etag() string { return c.UID + "-" + strconv.FormatUint(c.Edits, 10) }

// named sets the names of the secrets that there are.
func (c *OAuthClient) named(sealed []Sealed) {
	c.SecretNames = make([]string, 0, len(sealed))
	for _, s := range sealed {
		c.SecretNames = append(c.SecretNames, s.Parameter)
	}
	slices.Sort(c.SecretNames)
}

// place is where a secret of this client is sealed.
func (c OAuthClient) place(name, version string) Place {
	return Place{Environment: c.Name.Environment, Resource: c.Name.String(), Key: c.Key, Parameter: name, Version: version}
}
