package core

import (
	"context"
	"fmt"
	"reflect"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

// Update changes a subscription of the caller's own, in one transaction.
//
// A polling trigger goes on where it is: what was seen stays, also with another input,
// unless the change asks for a new baseline. Where the API itself keeps the state of
// the poll, another input has no place in that, so that it is a new baseline in any
// case. Another recurrence counts at once, another input too.
//
// A webhook whose input has changed, or whose API has to be told another secret, is
// registered anew before the change counts; should that fail, everything stays as it
// was. One that is paused is registered with the new values when it is resumed.
//
// An end time that is moved lets a subscription go on that had ended.
func (t *Triggers) Update(ctx context.Context, caller Caller, name resource.Subscription, c Change) (Subscription, error) {
	s, err := t.ownSubscription(ctx, caller, name)
	if err != nil {
		return Subscription{}, err
	}
	for _, check := range []error{c.checkEtag(s), c.checkFixed(s), t.checkValues(s, c)} {
		if check != nil {
			return Subscription{}, check
		}
	}
	sinks, err := t.wantedSinks(ctx, caller, s, c)
	if err != nil {
		return Subscription{}, err
	}
	now := t.Clock.Now()
	plain := func(s *Subscription) error {
		if err := c.checkEtag(*s); err != nil {
			return err
		}
		if s.Deleting {
			return ErrNotFound
		}
		c.plain(s, sinks)
		s.UpdateTime = now
		return nil
	}
	switch {
	case s.Notices != nil:
		return t.updateNotices(ctx, s, plain)
	case s.Polling != nil:
		return t.updatePolling(ctx, s, c, plain)
	}
	return t.updateWebhook(ctx, s, c, plain)
}

// plain changes what needs nothing but to be stored.
func (c Change) plain(s *Subscription, sinks []Sink) {
	if c.has(FieldDescription) {
		s.Description = c.Values.Description
	}
	if c.has(FieldSplit) {
		s.Split = c.Values.Split
	}
	if c.has(FieldSuspendAfter) {
		s.SuspendAfter = c.Values.SuspendAfter
	}
	if c.has(FieldSinks) {
		s.Sinks = carriedOver(s.Sinks, sinks)
	}
}

// updatePolling changes a polling subscription. A poll that is under way is not
// committed if it would contradict the change.
func (t *Triggers) updatePolling(ctx context.Context, s Subscription, c Change, plain func(*Subscription) error) (Subscription, error) {
	alter := t.Store.Alter
	moved := c.Reset || c.when() || c.has(FieldInput)
	if moved {
		alter = t.Store.AlterPolling
	}
	stored, err := alter(ctx, s.UID, func(s *Subscription) error {
		if err := plain(s); err != nil {
			return err
		}
		anew, prompt := c.Reset, c.Reset
		if c.has(FieldInput) && !sameInput(s.Input, c.Values.Input) {
			s.Input, prompt = c.Values.Input, true
			if protocol, ok := polling.Lookup(s.Polling.Cursor.Rules.Protocol); ok && protocol.Linked() {
				anew = true
			}
		}
		if anew {
			s.Polling.Cursor = s.Polling.Cursor.anew()
		}
		return t.recur(s, c, prompt)
	})
	if err := t.altered(ctx, s, err); err != nil {
		wake(t.missing) // it may be stored all the same
		return Subscription{}, err
	}
	if moved {
		t.reschedule(ctx, stored)
	}
	if !sameInput(s.Input, stored.Input) {
		return t.accompanied(ctx, stored, func(ctx context.Context, companion Subscription) (Subscription, error) {
			return t.share(ctx, stored, companion)
		}), nil
	}
	return stored, nil
}

// recur gives a polling subscription its new recurrence, and decides when it is due:
// at once if prompt, otherwise when it would be, had it always had that recurrence.
func (t *Triggers) recur(s *Subscription, c Change, prompt bool) error {
	if !prompt && !c.when() {
		return nil
	}
	p, now := s.Polling, t.Clock.Now()
	rule, err := recurrence.New(c.recurrence(p.Recurrence), t.cfg.MinInterval)
	if problem, ok := recurrence.IsOptionError(err); ok {
		return invalidDraft(problem.Field, problem.Problem)
	}
	if err != nil {
		return err
	}
	p.Recurrence = rule.Options()
	due, ok := t.promptly(p.Recurrence, now)
	if !prompt && p.Recurrence.Cron == "" && !p.Cursor.Last.IsZero() {
		due, ok = rule.Next(p.Cursor.Last, t.Dice())
		due = later(due, now)
	}
	p.Cursor.Ended = !ok
	if ok {
		p.Cursor.Next = due
	}
	return nil
}

// sameInput reports whether two inputs are the same JSON object.
func sameInput(a, b string) bool {
	one, err := parseInput(a)
	two, err2 := parseInput(b)
	return err == nil && err2 == nil && reflect.DeepEqual(one, two)
}

// proof is how the notifications of a webhook are verified after a change.
type proof struct {
	changed bool
	sub     Subscription // Signature, Secret and UnsignedAccepted count
	webhook *Webhook     // what belongs to them
	// given is true if the secret is a new one, and tell if the API has to be told one
	// that it does not know.
	given, tell bool
}

// webhookChange is a change of a webhook, as it was decided.
type webhookChange struct {
	Change
	plain func(*Subscription) error
	how   proof
	input string
	now   time.Time
	// revived is true if its time was over and is not any more, and direct if the API
	// need not know.
	revived, direct bool
}

func (t *Triggers) updateWebhook(ctx context.Context, s Subscription, c Change, plain func(*Subscription) error) (Subscription, error) {
	how, err := t.proofOf(ctx, s, c)
	if err != nil {
		return Subscription{}, err
	}
	w, end := s.Webhook, c.Values.Recurrence.End
	change := webhookChange{Change: c, plain: plain, how: how, input: s.Input, now: t.Clock.Now()}
	if c.has(FieldInput) {
		change.input = c.Values.Input
	}
	change.revived = w.Ended && c.has(FieldEnd) && (end.IsZero() || end.After(change.now))
	told := sameInput(s.Input, change.input) && !how.tell // the API knows everything
	change.direct = w.byHand() || !change.revived && (s.Paused || w.Ended || told)
	if change.direct {
		return t.changeDirectly(ctx, s, change)
	}
	asked := anew{
		behalf: BehalfOfCaller, input: change.input, expect: c.expected(s),
		apply: func(s *Subscription) error { return t.applyChange(s, change) },
	}
	if how.changed {
		asked.shape = func(s *Subscription) { s.Webhook.SecretPointer = how.webhook.SecretPointer }
	}
	if how.tell {
		asked.secret = how.sub.Secret
	}
	return t.registerAnew(ctx, s, asked)
}

// changeDirectly stores a change that the API need not know of.
func (t *Triggers) changeDirectly(ctx context.Context, s Subscription, c webhookChange) (Subscription, error) {
	stored, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		// Somebody else may be registering it with what is to be replaced.
		if s.settingUp() || s.Webhook.Next != nil {
			return busy(*s)
		}
		return t.applyChange(s, c)
	})
	if err := t.altered(ctx, s, err); err != nil {
		return Subscription{}, err
	}
	t.watch(ctx, stored)
	return stored, nil
}

