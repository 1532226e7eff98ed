package store

import (
	"context"
	"errors"

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
	var unreadable error
	err = s.kv.View(ctx, func(r kv.Reader) error {
		found, unreadable = nil, nil // a store may read again
		for _, prefix := range [][]byte{ownPrefix(connection.Environment, owner), everyonesPrefix(connection.Environment)} {
			subs, bad, err := listeners(r, prefix, connection)
			if err != nil {
				return err
			}
			found, unreadable = append(found, subs...), errors.Join(unreadable, bad)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return found, unreadable
}

// listeners returns those of a part of the index that are about a connection, and why some
// cannot be read.
func listeners(r kv.Reader, prefix []byte, connection resource.Connection) (found []core.Subscription, unreadable, err error) {
	pairs, err := r.Scan(prefix, nil, core.MaxNotices)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range pairs {
		if id := string(p.Value); id != connection.ID && id != core.EveryConnection {
			continue
		}
		switch sub, err := load(r, string(p.Key[len(prefix):])); {
		case errors.Is(err, core.ErrUnreadable):
			unreadable = errors.Join(unreadable, err)
		case err != nil:
			return nil, nil, err
		default:
			found = append(found, sub)
		}
	}
	return found, unreadable, nil
}
