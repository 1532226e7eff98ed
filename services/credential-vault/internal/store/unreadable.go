package store

import (
	"bytes"
	"context"
	"encoding/binary"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// A record that somebody has changed is worth nothing by itself, but it must not
// keep the others from being listed, and their keys from being exchanged: listings
// show that it is there, rotations pass it over, and administrators remove it.

// unreadable reports whether an error says that a record is not what was written.
func unreadable(err error) bool {
	return err != nil && fault.ReasonOf(err) == fault.ReasonCredentialUnreadable
}

// removalPage is how many entries of an index are looked at in one step.
const removalPage = 1000

// RemoveUnreadable implements core.Store. The indexes are searched for the name,
// because what the record said of itself is not known.
func (s *Store) RemoveUnreadable(ctx context.Context, name resource.Connection, audit core.AuditRecord) error {
	return s.recorded(ctx, &audit, func(tx kv.Tx) error {
		if err := stillUnreadable(tx, connectionKey(name), grantKey(name)); err != nil {
			return err
		}
		if err := forgetAuthorizations(tx, name); err != nil {
			return err
		}
		if err := forgetKeys(tx, []byte("x/"+name.Environment+"/"), ofConnector(name.ID)); err != nil {
			return err
		}
		if err := forgetKeys(tx, []byte("o/"+name.Environment+"/"), ofOwner(name.ID)); err != nil {
			return err
		}
		return deleteAll(tx, connectionKey(name), secretsKey(name), grantKey(name))
	})
}

// RemoveUnreadableClient implements core.ClientStore.
func (s *Store) RemoveUnreadableClient(ctx context.Context, name resource.OAuthClient, audit core.AuditRecord) error {
	return s.recorded(ctx, &audit, func(tx kv.Tx) error {
		if err := stillUnreadable(tx, clientKey(name)); err != nil {
			return err
		}
		prefix := []byte("ox/" + name.Environment + "/")
		for p, err := range kv.All(tx, prefix, removalPage) {
			if err != nil {
				return err
			}
			if string(p.Value) != name.ID {
				continue
			}
			if err := tx.Delete(p.Key); err != nil {
				return err
			}
		}
		return deleteAll(tx, clientKey(name), clientSecretsKey(name))
	})
}

// stillUnreadable returns core.ErrChanged unless one of the records is not what was
// written.
func stillUnreadable(r kv.Reader, keys ...[]byte) error {
	for _, key := range keys {
		_, err := r.Get(key)
		if unreadable(err) {
			return nil
		}
	}
	return core.ErrChanged
}

// forgetAuthorizations removes the sign-ins of a connection, and all that the indexes
// say of them, without looking at them.
func forgetAuthorizations(tx kv.Tx, of resource.Connection) error {
	all := func([]byte) bool { return true }
	for _, list := range []string{"n/", openPrefix, endedPrefix} {
		if err := forgetKeys(tx, ofConnection(list, of), all); err != nil {
			return err
		}
	}
	named := []byte(of.String() + "/authorizations/")
	for _, index := range []string{"ne/", "np/"} {
		if err := forgetKeys(tx, []byte(index), func(rest []byte) bool { return bytes.Contains(rest, named) }); err != nil {
			return err
		}
	}
	return nil
}

// ofConnector reports whether what follows "x/{environment}/" in a key is about a
// connection, ofOwner the same of "o/{environment}/".
func ofConnector(id string) func(rest []byte) bool {
	return func(rest []byte) bool { return bytes.HasSuffix(rest, []byte("/"+id)) }
}

func ofOwner(id string) func(rest []byte) bool {
	return func(rest []byte) bool {
		if len(rest) < 2 {
			return false
		}
		owner := int(binary.BigEndian.Uint16(rest))
		return len(rest) >= 2+owner && string(rest[2+owner:]) == id
	}
}

// forgetKeys removes the keys with a prefix whose rest fits.
func forgetKeys(tx kv.Tx, prefix []byte, fits func(rest []byte) bool) error {
	var gone [][]byte
	for p, err := range kv.All(unchecked(tx), prefix, removalPage) {
		if err != nil {
			return err
		}
		if fits(p.Key[len(prefix):]) {
			gone = append(gone, p.Key)
		}
	}
	return deleteAll(tx, gone...)
}
