package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// Held implements core.Store.
func (s *Store) Held(ctx context.Context, name resource.Connection) (core.Held, error) {
	var found records
	err := s.kv.View(ctx, func(r kv.Reader) (err error) {
		if found.connection, err = optional(r, connectionKey(name)); err != nil {
			return err
		}
		if found.secrets, err = optional(r, secretsKey(name)); err != nil {
			return err
		}
		found.grant, err = optional(r, grantKey(name))
		return err
	})
	switch {
	case err != nil:
		return core.Held{}, err
	case found.connection == nil:
		return core.Held{}, core.ErrNotFound
	}
	return s.memo.decode(name, found)
}

// optional reads a record; nil if there is none.
func optional(r kv.Reader, key []byte) ([]byte, error) {
	record, err := r.Get(key)
	if errors.Is(err, kv.ErrNotFound) {
		return nil, nil
	}
	return record, err
}

// decodeHeld returns what the records of a connection mean.
func decodeHeld(name resource.Connection, from records) (h core.Held, err error) {
	if h.Connection, err = decodeConnection(name, from.connection); err != nil {
		return core.Held{}, fmt.Errorf("record of %s: %w", name, err)
	}
	if from.secrets != nil {
		if h.Secrets, err = decodeSecrets(from.secrets); err != nil {
			return core.Held{}, fmt.Errorf("secrets of %s: %w", name, err)
		}
	}
	h.Grant, err = grantOf(h.Connection, from.grant)
	return h, err
}

// loadSecrets reads the secrets of a connection; nil if it has none.
func loadSecrets(r kv.Reader, name resource.Connection) ([]core.Sealed, error) {
	record, err := optional(r, secretsKey(name))
	if err != nil || record == nil {
		return nil, err
	}
	sealed, err := decodeSecrets(record)
	if err != nil {
		return nil, fmt.Errorf("secrets of %s: %w", name, err)
	}
	return sealed, nil
}

// loadGrant reads the grant of a connection.
func loadGrant(r kv.Reader, c core.Connection) (core.Grant, error) {
	record, err := optional(r, grantKey(c.Name))
	if err != nil {
		return core.Grant{}, err
	}
	return grantOf(c, record)
}

// grantOf returns the grant of a connection that a record holds, which may be nil.
// One of another connection that had the name before is none.
func grantOf(c core.Connection, record []byte) (core.Grant, error) {
	if record == nil {
		return core.Grant{}, nil
	}
	g, err := decodeGrant(record)
	if err != nil {
		return core.Grant{}, fmt.Errorf("grant of %s: %w", c.Name, err)
	}
	if g.UID != c.UID {
		return core.Grant{}, nil
	}
	return g, nil
}

// granted returns a connection with what people are told about its grant.
func granted(r kv.Reader, c core.Connection) (core.Connection, error) {
	g, err := loadGrant(r, c)
	return c.WithGrant(g), err
}

// WriteGrant implements core.Store.
func (s *Store) WriteGrant(ctx context.Context, w core.GrantWrite) error {
	change := core.Write{Connection: w.Of, Audit: w.Audit, Silent: w.Becomes == nil}
	if w.Becomes != nil {
		change.Connection, change.Notice = *w.Becomes, w.Notice
	}
	return s.commit(ctx, change, func(tx kv.Tx) error {
		stored, before, err := grantBefore(tx, w)
		if err != nil {
			return err
		}
		if w.Becomes != nil {
			if err := become(tx, stored, w); err != nil {
				return err
			}
		}
		if w.SignIn != nil {
			if err := replaceAuthorization(tx, *w.SignIn); err != nil {
				return err
			}
		}
		return putGrant(tx, w.Of.Name, before, w.Grant)
	})
}

