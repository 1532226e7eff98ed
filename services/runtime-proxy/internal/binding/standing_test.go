package binding_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
)

func TestHoweverManyAnswersALeaseHasTwoReportsAtMost(t *testing.T) {
	store, _ := setUp(t, &source{})
	bound, err := store.Bind(t.Context(), binding.Ask{Connection: name, Principal: ada})
	if err != nil {
		t.Fatal(err)
	}
	together := func(status int) int64 {
		var reports atomic.Int64
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if bound.Answered(status) {
					reports.Add(1)
				}
			})
		}
		all.Wait()
		return reports.Load()
	}
	for _, step := range []struct {
		status int
		want   int64
	}{{404, 0}, {403, 0}, {500, 0}, {401, 1}, {401, 0}, {302, 0}, {200, 1}, {200, 0}, {401, 0}, {204, 0}} {
		if got := together(step.status); got != step.want {
			t.Errorf("50 answers of status %d caused %d reports, want %d", step.status, got, step.want)
		}
	}
	if n := testing.AllocsPerRun(1000, func() { bound.Answered(200) }); n != 0 {
		t.Errorf("an accepted call allocates %v times", n)
	}
}

func TestWhatALeaseKnowsOfTheOneBefore(t *testing.T) {
	for title, c := range map[string]struct {
		before []int // answers under the lease before
		pause  time.Duration
		etag   string
		says   bool // the vault, that the secrets are refused
		answer int
		want   bool
	}{
		"nothing was answered":                             {nil, 0, "u-1", false, 401, true},
		"calls were accepted":                              {[]int{200}, 0, "u-1", false, 401, false},
		"calls were accepted, and some refused":            {[]int{200, 401}, 0, "u-1", false, 401, false},
		"calls were accepted long ago":                     {[]int{200}, time.Hour, "u-1", false, 401, true},
		"calls with another secret were accepted":          {[]int{200}, 0, "u-2", false, 401, true},
		"calls were refused, and nobody took the report":   {[]int{401}, 0, "u-1", false, 401, true},
		"the vault says so, and a call is refused":         {nil, 0, "u-1", true, 401, false},
		"the vault says so, and a call is accepted":        {nil, 0, "u-1", true, 200, true},
		"accepted elsewhere, and the vault knows nothing":  {[]int{401}, 0, "u-1", false, 200, false},
		"accepted here, refused elsewhere, accepted again": {[]int{200}, 0, "u-1", true, 200, true},
	} {
		t.Run(title, func(t *testing.T) {
			src := &source{}
			etag, says := "u-1", false
			src.lease = func(context.Context, authn.Principal) (*binding.Lease, error) {
				l := lease()
				l.Etag, l.Refused = etag, says
				return l, nil
			}
			store, clk := setUp(t, src)
			ask := binding.Ask{Connection: name, Principal: ada}
			bound, err := store.Bind(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			for _, status := range c.before {
				bound.Answered(status)
			}
			etag, says = c.etag, c.says
			clk.Advance(time.Minute + c.pause)
			if bound, err = store.Bind(t.Context(), ask); err != nil {
				t.Fatal(err)
			}
			if got := bound.Answered(c.answer); got != c.want {
				t.Errorf("a report: %t, want %t", got, c.want)
			}
		})
	}
}
