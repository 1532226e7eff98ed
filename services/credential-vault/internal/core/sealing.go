package core

import (
	"context"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// Place is where one sealed secret belongs. Every part of it is bound to the
// ciphertext: a blob that is found anywhere else does not open.
type Place struct {
	// Environment is the id of the environment whose data keys are used.
	Environment string
	// Resource is the resource name of what the secret belongs to: a connection,
	// an OAuth client, the audit trail.
	Resource string
	// Key is the resource's own key, from [Sealer.NewKey]. Without one the data key
	// of the environment is used directly.
	Key []byte
	// Parameter is the name of the secret within the resource.
	Parameter string
	// Version is the etag that the resource got with this value. It differs
	// between the values that a parameter has had, and between resources that
	// have had the same name one after the other.
	Version string
}

// KeyPlace is where the own key of a resource is sealed: directly under its
// environment, with neither parameter nor version. Parameters have names, so no
// secret has the same place.
func KeyPlace(environment, resource string) Place {
	return Place{Environment: environment, Resource: resource}
}

// Sealer encrypts secrets and decrypts them. Implementations are safe for
// concurrent use.
type Sealer interface {
	// NewKey makes the key of one resource and returns it encrypted with the data
	// key of the environment and bound to the resource's name, as a blob of its
	// [KeyPlace]. Whoever forgets it has destroyed all secrets that were sealed
	// with it.
	NewKey(ctx context.Context, environment, resource string) ([]byte, error)
	// Seal encrypts a secret for its place.
	Seal(ctx context.Context, at Place, value secret.Text) ([]byte, error)
	// LinkKey derives 32 bytes of a resource's key, the same ones for as long as it
	// has the key, and nothing for one without a key. They tell nothing about it.
	LinkKey(ctx context.Context, environment, resource string, key []byte) ([]byte, error)
	// Open decrypts what Seal made for the same place. Whoever gets the secret
	// clears it. Everything that cannot be decrypted is a fault with the reason
	// CREDENTIAL_UNREADABLE, and a key that cannot be asked for now is one with
	// the reason KEY_UNAVAILABLE.
	Open(ctx context.Context, at Place, sealed []byte) (secret.Text, error)
}

// Sealed is one encrypted secret of a connection.
type Sealed struct {
	// Parameter is the name of the secret parameter.
	Parameter string
	// Version is the version of its place.
	Version string
	// Blob is what [Sealer.Seal] returned.
	Blob []byte
}

// GrantParts returns the names under which the tokens of a grant are sealed. They
// are no names of parameters.
func GrantParts() (access, refresh string) { return sealedAccess, sealedRefresh }

// Rewrapper encrypts anew what is sealed directly under one environment. It
// holds its keys, asks nobody for anything and is for one goroutine, so that a
// store may use it inside a transaction. Errors are faults with the reason
// CREDENTIAL_UNREADABLE.
type Rewrapper interface {
	// Rewrap returns the same secret under the newest data key, or blob itself if
	// it is under that one already. at.Key must be empty.
	Rewrap(at Place, blob []byte) ([]byte, error)
	// NewKey is [Sealer.NewKey], for a record that has no key of its own yet.
	NewKey(resource string) ([]byte, error)
	// Move opens a blob in one place and seals it in another one.
	Move(from, to Place, blob []byte) ([]byte, error)
}

// Keys exchanges the keys of a [Sealer]. Every method can be repeated: what is
// done already is not done again.
type Keys interface {
	// MasterKey returns the id of the key-encryption key that is used now. It is
	// no secret.
	MasterKey() string
	// Environments returns the environments that have data keys, sorted.
	Environments(ctx context.Context) ([]string, error)

	// RenewMaster gives the key-encryption key a new version unless it has another
	// id than old. Old versions still decrypt. A key management service renews its
	// keys itself: nothing is done, and MasterKey stays the same.
	RenewMaster(ctx context.Context, old string) error
	// RewrapKeyset encrypts the data keys of an environment with the
	// key-encryption key of now.
	RewrapKeyset(ctx context.Context, environment string) error
	// RetireMaster forgets all old versions of the key-encryption key, once it has
	// seen that no data keys need them.
	RetireMaster(ctx context.Context) error

	// KeysetVersion returns how often the data keys of an environment have
	// changed, 0 if it has none.
	KeysetVersion(ctx context.Context, environment string) (uint64, error)
	// AddDataKey gives an environment a new newest data key if its keyset still
	// has the given version. Old keys still decrypt.
	AddDataKey(ctx context.Context, environment string, version uint64) error
	// Rewrapper returns what encrypts anew under the newest data key, and the
	// version of the keyset that it uses.
	Rewrapper(ctx context.Context, environment string) (Rewrapper, uint64, error)
	// RetireDataKeys destroys all data keys of an environment but the newest. It
	// returns [ErrChanged] and destroys nothing unless the keyset has the given
	// version or has one key only.
	RetireDataKeys(ctx context.Context, environment string, version uint64) error
}
