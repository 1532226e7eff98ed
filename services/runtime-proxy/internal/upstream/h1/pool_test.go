package h1

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

func TestWhoWantsAFreshConnectionGetsNoUsedOneFromTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dialled := 0
		p := &pool{
			dial: func(context.Context, string, string) (net.Conn, error) {
				dialled++
				ours, theirs := net.Pipe()
				t.Cleanup(func() { _ = theirs.Close() })
				return ours, nil
			},
			limits: limits{idle: 1, idlePerHost: 1, perHost: 1, idleAge: time.Minute},
			clock:  clock.System(), hosts: map[place]*host{}, speaks2: map[place]struct{}{},
		}
		to := place{address: "api.example.com"}
		first, err := p.get(t.Context(), to, false)
		if err != nil {
			t.Fatal(err)
		}
		got := make(chan *conn)
		go func() {
			c, _ := p.get(t.Context(), to, true)
			got <- c
		}()
		synctest.Wait()
		p.put(first)
		second := <-got
		if second == nil || second == first || second.used || dialled != 2 {
			t.Errorf("it got %p after %p, and %d were dialled", second, first, dialled)
		}
		p.discard(second)
		if len(p.hosts) != 0 {
			t.Errorf("%d hosts have connections", len(p.hosts))
		}
	})
}
