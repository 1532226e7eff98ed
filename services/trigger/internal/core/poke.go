package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// poked reports whether a notification has asked for a poll that may be made before
// its time. An API that fails keeps its pause.
func (p *Polling) poked() bool { return !p.Poked.IsZero() && p.Cursor.Failures == 0 }

// errNoPoke says that a subscription is not to be polled.
var errNoPoke = errors.New("the subscription is not polled")

// Poke makes a polling subscription poll at once: as soon as its shortest interval
// and the pause after a failure allow. The wish is stored before the schedule is
// set, so that it survives both; a poll that is under way does not fulfil it,
// because it may have looked before. One that is gone, paused, suspended or over is
// left alone.
func (t *Triggers) Poke(ctx context.Context, uid string) error {
	now := t.Clock.Now()
	s, err := t.Store.Alter(ctx, uid, func(s *Subscription) error {
		state, _ := s.State()
		if s.Polling == nil || s.leaving() || state == StatePaused || state == StateSuspended {
			return errNoPoke
		}
		s.Polling.Poked = now
		return nil
	})
	switch {
	case isGone(err), errors.Is(err, errNoPoke):
		return nil
	case err != nil:
		return fmt.Errorf("note that %s is to be polled: %w", uid, err)
	case !s.Polling.poked():
		return nil // the poll that is due after the pause fulfils it
	}
	at := later(now, s.Polling.Cursor.Last.Add(t.cfg.MinInterval))
	if err := t.Schedules.Put(ctx, uid, at); err != nil {
		return fmt.Errorf("have %s polled: %w", s.Name, err)
	}
	return nil
}

// answerPoke forgets the wish for a poll that was made with the given version of the
// cursor, and returns when the next is due: at once, if it was another process's
// poll that was committed, or if there was another wish meanwhile.
func (t *Triggers) answerPoke(ctx context.Context, s Subscription, next time.Time, version uint64) (time.Time, error) {
	if next.IsZero() {
		return next, nil // it is gone
	}
	again := false
	_, err := t.Store.Alter(ctx, s.UID, func(now *Subscription) error {
		again = now.Polling == nil || now.Polling.Cursor.Version != version || !now.Polling.Poked.Equal(s.Polling.Poked)
		if again {
			return errNoPoke
		}
		now.Polling.Poked = time.Time{}
		return nil
	})
	switch {
	case isGone(err):
		return time.Time{}, nil
	case err != nil && !errors.Is(err, errNoPoke):
		// The poll stands; the wish makes one more.
		t.Trouble(ctx, "forget a wish for a poll", s, err)
	}
	if again {
		return t.Clock.Now().Add(t.cfg.MinInterval), nil
	}
	return next, nil
}
