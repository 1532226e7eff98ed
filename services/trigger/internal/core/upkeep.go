package core

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// renewShare is the part of a registration's life after which it is renewed.
	renewShare = 0.75
	// checkEvery is how often it is asked whether a registration is still there, and
	// whether the revision that made it is still the one in use.
	checkEvery = 24 * time.Hour
	// minUpkeep and maxUpkeep bound the pause after a renewal that failed. It doubles
	// from the one to the other.
	minUpkeep = 10 * time.Second
	maxUpkeep = time.Hour
	// shortLife is below which a number in an answer counts seconds from now, instead
	// of seconds since 1970.
	shortLife = 1_000_000_000
)

// Upkeep is what keeps a registration at its API alive. The zero value needs none.
type Upkeep struct {
	// Expires is when the registration expires; zero if it does not.
	Expires time.Time
	// RenewAt is when it is renewed next; zero if never.
	RenewAt time.Time
	// Renew is the call that renews it; nil if it is registered anew.
	Renew *Removal
	// CheckAt is when it is asked next whether it is still there, and made by the
	// revision in use; zero if never.
	CheckAt time.Time
	// Check is the call that asks; nil if the API cannot be asked.
	Check *Removal
	// Failures counts the attempts since the last that succeeded, and Reason says why
	// the last one failed, one sentence.
	Failures int
	Reason   string
}

// upkeepOf finds out how the registration that an API has just confirmed is kept
// alive.
func upkeepOf(s Subscription, at target, answer Answer, now time.Time) Upkeep {
	u := Upkeep{}
	declared := at.op.GetTrigger().GetWebhook()
	if op := operationOf(at.def, declared.GetGetOperationId()); op != nil {
		u.Check = told(s, op, declared.GetUnsubscribeInputs(), answer.Body)
	}
	if u.Check != nil || s.tellsOurs() {
		u.CheckAt = now.Add(checkEvery)
	}
	r := declared.GetRenewal()
	if r == nil {
		return u
	}
	if op := operationOf(at.def, r.GetOperationId()); op != nil {
		u.Renew = told(s, op, r.GetInputs(), answer.Body)
	}
	u.expires(r, answer, now)
	return u
}

// expires notes what an answer says about the life of a registration.
func (u *Upkeep) expires(r *connectorv1.WebhookRenewal, answer Answer, now time.Time) {
	u.Expires, u.RenewAt = expiryOf(r, answer.Body, now), time.Time{}
	if !u.Expires.IsZero() {
		u.RenewAt = now.Add(max(time.Duration(renewShare*float64(u.Expires.Sub(now))), 0))
	}
}

// expiryOf is when a registration expires, by the API's answer or else the
// connector's lifetime; zero if neither says.
func expiryOf(r *connectorv1.WebhookRenewal, body []byte, now time.Time) time.Time {
	if at := timeIn(pointed(body, r.GetExpirePointer()), now); !at.IsZero() {
		return at
	}
	if r.GetLifetime().AsDuration() > 0 {
		return now.Add(r.GetLifetime().AsDuration())
	}
	return time.Time{}
}

// timeIn reads a time of RFC 3339, seconds since 1970, or seconds from now, as a
// number or a text.
func timeIn(value json.RawMessage, now time.Time) time.Time {
	text := strings.Trim(string(value), `"`)
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC()
	}
	seconds, err := json.Number(text).Float64()
	switch {
	case err != nil, seconds <= 0, seconds > 1<<40:
		return time.Time{}
	case seconds < shortLife:
		return now.Add(time.Duration(seconds * float64(time.Second)))
	}
	return time.Unix(int64(seconds), 0).UTC()
}

// told is a call of an operation with values of the answer to the registration, and
// with what it shares with the subscription's own input; nil if something is missing.
func told(s Subscription, op *connectorv1.Operation, values []*connectorv1.AnswerValue, body []byte) *Removal {
	if len(values) == 0 {
		return removalBy(s, op, body)
	}
	call := removalWith(s, op, pathInput(s, op), nil)
	if call == nil {
		return nil
	}
	input, err := parseInput(call.Input)
	if err != nil {
		return nil
	}
	for _, v := range values {
		value := pointed(body, v.GetAnswerPointer())
		if value == nil {
			return nil
		}
		if path := segmentsOf(v.GetInputPointer()); len(path) == 1 {
			delete(input, path[0]) // what the API says replaces what is shared
		}
		if place(input, v.GetInputPointer(), value) != nil {
			return nil
		}
	}
	text, err := encodeInput(input)
	if err != nil {
		return nil
	}
	return &Removal{Operation: op.GetOperationId(), Input: text}
}

