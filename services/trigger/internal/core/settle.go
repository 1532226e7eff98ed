package core

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// minCleanup and maxCleanup bound the pause between two attempts to remove a
	// registration. It doubles from the one to the other.
	minCleanup = 2 * time.Second
	maxCleanup = time.Hour
	// cleanupAttempts is after how many attempts we give up: about three days.
	cleanupAttempts = 84
	// settlePage is how many subscriptions are read at once.
	settlePage = 100
)

// Delete stops using a trigger. When it returns, no further event is produced. A
// webhook is removed at its API, in two durable steps like its registration;
// what cannot be done at once is done in the background, and until then the
// subscription is [StateDeleting] and its callback answers 410.
func (t *Triggers) Delete(ctx context.Context, caller Caller, name resource.Subscription) error {
	s, err := t.Get(ctx, caller, name)
	if err != nil {
		return err
	}
	switch {
	case s.Notices != nil:
		return t.found(ctx, s.Name, t.Store.Remove(ctx, s.UID))
	case s.Polling != nil:
		return t.deletePolling(ctx, s)
	}
	return t.deleteWebhook(ctx, s)
}

func (t *Triggers) deleteWebhook(ctx context.Context, s Subscription) error {
	name := s.Name
	s, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		setUp := !s.settingUp()
		s.Deleting = true
		if s.Webhook.Next != nil {
			s.giveUp(s.Webhook.Next.Until)
		}
		if setUp {
			s.Webhook.NextAttempt = t.Clock.Now()
		}
		return nil
	})
	if err := t.found(ctx, name, err); err != nil {
		return err
	}
	t.entries.wait(t.Keys.Token(s.UID))
	if s.settleAt().After(t.Clock.Now()) {
		// It is being set up at this moment. The API may not have seen it yet,
		// so there is nothing to remove until that is over.
		wake(t.kick)
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), t.cfg.PollTime)
	defer cancel()
	t.settle(ctx, s)
	wake(t.kick)
	return nil
}

func (t *Triggers) deletePolling(ctx context.Context, s Subscription) error {
	if err := t.found(ctx, s.Name, t.Store.Remove(ctx, s.UID)); err != nil {
		return err
	}
	// A schedule that stays ends by itself: it finds no subscription.
	if err := t.Schedules.Cancel(ctx, s.UID); err != nil {
		t.Trouble(ctx, "cancel the schedule", s, err)
	}
	// What is left of its companion is found by the reconciliation.
	if companion, ok := t.companion(ctx, s); ok {
		if err := t.deleteWebhook(ctx, companion); err != nil {
			t.Trouble(ctx, "delete the notifications that made it poll", s, err)
		}
	}
	return nil
}

// Settle finishes what was begun at APIs: it removes the registrations of
// subscriptions that are being deleted, and of those whose setting up nobody
// finished. It returns when it should be called again; zero if there is nothing
// left.
func (t *Triggers) Settle(ctx context.Context) (next time.Time, err error) {
	after := ""
	for {
		page, err := t.Store.Unsettled(ctx, after, settlePage)
		if err != nil {
			return time.Time{}, fmt.Errorf("look for unsettled webhooks: %w", err)
		}
		for _, s := range page {
			after = s.UID
			if at := s.settleAt(); at.After(t.Clock.Now()) {
				next = earlier(next, at)
				continue
			}
			next = earlier(next, t.settle(ctx, s))
			if ctx.Err() != nil {
				return time.Time{}, ctx.Err()
			}
		}
		if len(page) < settlePage {
			return next, nil
		}
	}
}

// Unsettled is readable when [Triggers.Settle] should be called at once.
func (t *Triggers) Unsettled() <-chan struct{} { return t.kick }

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// settle makes one attempt to undo a registration and to remove its
// subscription. It returns when the next is due; zero if none is needed, or if
// somebody else is at it, who sees to the next.
func (t *Triggers) settle(ctx context.Context, s Subscription) time.Time {
	if !s.Deleting && !s.settingUp() {
		return t.tidy(ctx, s)
	}
	if !t.settling.take(s.UID) {
		return time.Time{}
	}
	defer t.settling.done(s.UID)
	s, err := t.Store.ByUID(ctx, s.UID) // somebody may have finished since it was read
	switch {
	case isGone(err):
		return time.Time{}
	case err != nil:
		t.Trouble(ctx, "read what is to be undone", s, err)
		return t.Clock.Now().Add(minCleanup)
	}
	if at := s.settleAt(); at.After(t.Clock.Now()) {
		return at
	}
	return t.undo(ctx, s)
}

