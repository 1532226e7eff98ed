package core

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Renewal says how tokens are renewed. What is zero gets a default.
type Renewal struct {
	// Call is the longest that a provider may take: 30 s.
	Call time.Duration
	// Slack is how much longer than Call a renewal is left alone by other
	// processes: 30 s. Their clocks must not be farther apart than this.
	Slack time.Duration
	// Poll is how often a process looks whether another's renewal has ended:
	// 100 ms.
	Poll time.Duration
	// Keep is how long a token that cannot be stored is held in memory and tried
	// again: 10 min.
	Keep time.Duration
	// Tick is how often renewals that are due are looked for, give or take a
	// quarter: 10 s.
	Tick time.Duration
}

// withDefaults returns r with the defaults filled in.
func (r Renewal) withDefaults() Renewal {
	r.Call = cmp.Or(r.Call, 30*time.Second)
	r.Slack = cmp.Or(r.Slack, 30*time.Second)
	r.Poll = cmp.Or(r.Poll, 100*time.Millisecond)
	r.Keep = cmp.Or(r.Keep, 10*time.Minute)
	r.Tick = cmp.Or(r.Tick, 10*time.Second)
	return r
}

// StopLimit is the longest that [Vault.RenewDue] takes after its context has ended:
// a provider's answer that is waited for, and storing it. Whoever closes the store
// earlier may lose a token for good, if the provider has made the old one worthless:
// the next process then tries once more, and says so.
const StopLimit = 35 * time.Second

const (
	// dueWorkers is how many renewals run at once without having been asked for,
	// and dueWorkersPerProvider how many of them ask the same provider: one that is
	// slow leaves room for others.
	dueWorkers            = 8
	dueWorkersPerProvider = 4
	// dueBatch is how many due renewals are looked at together, and dueMost how many
	// in a row if nearly all of them have to wait for a provider that is slow.
	dueBatch = 1000
	dueMost  = 64_000
	// subjectFlights is how many exchanges of callers' tokens there may be at once.
	subjectFlights = 256
	// aheadFlights is how many renewals there may be before those that are only
	// early are left to the background.
	aheadFlights = 64
)

// renewals is what a vault remembers of the renewals under way in this process.
type renewals struct {
	tokens   *flights[tokenKey, Held]
	subjects *flights[subjectKey, subjectToken]
	swapped  *subjectCache
	stop     sync.Once
	stopping chan struct{} // closed when nobody should wait for others any more
}

// tokenKey is one token of one connection, which is to be replaced.
type tokenKey struct {
	uid     string
	version uint64
}

func newRenewals() *renewals {
	return &renewals{
		tokens: newFlights[tokenKey, Held](0), subjects: newFlights[subjectKey, subjectToken](subjectFlights),
		swapped: newSubjectCache(maxSubjects), stopping: make(chan struct{}),
	}
}

// RenewDue renews the tokens of connections in use before they end, until ctx
// ends. Then no renewal begins any more, whoever wants it: that is
// SERVICE_UNAVAILABLE, and tokens that still hold are lent on. It returns when none
// of this process is under way any more: an answer that a provider gave is stored.
// That takes up to [StopLimit], and only then may the store be closed.
func (v *Vault) RenewDue(ctx context.Context) error {
	b := &background{vault: v, providers: map[string]int{}, names: map[resource.Connection]string{}, ended: make(chan resource.Connection)}
	b.run(ctx)
	v.renewals.tokens.close()
	v.renewals.subjects.close()
	v.renewals.stop.Do(func() { close(v.renewals.stopping) })
	for len(b.names) > 0 {
		b.forget(<-b.ended)
	}
	v.renewals.tokens.drain()
	v.renewals.subjects.drain()
	return nil
}

// background is one run of RenewDue. It belongs to one goroutine.
type background struct {
	vault     *Vault
	names     map[resource.Connection]string // being renewed, and by which provider
	providers map[string]int                 // how many of them ask each provider
	ended     chan resource.Connection
}