// renewalInput is the input of a renewal, with the wanted time of expiry in its place.
func (t *Triggers) renewalInput(input string, r *connectorv1.WebhookRenewal) (string, error) {
	values, err := parseInput(input)
	if err != nil {
		return "", err
	}
	if err := t.wishExpiry(values, r); err != nil {
		return "", err
	}
	return encodeInput(values)
}

// wishExpiry fills in the wanted time of expiry where it can be chosen. One that the
// owner has chosen stays.
func (t *Triggers) wishExpiry(input map[string]any, r *connectorv1.WebhookRenewal) error {
	if r.GetInputExpirePointer() == "" || r.GetLifetime().AsDuration() <= 0 {
		return nil
	}
	err := place(input, r.GetInputExpirePointer(), t.Clock.Now().Add(r.GetLifetime().AsDuration()).UTC().Format(time.RFC3339))
	if errors.Is(err, errTaken) {
		return nil
	}
	return err
}

// due is when something is to be done to keep a webhook going; zero if nothing is.
func (s Subscription) due() time.Time {
	w := s.Webhook
	if w == nil || s.Deleting || s.Paused || !w.Registered || w.Ended {
		return time.Time{}
	}
	at, check := w.End, w.Upkeep.CheckAt
	if check.IsZero() && s.tellsOurs() {
		check = s.CreateTime.Add(checkEvery) // it was registered before that was looked at
	}
	for _, other := range []time.Time{w.Upkeep.RenewAt, check} {
		if !other.IsZero() {
			at = earlier(at, other)
		}
	}
	return at
}

// over reports whether the time of a webhook is over.
func (w *Webhook) over(now time.Time) bool {
	return w.Ended || !w.End.IsZero() && !now.Before(w.End)
}

// watch has a webhook woken when something is to be done to keep it going.
func (t *Triggers) watch(ctx context.Context, s Subscription) {
	at := s.due()
	if at.IsZero() {
		return // what was set before ends by itself
	}
	if err := t.Schedules.Put(ctx, s.UID, at); err != nil {
		t.Trouble(ctx, "set the schedule", s, err)
		wake(t.missing)
	}
}

// tend does what is due to keep a webhook going: it renews the registration, looks
// whether the API still has it, or ends it. It returns when it should be called next;
// zero for never. After an error the same has to be tried again.
func (t *Triggers) tend(ctx context.Context, s Subscription, due time.Time) (time.Time, error) {
	now := later(t.Clock.Now(), due) // our clock may be slow
	next, u := s.due(), s.Webhook.Upkeep
	if next.IsZero() || next.After(now) {
		return next, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PollTime+t.cfg.SetupTime)
	defer cancel()
	var err error
	switch {
	case s.Webhook.over(now):
		err = t.end(ctx, s, now)
	case !u.RenewAt.IsZero() && !u.RenewAt.After(now):
		err = t.renew(ctx, s, now)
	default:
		err = t.audit(ctx, s, now)
	}
	if err != nil {
		return time.Time{}, err
	}
	s, err = t.Store.ByUID(ctx, s.UID)
	if isGone(err) {
		return time.Time{}, nil
	}
	return s.due(), err
}

// end removes a webhook whose time is over.
func (t *Triggers) end(ctx context.Context, s Subscription, now time.Time) error {
	stored, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		if !s.Webhook.over(now) || s.Webhook.Ended || s.Deleting {
			return errAsIs
		}
		if s.Webhook.Next != nil {
			s.giveUp(s.Webhook.Next.Until)
		}
		s.leave(now)
		s.Webhook.Ended = true
		return nil
	})
	if err != nil {
		return unlessAsIs(err)
	}
	t.quiet(ctx, stored)
	return nil
}

// renew renews a registration, by the operation that does that or by registering
// anew. One that has expired is registered anew in any case.
func (t *Triggers) renew(ctx context.Context, s Subscription, now time.Time) error {
	u := s.Webhook.Upkeep
	if u.Renew == nil || !u.Expires.After(now) {
		// What has expired by our clock, or by what the connector says of its life, is
		// removed as well: the API may still have it, and would notify twice.
		_, err := t.registerAnew(ctx, s, anew{behalf: BehalfOfService, input: s.Input, expect: stays})
		return t.troubled(ctx, s, now, err, "it could not be registered anew before it expires")
	}
	at, err := t.targetOf(ctx, s, BehalfOfService)
	if err != nil {
		return t.troubled(ctx, s, now, err, "it could not be renewed")
	}
	declared := at.op.GetTrigger().GetWebhook().GetRenewal()
	input, err := t.renewalInput(u.Renew.Input, declared)
	if err != nil {
		return t.troubled(ctx, s, now, err, "it could not be renewed")
	}
	answer, err := t.Runtime.Invoke(ctx, s.call(u.Renew.Operation, input))
	switch {
	case err != nil:
		return t.troubled(ctx, s, now, err, "it could not be renewed")
	case gone(answer):
		_, err := t.registerAnew(ctx, s, anew{behalf: BehalfOfService, input: s.Input, expect: stays, lost: true})
		return t.troubled(ctx, s, now, err, "the API has lost the registration")
	case !registered(answer):
		return t.troubled(ctx, s, now, t.refusal(s, answer, nil), "it could not be renewed")
	}
	return t.kept(ctx, s, func(u *Upkeep) { u.expires(declared, answer, now) })
}

