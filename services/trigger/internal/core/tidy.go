package core

import (
	"context"
	"errors"
	"slices"
	"time"
)

// tidy makes one attempt to remove the leftovers of a subscription that stays. It
// returns when the next is due; zero if none is needed.
func (t *Triggers) tidy(ctx context.Context, s Subscription) time.Time {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.PollTime)
	defer cancel()
	now := t.Clock.Now()
	if next := s.Webhook.Next; next != nil && !next.Until.After(now) {
		// Whoever was making it was told, or died.
		taken, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
			if !s.Webhook.making(next.Generation) {
				return errSettled
			}
			s.giveUp(now)
			s.Webhook.NextAttempt = now
			return nil
		})
		switch {
		case isGone(err), errors.Is(err, errSettled):
			return time.Time{}
		case err != nil:
			t.Trouble(ctx, "take over an unfinished registration", s, err)
			return t.Clock.Now().Add(minCleanup)
		}
		s = taken
	}
	for _, l := range slices.Clone(s.Webhook.Old) {
		if l.After.After(now) {
			continue
		}
		err := t.unregister(ctx, s, l)
		if err != nil && !hopeless(err) && s.Webhook.Attempts+1 < cleanupAttempts {
			return t.postpone(ctx, s, err)
		}
		if err != nil {
			t.Trouble(ctx, "remove an old registration at the API, which may remain there", s, err)
		}
		if s, err = t.removed(ctx, s, l); err != nil {
			return t.Clock.Now().Add(minCleanup)
		}
	}
	return s.settleAt()
}

// removed notes that a leftover is gone.
func (t *Triggers) removed(ctx context.Context, s Subscription, l Leftover) (Subscription, error) {
	stored, err := t.Store.Alter(ctx, s.UID, func(s *Subscription) error {
		s.Webhook.without(l.Generation)
		s.Webhook.Attempts, s.Webhook.Reason = 0, ""
		return nil
	})
	if err == nil || isGone(err) {
		return stored, err
	}
	t.Trouble(ctx, "note that an old registration was removed", s, err)
	return s, err
}
