package core

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

const (
	// maxSubjects is how many tokens of callers are remembered.
	maxSubjects = 10_000
	// subjectLife is how long a token without a stated end is used.
	subjectLife = 5 * time.Minute
	// sealedSubject is the name under which such a token is sealed in memory.
	sealedSubject = "token\x00subject"
	// subjectVersion begins the versions of such tokens. No uid has it in it.
	subjectVersion = "s-"
)

// Subject is a caller's own token at the provider, to be exchanged for one of the
// connection. It is not cleared: an exchange goes on when its caller has left.
type Subject struct {
	// Token is the token; empty if the caller brought none.
	Token secret.Text
	// Sum is its SHA-256.
	Sum [32]byte
}

// subjectKey is one caller's token with one state of a connection.
type subjectKey struct {
	etag string
	sum  [32]byte
}

// subjectToken is what a caller's token was exchanged for. It is sealed even in
// memory.
type subjectToken struct {
	blob       []byte
	version    string
	placement  oauth.Placement
	expireTime time.Time
	obtainTime time.Time
}

// holds reports whether the token is still worth lending.
func (t subjectToken) holds(now time.Time) bool { return t.expireTime.Sub(now) >= margin }

// subjectCache remembers the tokens that were used last. It is safe for
// concurrent use.
type subjectCache struct {
	mu     sync.Mutex
	most   int
	byKey  map[subjectKey]*list.Element
	recent *list.List // of *subjectEntry, the one that was used last in front
}

type subjectEntry struct {
	key   subjectKey
	token subjectToken
}

func newSubjectCache(most int) *subjectCache {
	return &subjectCache{most: most, byKey: map[subjectKey]*list.Element{}, recent: list.New()}
}

// get returns the token of a key, if there is one that still holds.
func (c *subjectCache) get(key subjectKey, now time.Time) (subjectToken, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.byKey[key]
	if !ok {
		return subjectToken{}, false
	}
	token := entryOf(at).token
	if !token.holds(now) {
		c.remove(at)
		return subjectToken{}, false
	}
	c.recent.MoveToFront(at)
	return token, true
}

// put remembers a token in place of the one that was not used for longest.
func (c *subjectCache) put(key subjectKey, token subjectToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.byKey[key]; ok {
		c.remove(at)
	}
	for len(c.byKey) >= c.most {
		c.remove(c.recent.Back())
	}
	c.byKey[key] = c.recent.PushFront(&subjectEntry{key: key, token: token})
}

// drop forgets the token of a key, if it has that version.
func (c *subjectCache) drop(key subjectKey, version string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.byKey[key]; ok && entryOf(at).token.version == version {
		c.remove(at)
	}
}

func (c *subjectCache) remove(at *list.Element) {
	delete(c.byKey, entryOf(at).key)
	c.recent.Remove(at)
}

func entryOf(at *list.Element) *subjectEntry {
	entry, _ := at.Value.(*subjectEntry) // the list holds nothing else
	return entry
}

// subjectMissing is for calls that bring no token of their caller.
func subjectMissing(conn Connection) error {
	return fault.Precondition(fault.ReasonConnectionNotReady,
		"connection %q exchanges the caller's own token of the provider, and this call brought none: send it in the header Ferrule-Subject-Token", conn.Name.ID).
		With("connection", conn.Name.String())
}

// swappedSubject returns the token that a caller's token is exchanged for. The same
// caller's calls share one exchange. There are at most subjectFlights at once.
func (v *Vault) swappedSubject(ctx context.Context, held Held, s Subject) (subjectToken, error) {
	key := subjectKey{etag: held.Connection.Etag(), sum: s.Sum}
	if t, ok := v.renewals.swapped.get(key, v.clock.Now()); ok {
		return t, nil
	}
	f, err := v.renewals.subjects.start(ctx, key, func(ctx context.Context) (subjectToken, error) {
		t, err := v.swapSubject(ctx, held, s.Token)
		if err == nil {
			v.renewals.swapped.put(key, t)
		}
		return t, err
	})
	if err != nil {
		return subjectToken{}, err
	}
	return f.wait(ctx)
}

// swapSubject asks the provider.
func (v *Vault) swapSubject(ctx context.Context, held Held, subject secret.Text) (subjectToken, error) {
	ctx, cancel := context.WithTimeout(ctx, v.cfg.Renewal.Call)
	defer cancel()
	p, secrets, err := v.profileWith(ctx, held)
	a := answer{profile: p, secrets: secrets}
	defer func() { a.clear() }()
	if err == nil {
		err = agreed(held.Connection, p)
	}
	if err != nil {
		return subjectToken{}, err
	}
	a.token, err = v.tokens.ExchangeSubject(ctx, p, subject)
	if err != nil {
		v.noteFailed(ctx, held.Connection, p.Endpoints.Token, err)
		return subjectToken{}, fmt.Errorf("exchange the caller's token for %s: %w", held.Connection.Name, err)
	}
	v.noteSent(ctx, held.Connection, hostOf(p.Endpoints.Token))
	t := subjectToken{
		version: subjectVersion + v.newID(), placement: p.Placement, obtainTime: v.clock.Now(), expireTime: a.token.ExpireTime,
	}
	if t.expireTime.IsZero() {
		t.expireTime = t.obtainTime.Add(subjectLife)
	}
	t.blob, err = v.sealer.Seal(ctx, held.Connection.place(sealedSubject, t.version), a.token.Access)
	if err != nil {
		return subjectToken{}, fmt.Errorf("encrypt the token of %s: %w", held.Connection.Name, err)
	}
	return t, nil
}

// perCaller reports whether the tokens of a connection without a grant depend on
// who calls.
func (v *Vault) perCaller(ctx context.Context, held Held) (bool, error) {
	p, secrets, err := v.profileWith(ctx, held)
	defer answer{profile: p, secrets: secrets}.clear()
	if err != nil {
		return false, err
	}
	return p.Grant.PerCaller(), nil
}
