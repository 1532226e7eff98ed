package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// authorizationPage is how many sign-ins are read at once.
const authorizationPage = 100

// InsertAuthorization implements core.AuthorizationStore.
func (s *Store) InsertAuthorization(ctx context.Context, a core.Authorization, l core.SignInLimits) (dropped []core.Authorization, err error) {
	err = s.kv.Update(ctx, func(tx kv.Tx) error {
		dropped = nil
		if err := expectUID(tx, a); err != nil {
			return err
		}
		waiting, err := tx.Scan(waitingPrefix(a.Principal), nil, l.OfPrincipal)
		if err != nil {
			return err
		}
		if len(waiting) >= l.OfPrincipal {
			return core.ErrLimit
		}
		if dropped, err = makeRoom(tx, a.Name.Parent(), l); err != nil {
			return err
		}
		if err := putAuthorization(tx, nil, a); err != nil {
			return err
		}
		return forgetEnded(tx, a.Name.Parent())
	})
	return dropped, err
}

// makeRoom ends the oldest sign-ins of a connection that are not over, until
// there is room for one more. It returns what they have become.
func makeRoom(tx kv.Tx, of resource.Connection, l core.SignInLimits) ([]core.Authorization, error) {
	drop, err := oldest(tx, openPrefix, of, l.OfConnection-1)
	if err != nil {
		return nil, err
	}
	for i, old := range drop {
		drop[i] = l.Drop(old)
		if err := putAuthorization(tx, &old, drop[i]); err != nil {
			return nil, err
		}
	}
	return drop, nil
}

// forgetEnded removes the oldest sign-ins of a connection that are over, all but
// so many that their outcome can be asked for.
func forgetEnded(tx kv.Tx, of resource.Connection) error {
	old, err := oldest(tx, endedPrefix, of, core.MaxEndedSignIns)
	if err != nil {
		return err
	}
	for _, a := range old {
		if err := deleteAuthorization(tx, a); err != nil {
			return err
		}
	}
	return nil
}

// oldest returns the oldest sign-ins in a list of a connection, without the
// newest that are to be kept. It looks at a bounded number.
func oldest(r kv.Reader, list string, of resource.Connection, keep int) (old []core.Authorization, err error) {
	prefix := ofConnection(list, of)
	pairs, err := r.Scan(prefix, nil, keep+authorizationPage)
	if err != nil {
		return nil, err
	}
	for _, p := range pairs[:max(0, len(pairs)-keep)] {
		name := resource.Authorization{Environment: of.Environment, Connection: of.ID, ID: string(p.Key[len(prefix)+stamp:])}
		a, err := loadAuthorization(r, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		old = append(old, a)
	}
	return old, nil
}

// ReplaceAuthorization implements core.AuthorizationStore.
func (s *Store) ReplaceAuthorization(ctx context.Context, a core.Authorization) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error { return replaceAuthorization(tx, a) })
}

func replaceAuthorization(tx kv.Tx, a core.Authorization) error {
	before, err := expectAuthorization(tx, a.Name, a.Change-1)
	if err != nil {
		return err
	}
	if err := expectUID(tx, a); err != nil {
		return err
	}
	return putAuthorization(tx, &before, a)
}

// RemoveAuthorization implements core.AuthorizationStore.
func (s *Store) RemoveAuthorization(ctx context.Context, a core.Authorization) error {
	return s.kv.Update(ctx, func(tx kv.Tx) error {
		before, err := expectAuthorization(tx, a.Name, a.Change)
		if err != nil {
			return err
		}
		return deleteAuthorization(tx, before)
	})
}

// replaceGrant writes what the grant of a connection becomes with an edit of the
// connection.
func replaceGrant(tx kv.Tx, c core.Connection, g core.Grant) error {
	before, err := loadGrant(tx, c)
	if err != nil {
		return err
	}
	if before.Change != g.Change-1 {
		return core.ErrChanged
	}
	return putGrant(tx, c.Name, before, g)
}

// removeAuthorizations removes all sign-ins of a connection.
func removeAuthorizations(tx kv.Tx, of resource.Connection) error {
	all, err := authorizationsOf(tx, of)
	if unreadable(err) {
		return forgetAuthorizations(tx, of)
	}
	if err != nil {
		return err
	}
	for _, a := range all {
		if err := deleteAuthorization(tx, a); err != nil {
			return err
		}
	}
	return nil
}

// Authorization implements core.AuthorizationStore.
func (s *Store) Authorization(ctx context.Context, name resource.Authorization) (a core.Authorization, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		a, err = loadAuthorization(r, name)
		return err
	})
	return a, err
}