// applyChange changes a webhook, in a transaction.
func (t *Triggers) applyChange(s *Subscription, c webhookChange) error {
	if err := c.plain(s); err != nil {
		return err
	}
	if c.has(FieldEnd) {
		s.Webhook.End, s.Webhook.Ended = c.Values.Recurrence.End, s.Webhook.Ended && !c.revived
	}
	if c.has(FieldInput) {
		s.Input = c.input
	}
	return t.prove(s, c.how, !c.direct && c.how.tell && c.how.sub.Secret != nil, c.now)
}

// expected refuses to register what has been changed since the decision to do so.
func (c Change) expected(read Subscription) func(*Subscription) error {
	return func(s *Subscription) error {
		if err := c.checkEtag(*s); err != nil {
			return err
		}
		if s.Paused != read.Paused || s.Input != read.Input {
			return Change{Etag: "other"}.checkEtag(*s)
		}
		return nil
	}
}

// proofOf decides how notifications are verified after a change: all over again, with
// the secret that is there unless another was given.
func (t *Triggers) proofOf(ctx context.Context, s Subscription, c Change) (proof, error) {
	if !c.has(FieldSignature, FieldUnsigned) && !(c.has(FieldSecret) && len(c.Values.Secret) > 0) {
		return proof{}, nil
	}
	at, err := t.targetOf(ctx, s, BehalfOfCaller)
	if err != nil {
		return proof{}, err
	}
	d := Draft{Signature: s.Signature}
	if c.has(FieldSignature) {
		d.Signature = c.Values.Signature
	}
	if c.has(FieldSecret) {
		d.Secret = c.Values.Secret
	}
	if len(d.Secret) == 0 && s.Secret != nil {
		if d.Secret, err = t.Keys.Open(s.UID, secretField, s.Secret); err != nil {
			return proof{}, fmt.Errorf("open the secret of %s: %w", s.Name, err)
		}
	}
	how := proof{changed: true, sub: s, given: c.has(FieldSecret) && len(c.Values.Secret) > 0}
	how.sub.Signature, how.sub.Secret = nil, nil
	if c.has(FieldUnsigned) {
		how.sub.UnsignedAccepted = c.Values.UnsignedAccepted
	}
	if how.webhook, err = t.webhookOf(&how.sub, d, at.op); err != nil {
		return proof{}, err
	}
	how.tell = how.webhook.SecretPointer != "" && (how.given || s.Webhook.SecretPointer != how.webhook.SecretPointer)
	return how, nil
}

// prove changes how notifications are verified. The API may have been told the secret
// by a new registration, which has brought it.
func (t *Triggers) prove(s *Subscription, how proof, brought bool, now time.Time) error {
	if !how.changed {
		return nil
	}
	w := s.Webhook
	if how.given && !brought {
		before, err := t.presentSecret(*s)
		if err != nil {
			return err
		}
		s.replaceSecret(how.sub.Secret, before, now)
	}
	s.UnsignedAccepted, s.Signature = how.sub.UnsignedAccepted, how.sub.Signature
	w.Suffixes = how.webhook.Suffixes
	w.Signature, w.SecretPointer, w.IDHeader, w.Handshakes = how.webhook.Signature, how.webhook.SecretPointer, how.webhook.IDHeader, how.webhook.Handshakes
	return nil
}

// replaceSecret gives a subscription another sealed secret. The one before counts for
// [SignatureOverlap].
func (s *Subscription) replaceSecret(sealed, before []byte, now time.Time) {
	s.Secret, s.OldSecret, s.OldSecretUntil = sealed, before, time.Time{}
	if before != nil {
		s.OldSecretUntil = now.Add(SignatureOverlap)
	}
}

// presentSecret is the sealed secret with which notifications are signed; nil if there
// is none.
func (t *Triggers) presentSecret(s Subscription) ([]byte, error) {
	if s.Secret != nil || s.Webhook.SecretPointer == "" {
		return s.Secret, nil
	}
	sealed, err := t.Keys.Seal(s.UID, secretField, []byte(t.Keys.Secret(s.UID, s.Webhook.SecretOf)))
	if err != nil {
		return nil, fmt.Errorf("seal the secret of %s: %w", s.Name, err)
	}
	return sealed, nil
}
