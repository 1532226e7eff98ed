package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// anew says how a subscription is registered anew.
type anew struct {
	// behalf says for whom the API is called.
	behalf Behalf
	// input is what it is registered with, and secret the sealed secret that the API is
	// told; nil for the present one.
	input  string
	secret []byte
	// shape changes what the registration is made of, for it alone; nil changes nothing.
	shape func(*Subscription)
	// expect refuses, in the transaction of the intention; nil refuses nothing.
	expect func(*Subscription) error
	// apply changes the subscription in the transaction of the outcome; nil changes
	// nothing.
	apply func(*Subscription) error
	// lost is true if the registration before does not exist any more.
	lost bool
}

// errSuperseded says that a registration was given up while it was being made.
var errSuperseded = errors.New("the registration was given up meanwhile")

// registerAnew registers the callback of a subscription that exists, in durable
// steps: the intention is stored, the API is called, the outcome is stored together
// with everything that depends on it, what was registered before is removed. Until the
// outcome is stored the registration before counts, and after a failure it stays.
//
// For the moments in which there are two, both count, so that nothing is lost: what
// happens then may be notified twice.
func (t *Triggers) registerAnew(ctx context.Context, s Subscription, how anew) (Subscription, error) {
	at, err := t.targetOf(ctx, s, how.behalf)
	if err != nil {
		return Subscription{}, err
	}
	// From here on the caller's departure changes nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(setupShare*float64(t.cfg.SetupTime)))
	defer cancel()
	s, err = t.intend(ctx, s, at, how)
	if err != nil {
		return Subscription{}, err
	}
	next := s.as(*s.Webhook.Next)
	if how.shape != nil {
		how.shape(&next)
	}
	input, err := t.registration(next, at)
	if err != nil {
		return Subscription{}, t.forget(ctx, next, err, true)
	}
	call := next.call(s.Operation, input)
	call.Behalf = how.behalf
	answer, err := t.Runtime.Invoke(ctx, call)
	if err != nil || !registered(answer) {
		return Subscription{}, t.forget(ctx, next, t.refusal(next, answer, err), neverRegistered(answer, err))
	}
	return t.confirm(ctx, next, at, answer, how)
}

// targetOf reads what a subscription is registered at, by the revision that its
// connection uses now.
func (t *Triggers) targetOf(ctx context.Context, s Subscription, behalf Behalf) (target, error) {
	conn, err := t.Connections.Connection(ctx, s.Connection, behalf)
	if err != nil {
		return target{}, fmt.Errorf("read %s: %w", s.Connection, err)
	}
	if s.ConnectionOwner != "" && conn.Owner != s.ConnectionOwner {
		return target{}, fault.Precondition(fault.ReasonConnectionNotFound,
			"connection %q belongs to somebody else by now; create a new subscription", s.Connection.ID)
	}
	def, revision, err := t.definitionFor(ctx, conn, behalf)
	if err != nil {
		return target{}, err
	}
	op, err := triggerOf(def, s.Operation)
	if err != nil {
		return target{}, err
	}
	return target{def: def, op: op, conn: conn, revision: revision}, nil
}

// intend stores that a registration is being made.
func (t *Triggers) intend(ctx context.Context, s Subscription, at target, how anew) (Subscription, error) {
	until := t.Clock.Now().Add(t.cfg.SetupTime)
	stored, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		switch {
		case s.Deleting:
			return ErrNotFound
		case s.Webhook.Next != nil || s.settingUp():
			return busy(*s)
		}
		if how.expect != nil {
			if err := how.expect(s); err != nil {
				return err
			}
		}
		// What the connector says now counts from now on, for the API may notify at once;
		// what it said before, until the registration of before is replaced.
		s.Webhook.Suffixes = union(s.Webhook.Suffixes, suffixesOf(at))
		s.Webhook.Generations++
		s.Webhook.Next = &Pending{
			Generation: s.Webhook.Generations, Input: how.input, Revision: at.revision, Secret: how.secret, Until: until,
		}
		return nil
	})
	return stored, t.altered(ctx, s, err)
}

// suffixesOf are what the API may add to the path of the callback URL, by the present
// description.
func suffixesOf(at target) []string { return at.op.GetTrigger().GetWebhook().GetCallbackSuffixes() }

// union returns the texts of both lists, each once.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, text := range b {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// busy says that a subscription is being registered by somebody else.
func busy(s Subscription) error {
	return fault.New(fault.CodeAborted, fault.ReasonTriggerSubscribeFailed,
		"subscription %q is being registered at its API just now; try again when that is done", s.Name.ID).
		With("subscription", s.Name.String()).RetryAfter(minCleanup)
}

