package store

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Connections implements core.Store. It follows the narrowest index there is.
func (s *Store) Connections(ctx context.Context, q core.ConnectionQuery) (found []core.Connection, next string, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		found, next = nil, ""
		return walk(r, listPrefix(q), []byte(q.After), q.Limit, func(p kv.Pair, id string) (bool, error) {
			c, err := listed(r, q, id, p)
			if unreadable(err) {
				c, err = core.Unreadable(resource.Connection{Environment: q.Environment, ID: id}), nil
				c.Owner = q.Owner
				if q.Connector != "" {
					c.Connector = resource.Connector{Environment: q.Environment, ID: q.Connector}
				}
			}
			if err != nil || q.Owner != "" && c.Owner != q.Owner || q.Connector != "" && c.Connector.ID != q.Connector {
				return true, err
			}
			if len(found) == q.Limit {
				next = found[q.Limit-1].Name.ID
				return false, nil
			}
			full, err := granted(r, c)
			if unreadable(err) {
				full, err = c.AsUnreadable(), nil
			}
			found = append(found, full)
			return true, err
		})
	})
	return found, next, err
}

// listPrefix returns where the answers to a query are.
func listPrefix(q core.ConnectionQuery) []byte {
	switch {
	case q.Owner != "":
		return ownerPrefix(q.Environment, q.Owner)
	case q.Connector != "":
		return connectorPrefix(q.Environment, q.Connector)
	}
	return connectionKey(resource.Connection{Environment: q.Environment})
}

// listed returns the connection that an entry of a listing stands for.
func listed(r kv.Reader, q core.ConnectionQuery, id string, p kv.Pair) (core.Connection, error) {
	name := resource.Connection{Environment: q.Environment, ID: id}
	if q.Owner != "" || q.Connector != "" {
		return load(r, name) // the entry is one of an index
	}
	if err := readable(p); err != nil {
		return core.Connection{}, err
	}
	c, err := decodeConnection(name, p.Value)
	if err != nil {
		return core.Connection{}, fmt.Errorf("record of %s: %w", name, err)
	}
	return c, nil
}

// walk calls visit for every pair under a prefix, with the rest of its key,
// beginning after the given rest, until visit says that it has enough. size is
// how many pairs are read at once.
func walk(r kv.Reader, prefix, after []byte, size int, visit func(p kv.Pair, rest string) (more bool, err error)) error {
	var from []byte
	if len(after) > 0 {
		from = append(append(from, prefix...), after...)
	}
	for {
		pairs, err := r.Scan(prefix, from, size+1)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			more, err := visit(p, lastPart(p.Key, prefix))
			if err != nil || !more {
				return err
			}
		}
		if len(pairs) <= size {
			return nil
		}
		from = pairs[size].Key
	}
}
