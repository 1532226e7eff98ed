package seal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Unlock returns the keyring whose key-encryption key has the URI; see [Open].
// A key file is made, readable by its owner only, if there is none and nothing
// was encrypted yet, or all of it by the previous key (see [WithPrevious]). It is an error, that says what to do, when the file is
// missing although keysets are stored, when others may read it, or when the key
// does not decrypt every stored keyset or cannot be asked.
func Unlock(ctx context.Context, uri string, stored Keysets, options ...Option) (*Keyring, error) {
	k, err := Prepare(ctx, uri, stored, options...)
	if err != nil {
		return nil, err
	}
	if err := k.Prove(ctx); err != nil {
		return nil, errors.Join(err, CloseKEK(k.kek))
	}
	return k, nil
}

// Prepare returns the keyring that [Unlock] would, and has not asked the key for
// anything yet: [Keyring.Prove] does. Until that has succeeded no environment gets a
// first keyset without it.
func Prepare(ctx context.Context, uri string, stored Keysets, options ...Option) (*Keyring, error) {
	path, inFile := fileOf(uri)
	if inFile {
		if err := forgetHalfWritten(path); err != nil {
			return nil, err
		}
	}
	kek, err := Open(ctx, uri, configured(options).source)
	if inFile && errors.Is(err, fs.ErrNotExist) {
		kek, err = first(ctx, path, stored, options)
	}
	if err != nil {
		return nil, err
	}
	k := New(kek, stored, options...)
	k.proved.Store(false)
	if inFile {
		k.keyFile = path
	}
	return k, nil
}

// Prove tries the key, see [Keyring.Check]. Its errors are sentences for the operator.
// Those with the reason KEY_UNAVAILABLE may pass by themselves; others do not.
func (k *Keyring) Prove(ctx context.Context) error {
	if err := k.Check(ctx); err != nil {
		return k.refused(err)
	}
	k.proved.Store(true)
	return nil
}

// refused explains to an operator why the key does not open the store.
func (k *Keyring) refused(err error) error {
	switch {
	case fault.ReasonOf(err) == fault.ReasonKeyUnavailable:
		return fmt.Errorf("the key-encryption key %s cannot be used: %s: %w", k.kek.ID(), fault.From(err).Message(), err)
	case !isKeyError(err):
		return err
	case k.keyFile != "":
		return fmt.Errorf("key file %s is not the one that the stored secrets need; put back the one that belongs to this store: %w", k.keyFile, err)
	}
	return fmt.Errorf("key %s is not the one that the stored secrets need; name the one that belongs to this store, or both while they are moved: %w", k.kek.ID(), err)
}

// first makes the key of a vault that has encrypted nothing yet, or nothing by the file
// that it moves to.
func first(ctx context.Context, path string, stored Keysets, options []Option) (KEK, error) {
	environments, err := stored.KeysetEnvironments(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for stored keysets: %w", err)
	}
	if previous := configured(options).previous; len(environments) > 0 && previous != nil {
		switch err := New(previous, stored).Check(ctx); {
		case err == nil:
			environments = nil
		case !isKeyError(err):
			return nil, fmt.Errorf("try the previous key %s before %s is made: %w", previous.ID(), path, err)
		}
	}
	if len(environments) > 0 {
		return nil, fmt.Errorf("key file %s is missing, and without it no stored secret can be read: put it back from its backup, or say with --kek where the key is; a new key is made only for an empty store", path)
	}
	kek, err := CreateFile(path)
	if errors.Is(err, fs.ErrExist) {
		return LoadFile(path) // another process was faster
	}
	return kek, err
}