// altered is what the caller of a change is told: faults stay what they are.
func (t *Triggers) altered(ctx context.Context, s Subscription, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return t.found(ctx, s.Name, err)
}

// forget drops a registration that was not made, or that nobody knows of, in which
// case it is looked for at the API. It returns why.
func (t *Triggers) forget(ctx context.Context, next Subscription, why error, never bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(setupShare*float64(t.cfg.SetupTime)))
	defer cancel()
	now := t.Clock.Now()
	_, err := t.Store.Alter(ctx, next.UID, func(s *Subscription) error {
		if !s.Webhook.making(next.Webhook.Generation) {
			return errSuperseded
		}
		if never {
			s.Webhook.Next = nil
			return nil
		}
		s.giveUp(now)
		s.Webhook.NextAttempt = now
		return nil
	})
	wake(t.kick)
	if err != nil && !isGone(err) && !errors.Is(err, errSuperseded) {
		// The intention remains, and is undone when its time is up.
		t.Trouble(ctx, "undo a registration", next, err)
	}
	return why
}

// making reports whether the registration with a number is being made.
func (w *Webhook) making(generation int) bool {
	return w.Next != nil && w.Next.Generation == generation
}

// confirm stores that the API has made a registration, and removes the one before.
func (t *Triggers) confirm(ctx context.Context, next Subscription, at target, answer Answer, how anew) (Subscription, error) {
	removal := removalOf(next, at, answer)
	if removal == nil {
		t.Trouble(ctx, "find out how to unsubscribe", next, errNoRemoval)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Duration(setupShare*float64(t.cfg.SetupTime)))
	defer cancel()
	now := t.Clock.Now()
	kept := false
	stored, err := t.Store.Alter(ctx, next.UID, func(s *Subscription) error {
		if kept = s.Webhook.making(next.Webhook.Generation) && !s.Deleting; !kept {
			late := Leftover{Generation: next.Webhook.Generation, Input: next.Input, Revision: next.Revision, Unsubscribe: removal}
			s.Webhook.without(late.Generation)
			s.Webhook.Next, s.Webhook.Old, s.Webhook.NextAttempt = nil, append(s.Webhook.Old, late), now
			return nil
		}
		if err := t.replace(s, next, how, now); err != nil {
			return err
		}
		s.Webhook.Unsubscribe, s.Webhook.Upkeep = removal, upkeepOf(*s, at, answer, now)
		s.Webhook.Suffixes = suffixesOf(at)
		if answer.Revision != "" {
			s.Revision = answer.Revision
		}
		if how.apply != nil {
			return how.apply(s)
		}
		return nil
	})
	switch {
	case isGone(err):
		return Subscription{}, t.retract(ctx, next, removal)
	case err != nil:
		return Subscription{}, fmt.Errorf("store the registration of %s: %w", next.Name, err)
	}
	t.watch(ctx, stored)
	if len(stored.Webhook.Old) > 0 {
		t.tidy(ctx, stored)
		wake(t.kick)
	}
	if !kept {
		return Subscription{}, fault.New(fault.CodeAborted, fault.ReasonTriggerSubscribeFailed,
			"subscription %q was paused or deleted while it was being registered; try again", next.Name.ID)
	}
	return t.reread(ctx, stored), nil
}

// replace makes the registration that was being made the present one.
func (t *Triggers) replace(s *Subscription, next Subscription, how anew, now time.Time) error {
	w := s.Webhook
	before, err := t.presentSecret(*s)
	if err != nil {
		return err
	}
	switch secret := w.Next.Secret; {
	case secret != nil:
		s.replaceSecret(secret, before, now)
	case s.Secret == nil:
		// A secret of ours is that of one registration. Where there was none just before,
		// nothing is under way that was signed with the one of before.
		if !w.Registered {
			before = nil
		}
		s.replaceSecret(nil, before, now)
		w.SecretOf = next.Webhook.Generation
	}
	w.Next = nil
	if how.lost {
		w.Registered = false
	}
	s.leave(now)
	s.Input, w.Generation, w.Registered = next.Input, next.Webhook.Generation, true
	return nil
}

// reread returns a subscription as it is by now.
func (t *Triggers) reread(ctx context.Context, s Subscription) Subscription {
	if now, err := t.Store.ByUID(ctx, s.UID); err == nil {
		return now
	}
	return s // as it was when it was stored
}
