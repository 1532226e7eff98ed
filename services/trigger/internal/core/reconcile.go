package core

import (
	"context"
	"fmt"
	"time"
)

// reconcilePage is how many subscriptions are read at once.
const reconcilePage = 500

// overdue is how long after its time a subscription's schedule is set once more: a
// process that died after it had stored another recurrence has left the old one.
const overdue = time.Minute

// Reconcile makes sure that every subscription has a schedule that is polled, or whose
// registration is to be kept alive: one that
// was stored by a process that died before it could set the schedule has none.
// It is idempotent, and many processes may do it at once. It goes through all
// subscriptions of all environments, page by page, and asks the bus about each.
func (t *Triggers) Reconcile(ctx context.Context) error {
	return t.reconcile(ctx, t.Schedules.PutIfAbsent)
}

// Rescue is [Triggers.Reconcile] for those only whose time was more than a minute ago,
// as a schedule that is missing shows then. It does not ask the bus about the others,
// which for a million would keep it busy all the time.
func (t *Triggers) Rescue(ctx context.Context) error {
	return t.reconcile(ctx, func(context.Context, string, time.Time) error { return nil })
}

// reconcile sets the schedules that are overdue once more, and has ensure see to the
// others.
func (t *Triggers) reconcile(ctx context.Context, ensure func(context.Context, string, time.Time) error) error {
	after := ""
	for {
		page, next, err := t.Store.Subscriptions(ctx, Query{After: after, Limit: reconcilePage})
		if err != nil {
			return fmt.Errorf("read subscriptions: %w", err)
		}
		for _, s := range page {
			t.unaccompany(ctx, s)
			at := s.due()
			if s.Polls() {
				at = s.Polling.Cursor.Next
			}
			if at.IsZero() {
				continue
			}
			put := ensure
			if t.Clock.Now().Sub(at) > overdue {
				put = t.Schedules.Put // what is set may be that of before a change
			}
			if err := put(ctx, s.UID, at); err != nil {
				return fmt.Errorf("set the schedule of %s: %w", s.Name, err)
			}
		}
		if next == "" {
			return nil
		}
		after = next
	}
}

// Unscheduled is readable when [Triggers.Reconcile] should be called before its
// time: a schedule could not be set.
func (t *Triggers) Unscheduled() <-chan struct{} { return t.missing }