// stays refuses to register anew what is not wanted just now.
func stays(s *Subscription) error {
	if s.due().IsZero() {
		return errAsIs
	}
	return nil
}

// audit asks the API whether it still has a registration, and registers it anew if it
// does not, or if another revision of the connector made it.
func (t *Triggers) audit(ctx context.Context, s Subscription, now time.Time) error {
	if t.outdated(ctx, s) {
		_, err := t.registerAnew(ctx, s, anew{behalf: BehalfOfService, input: s.Input, expect: stays})
		return t.troubled(ctx, s, now, err, "the connector has changed, and the webhook could not be registered anew")
	}
	check := s.Webhook.Upkeep.Check
	if check == nil {
		return t.kept(ctx, s, func(u *Upkeep) { u.CheckAt = now.Add(checkEvery) })
	}
	answer, err := t.Runtime.Invoke(ctx, s.call(check.Operation, check.Input))
	if err == nil && gone(answer) {
		_, err := t.registerAnew(ctx, s, anew{behalf: BehalfOfService, input: s.Input, expect: stays, lost: true})
		return t.troubled(ctx, s, now, err, "the API has lost the registration")
	}
	if err != nil || !registered(answer) {
		// Nothing is known; that alone is no failure of the subscription.
		return t.kept(ctx, s, func(u *Upkeep) { u.CheckAt = now.Add(maxUpkeep) })
	}
	return t.kept(ctx, s, func(u *Upkeep) { u.CheckAt = now.Add(checkEvery) })
}

// outdated reports whether the API was told our secret by a revision that is not in use
// any more. Whoever could edit the connector then may have had the secret sent to
// somewhere else, and must not be able to sign notifications for ever. What cannot be
// found out is looked at again.
func (t *Triggers) outdated(ctx context.Context, s Subscription) bool {
	if !s.tellsOurs() {
		return false
	}
	at, err := t.targetOf(ctx, s, BehalfOfService)
	if err != nil {
		t.Trouble(ctx, "find out whether the connector has changed", s, err)
		return false
	}
	return at.revision != s.Revision
}

func gone(a Answer) bool { return a.Status == http.StatusNotFound || a.Status == http.StatusGone }

// kept notes that a registration is in order.
func (t *Triggers) kept(ctx context.Context, s Subscription, change func(*Upkeep)) error {
	generation := s.Webhook.Generation
	_, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		if s.Webhook.Generation != generation || s.due().IsZero() {
			return errAsIs
		}
		s.Webhook.Upkeep.Failures, s.Webhook.Upkeep.Reason = 0, ""
		change(&s.Webhook.Upkeep)
		return nil
	})
	return unlessAsIs(err)
}

// troubled notes that a registration could not be kept alive, and when that is tried
// again. The error is that of the store.
func (t *Triggers) troubled(ctx context.Context, s Subscription, now time.Time, cause error, what string) error {
	if unlessAsIs(cause) == nil {
		return nil
	}
	if ctx.Err() != nil {
		ctx = context.WithoutCancel(ctx) // that it failed must be kept
	}
	message := t.redacted(s, fault.From(cause).Message())
	_, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		if s.due().IsZero() {
			return errAsIs
		}
		u := &s.Webhook.Upkeep
		delay := minUpkeep
		for range u.Failures {
			delay = min(2*delay, maxUpkeep)
		}
		again := now.Add(t.jittered(delay))
		if !u.RenewAt.IsZero() && !u.RenewAt.After(now) {
			u.RenewAt = again
		} else {
			u.CheckAt = again
		}
		u.Failures, u.Reason = u.Failures+1, what+": "+message
		return nil
	})
	return unlessAsIs(err)
}

// unlessAsIs drops the errors of changes that were not necessary.
func unlessAsIs(err error) error {
	if isGone(err) || fault.CodeOf(err) == fault.CodeNotFound && fault.ReasonOf(err) == fault.ReasonSubscriptionNotFound {
		return nil
	}
	if errors.Is(err, errAsIs) {
		return nil
	}
	return err
}
