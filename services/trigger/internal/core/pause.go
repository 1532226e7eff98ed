package core

import (
	"context"
	"errors"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

// errAsIs says that a subscription is as it is wanted already.
var errAsIs = errors.New("nothing changes")

// Pause stops a subscription until it is resumed. When it returns, no further event is
// produced: a poll that is under way is not committed, and what notifications that had
// arrived before make is on the bus. What is queued for sinks is delivered. A webhook
// is removed at its API; what cannot be done at once is done in the background.
//
// One that is paused, or whose time is over, stays as it is.
func (t *Triggers) Pause(ctx context.Context, caller Caller, name resource.Subscription) (Subscription, error) {
	s, err := t.Get(ctx, caller, name)
	if err != nil {
		return Subscription{}, err
	}
	return t.pause(ctx, s)
}

func (t *Triggers) pause(ctx context.Context, s Subscription) (Subscription, error) {
	now := t.Clock.Now()
	stored, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		state, _ := s.State()
		switch {
		case state == StateDeleting:
			return ErrNotFound
		case state == StateEnded, s.Paused && (s.Webhook == nil || s.Webhook.Next == nil):
			return errAsIs // but a resumption that is under way is stopped
		case s.settingUp():
			return busy(*s)
		}
		s.Paused, s.UpdateTime = true, now
		if s.Notices != nil {
			return nil
		}
		if s.Polling != nil {
			s.Polling.Poked = time.Time{}
			return nil
		}
		if s.Webhook.Next != nil {
			s.giveUp(s.Webhook.Next.Until)
		}
		s.leave(now)
		return nil
	})
	if errors.Is(err, errAsIs) {
		// Whoever paused it may have died before the rest was done.
		stored, err = t.Store.ByUID(ctx, s.UID)
	}
	if err := t.altered(ctx, s, err); err != nil {
		return Subscription{}, err
	}
	return t.quiet(ctx, stored), nil
}

// quiet does what follows once it is stored that a subscription is not active any
// more.
func (t *Triggers) quiet(ctx context.Context, s Subscription) Subscription {
	if err := t.Schedules.Cancel(ctx, s.UID); err != nil {
		t.Trouble(ctx, "cancel the schedule", s, err) // it ends by itself when it is due
	}
	if companion, ok := t.companion(ctx, s); ok {
		if _, err := t.pause(ctx, companion); err != nil {
			t.Trouble(ctx, "pause the notifications that make it poll", s, err)
		}
	}
	if s.Webhook == nil {
		return s
	}
	t.entries.wait(t.Keys.Token(s.UID))
	if !s.Unsettled() {
		return s
	}
	t.tidy(context.WithoutCancel(ctx), s)
	wake(t.kick)
	return t.reread(ctx, s)
}

// Resume lets a paused or suspended subscription go on. A polling trigger goes on where
// it stopped, and is due at once: items that appeared meanwhile are events, unless
// skipMissed is set, which makes the next answer the baseline. A webhook is registered
// again; should that fail, it stays paused. What happened meanwhile at an API that
// notifies is lost.
//
// One that is neither paused nor suspended stays as it is. One whose time is over is
// refused.
func (t *Triggers) Resume(ctx context.Context, caller Caller, name resource.Subscription, skipMissed bool) (Subscription, error) {
	s, err := t.Told(ctx, caller, name)
	if err != nil {
		return Subscription{}, err
	}
	if s.Notices != nil {
		return t.resumeNotices(ctx, s)
	}
	if s.Polling != nil {
		resumed, err := t.resumePolling(ctx, s, skipMissed)
		if err != nil {
			return Subscription{}, err
		}
		return t.accompanied(ctx, resumed, t.resumeWebhook), nil
	}
	return t.resumeWebhook(ctx, s)
}

func (t *Triggers) resumeWebhook(ctx context.Context, s Subscription) (Subscription, error) {
	resume := func(s *Subscription) error {
		if err := t.resumable(*s); err != nil {
			return err
		}
		s.Paused, s.Suspended, s.UpdateTime = false, "", t.Clock.Now()
		return nil
	}
	var resumed Subscription
	var err error
	if s.Webhook.byHand() {
		resumed, err = t.Store.Alter(ctx, s.UID, resume)
		if err == nil {
			t.watch(ctx, resumed)
		}
	} else {
		resumed, err = t.registerAnew(ctx, s, anew{
			behalf: BehalfOfService, input: s.Input,
			expect: func(s *Subscription) error { return t.resumable(*s) }, apply: resume,
		})
	}
	if errors.Is(err, errAsIs) {
		resumed, err = t.Store.ByUID(ctx, s.UID)
	}
	return resumed, t.altered(ctx, s, err)
}

// resumable refuses what cannot be resumed; [errAsIs] if it need not be.
func (t *Triggers) resumable(s Subscription) error {
	ended := fault.Precondition(fault.ReasonInvalidArgument,
		"the end time of subscription %q has passed; move its end_time to have it go on", s.Name.ID).With("subscription", s.Name.String())
	now := t.Clock.Now()
	state, _ := s.State()
	switch {
	case state == StateDeleting:
		return ErrNotFound
	case state == StateEnded, s.Webhook != nil && s.Webhook.over(now):
		return ended
	case !s.Paused && s.Suspended == "":
		return errAsIs
	case s.Polling != nil && !s.Polling.Recurrence.End.IsZero() && now.After(s.Polling.Recurrence.End):
		return ended
	}
	return nil
}

func (t *Triggers) resumePolling(ctx context.Context, s Subscription, skipMissed bool) (Subscription, error) {
	now := t.Clock.Now()
	resumed, err := t.Store.AlterPolling(ctx, s.UID, func(s *Subscription) error {
		if err := t.resumable(*s); err != nil {
			return err
		}
		s.Paused, s.Suspended, s.UpdateTime = false, "", now
		due, ok := t.promptly(s.Polling.Recurrence, now)
		s.Polling.Cursor = s.Polling.Cursor.Resumed(due)
		s.Polling.Cursor.Ended = !ok
		if skipMissed {
			s.Polling.Cursor = s.Polling.Cursor.anew()
		}
		return nil
	})
	if errors.Is(err, errAsIs) {
		resumed, err = t.Store.ByUID(ctx, s.UID)
	}
	if err := t.altered(ctx, s, err); err != nil {
		wake(t.missing) // it may be stored all the same
		return Subscription{}, err
	}
	t.reschedule(ctx, resumed)
	return resumed, nil
}

// promptly is when a subscription is due whose poll is wanted now: at once, or at the
// next time that its cron expression names; false if that is after its end.
func (t *Triggers) promptly(o recurrence.Options, now time.Time) (time.Time, bool) {
	rule, err := recurrence.New(o, 0)
	switch {
	case err != nil:
		return now, true // the poll says what is wrong
	case o.Cron != "" || now.Before(o.Start):
		return rule.Next(now, t.Dice())
	}
	return now, !rule.Ended(now)
}

// anew is a cursor whose next answer is the baseline.
func (c Cursor) anew() Cursor {
	c.Baseline, c.State, c.Values, c.Refused = false, "", nil, false
	return c
}

// reschedule has a subscription polled when it is due, or not at all.
func (t *Triggers) reschedule(ctx context.Context, s Subscription) {
	if !s.Polls() {
		if err := t.Schedules.Cancel(ctx, s.UID); err != nil {
			t.Trouble(ctx, "cancel the schedule", s, err)
		}
		return
	}
	if err := t.Schedules.Put(ctx, s.UID, s.Polling.Cursor.Next); err != nil {
		t.Trouble(ctx, "set the schedule", s, err)
		wake(t.missing)
	}
}
