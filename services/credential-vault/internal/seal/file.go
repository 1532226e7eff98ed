package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// fileKEK is a key-encryption key in a file, and a copy of it in memory. The
// file may get another newest key at any moment, from another process too.
type fileKEK struct {
	path string

	mu   sync.Mutex
	keys *fileKeys // replaced, never changed
}

// fileKeys is what a key file held when it was read.
type fileKeys struct {
	id     string
	handle *keyset.Handle
	aead   tink.AEAD
}

// LoadFile reads a key-encryption key: a Tink keyset in JSON, in clear, in a
// file that only its owner can access. A file that does not exist is an
// fs.ErrNotExist.
func LoadFile(path string) (KEK, error) {
	keys, err := readKeys(path)
	if err != nil {
		return nil, err
	}
	return &fileKEK{path: path, keys: keys}, nil
}

// CreateFile makes a key-encryption key and its file, with mode 0600. It is an
// fs.ErrExist when there is a file already; that one is left as it is.
func CreateFile(path string) (KEK, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	if err := writeKeys(path, handle, createPrivate); err != nil {
		return nil, err
	}
	keys, err := newFileKeys(path, handle)
	if err != nil {
		return nil, err
	}
	return &fileKEK{path: path, keys: keys}, nil
}

// ID returns "file:" and the id of the newest key that was seen in the file.
func (k *fileKEK) ID() string { return k.present().id }

// EncryptWithContext encrypts a keyset with the newest key of the file, which is
// read for that: what another process has rotated out must not be used any more.
// A file that has been taken away since the start cannot have changed.
func (k *fileKEK) EncryptWithContext(_ context.Context, plaintext, associatedData []byte) ([]byte, error) {
	keys, err := k.reload()
	if err != nil {
		return nil, err
	}
	return keys.aead.Encrypt(plaintext, associatedData)
}

// DecryptWithContext decrypts a keyset with whichever key of the file fits. It
// reads the file again if none of those that it knows does.
func (k *fileKEK) DecryptWithContext(_ context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	if plain, err := k.present().aead.Decrypt(ciphertext, associatedData); err == nil {
		return plain, nil
	}
	keys, err := k.reload()
	if err != nil {
		return nil, err
	}
	return keys.aead.Decrypt(ciphertext, associatedData)
}

func (k *fileKEK) present() *fileKeys {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.keys
}

// reload reads the file again.
func (k *fileKEK) reload() (*fileKeys, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	keys, err := readKeys(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k.keys, nil
	case err != nil:
		return nil, fault.Unavailable(fault.ReasonKeyUnavailable,
			"the key file of the vault cannot be read at this moment; have the operator look at it").Because(err)
	}
	k.keys = keys
	return keys, nil
}

func readKeys(path string) (*fileKeys, error) {
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
	return newFileKeys(path, handle)
}

// writeKeys gives a file with the keys to write.
func writeKeys(path string, handle *keyset.Handle, write func(path string, data []byte) error) error {
	var data bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&data)); err != nil {
		return fmt.Errorf("encode a key: %w", err)
	}
	defer func() { clear(data.Bytes()) }()
	return write(path, data.Bytes())
}

func newFileKeys(path string, handle *keyset.Handle) (*fileKeys, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, fmt.Errorf("key file %s holds no key for authenticated encryption: put it back from its backup", path)
	}
	return &fileKeys{
		id: fmt.Sprintf("file:%08x", handle.KeysetInfo().GetPrimaryKeyId()), handle: handle, aead: primitive,
	}, nil
}
