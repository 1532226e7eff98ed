package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// Subscriptions implements core.Store. It follows the narrowest index there is.
func (s *Store) Subscriptions(ctx context.Context, q core.Query) (found []core.Subscription, next string, err error) {
	prefix := nameKey(resource.Subscription{Environment: q.Environment})
	switch {
	case q.Environment == "":
		prefix = everyName
	case q.Owner != "":
		prefix = ownerPrefix(q.Environment, q.Owner)
	}
	var after []byte
	if q.After != "" {
		after = append(append(after, prefix...), q.After...)
	}
	err = s.kv.View(ctx, func(r kv.Reader) error {
		// One more than wanted tells whether there is a next page.
		pairs, err := r.Scan(prefix, after, q.Limit+1)
		if err != nil {
			return err
		}
		for i, p := range pairs {
			if i == q.Limit {
				next = string(pairs[i-1].Key[len(prefix):])
				return nil
			}
			sub, err := load(r, string(p.Value))
			if err != nil {
				return err
			}
			found = append(found, sub)
		}
		return nil
	})
	return found, next, err
}

// Unsettled implements core.Store.
func (s *Store) Unsettled(ctx context.Context, after string, limit int) (found []core.Subscription, err error) {
	prefix := unsettledKey("")
	var from []byte
	if after != "" {
		from = unsettledKey(after)
	}
	err = s.kv.View(ctx, func(r kv.Reader) error {
		pairs, err := r.Scan(prefix, from, limit)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			sub, err := load(r, string(p.Key[len(prefix):]))
			if err != nil {
				return err
			}
			found = append(found, sub)
		}
		return nil
	})
	return found, err
}

// CheckKey remembers which key callbacks are derived from, and fails if it is
// not the same as before: the callback URLs that APIs know would all be wrong.
func (s *Store) CheckKey(ctx context.Context, id string) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		known, err := tx.Get(keyCheck)
		if errors.Is(err, kv.ErrNotFound) {
			return tx.Put(keyCheck, []byte(id))
		}
		if err != nil {
			return err
		}
		if string(known) != id {
			return fmt.Errorf("the webhook key %s is not the one that this store's callbacks were made with, %s: put that one back from its backup", id, known)
		}
		return nil
	})
}
