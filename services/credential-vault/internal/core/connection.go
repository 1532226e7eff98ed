package core

import (
	"slices"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// State says whether a connection can be used.
type State int

const (
	// StateUnspecified is no state.
	StateUnspecified State = iota
	// StateConnected means that the connection has all the values it needs.
	StateConnected
	// StateNeedsAuthorization means that it waits for somebody to sign in.
	StateNeedsAuthorization
	// StateError means that its last test failed, that an API refused its secrets, or
	// that its token cannot be renewed for a reason that no sign-in would repair. It can
	// still be used, as far as there is something to use.
	StateError
)

// String returns the name of the state as interfaces show it.
func (s State) String() string {
	switch s {
	case StateConnected:
		return "CONNECTED"
	case StateNeedsAuthorization:
		return "NEEDS_AUTHORIZATION"
	case StateError:
		return "ERROR"
	case StateUnspecified:
	}
	return "STATE_UNSPECIFIED"
}

// Connection is what one owner needs to call an API, without the secrets.
type Connection struct {
	// Name is its resource name. It can be used again after a deletion.
	Name resource.Connection
	// UID is different for every connection that ever was.
	UID string
	// Change counts all writes of the connection and of its secrets, from 1. Test
	// results count.
	Change uint64
	// Edits counts, from 1, the changes that somebody made of the connection and
	// of its secrets. Test results do not count.
	Edits uint64
	// Connector is what it connects to.
	Connector resource.Connector
	// PinnedRevision is the resource name of the revision to use; empty to
	// follow the published one.
	PinnedRevision string
	// ParameterSet is the name of the connector's parameter set.
	ParameterSet string
	// Parameters are the values that are not secret, defaults included, but for those
	// of settings of the sign-in.
	Parameters map[string]string
	// SecretNames are the names of the secrets that have a value, sorted.
	SecretNames []string
	// Key is the key of its secrets, encrypted; see [Sealer.NewKey].
	Key []byte
	// DisplayName is for people.
	DisplayName string
	// ServerURL replaces the connector's own servers; empty if it does not.
	ServerURL string
	// Origins are the only ones that its secrets may be sent to: where it led
	// when they were given. No publication of the connector changes them. A
	// connection without any, that has secrets, lends them to nobody.
	Origins []Origin
	// TokenOrigins are the only ones that its secrets may be sent to for a sign-in
	// (see [OAuthClient.TokenOrigins]): where the provider was when they were given.
	TokenOrigins []string
	// Profile is how its sign-in goes about, as far as the connection's own client id
	// and secrets are bound to it: as it was when they were given.
	Profile []oauth.Facet
	// Kind is how its tokens come about, and Client the UID of the OAuth client that
	// they come by, empty for none but the connection's own: as it was when its owner
	// made the connection, signed in, or agreed to another one. Nothing is sent to a
	// provider for its tokens in another way, or by another client.
	Kind   oauth.Grant
	Client string
	// Mock means that answers come from the examples of the connector: it has no
	// values, no secrets, and leads nowhere.
	Mock bool
	// TLS is how TLS to the API differs from the defaults.
	TLS TLSSettings
	// Owner is the name of the user who created it.
	Owner string
	// State says whether it can be used.
	State State
	// StateReason is why, one sentence; empty if all is well.
	StateReason string
	// StateTime is when it entered that state.
	StateTime time.Time
	// Refusals is what APIs thought of its secrets, if they ever refused them.
	Refusals Refusals
	// TestTime is when its credentials were last tested; zero if never, or not since
	// they were changed.
	TestTime time.Time
	// CreateTime is when it was created.
	CreateTime time.Time
	// UpdateTime is when it last changed.
	UpdateTime time.Time
	// Identity is who signed in, GrantedScopes what was granted and
	// TokenExpireTime when the present token ends; empty where there is no grant or
	// nobody knows. They come from the [Grant] and are not written with the rest.
	Identity        string
	GrantedScopes   []string
	TokenExpireTime time.Time
}

// Etag returns a text that changes with every edit of the connection and of its
// secrets, and that no connection of the same name had before. The result of a
// test leaves it as it is: it spoils nobody's edit.
func (c Connection) Etag() string { return c.UID + "-" + strconv.FormatUint(c.Edits, 10) }

// unattended reports whether its tokens come about without anybody who signs in.
func (c Connection) unattended() bool { return c.Kind != "" && !c.Kind.Interactive() }

// enter puts the connection into a state.
func (c *Connection) enter(s State, reason string, now time.Time) {
	if c.State != s {
		c.StateTime = now
	}
	c.State, c.StateReason = s, reason
}

// named sets the names of the secrets that there are.
func (c *Connection) named(sealed []Sealed) {
	c.SecretNames = make([]string, 0, len(sealed))
	for _, s := range sealed {
		c.SecretNames = append(c.SecretNames, s.Parameter)
	}
	slices.Sort(c.SecretNames)
}

// place is where a secret of this connection is sealed.
func (c Connection) place(parameter, version string) Place {
	return Place{Environment: c.Name.Environment, Resource: c.Name.String(), Key: c.Key, Parameter: parameter, Version: version}
}
