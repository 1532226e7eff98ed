package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Get returns a subscription that the caller may see.
func (t *Triggers) Get(ctx context.Context, caller Caller, name resource.Subscription) (Subscription, error) {
	s, err := t.Store.Subscription(ctx, name)
	if err := t.found(ctx, name, err); err != nil {
		return Subscription{}, err
	}
	if !caller.sees(s) {
		return Subscription{}, notFound(name)
	}
	return t.activity.shown(s), nil
}

// List returns the subscriptions of an environment that the caller may see, in
// the order of their ids: limit of them after the given id, or fewer. The second
// result is the id to continue after; empty at the end.
func (t *Triggers) List(ctx context.Context, caller Caller, environment, after string, limit int) ([]Subscription, string, error) {
	if err := t.Environments.Exists(ctx, environment); err != nil {
		return nil, "", err
	}
	q := Query{Environment: environment, After: after, Limit: limit}
	if !caller.seesAll() {
		q.Owner = caller.Principal.Name
	}
	list, next, err := t.Store.Subscriptions(ctx, q)
	if err != nil {
		return nil, "", fmt.Errorf("list subscriptions: %w", err)
	}
	for i := range list {
		list[i] = t.activity.shown(list[i])
	}
	return list, next, nil
}

// Exists tells whether the very subscription still produces events.
func (t *Triggers) Exists(ctx context.Context, uid string) (bool, error) {
	s, err := t.Store.ByUID(ctx, uid)
	if isGone(err) {
		return false, nil
	}
	return err == nil && !s.Deleting, err
}