// undo is what settle does once nobody else does.
func (t *Triggers) undo(ctx context.Context, s Subscription) time.Time {
	if !s.Deleting {
		// Nobody finished its setting up in time: its creator was told, or died.
		var err error
		s, err = t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
			if s.Webhook.Registered {
				return errSettled
			}
			s.Deleting = true
			return nil
		})
		switch {
		case isGone(err), errors.Is(err, errSettled):
			return time.Time{}
		case err != nil:
			t.Trouble(ctx, "take over an unfinished registration", s, err)
			return t.Clock.Now().Add(minCleanup)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PollTime)
	defer cancel()
	err := t.unregisterAll(ctx, s)
	if err != nil && !hopeless(err) && s.Webhook.Attempts+1 < cleanupAttempts {
		return t.postpone(ctx, s, err)
	}
	if err != nil {
		t.Trouble(ctx, "remove the registration at the API, which may remain there", s, err)
	}
	if err := t.Store.Remove(ctx, s.UID); err != nil && !isGone(err) {
		t.Trouble(ctx, "remove the subscription", s, err)
		return t.Clock.Now().Add(minCleanup)
	}
	return time.Time{}
}

var errSettled = errors.New("the registration was finished meanwhile")

// postpone notes that an attempt failed.
func (t *Triggers) postpone(ctx context.Context, s Subscription, cause error) time.Time {
	ctx = context.WithoutCancel(ctx)
	delay := minCleanup
	for range s.Webhook.Attempts {
		delay = min(2*delay, maxCleanup)
	}
	next := t.Clock.Now().Add(t.jittered(delay))
	t.Trouble(ctx, "remove the registration at the API", s, cause)
	_, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		s.Webhook.Attempts++
		s.Webhook.NextAttempt = next
		s.Webhook.Reason = "it could not be removed at the API: " + t.redacted(*s, fault.From(cause).Message())
		return nil
	})
	if err != nil && !isGone(err) {
		t.Trouble(ctx, "note a failed removal", s, err)
	}
	return next
}

// unregisterAll removes every registration of a subscription at the API. One that is
// not there any more is removed.
func (t *Triggers) unregisterAll(ctx context.Context, s Subscription) error {
	var errs []error
	unknown := false
	if absent := s.Webhook.byHand() || !s.Webhook.Registered && (s.Paused || s.Webhook.Ended); !absent {
		if unknown = s.Webhook.Unsubscribe == nil; !unknown {
			errs = append(errs, t.remove(ctx, s, s.Webhook.Unsubscribe))
		}
	}
	for _, l := range s.Webhook.Old {
		if l.Unsubscribe == nil {
			unknown = true
			continue
		}
		errs = append(errs, t.remove(ctx, s.was(l), l.Unsubscribe))
	}
	if unknown {
		errs = append(errs, t.searchAndRemove(ctx, s, everyGeneration))
	}
	for _, l := range s.Webhook.Old {
		if l.Unsubscribe == nil && l.Input != s.Input { // it may be in another list
			errs = append(errs, t.searchAndRemove(ctx, s.was(l), presentGeneration))
		}
	}
	return worst(errs)
}

// worst returns the first error that can heal, or else the first.
func worst(errs []error) (first error) {
	for _, err := range errs {
		switch {
		case err == nil:
		case !hopeless(err):
			return err
		case first == nil:
			first = err
		}
	}
	return first
}

// unregister removes a leftover at the API. One that is not there any more is
// removed.
func (t *Triggers) unregister(ctx context.Context, s Subscription, l Leftover) error {
	if l.Unsubscribe != nil {
		return t.remove(ctx, s.was(l), l.Unsubscribe)
	}
	return t.searchAndRemove(ctx, s.was(l), presentGeneration)
}

// searchAndRemove removes what the API lists.
func (t *Triggers) searchAndRemove(ctx context.Context, s Subscription, which scope) error {
	found, ok, err := t.orphans(ctx, s, which)
	if err != nil {
		return err
	}
	if !ok {
		t.Trouble(ctx, "look for what is left at the API", s, errNoSearch)
		return nil
	}
	for _, removal := range found {
		if err := t.remove(ctx, s, removal); err != nil {
			return err
		}
	}
	return nil
}

var errNoSearch = errors.New("the API offers no list of its registrations")

// remove calls the operation that removes a registration: in the revision that
// the connection uses or, if that has no such operation, in the one that the
// registration was made with.
func (t *Triggers) remove(ctx context.Context, s Subscription, r *Removal) error {
	call := s.call(r.Operation, r.Input)
	answer, err := t.Runtime.Invoke(ctx, call)
	if fault.ReasonOf(err) == fault.ReasonOperationNotFound {
		call.Revision = s.Revision
		answer, err = t.Runtime.Invoke(ctx, call)
	}
	switch {
	case err != nil:
		return err
	case registered(answer), answer.Status == http.StatusNotFound, answer.Status == http.StatusGone:
		return nil
	}
	message := "it gave no reason"
	if answer.Refusal != nil {
		message = answer.Refusal.Message
	}
	return fault.Unavailable(fault.ReasonTriggerSubscribeFailed, "%s", withStatus(answer.Status, message))
}

// hopeless reports whether a failure cannot heal: what is needed to call the API
// does not exist any more.
func hopeless(err error) bool {
	switch fault.ReasonOf(err) {
	case fault.ReasonConnectionNotFound, fault.ReasonConnectorNotFound, fault.ReasonRevisionNotFound, fault.ReasonOperationNotFound:
		return true
	default:
		return false
	}
}
