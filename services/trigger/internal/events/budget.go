package events

import (
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

const (
	// budgetMost is how many notices about what one owner has are passed on at once, and
	// budgetMost in budgetTime for as long as more come. Notices are passed on one after
	// the other: without a bound one owner would keep those of all others waiting.
	budgetMost = 60
	budgetTime = time.Minute
	// budgetEach is after what time an owner has one more.
	budgetEach = budgetTime / budgetMost
)

// budget bounds the notices of each owner in this process. It remembers those owners only
// whose notices came within the last minutes. It is for one goroutine.
type budget struct {
	clock  clock.Clock
	owners map[string]*spent
	pruned time.Time
}

// spent is what an owner has used of the budget.
type spent struct {
	// until is when all of it is there again.
	until time.Time
	// told is when the log was last told that it is used up.
	told time.Time
}

func newBudget(clk clock.Clock) *budget {
	return &budget{clock: clk, owners: map[string]*spent{}, pruned: clk.Now()}
}

// take uses one notice of an owner's. If none is left, tell says whether the log is to be
// told of that: once a minute.
func (b *budget) take(owner string) (ok, tell bool) {
	now := b.clock.Now()
	b.prune(now)
	s := b.owners[owner]
	if s == nil {
		s = &spent{}
		b.owners[owner] = s
	}
	if s.until.Before(now) {
		s.until = now
	}
	if s.until.Sub(now) <= budgetTime-budgetEach {
		s.until = s.until.Add(budgetEach)
		return true, false
	}
	if now.Sub(s.told) < budgetTime {
		return false, false
	}
	s.told = now
	return false, true
}

// giveBack undoes a take: the notice will come again.
func (b *budget) giveBack(owner string) {
	if s := b.owners[owner]; s != nil {
		s.until = s.until.Add(-budgetEach)
	}
}

// prune forgets those who have used nothing, once a minute.
func (b *budget) prune(now time.Time) {
	if now.Sub(b.pruned) < budgetTime {
		return
	}
	b.pruned = now
	for owner, s := range b.owners {
		if s.until.Before(now) && now.Sub(s.told) >= budgetTime {
			delete(b.owners, owner)
		}
	}
}
