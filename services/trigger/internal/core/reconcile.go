package core

import (
	"context"
	"fmt"
)

// reconcilePage is how many subscriptions are read at once.
const reconcilePage = 500

// Reconcile makes sure that every polling subscription has a schedule: one that
// was stored by a process that died before it could set the schedule has none.
// It is idempotent, and many processes may do it at once. It goes through all
// subscriptions of all environments, page by page.
func (t *Triggers) Reconcile(ctx context.Context) error {
	after := ""
	for {
		page, next, err := t.Store.Subscriptions(ctx, Query{After: after, Limit: reconcilePage})
		if err != nil {
			return fmt.Errorf("read subscriptions: %w", err)
		}
		for _, s := range page {
			if s.Polling == nil || s.Deleting {
				continue
			}
			if err := t.Schedules.PutIfAbsent(ctx, s.UID, s.Polling.Cursor.Next); err != nil {
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
