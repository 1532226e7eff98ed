package store

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// listeningPrefix is where a subscription to notices has its entry; nowhere in
// particular for another.
func listeningPrefix(sub core.Subscription) []byte {
	if sub.Notices != nil && sub.Notices.Everyones {
		return everyonesPrefix(sub.Name.Environment)
	}
	return ownPrefix(sub.Name.Environment, sub.Owner)
}

// listen enters a subscription to notices in the index, unless it is one too many.
func listen(tx kv.Tx, sub core.Subscription) error {
	if sub.Notices == nil {
		return nil
	}
	prefix := listeningPrefix(sub)
	there, err := tx.Scan(prefix, nil, core.MaxNotices)
	if err != nil {
		return err
	}
	if len(there) >= core.MaxNotices {
		return core.ErrTooMany
	}
	return tx.Put(append(prefix, sub.UID...), []byte(sub.Connection.ID))
}

// Listening implements core.Store. What it reads does not grow with the number of
// subscriptions: the entries of one owner and those of one environment, both bounded.
func (s *Store) Listening(ctx context.Context, connection resource.Connection, owner string) (found []core.Subscription, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		found = nil // a store may read again
		for _, prefix := range [][]byte{ownPrefix(connection.Environment, owner), everyonesPrefix(connection.Environment)} {
			subs, err := listeners(r, prefix, connection)
			if err != nil {
				return err
			}
			found = append(found, subs...)
		}
		return nil
	})
	return found, err
}

// listeners returns those of a part of the index that are about a connection.
func listeners(r kv.Reader, prefix []byte, connection resource.Connection) (found []core.Subscription, err error) {
	pairs, err := r.Scan(prefix, nil, core.MaxNotices)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs {
		if id := string(p.Value); id != connection.ID && id != core.EveryConnection {
			continue
		}
		sub, err := load(r, string(p.Key[len(prefix):]))
		if err != nil {
			return nil, err
		}
		found = append(found, sub)
	}
	return found, nil
}
