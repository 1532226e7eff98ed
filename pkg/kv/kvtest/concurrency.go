package kvtest

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

func concurrencyChecks() []check {
	return []check{
		{"Each function runs exactly once.", Everything, runsOnce},
		{"Transactions are serialisable:", Everything, serialisable},
		{"in an order in which a transaction that starts after another has returned also comes after it.", Everything, realTimeOrder},
		{"half of them never did.", Everything, noHalves},
		{"Store runs transactions. It is safe for concurrent use.", Everything, failuresStayAlone},
	}
}

const (
	workers = 8
	rounds  = 25
)

// inParallel runs fn(0) to fn(n-1) on goroutines of their own and waits.
func inParallel(n int, fn func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

// number reads a decimal counter; an absent one is zero.
func number(t testing.TB, r kv.Reader, key string) int {
	t.Helper()
	value, err := r.Get([]byte(key))
	if errors.Is(err, kv.ErrNotFound) {
		return 0
	}
	n, convErr := strconv.Atoi(string(value))
	if err != nil || convErr != nil {
		t.Errorf("counter %q = %q, %v", key, value, err)
	}
	return n
}

func runsOnce(t *testing.T, s subject) {
	var ran atomic.Int64
	inParallel(workers, func(int) {
		for range rounds {
			s.update(t, func(tx kv.Tx) {
				ran.Add(1)
				n := number(t, tx, "n")
				runtime.Gosched() // invites an overlap
				mustPut(t, tx, "n", strconv.Itoa(n+1))
			})
		}
	})
	if got := ran.Load(); got != workers*rounds {
		t.Errorf("functions ran %d times, want %d", got, workers*rounds)
	}
	s.wantContents(t, "n="+strconv.Itoa(workers*rounds))
}

// serialisable looks for write skew: each transaction reads both of two stocks
// and takes from one, so only snapshots that overlap can empty both.
func serialisable(t *testing.T, s subject) {
	for range rounds {
		s.put(t, "x", "1", "y", "0")
		s.update(t, func(tx kv.Tx) { mustPut(t, tx, "y", "1") })
		inParallel(workers, func(i int) {
			s.update(t, func(tx kv.Tx) {
				sum := number(t, tx, "x") + number(t, tx, "y")
				runtime.Gosched() // invites an overlap
				if sum == 2 {
					mustPut(t, tx, []string{"x", "y"}[i%2], "0")
				}
			})
		})
		s.view(t, func(r kv.Reader) {
			if sum := number(t, r, "x") + number(t, r, "y"); sum != 1 {
				t.Errorf("x+y = %d, want 1: one transaction took and the others saw it", sum)
			}
		})
	}
}

// realTimeOrder has each worker look for its own last commit in new
// transactions, and for commits of others never to go back.
func realTimeOrder(t *testing.T, s subject) {
	inParallel(workers, func(i int) {
		own, seen := "worker"+strconv.Itoa(i), 0
		for round := range rounds {
			s.update(t, func(tx kv.Tx) {
				mustPut(t, tx, own, strconv.Itoa(round))
				mustPut(t, tx, "total", strconv.Itoa(number(t, tx, "total")+1))
			})
			s.view(t, func(r kv.Reader) {
				if got := number(t, r, own); got != round {
					t.Errorf("a View after commit %d sees commit %d", round, got)
				}
				total := number(t, r, "total")
				if total <= seen {
					t.Errorf("a View sees %d commits, an earlier one saw %d", total, seen)
				}
				seen = total
			})
		}
	})
}

// noHalves moves amounts between accounts while readers add them up.
func noHalves(t *testing.T, s subject) {
	const accounts, each = 5, 100
	account := func(i int) string { return fmt.Sprintf("account%d", i%accounts) }
	s.update(t, func(tx kv.Tx) {
		for i := range accounts {
			mustPut(t, tx, account(i), strconv.Itoa(each))
		}
	})
	add := func(r kv.Reader) {
		sum := 0
		for i := range accounts {
			sum += number(t, r, account(i))
		}
		if sum != accounts*each {
			t.Errorf("the accounts add up to %d, want %d", sum, accounts*each)
		}
	}
	inParallel(workers, func(i int) {
		for round := range rounds {
			if i%2 == 0 {
				s.view(t, add)
				continue
			}
			s.update(t, func(tx kv.Tx) {
				from, to := account(i+round), account(i+2*round+1)
				mustPut(t, tx, from, strconv.Itoa(number(t, tx, from)-round))
				mustPut(t, tx, to, strconv.Itoa(number(t, tx, to)+round))
				add(tx)
			})
		}
	})
	s.view(t, add)
}

// failuresStayAlone mixes functions that fail, panic and succeed: each caller
// gets its own outcome, and only successes leave a trace.
func failuresStayAlone(t *testing.T, s subject) {
	s.put(t, "shared", "0", "a", "1", "b", "1")
	inParallel(workers, func(i int) {
		own := fmt.Errorf("the failure of worker %d", i)
		for range rounds {
			if i%3 == 0 {
				s.update(t, func(tx kv.Tx) {
					wantScan(t, tx, "a", "", 5, "a=1")
					mustPut(t, tx, "shared", strconv.Itoa(number(t, tx, "shared")+1))
				})
				continue
			}
			fail := func(tx kv.Tx) error {
				scribble(t, tx)
				mustPut(t, tx, "shared", "-1000")
				if i%3 == 2 {
					panic(own)
				}
				return own
			}
			var err error
			if p := recovered(func() { err = s.Update(t.Context(), fail) }); p != nil {
				err, _ = p.(error)
			}
			if err != own { //nolint:errorlint // each caller gets its very own error
				t.Errorf("worker %d: Update = %v, want %v", i, err, own)
			}
		}
	})
	s.wantContents(t, "a=1", "b=1", fmt.Sprintf("shared=%d", (workers+2)/3*rounds))
}