func (b *background) run(ctx context.Context) {
	tick := b.vault.clock.After(b.pause())
	for {
		select {
		case <-ctx.Done():
			return
		case name := <-b.ended:
			full := len(b.names) >= dueWorkers
			b.forget(name)
			if !full {
				continue
			}
		case <-tick:
			tick = b.vault.clock.After(b.pause())
		}
		if err := b.begin(ctx); err != nil && ctx.Err() == nil {
			b.vault.log.WarnContext(ctx, "tokens that are due are not renewed now", "error", err)
		}
	}
}

// pause returns when to look again: replicas drift apart.
func (b *background) pause() time.Duration {
	tick := b.vault.cfg.Renewal.Tick
	return tick*3/4 + time.Duration(rand.Int64N(int64(tick/2)+1)) //nolint:gosec // only spreads the load
}

// begin starts as many of the due renewals as there is room for. It looks farther
// while those of slow providers, which have to wait, fill what it sees.
func (b *background) begin(ctx context.Context) error {
	seen, now := 0, b.vault.clock.Now()
	for limit := dueBatch; len(b.names) < dueWorkers && limit <= dueMost; limit *= 4 {
		due, err := b.vault.store.DueGrants(ctx, now, limit)
		if err != nil {
			return fmt.Errorf("look for tokens to renew: %w", err)
		}
		b.start(ctx, due[min(seen, len(due)):])
		if seen = len(due); seen < limit {
			break
		}
	}
	return nil
}

// start starts those of the renewals that there is room for.
func (b *background) start(ctx context.Context, due []DueGrant) {
	for _, d := range due {
		if len(b.names) >= dueWorkers {
			return
		}
		if _, running := b.names[d.Name]; running || b.providers[d.Provider] >= dueWorkersPerProvider {
			continue
		}
		b.names[d.Name] = d.Provider
		b.providers[d.Provider]++
		go func() {
			// What came of it is in the grant.
			_ = b.vault.renewIfDue(ctx, d.Name)
			b.ended <- d.Name
		}()
	}
}

func (b *background) forget(name resource.Connection) {
	provider := b.names[name]
	delete(b.names, name)
	if b.providers[provider]--; b.providers[provider] == 0 {
		delete(b.providers, provider)
	}
}

// renewIfDue renews a token if that is still to be done. One that nobody has used
// lately is left alone until somebody does.
func (v *Vault) renewIfDue(ctx context.Context, name resource.Connection) error {
	held, err := v.store.Held(ctx, name)
	if err != nil {
		return fmt.Errorf("read the grant of %s: %w", name, err)
	}
	now, g := v.clock.Now(), held.Grant
	switch {
	case g.Due.IsZero() || g.Due.After(now) || g.UID != held.Connection.UID:
		return nil
	case v.waiting(g, now):
		return nil // somebody is at it
	case now.Sub(g.UseTime) > inUse || held.Connection.State == StateNeedsAuthorization:
		g.Due = time.Time{}
		g.Change++
		return v.store.WriteGrant(ctx, GrantWrite{Of: held.Connection, Grant: g})
	}
	_, err = v.renewed(context.WithoutCancel(ctx), held)
	return err
}

// renewAhead begins to renew a token that still holds, and does not wait for it.
func (v *Vault) renewAhead(ctx context.Context, held Held) {
	now := v.clock.Now()
	if !held.Grant.renewable() || held.Grant.NotBefore.After(now) || v.waiting(held.Grant, now) || v.renewals.tokens.count() >= aheadFlights {
		return
	}
	_, _ = v.renewal(ctx, held, urgencyUsual) // one that cannot begin now is not missed yet
}

// waiting reports whether a renewal is under way somewhere.
func (v *Vault) waiting(g Grant, now time.Time) bool {
	return g.Attempt.ID != "" && now.Before(g.Attempt.Deadline)
}
