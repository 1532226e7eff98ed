package rate

import (
	"context"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// storeTime is how long a call waits for the bus.
	storeTime = 500 * time.Millisecond
	// awayTime is how long the bus is not asked after it gave no answer.
	awayTime = time.Second
	// sweepTime is how often budgets that nobody uses are dropped.
	sweepTime = time.Minute
	// maxSwaps is how often a record is tried to be changed while others do.
	maxSwaps = 32
	// maxBudgets bounds the memory: past it, budgets of past windows are dropped at
	// once, and if there are none, any.
	maxBudgets = 1 << 18
	// maxAhead is how many budgets wait for being filled ahead of need.
	maxAhead = 256
)

// Options are what an operator says about limits; zero limits are none.
type Options struct {
	// Connection, Connector and Environment are limits that hold for each of them,
	// besides those of the connector's definition.
	Connection, Connector, Environment Limit
	// Processes is how many processes share the limits while the bus is away; 0
	// means 3.
	Processes int
}

// Limiter keeps limits. It is safe for concurrent use.
type Limiter struct {
	store    Store
	clock    clock.Clock
	log      *slog.Logger
	defaults []Rule
	parts    int64

	mu      sync.RWMutex
	budgets map[budgetKey]*budget
	ahead   chan *budget
	away    atomic.Int64 // the bus is not asked before this, in Unix nanoseconds; 0 if it answers
}

// budgetKey is the key of a budget in memory. A limit that changes has another.
type budgetKey struct {
	rule            Rule
	environment, id string
}

// New returns a limiter. [Limiter.Run] has to run beside it.
func New(store Store, options Options, clk clock.Clock, log *slog.Logger) *Limiter {
	l := &Limiter{
		store: store, clock: clk, log: log, parts: int64(options.Processes),
		budgets: map[budgetKey]*budget{}, ahead: make(chan *budget, maxAhead),
	}
	if l.parts <= 0 {
		l.parts = 3
	}
	for _, rule := range []Rule{
		{scope: PerConnection, limit: options.Connection},
		{scope: PerConnector, limit: options.Connector},
		{scope: PerEnvironment, limit: options.Environment},
	} {
		if rule.limit != (Limit{}) {
			l.defaults = append(l.defaults, rule)
		}
	}
	return l
}

// Limits reports whether a call under these rules has any limit, so that others
// need not ask.
func (l *Limiter) Limits(rules []Rule) bool { return len(rules)+len(l.defaults) > 0 }

// Take pays for a call from all the budgets that it counts in, or from none. The
// error is RATE_LIMITED, with the scope and the limit as metadata and the time until
// the window turns, or without one if the call costs more than the limit.
func (l *Limiter) Take(ctx context.Context, who Who, rules []Rule, cost int64) error {
	return l.TakeAt(ctx, l.clock.Now(), who, rules, cost)
}

// TakeAt is [Limiter.Take] for those who have read the limiter's clock just now,
// which takes longer than all the rest.
func (l *Limiter) TakeAt(ctx context.Context, now time.Time, who Who, rules []Rule, cost int64) error {
	var paid [8]*lease // room for as many as there usually are
	done := paid[:0]
	for _, list := range [...][]Rule{rules, l.defaults} {
		for i := range list {
			lease, err := l.pay(ctx, who, &list[i], cost, now)
			if err != nil {
				for _, p := range done {
					p.left.Add(cost)
				}
				return err
			}
			done = append(done, lease)
		}
	}
	return nil
}

// pay pays from one budget.
func (l *Limiter) pay(ctx context.Context, who Who, rule *Rule, cost int64, now time.Time) (*lease, error) {
	if cost > rule.limit.Calls {
		return nil, rule.impossible(who, cost)
	}
	b := l.budget(who, rule)
	if paid, more := b.pay(b.window(now), cost); paid != nil {
		if more && !b.fetched.Swap(true) {
			l.fetchAhead(b)
		}
		return paid, nil
	}
	return l.payFresh(ctx, who, rule, b, cost)
}

// fetchAhead asks Run for the next lease; if it is busy, calls get it themselves.
func (l *Limiter) fetchAhead(b *budget) {
	select {
	case l.ahead <- b:
	default:
		b.fetched.Store(false)
	}
}

// payFresh gets a lease and pays from it.
func (l *Limiter) payFresh(ctx context.Context, who Who, rule *Rule, b *budget, cost int64) (*lease, error) {
	now := l.clock.Now()
	if b.spent.Load() == b.window(now) {
		return nil, rule.refusal(who, b.turns(now))
	}
	if err := b.lock(ctx); err != nil {
		return nil, fault.From(err)
	}
	defer b.unlock()
	for { // once, unless others are quicker with what was fetched, or the window turns
		now = l.clock.Now()
		window := b.window(now)
		if paid, _ := b.pay(window, cost); paid != nil {
			return paid, nil
		}
		if b.spent.Load() == window || !l.fetch(ctx, b, window, cost, now) {
			return nil, rule.refusal(who, b.turns(now))
		}
	}
}

