package core

import (
	"context"
	"errors"
	"sync"
	"time"
)

// activity remembers when subscriptions were notified until that is stored: a
// transaction for each notification would cost more than the notification.
type activity struct {
	mu    sync.Mutex
	dirty map[string]time.Time
}

func (a *activity) note(uid string, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.dirty == nil {
		a.dirty = map[string]time.Time{}
	}
	a.dirty[uid] = now
}

// shown returns s with what is not stored yet.
func (a *activity) shown(s Subscription) Subscription {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, ok := a.dirty[s.UID]
	switch {
	case !ok:
	case s.Webhook != nil:
		w := *s.Webhook
		w.Notified = now
		s.Webhook = &w
	case s.Notices != nil:
		n := *s.Notices
		n.Last = now
		s.Notices = &n
	}
	return s
}

// FlushActivity stores when subscriptions were last notified. What fails is
// tried again with the next flush.
func (t *Triggers) FlushActivity(ctx context.Context) error {
	t.activity.mu.Lock()
	dirty := t.activity.dirty
	t.activity.dirty = nil
	t.activity.mu.Unlock()
	if len(dirty) == 0 {
		return nil
	}
	err := t.Store.Touch(ctx, dirty)
	if err == nil {
		return nil
	}
	t.activity.mu.Lock()
	defer t.activity.mu.Unlock()
	if t.activity.dirty == nil {
		t.activity.dirty = map[string]time.Time{}
	}
	for uid, at := range dirty {
		if _, newer := t.activity.dirty[uid]; !newer {
			t.activity.dirty[uid] = at
		}
	}
	return err
}

// isGone reports whether a store says that a subscription does not exist.
func isGone(err error) bool { return errors.Is(err, ErrNotFound) }
