package core_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

// replays implements core.Replays with events "e0", "e1" and so on; the queue drops
// what it has seen, as the bus does.
type replays struct {
	r      *rig
	n      int
	takes  time.Duration // for each event
	breaks int           // at which queueing fails, once; 0 for never
	queued []string
	woken  map[string]bool // sinks that know everything that was queued for them
	seen   map[string]bool
}

func (p *replays) Span(ctx context.Context, _ core.Subscription, span core.Span, take func(context.Context, core.Recorded) (bool, error)) error {
	found := span.First == ""
	for i := range p.n {
		id := fmt.Sprint("e", i)
		if found = found || id == span.First; !found {
			continue
		}
		if more, err := take(ctx, core.Recorded{ID: id, Sequence: uint64(i + 1)}); err != nil || !more {
			return err
		}
		p.r.clock.Advance(p.takes)
	}
	if !found {
		return core.ErrNoEvent
	}
	return nil
}

var errQueue = errors.New("the bus is away")

func (p *replays) Queue(_ context.Context, _ core.Subscription, sink core.Sink, e core.Recorded, again string) (bool, error) {
	if p.breaks == len(p.queued)+1 {
		p.breaks = 0
		return false, errQueue
	}
	id := e.ID + " " + sink.ID
	if !p.seen[id+again] {
		p.seen[id+again] = true
		p.queued = append(p.queued, id)
		p.woken[sink.ID] = false
	}
	return true, nil
}

func (p *replays) Wake(_ context.Context, _ core.Subscription, sink core.Sink) error {
	p.woken[sink.ID] = true
	return nil
}

// newReplays is a rig with a subscription "hook" that has the sinks "a", "b" and the
// disabled "off".
func newReplays(t *testing.T, n int) (*replays, core.Subscription) {
	t.Helper()
	r := newRig(t)
	p := &replays{r: r, n: n, woken: map[string]bool{}, seen: map[string]bool{}}
	r.Replays = p
	sub := r.create("hook", inventorytest.Webhook)
	sub, err := r.store.Alter(t.Context(), sub.UID, func(s *core.Subscription) error {
		for _, id := range []string{"a", "b", "off"} {
			s.Sinks = append(s.Sinks, core.Sink{ID: id, HTTP: &core.HTTPSink{URL: "https://sink.example"}, Disabled: id == "off"})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p, sub
}

func as(name string, roles ...authn.Role) core.Caller {
	return core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: name, Roles: roles}}
}

func TestReplaysKeepTheOrderAndTellEverySink(t *testing.T) {
	p, sub := newReplays(t, 3)
	got, err := p.r.Replay(t.Context(), as("ann"), sub.Name, core.Replay{Span: core.Span{First: "e1"}})
	if err != nil || got != (core.Replayed{Events: 2}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if want := []string{"e1 a", "e1 b", "e2 a", "e2 b"}; !slices.Equal(p.queued, want) {
		t.Errorf("queued %q, want %q", p.queued, want)
	}
	if !p.woken["a"] || !p.woken["b"] || p.woken["off"] {
		t.Errorf("told %v", p.woken)
	}
}

func TestAReplayThatBreaksGoesOnWhenItIsRepeated(t *testing.T) {
	for at := 1; at <= 6; at++ {
		p, sub := newReplays(t, 3)
		p.breaks = at
		want := core.Replay{Span: core.Span{Start: start}}
		if _, err := p.r.Replay(t.Context(), as("ann"), sub.Name, want); !errors.Is(err, errQueue) {
			t.Fatalf("broken at %d: %v", at, err)
		}
		for sink, told := range p.woken {
			if !told {
				t.Errorf("broken at %d: sink %s was not told of what was queued", at, sink)
			}
		}
		if got, err := p.r.Replay(t.Context(), as("ann"), sub.Name, want); err != nil || got.Events != 3 {
			t.Errorf("broken at %d and repeated: %+v, %v", at, got, err)
		}
		if len(p.queued) != 6 {
			t.Errorf("broken at %d: queued %q", at, p.queued)
		}
	}
}

func TestAReplayEndsInTimeAndGetsAhead(t *testing.T) {
	p, sub := newReplays(t, 5)
	p.takes = core.ReplayTime // so that each replay gets one done
	next, rounds := "e0", 0
	for next != "" {
		got, err := p.r.Replay(t.Context(), as("ann"), sub.Name, core.Replay{Span: core.Span{First: next}})
		if err != nil || got.Events != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		next = got.Next
		rounds++
	}
	if rounds != 5 || len(p.queued) != 10 {
		t.Errorf("%d rounds, queued %q", rounds, p.queued)
	}
}

func TestWhoAndWhatMayBeReplayed(t *testing.T) {
	for _, row := range []struct {
		name   string
		caller core.Caller
		change func(*core.Subscription)
		want   core.Replay
		code   fault.Code // 0 if it is done
	}{
		{name: "by the owner", caller: as("ann")},
		{name: "by an administrator", caller: as("root", authn.RoleAdmin)},
		{name: "by somebody else", caller: as("bob", authn.RoleUser), code: fault.CodeNotFound},
		{name: "by a service", caller: core.Caller{Principal: authn.Principal{Kind: authn.KindService, Name: "runtime"}}, code: fault.CodePermissionDenied},
		{name: "paused", caller: as("ann"), change: func(s *core.Subscription) { s.Paused = true }},
		{name: "suspended", caller: as("ann"), change: func(s *core.Subscription) { s.Suspended = "it failed" }},
		{name: "deleted", caller: as("ann"), change: func(s *core.Subscription) { s.Deleting = true }, code: fault.CodeFailedPrecondition},
		{name: "to one sink, named twice", caller: as("ann"), want: core.Replay{Sinks: []string{"a", "a"}}},
		{name: "to a sink that is disabled", caller: as("ann"), want: core.Replay{Sinks: []string{"off"}}, code: fault.CodeFailedPrecondition},
		{name: "to a sink that is not there", caller: as("ann"), want: core.Replay{Sinks: []string{"c"}}, code: fault.CodeInvalidArgument},
		{name: "without sinks", caller: as("ann"), change: func(s *core.Subscription) { s.Sinks = nil }, code: fault.CodeFailedPrecondition},
		{name: "from an event that is gone", caller: as("ann"), want: core.Replay{Span: core.Span{First: "e7"}}, code: fault.CodeNotFound},
	} {
		p, sub := newReplays(t, 1)
		if row.change != nil {
			if _, err := p.r.store.Alter(t.Context(), sub.UID, func(s *core.Subscription) error { row.change(s); return nil }); err != nil {
				t.Fatal(err)
			}
		}
		got, err := p.r.Replay(t.Context(), row.caller, sub.Name, row.want)
		if row.code == 0 && (err != nil || got.Events != 1) || row.code != 0 && (fault.CodeOf(err) != row.code || len(p.queued) != 0) {
			t.Errorf("%s: %+v, %v, queued %q", row.name, got, err, p.queued)
		}
	}
}
