package core

import (
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

const (
	// signInTime is how long a sign-in may take.
	signInTime = 10 * time.Minute
	// exchangeTime bounds one call to a provider for a sign-in.
	exchangeTime = 30 * time.Second
	// interruptedAfter is when a call to the provider that has not come back never
	// will: its process has ended.
	interruptedAfter = exchangeTime + 30*time.Second
	// keptTime is how long the outcome of a sign-in can be asked for, if no newer
	// ones take its place.
	keptTime = time.Hour
	// maxTries is how many wrong confirmations end a sign-in.
	maxTries = 5
	// maxSignIns is how many sign-ins of one connection, and maxSignInsOf how many of
	// one principal, wait at the same time.
	maxSignIns   = 5
	maxSignInsOf = 1000
)

// MaxEndedSignIns is how many sign-ins of one connection are kept that are over:
// so that whoever begins many does not fill the store.
const MaxEndedSignIns = 20

// The names under which the secrets of a sign-in are sealed. No parameter can
// have a name with a NUL.
const (
	sealedVerifier       = "authorization\x00verifier"
	sealedDevice         = "authorization\x00device"
	sealedConfirmation   = "authorization\x00confirmation"
	sealedPendingAccess  = "authorization\x00access"
	sealedPendingRefresh = "authorization\x00refresh"
)

// AuthorizationState says how far a sign-in has come.
type AuthorizationState int

const (
	// AuthorizationUnspecified is no state.
	AuthorizationUnspecified AuthorizationState = iota
	// AuthorizationPending waits for a person at the provider.
	AuthorizationPending
	// AuthorizationReceived has the provider's answer and waits for a confirmation.
	AuthorizationReceived
	// AuthorizationSucceeded has given the connection its grant.
	AuthorizationSucceeded
	// AuthorizationFailed was refused, has expired or is not possible.
	AuthorizationFailed
)

// String returns the name of the state as interfaces show it.
func (s AuthorizationState) String() string {
	switch s {
	case AuthorizationPending:
		return "PENDING"
	case AuthorizationReceived:
		return "RECEIVED"
	case AuthorizationSucceeded:
		return "SUCCEEDED"
	case AuthorizationFailed:
		return "FAILED"
	case AuthorizationUnspecified:
	}
	return "STATE_UNSPECIFIED"
}

// Authorization is one sign-in of one person for one connection.
type Authorization struct {
	// Name is its resource name.
	Name resource.Authorization
	// Change counts all writes, from 1.
	Change uint64
	// ConnectionUID is the UID of its connection.
	ConnectionUID string
	// Principal is who began it.
	Principal string
	// State is how far it has come.
	State AuthorizationState
	// Kind is the grant that it is to bring.
	Kind oauth.Grant
	// StateHash is the SHA-256 of the state that comes back with the browser, in
	// hexadecimal; empty in a device flow. The state itself is kept nowhere.
	StateHash string
	// Callback is the last segment of the redirect URL, which stands for where the
	// code may go. A browser that comes back anywhere else was sent by somebody else's
	// sign-in.
	Callback string
	// Seal is the version under which Secrets are sealed.
	Seal string
	// Secrets are the code verifier, the device code, the confirmation and the
	// tokens that wait for it, sealed with the connection's key.
	Secrets []Sealed
	// Profile is everything that the sign-in depends on. A connection with another one
	// has changed since it began.
	Profile []oauth.Facet
	// IssuerNamed means that the provider's answer must name the provider.
	IssuerNamed bool
	// APIOrigins are where the token may be used.
	APIOrigins []Origin
	// ReturnURL is where the browser goes afterwards; empty to show the
	// confirmation.
	ReturnURL string
	// ClaimTime is when the answer of the provider was taken up; zero before. No
	// state is taken up twice.
	ClaimTime time.Time
	// Tries counts the wrong confirmations.
	Tries int
	// PollTime is when the provider may be asked again, and PollInterval how long to
	// wait after that, in a device flow.
	PollTime     time.Time
	PollInterval time.Duration
	// ExtraScopes are what was asked for besides the scopes of the connector.
	ExtraScopes []string
	// Scopes, TokenExpireTime and RefreshExpireTime are those of the token that waits.
	Scopes            []string
	TokenExpireTime   time.Time
	RefreshExpireTime time.Time
	// Identity is who signed in; empty if nobody knows.
	Identity string
	// Reason is why it failed, one sentence.
	Reason string
	// ExpireTime is when it ends.
	ExpireTime time.Time
	// CreateTime is when it began.
	CreateTime time.Time

	// What only the answer to its beginning has, and what is kept nowhere:

	// URL is the page that the person has to open, or where the user code is typed
	// in.
	URL string
	// UserCode and CompleteURL are for a device flow; empty otherwise.
	UserCode, CompleteURL string
	// RedirectURL is what the owner has to register for a client that no maker has
	// stored; empty otherwise.
	RedirectURL string
}

// over reports whether nothing can become of the sign-in any more.
func (a Authorization) over() bool {
	return a.State == AuthorizationSucceeded || a.State == AuthorizationFailed
}

// claimed reports whether the answer of the provider is being worked on.
func (a Authorization) claimed() bool {
	return a.State == AuthorizationPending && !a.ClaimTime.IsZero()
}

// overdue returns why the sign-in has failed by itself, "" if it has not.
func (a Authorization) overdue(now time.Time) string {
	switch {
	case a.over():
		return ""
	case a.claimed() && now.Sub(a.ClaimTime) > interruptedAfter:
		return "the exchange with the provider was interrupted; begin the sign-in again"
	case a.claimed():
		return ""
	case !now.Before(a.ExpireTime) && a.State == AuthorizationReceived:
		return "it was not confirmed in time; begin the sign-in again"
	case !now.Before(a.ExpireTime):
		return "it has expired; begin the sign-in again"
	}
	return ""
}

// sealedPart returns one of the sealed secrets.
func (a Authorization) sealedPart(name string) (Sealed, bool) {
	for _, s := range a.Secrets {
		if s.Parameter == name {
			return s, true
		}
	}
	return Sealed{}, false
}

// fail ends a sign-in. Of its secrets only tokens are kept, until they have been
// given back.
func (a *Authorization) fail(reason string) {
	a.State, a.Reason = AuthorizationFailed, reason
	a.Secrets = slices.DeleteFunc(slices.Clone(a.Secrets), func(s Sealed) bool {
		return s.Parameter != sealedPendingAccess && s.Parameter != sealedPendingRefresh
	})
}

// SweepTime returns when something has to be done about the sign-in, if nobody
// does before.
func (a Authorization) SweepTime() time.Time {
	switch {
	case a.over() && len(a.Secrets) == 0:
		return a.ExpireTime.Add(keptTime)
	case a.claimed():
		return a.ClaimTime.Add(interruptedAfter)
	}
	return a.ExpireTime
}

// place is where a secret of the sign-in is sealed: with its connection's.
func (a Authorization) place(conn Connection, name string) Place {
	return conn.place(name, a.Seal)
}
