package store

import (
	"bytes"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// sealedKind is a kind of records with something that is sealed directly under
// the data keys of an environment. A kind that is not in sealedKinds becomes
// unreadable when the keys of its environment are exchanged.
type sealedKind struct {
	// prefix is where the records of an environment are. No prefix is the beginning
	// of another.
	prefix func(environment string) []byte
	// rewrap encrypts anew what is in a record, and stores it if it is different
	// then.
	rewrap func(tx kv.Tx, q core.RewrapQuery, p kv.Pair, k core.Rewrapper) (changed bool, err error)
}

// sealedKinds are all of them, in the order in which they are gone through.
func sealedKinds() []sealedKind {
	return []sealedKind{
		{prefix: func(e string) []byte { return []byte("c/" + e + "/") }, rewrap: rewrapConnection},
		{prefix: func(e string) []byte { return []byte("oc/" + e + "/") }, rewrap: rewrapClient},
		{prefix: auditSecretKey, rewrap: rewrapTrailKey},
	}
}

// rewrapConnection exchanges the wrapping of a connection's key. A connection of
// the time before connections had keys gets one, and its secrets are sealed with
// it. Whoever has read the connection before fails to write it.
func rewrapConnection(tx kv.Tx, q core.RewrapQuery, p kv.Pair, k core.Rewrapper) (bool, error) {
	name := resource.Connection{Environment: q.Environment, ID: lastPart(p.Key, []byte("c/"+q.Environment+"/"))}
	c, err := decodeConnection(name, p.Value)
	if err != nil {
		return false, fmt.Errorf("record of %s: %w", name, err)
	}
	next := core.Write{Connection: c, Silent: true}
	if len(c.Key) == 0 {
		g, err := loadGrant(tx, c)
		if err != nil {
			return false, err
		}
		if g.Attempt.ID != "" && q.Now.Before(g.Attempt.Deadline) {
			// Its token is being renewed with the keys of now: the next pass finds it. A
			// renewal that ends too late reads the connection again before it writes.
			return true, nil
		}
		if next, err = withKey(tx, next, g, k); err != nil {
			return false, err
		}
	} else if next.Connection.Key, err = k.Rewrap(core.KeyPlace(q.Environment, name.String()), c.Key); err != nil {
		return false, err
	}
	if bytes.Equal(next.Connection.Key, c.Key) {
		return false, nil
	}
	next.Connection.Change++
	return true, put(tx, next)
}

// withKey gives a connection a key of its own and seals its secrets and its
// grant with it. A sign-in that is under way has to be begun again.
func withKey(tx kv.Tx, w core.Write, g core.Grant, k core.Rewrapper) (core.Write, error) {
	name := w.Connection.Name
	key, err := k.NewKey(name.String())
	if err != nil {
		return w, err
	}
	w.Connection.Key = key
	move := func(parameter, version string, blob []byte) ([]byte, error) {
		if len(blob) == 0 {
			return blob, nil
		}
		from := core.Place{Environment: name.Environment, Resource: name.String(), Parameter: parameter, Version: version}
		to := from
		to.Key = key
		return k.Move(from, to, blob)
	}
	if w.Secrets, err = loadSecrets(tx, name); err != nil {
		return w, err
	}
	for i, s := range w.Secrets {
		if w.Secrets[i].Blob, err = move(s.Parameter, s.Version, s.Blob); err != nil {
			return w, err
		}
	}
	if g.UID == "" {
		return w, nil
	}
	access, refresh := core.GrantParts()
	if g.Access, err = move(access, g.Seal, g.Access); err != nil {
		return w, err
	}
	if g.Refresh, err = move(refresh, g.Seal, g.Refresh); err != nil {
		return w, err
	}
	g.Change++
	record, err := encodeGrant(g)
	if err != nil {
		return w, err
	}
	return w, tx.Put(grantKey(name), record)
}

// rewrapTrailKey encrypts the key of an environment's audit trail anew.
func rewrapTrailKey(tx kv.Tx, q core.RewrapQuery, p kv.Pair, k core.Rewrapper) (bool, error) {
	if !bytes.Equal(p.Key, auditSecretKey(q.Environment)) {
		return false, nil // of an environment whose id begins the same
	}
	sealed, err := k.Rewrap(chain.Place(q.Environment), p.Value)
	if err != nil || bytes.Equal(sealed, p.Value) {
		return false, err
	}
	return true, tx.Put(p.Key, sealed)
}
