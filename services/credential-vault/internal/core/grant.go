package core

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// The names under which the parts of a token are sealed. No parameter can have a
// name with a NUL.
const (
	sealedAccess  = "token\x00access"
	sealedRefresh = "token\x00refresh"
)

const (
	// touchEvery is how precisely the last use of a grant is known: a use costs a
	// write no more often.
	touchEvery = time.Hour
	// inUse is how long after its last use a grant is still renewed by itself.
	inUse = 24 * time.Hour
	// aheadLeast and aheadMost bound how long before its end a token is renewed;
	// between them it is a fifth of its life.
	aheadLeast = time.Minute
	aheadMost  = 10 * time.Minute
	// tooShort is how little of a token's life is not worth starting a call with,
	// if a new one can be had.
	tooShort = 15 * time.Second
	// margin is how long before the end of its token a loan ends.
	margin = 5 * time.Second
)

// Grant is what a provider gave for a connection: a token, sealed, and what is
// known about renewing it. A grant whose token was taken away stays, so that its
// versions never come again.
type Grant struct {
	// UID is that of the connection.
	UID string
	// Change counts all writes, from 1; 0 means that there is no grant.
	Change uint64
	// Version counts the tokens that it has had, and the ends of their grants.
	Version uint64
	// Kind is how the token came about.
	Kind oauth.Grant
	// Edits is the connection's when the token was asked for, or after the last edit
	// since then that left its sign-in as it was. A token that nobody signed in for is
	// obtained anew after any other edit.
	Edits uint64
	// Seal is the version under which Access and Refresh are sealed; a different
	// one each time.
	Seal string
	// Access is the sealed access token; empty if there is none.
	Access []byte
	// Refresh is the sealed refresh token; empty if there is none.
	Refresh []byte
	// ExpireTime is when Access ends; zero if nobody knows.
	ExpireTime time.Time
	// RefreshExpireTime is when Refresh ends; zero if nobody knows.
	RefreshExpireTime time.Time
	// ObtainTime is when Access was obtained.
	ObtainTime time.Time
	// UseTime is when the token was last lent, give or take an hour.
	UseTime time.Time
	// Scopes are those that were granted; nil if the provider did not say.
	Scopes []string
	// Identity is who signed in; empty if nobody knows.
	Identity string
	// TokenOrigins are the only ones that Refresh may be sent to: those of the
	// endpoints it came from, the token endpoint's first.
	TokenOrigins []string
	// RefreshedBy is that of the [oauth.Profile] that it came by; that of a grant that
	// somebody signed in for stays as it is. Nothing is renewed or given back by another one.
	RefreshedBy string
	// Origins are the only ones that Access may be sent to: where the connection
	// led when the grant was given.
	Origins []Origin
	// Placement is how the API wants the token.
	Placement oauth.Placement
	// Due is when it is to be renewed without being asked for; zero for never.
	Due time.Time
	// Attempt is the renewal under way; its ID is empty if there is none.
	Attempt Attempt
	// Failures counts the renewals that have failed since the last one that did
	// not, and Failure says why the last of them did.
	Failures int
	Failure  string
	// FailureEdits is the connection's Edits at that failure.
	FailureEdits uint64
	// Hopeless means that no renewal can succeed until somebody changes something.
	Hopeless bool
	// NotBefore is when a renewal may be tried again; zero for at once.
	NotBefore time.Time
	// Rejections counts the tokens in a row that the API refused as soon as they
	// were obtained, and RejectTime is when it last did.
	Rejections int
	RejectTime time.Time
}

// Attempt is a renewal that one process has begun.
type Attempt struct {
	// ID is random.
	ID string
	// Start is when it began.
	Start time.Time
	// Deadline is when others may take it that the process is gone.
	Deadline time.Time
	// Interrupted counts the attempts before it that came to no end.
	Interrupted int
}

// TokenVersion returns the text that tells the present token from all that the
// connection, or one of the same name, ever had or will have.
func (g Grant) TokenVersion() string { return g.UID + "-" + strconv.FormatUint(g.Version, 10) }

// ahead returns how long before its end the token is renewed. For a token of a
// short life it is half of that.
func (g Grant) ahead() time.Duration {
	life := max(g.ExpireTime.Sub(g.ObtainTime), 0) // providers have answered with the past
	return min(max(life/5, aheadLeast), aheadMost, life/2)
}

// renewable reports whether a renewal needs nobody.
func (g Grant) renewable() bool { return len(g.Refresh) > 0 || !g.Kind.Interactive() }

// endsWithin reports whether less than d of the token's life is left.
func (g Grant) endsWithin(d time.Duration, now time.Time) bool {
	return !g.ExpireTime.IsZero() && g.ExpireTime.Sub(now) < d
}

// fits reports whether there is a token that still belongs to its connection:
// what nobody signed in for follows the connection's values.
func (g Grant) fits(conn Connection) bool {
	return len(g.Access) > 0 && g.UID == conn.UID && (g.Kind.Interactive() || g.Edits == conn.Edits)
}