// grantBefore returns the connection and its grant, or core.ErrChanged unless they
// are what the writer has seen.
func grantBefore(tx kv.Tx, w core.GrantWrite) (core.Connection, core.Grant, error) {
	stored, err := load(tx, w.Of.Name)
	if errors.Is(err, core.ErrNotFound) || err == nil && stored.UID != w.Of.UID {
		return core.Connection{}, core.Grant{}, core.ErrChanged
	}
	if err != nil {
		return core.Connection{}, core.Grant{}, err
	}
	before, err := loadGrant(tx, stored)
	if err == nil && before.Change != w.Grant.Change-1 {
		err = core.ErrChanged
	}
	return stored, before, err
}

// become writes what a connection becomes with its grant.
func become(tx kv.Tx, stored core.Connection, w core.GrantWrite) error {
	if stored.Change != w.Becomes.Change-1 {
		return core.ErrChanged
	}
	return put(tx, core.Write{Connection: *w.Becomes})
}

// putGrant writes a grant and the index of when it is due.
func putGrant(tx kv.Tx, name resource.Connection, before, after core.Grant) error {
	if !before.Due.Equal(after.Due) || provider(before) != provider(after) {
		if err := removeDue(tx, name, before); err != nil {
			return err
		}
		if !after.Due.IsZero() {
			if err := tx.Put(dueKey(after.Due, name), []byte(provider(after))); err != nil {
				return err
			}
		}
	}
	record, err := encodeGrant(after)
	if err != nil {
		return err
	}
	return tx.Put(grantKey(name), record)
}

// removeGrant forgets the grant of a connection that is removed.
func removeGrant(tx kv.Tx, c core.Connection) error {
	g, err := loadGrant(tx, c)
	if err != nil {
		return err
	}
	if err := removeDue(tx, c.Name, g); err != nil {
		return err
	}
	return tx.Delete(grantKey(c.Name))
}

func removeDue(tx kv.Tx, name resource.Connection, g core.Grant) error {
	if g.Due.IsZero() {
		return nil
	}
	return tx.Delete(dueKey(g.Due, name))
}

// provider returns the origin of a grant's token endpoint.
func provider(g core.Grant) string {
	if len(g.TokenOrigins) == 0 {
		return ""
	}
	return g.TokenOrigins[0]
}

// DueGrants implements core.Store.
func (s *Store) DueGrants(ctx context.Context, until time.Time, limit int) (due []core.DueGrant, err error) {
	err = s.kv.View(ctx, func(r kv.Reader) error {
		due = nil
		pairs, err := r.Scan([]byte(duePrefix), nil, limit)
		if err != nil {
			return err
		}
		for _, p := range pairs {
			d, err := dueOf(p)
			if err != nil {
				return err
			}
			if d.Due.After(until) {
				return nil
			}
			due = append(due, d)
		}
		return nil
	})
	return due, err
}

// duePrefix begins the index of grants by the time of their renewal, dueStamp is
// the length of that time in the keys.
const (
	duePrefix = "gd/"
	dueStamp  = 8
)

func grantKey(name resource.Connection) []byte {
	return []byte("g/" + name.Environment + "/" + name.ID)
}

func dueKey(due time.Time, name resource.Connection) []byte {
	key := binary.BigEndian.AppendUint64([]byte(duePrefix), uint64(max(due.UnixNano(), 0)))
	return append(append(append(key, name.Environment...), '/'), name.ID...)
}

// dueOf returns what an entry of the index stands for.
func dueOf(p kv.Pair) (core.DueGrant, error) {
	rest := p.Key[len(duePrefix):]
	slash := -1
	if len(rest) > dueStamp {
		slash = slices.Index(rest[dueStamp:], '/')
	}
	if slash < 0 {
		return core.DueGrant{}, errors.New("an entry of the index of renewals cannot be read")
	}
	name := rest[dueStamp:]
	nanos := binary.BigEndian.Uint64(rest)
	return core.DueGrant{
		Name:     resource.Connection{Environment: string(name[:slash]), ID: string(name[slash+1:])},
		Provider: string(p.Value), Due: time.Unix(0, int64(min(nanos, math.MaxInt64))),
	}, nil
}