// AuthorizationByState implements core.AuthorizationStore.
func (s *Store) AuthorizationByState(ctx context.Context, hash string) (a core.Authorization, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		text, err := r.Get(stateKey(hash))
		if errors.Is(err, kv.ErrNotFound) {
			return core.ErrNotFound
		}
		if err != nil {
			return err
		}
		name, err := resource.ParseAuthorization(string(text))
		if err != nil {
			return err
		}
		a, err = loadAuthorization(r, name)
		if err == nil && a.StateHash != hash {
			return tampered(stateKey(hash)) // the index is not proved, the sign-in is
		}
		return err
	})
	return a, err
}

// Authorizations implements core.AuthorizationStore.
func (s *Store) Authorizations(ctx context.Context, name resource.Connection) (all []core.Authorization, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		all, err = authorizationsOf(r, name)
		return err
	})
	return all, err
}

// DueAuthorizations implements core.AuthorizationStore.
func (s *Store) DueAuthorizations(ctx context.Context, before time.Time, limit int) (due []core.Authorization, err error) {
	prefix := []byte("ne/")
	err = s.kv.View(ctx, func(r kv.Reader) error {
		due = nil
		pairs, err := r.Scan(prefix, nil, limit)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			rest := p.Key[len(prefix):]
			if binary.BigEndian.Uint64(rest) >= uint64(max(before.UnixNano(), 0)) {
				return nil
			}
			name, err := resource.ParseAuthorization(string(rest[stamp:]))
			if err != nil {
				return err
			}
			a, err := loadAuthorization(r, name)
			if unreadable(err) || errors.Is(err, core.ErrNotFound) {
				continue // it must not keep others from their end
			}
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			due = append(due, a)
		}
		return nil
	})
	return due, err
}

// expectUID returns core.ErrChanged unless the connection of a sign-in is the
// one that it was begun for.
func expectUID(r kv.Reader, a core.Authorization) error {
	c, err := load(r, a.Name.Parent())
	if errors.Is(err, core.ErrNotFound) || err == nil && c.UID != a.ConnectionUID {
		return core.ErrChanged
	}
	return err
}

func expectAuthorization(r kv.Reader, name resource.Authorization, change uint64) (core.Authorization, error) {
	stored, err := loadAuthorization(r, name)
	if errors.Is(err, core.ErrNotFound) || err == nil && stored.Change != change {
		return core.Authorization{}, core.ErrChanged
	}
	return stored, err
}

func authorizationsOf(r kv.Reader, of resource.Connection) (all []core.Authorization, err error) {
	prefix := authorizationsPrefix(of)
	for p, err := range kv.All(r, prefix, authorizationPage) {
		if err != nil {
			return nil, err
		}
		name := resource.Authorization{Environment: of.Environment, Connection: of.ID, ID: lastPart(p.Key, prefix)}
		if err := readable(p); err != nil {
			return nil, err
		}
		a, err := decodeAuthorization(name, p.Value)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func loadAuthorization(r kv.Reader, name resource.Authorization) (core.Authorization, error) {
	record, err := r.Get(authorizationKey(name))
	if errors.Is(err, kv.ErrNotFound) {
		return core.Authorization{}, core.ErrNotFound
	}
	if err != nil {
		return core.Authorization{}, err
	}
	return decodeAuthorization(name, record)
}

// putAuthorization writes a sign-in and its indexes. before is what was stored.
func putAuthorization(tx kv.Tx, before *core.Authorization, a core.Authorization) error {
	if before != nil {
		if err := deleteAll(tx, endKey(*before), listKey(*before)); err != nil {
			return err
		}
	}
	record, err := encodeAuthorization(a)
	if err != nil {
		return err
	}
	if err := tx.Put(authorizationKey(a.Name), record); err != nil {
		return err
	}
	if err := tx.Put(endKey(a), nil); err != nil {
		return err
	}
	if key := listKey(a); key != nil {
		if err := tx.Put(key, nil); err != nil {
			return err
		}
	}
	if a.StateHash != "" {
		if err := tx.Put(stateKey(a.StateHash), []byte(a.Name.String())); err != nil {
			return err
		}
	}
	if over(a) {
		return tx.Delete(waitingKey(a))
	}
	return tx.Put(waitingKey(a), nil)
}

func deleteAuthorization(tx kv.Tx, a core.Authorization) error {
	if a.StateHash != "" {
		if err := tx.Delete(stateKey(a.StateHash)); err != nil {
			return err
		}
	}
	return deleteAll(tx, authorizationKey(a.Name), endKey(a), waitingKey(a), listKey(a))
}

// deleteAll deletes keys; those that are nil are none.
func deleteAll(tx kv.Tx, keys ...[]byte) error {
	for _, key := range keys {
		if key == nil {
			continue
		}
		if err := tx.Delete(key); err != nil {
			return err
		}
	}
	return nil
}
