package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Unlock returns the keyring whose key-encryption key is in the file at path.
// The key is made, with the file readable by its owner only, if there is none
// and nothing was encrypted yet. It is an error, that says what to do, when the
// file is missing although keysets are stored, when others may read it, or when
// it does not decrypt every stored keyset.
func Unlock(ctx context.Context, path string, stored Keysets) (*Keyring, error) {
	kek, err := LoadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		kek, err = first(ctx, path, stored)
	}
	if err != nil {
		return nil, err
	}
	k := New(kek, stored)
	err = k.Check(ctx)
	if isKeyError(err) {
		return nil, fmt.Errorf("key file %s is not the one that the stored secrets need; put back the one that belongs to this store: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	return k, nil
}

// first makes the key of a vault that has encrypted nothing yet.
func first(ctx context.Context, path string, stored Keysets) (KEK, error) {
	environments, err := stored.KeysetEnvironments(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for stored keysets: %w", err)
	}
	if len(environments) > 0 {
		return nil, fmt.Errorf("key file %s is missing, and without it no stored secret can be read: put it back from its backup; a new key is made only for an empty store", path)
	}
	kek, err := CreateFile(path)
	if errors.Is(err, fs.ErrExist) {
		return LoadFile(path) // another process was faster
	}
	return kek, err
}

// fileKEK is a key-encryption key in memory.
type fileKEK struct {
	id   string
	aead tink.AEAD
}

// ID returns "file:" and the id of the newest key in the file.
func (k *fileKEK) ID() string { return k.id }

// EncryptWithContext encrypts a keyset.
func (k *fileKEK) EncryptWithContext(_ context.Context, plaintext, associatedData []byte) ([]byte, error) {
	return k.aead.Encrypt(plaintext, associatedData)
}

// DecryptWithContext decrypts a keyset with whichever key of the file fits.
func (k *fileKEK) DecryptWithContext(_ context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	return k.aead.Decrypt(ciphertext, associatedData)
}

// LoadFile reads a key-encryption key: a Tink keyset in JSON, in clear, in a
// file that only its owner can access. A file that does not exist is an
// fs.ErrNotExist.
func LoadFile(path string) (KEK, error) {
	data, err := readPrivate(path)
	if err != nil {
		return nil, err
	}
	defer clear(data)
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(data)))
	if err != nil {
		// The cause may quote the file, so it stays here.
		return nil, fmt.Errorf("key file %s does not hold a key: put it back from its backup", path)
	}
	return newFileKEK(path, handle)
}

// CreateFile makes a key-encryption key and its file, with mode 0600. It is an
// fs.ErrExist when there is a file already; that one is left as it is.
func CreateFile(path string) (KEK, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	var data bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&data)); err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	defer func() { clear(data.Bytes()) }()
	if err := createPrivate(path, data.Bytes()); err != nil {
		return nil, err
	}
	return newFileKEK(path, handle)
}

func newFileKEK(path string, handle *keyset.Handle) (KEK, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("key file %s holds no key for authenticated encryption: put it back from its backup", path)
	}
	return &fileKEK{id: fmt.Sprintf("file:%08x", handle.KeysetInfo().GetPrimaryKeyId()), aead: primitive}, nil
}
