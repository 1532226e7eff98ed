package events

import (
	"fmt"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
)

var begin = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// spend takes n notices of an owner's and says how many were there, and how often the log
// was to be told of those that were not.
func (b *budget) spend(owner string, n int) (got, told int) {
	for range n {
		ok, tell := b.take(owner)
		if ok {
			got++
		}
		if tell {
			told++
		}
	}
	return got, told
}

func TestAnOwnerHasSixtyNoticesAndOneMoreEachSecond(t *testing.T) {
	clk := clocktest.New(begin)
	b := newBudget(clk)
	for i, step := range []struct {
		after     time.Duration
		owner     string
		got, told int
	}{
		{0, "eve", 60, 1},
		{0, "ann", 60, 1}, // eve's are hers alone
		{time.Second, "eve", 1, 0},
		{10 * time.Second, "eve", 10, 0},
		{49 * time.Second, "eve", 49, 1}, // a minute after the first line in the log
		{time.Hour, "eve", 60, 1},
	} {
		clk.Advance(step.after)
		if got, told := b.spend(step.owner, 500); got != step.got || told != step.told {
			t.Errorf("%d: %s has %d, and the log is told %d times, want %d and %d", i, step.owner, got, told, step.got, step.told)
		}
	}
}

func TestANoticeThatComesAgainIsTakenOnce(t *testing.T) {
	b := newBudget(clocktest.New(begin))
	for range 1000 {
		if ok, _ := b.take("ann"); !ok {
			t.Fatal("there is none left")
		}
		b.giveBack("ann")
	}
	if got, _ := b.spend("ann", 100); got != budgetMost {
		t.Errorf("%d are left", got)
	}
}

func TestOwnersWithoutNoticesAreForgotten(t *testing.T) {
	clk := clocktest.New(begin)
	b := newBudget(clk)
	for i := range 1000 {
		b.take(fmt.Sprint("owner", i))
	}
	b.spend("eve", 100)
	clk.Advance(budgetTime)
	b.take("ann")
	if n := len(b.owners); n != 2 {
		t.Errorf("%d are remembered", n) // eve has none again, just now
	}
	clk.Advance(2 * budgetTime)
	b.take("bob")
	if n := len(b.owners); n != 1 {
		t.Errorf("%d are remembered", n)
	}
}
