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
	// Connection is the resource name of the connection.
	Connection string
	// Parameter is the name of the secret parameter.
	Parameter string
	// Version is the etag that the connection got with this value. It differs
	// between the values that a parameter has had, and between connections that
	// have had the same name one after the other.
	Version string
}

// Sealer encrypts secrets and decrypts them. Implementations are safe for
// concurrent use.
type Sealer interface {
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
