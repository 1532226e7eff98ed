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

// Sealer encrypts secrets and decrypts them. Implementations are safe for
// concurrent use.
type Sealer interface {
	// NewKey makes the key of one resource and returns it encrypted with the data
	// key of the environment and bound to the resource's name. Whoever forgets it
	// has destroyed all secrets that were sealed with it.
	NewKey(ctx context.Context, environment, resource string) ([]byte, error)
	// Seal encrypts a secret for its place.
	Seal(ctx context.Context, at Place, value secret.Text) ([]byte, error)
	// Open decrypts what Seal made for the same place. Whoever gets the secret
	// clears it. Everything that cannot be decrypted is a fault with the reason
	// CREDENTIAL_UNREADABLE.
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
