package sandbox_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

const (
	forEver = `export function handle() { for (;;) {} }`
	nothing = `export function handle() { return new Response({ status: 204 }) }`
)

// occupy makes n calls of one share and returns when none of them can get further.
// They end with the test.
func occupy(t *testing.T, p *sandbox.Pool, n int, i sandbox.Invocation, settled func(sandbox.Status) bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() { cancel(); wg.Wait() })
	for range n {
		wg.Go(func() { _, _ = p.Run(ctx, i) })
	}
	for !settled(p.Status()) {
		runtime.Gosched()
	}
}

// other calls something quick for another member.
func other(t *testing.T, p *sandbox.Pool) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	i := handling(nothing)
	i.Share = sandbox.Share{Group: "shop", Member: "shop-1"}
	_, err := p.Run(ctx, i)
	return err
}

func TestCallsThatWaitForAnAnswerDelayNobody(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 2})
	i := handling(sendsOnce)
	i.Share = sandbox.Share{Group: "crm", Member: "crm-1"}
	i.Host = &host{respond: func(ctx context.Context, _ *sandbox.Request) (*sandbox.Response, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	occupy(t, p, 12, i, func(s sandbox.Status) bool { return s.Workers == 12 && s.Running == 0 })
	if err := other(t, p); err != nil {
		t.Error(err)
	}
}

func TestEndlessLoopsOfOneConnectionDelayNoOther(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 4, Limits: sandbox.Limits{Time: time.Hour}, Wait: time.Hour})
	i := handling(forEver)
	i.Share = sandbox.Share{Group: "crm", Member: "crm-1"}
	occupy(t, p, 16, i, func(s sandbox.Status) bool { return s.Running == 2 && s.Waiting == 14 })
	if err := other(t, p); err != nil {
		t.Error(err)
	}
}

func TestEndlessLoopsOfAllConnectionsOfAConnectorDelayNoOther(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 4, Limits: sandbox.Limits{Time: time.Hour}, Wait: time.Hour})
	for n := range 16 {
		i := handling(forEver)
		i.Share = sandbox.Share{Group: "crm", Member: string(rune('a' + n))}
		occupy(t, p, 1, i, func(s sandbox.Status) bool { return s.Running+s.Waiting == n+1 })
	}
	if s := p.Status(); s.Running != 3 {
		t.Errorf("%d run", s.Running)
	}
	if err := other(t, p); err != nil {
		t.Error(err)
	}
}

func TestACallWhoseTurnDoesNotComeIsRefused(t *testing.T) {
	c := clocktest.New(time.Now())
	p := newPool(t, sandbox.Options{Size: 1, Limits: sandbox.Limits{Time: time.Hour}, Clock: c})
	occupy(t, p, 1, handling(forEver), func(s sandbox.Status) bool { return s.Running == 1 })
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { err = other(t, p) })
	for c.Waiting() == 0 {
		runtime.Gosched()
	}
	c.Advance(5 * time.Second)
	wg.Wait()
	if !errors.Is(err, sandbox.ErrBusy) {
		t.Errorf("%v", err)
	}
}

func TestNoMoreWorkersAreKeptThanScriptsRun(t *testing.T) {
	p := newPool(t, sandbox.Options{Size: 2})
	var all sync.WaitGroup
	all.Add(6)
	i := handling(sendsOnce)
	i.Host = &host{respond: func(context.Context, *sandbox.Request) (*sandbox.Response, error) {
		all.Done()
		all.Wait()
		return &sandbox.Response{Status: 200}, nil
	}}
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			if _, err := p.Run(t.Context(), i); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s := p.Status(); s.Started != 6 || s.Idle != 2 || s.Workers != 2 {
		t.Errorf("%+v", s)
	}
}