// follows returns what the grant of a connection becomes by an edit that leaves its
// sign-in as it is: it goes where the connection leads. It is nil if nothing has to
// be written: if the grant is that of an older sign-in, or that of a person, which
// edits do not touch.
func (g Grant) follows(before, after Connection) *Grant {
	if g.Change == 0 || g.UID != before.UID || g.Edits != before.Edits || g.Kind.Interactive() {
		return nil
	}
	g.Edits, g.Origins = after.Edits, after.Origins
	g.Change++
	return &g
}

// schedule decides when the grant is renewed by itself: never, if that cannot
// succeed, if nobody knows when its token ends, or if nobody has used it lately.
// Replicas and connections do not all do it at the same moment.
func (g *Grant) schedule(now time.Time) {
	g.Due = time.Time{}
	if g.ExpireTime.IsZero() || !g.renewable() || g.Hopeless || len(g.Access) == 0 || now.Sub(g.UseTime) > inUse {
		return
	}
	ahead := g.ahead()
	early := time.Duration(rand.Int64N(int64(ahead/8) + 1)) //nolint:gosec // only spreads the load
	g.Due = g.ExpireTime.Add(-ahead - early)
	if g.NotBefore.After(g.Due) {
		g.Due = g.NotBefore
	}
}

// take makes a sealed token the grant's.
func (g *Grant) take(p *oauth.Profile, t oauth.Token, sealed sealedToken, now time.Time) {
	g.Version++
	g.Kind, g.Placement, g.RefreshedBy = p.Grant, p.Placement, p.RefreshedBy
	g.Seal, g.Access, g.Refresh = sealed.version, sealed.access, sealed.refresh
	g.ExpireTime, g.RefreshExpireTime, g.ObtainTime = t.ExpireTime, t.RefreshExpireTime, now
	if t.Scopes != nil {
		g.Scopes = t.Scopes
	}
	if t.Identity != "" {
		g.Identity = t.Identity
	}
	g.Attempt, g.Failures, g.Hopeless, g.NotBefore = Attempt{}, 0, false, time.Time{}
	if g.Rejections == 0 {
		g.Failure = ""
	}
}

// lose takes the token away. Who had signed in stays known: it tells who has to
// do it again.
func (g *Grant) lose() {
	g.Access, g.Refresh, g.Seal = nil, nil, ""
	g.ExpireTime, g.RefreshExpireTime, g.Due = time.Time{}, time.Time{}, time.Time{}
	g.Scopes = nil
}

// providerOrigins returns the origins of the endpoints that get refresh tokens,
// to renew them or to take them back, the token endpoint's first.
func providerOrigins(p *oauth.Profile) []string {
	var origins []string
	for _, raw := range []string{p.Endpoints.Token, p.Endpoints.Refresh, p.Endpoints.Revocation} {
		if o, ok := endpointOrigin(raw); ok && !slices.Contains(origins, o) {
			origins = append(origins, o)
		}
	}
	return origins
}

// sealedToken is a token as it is stored.
type sealedToken struct {
	version         string
	access, refresh []byte
}

// sealToken encrypts a token for a grant of the connection.
func (v *Vault) sealToken(ctx context.Context, conn Connection, t oauth.Token) (sealedToken, error) {
	sealed := sealedToken{version: conn.UID + "-" + v.newID()}
	for _, part := range []struct {
		name  string
		value secret.Text
		blob  *[]byte
	}{{sealedAccess, t.Access, &sealed.access}, {sealedRefresh, t.Refresh, &sealed.refresh}} {
		if part.value.Empty() {
			continue
		}
		blob, err := v.sealer.Seal(ctx, conn.place(part.name, sealed.version), part.value)
		if err != nil {
			return sealedToken{}, fmt.Errorf("encrypt the token of %s: %w", conn.Name, err)
		}
		*part.blob = blob
	}
	return sealed, nil
}

// openAccess decrypts the access token, which whoever gets it clears.
func (v *Vault) openAccess(ctx context.Context, conn Connection, g Grant) (secret.Text, error) {
	return v.openPart(ctx, conn, g, sealedAccess, g.Access)
}

// openRefresh decrypts the refresh token; it is empty if there is none.
func (v *Vault) openRefresh(ctx context.Context, conn Connection, g Grant) (secret.Text, error) {
	return v.openPart(ctx, conn, g, sealedRefresh, g.Refresh)
}

func (v *Vault) openPart(ctx context.Context, conn Connection, g Grant, part string, blob []byte) (secret.Text, error) {
	if len(blob) == 0 {
		return secret.Text{}, nil
	}
	value, err := v.sealer.Open(ctx, conn.place(part, g.Seal), blob)
	if err != nil {
		return secret.Text{}, fmt.Errorf("decrypt the token of %s: %w", conn.Name, err)
	}
	return value, nil
}