// fetch adds at least need to what is held of a window. It reports whether there
// was that much. The caller has the budget's turn.
func (l *Limiter) fetch(ctx context.Context, b *budget, window, need int64, now time.Time) bool {
	if now.UnixNano() < l.away.Load() {
		return l.ownShare(b, window, need)
	}
	// What is fetched serves others too, so a caller who leaves does not end it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTime)
	defer cancel()
	got, err := l.lease(ctx, b, window, need)
	if err != nil {
		if l.away.Swap(now.Add(awayTime).UnixNano()) == 0 {
			l.log.WarnContext(ctx, "rate limits are not shared while the bus is away: each process allows a part of them", "processes", l.parts, "error", err)
		}
		return l.ownShare(b, window, need)
	}
	if l.away.Load() != 0 && l.away.Swap(0) != 0 {
		l.log.InfoContext(ctx, "rate limits are shared again")
	}
	if got > 0 {
		b.grow(window, got, false)
	}
	return got > 0
}

// ownShare allows the process its part of the limit, once in a window.
func (l *Limiter) ownShare(b *budget, window, need int64) bool {
	part := max(b.limit.Calls/l.parts, 1)
	if b.ownWindow == window || part < need {
		return false
	}
	b.ownWindow, b.owed = window, part
	b.grow(window, part, true)
	return true
}

// lease takes from the record of a budget, by compare-and-set. It returns 0 if less
// than need is left.
func (l *Limiter) lease(ctx context.Context, b *budget, window, need int64) (int64, error) {
	var last int64
	if held := b.held(window); held != nil && !held.local {
		last = held.size
	}
	var err error
	for range maxSwaps {
		if err := l.load(ctx, b); err != nil {
			return 0, err
		}
		record := b.record
		switch ahead := record.Window - window; {
		case ahead < 0 || ahead > 1: // over, or of a clock that is wrong
			record = Record{Window: window}
		case ahead == 1: // of a clock that is a little ahead: our window is over for it
			b.spent.Store(window)
			return 0, nil
		}
		if b.ownWindow == window { // what was allowed while the bus was away counts too
			record.Taken += b.owed
		}
		left := b.limit.Calls - record.Taken
		if left <= 0 {
			b.spent.Store(window)
		}
		if left < need {
			return 0, nil
		}
		amount := share(b.limit.Calls, left, last, need)
		record.Taken += amount
		if b.version, err = l.store.Swap(ctx, b.key, record, b.version); err == nil {
			b.record, b.owed = record, 0
			return amount, nil
		}
		b.version = 0
		if !l.store.IsConflict(err) {
			return 0, err
		}
	}
	return 0, err
}

// load reads the record of a budget, unless the process wrote it and knows of no other
// since: of two questions to the bus for the first call in a window, that leaves one.
// If somebody else has written it, which can only have taken more of the window, the
// swap fails and it is read.
func (l *Limiter) load(ctx context.Context, b *budget) (err error) {
	if b.version == 0 {
		b.record, b.version, err = l.store.Load(ctx, b.key)
	}
	return err
}

// budget returns the budget of a rule.
func (l *Limiter) budget(who Who, rule *Rule) *budget {
	key := budgetKey{rule: *rule, environment: who.Environment, id: who.id(rule.scope)}
	l.mu.RLock()
	b := l.budgets[key]
	l.mu.RUnlock()
	if b == nil {
		return l.addBudget(key)
	}
	return b
}

func (l *Limiter) addBudget(key budgetKey) *budget {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.budgets[key]; b != nil {
		return b
	}
	if len(l.budgets) >= maxBudgets {
		l.drop()
	}
	b := newBudget(key.name(), key.rule.limit)
	l.budgets[key] = b
	return b
}

// name is the budget's key on the bus, the same for all processes. The connector's
// limits and the operator's are counted apart.
func (k budgetKey) name() string {
	whose := "operator"
	if k.rule.own {
		whose = "connector"
	}
	return bus.Key(k.rule.scope.String(), k.environment, k.id+"/"+whose+"/"+k.rule.limit.Period.String())
}

// Owner says whose budget the tokens of a key on the bus are of: a connection's or a
// connector's. Those of environments are nobody's here.
func Owner(key []string) (environment, id string, scope Scope, ok bool) {
	if len(key) != 3 {
		return "", "", 0, false
	}
	for _, scope := range []Scope{PerConnection, PerConnector} {
		if id, _, found := strings.Cut(key[2], "/"); found && key[0] == scope.String() {
			return key[1], id, scope, true
		}
	}
	return "", "", 0, false
}

// Forget drops what this process holds of the budgets of a connection or a connector.
func (l *Limiter) Forget(environment, id string, scope Scope) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.budgets, func(k budgetKey, _ *budget) bool {
		return k.environment == environment && k.id == id && k.rule.scope == scope
	})
}
