package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// KEK is a key-encryption key: it encrypts keysets and nothing else. It is
// asked once per environment and start, so it may be a call to a key management
// service; one that cannot be used now is a fault with the reason
// KEY_UNAVAILABLE, and every other error of a decryption means that the bytes are
// not this key's. Implementations are safe for concurrent use.
type KEK interface {
	tink.AEADWithContext
	// ID names the key for operators. It is stored beside what the key
	// encrypted, so it must not be secret.
	ID() string
}

// Wrapped is the keyset of an environment as it is stored.
type Wrapped struct {
	// Version counts the changes of the keyset, from 1.
	Version uint64
	// KEK is the id of the key-encryption key that encrypted it.
	KEK string
	// Blob is the keyset, encrypted and bound to environment and version.
	Blob []byte
}

// Errors of a [Keysets].
var (
	// ErrNoKeyset says that an environment has no keyset yet.
	ErrNoKeyset = errors.New("the environment has no keyset")
	// ErrKeysetChanged says that a keyset was changed by somebody else.
	ErrKeysetChanged = errors.New("the keyset has been changed meanwhile")
)

// Keysets is where wrapped keysets are stored.
type Keysets interface {
	// Keyset returns the keyset of an environment, or [ErrNoKeyset].
	Keyset(ctx context.Context, environment string) (Wrapped, error)
	// SaveKeyset stores a keyset. It returns [ErrKeysetChanged] and stores
	// nothing unless the version follows the stored one, 0 if there is none.
	SaveKeyset(ctx context.Context, environment string, w Wrapped) error
	// KeysetEnvironments returns the environments that have a keyset, sorted.
	KeysetEnvironments(ctx context.Context) ([]string, error)
}

// Keyring holds the data keys of all environments, decrypted when they are
// first needed. It is safe for concurrent use.
type Keyring struct {
	kek       KEK
	previous  KEK // nil unless keysets are being moved from one KEK to another
	stored    Keysets
	unwrapped *unwrapped
	keyFile   string      // where the key-encryption key is; empty if it is elsewhere
	proved    atomic.Bool // the key opens what is stored, or is somebody else's business

	mu    sync.RWMutex
	known map[string]*dataKeys // by environment; entries are replaced, never changed
}

// dataKeys is a decrypted keyset.
type dataKeys struct {
	version uint64
	newest  uint32 // the id of the key that encrypts
	aead    tink.AEAD
}

// New returns a keyring over the stored keysets, with a key-encryption key that
// somebody else closes, if it needs that.
func New(kek KEK, stored Keysets, options ...Option) *Keyring {
	c := configured(options)
	k := &Keyring{
		kek: kek, previous: c.previous, stored: stored,
		unwrapped: newUnwrapped(c.clock), known: map[string]*dataKeys{},
	}
	k.proved.Store(true)
	return k
}

// Check decrypts every stored keyset, so that a wrong key is noticed at the start
// and not by the first caller. Where none is stored it has the key encrypt something
// that nobody needs, which says whether the first keyset could be made.
func (k *Keyring) Check(ctx context.Context) error {
	environments, err := k.stored.KeysetEnvironments(ctx)
	if err != nil {
		return fmt.Errorf("list keysets: %w", err)
	}
	if len(environments) == 0 {
		if _, err := k.kek.EncryptWithContext(ctx, []byte("nothing"), bound("", 0)); err != nil {
			return fmt.Errorf("encrypt with %s: %w", k.kek.ID(), err)
		}
	}
	for _, environment := range environments {
		if _, err := k.reading(ctx, environment); err != nil {
			return err
		}
	}
	return nil
}

// reading returns the keys of an environment that has some.
func (k *Keyring) reading(ctx context.Context, environment string) (*dataKeys, error) {
	k.mu.RLock()
	keys, ok := k.known[environment]
	k.mu.RUnlock()
	if ok {
		return keys, nil
	}
	return k.load(ctx, environment)
}

// writing returns the newest keys of an environment, new ones if it has none. It
// asks the store each time: who encrypts with a key that others believe to be
// rotated out makes something that nobody can read tomorrow.
func (k *Keyring) writing(ctx context.Context, environment string) (*dataKeys, error) {
	keys, err := k.reading(ctx, environment)
	if err == nil {
		return k.refreshed(ctx, environment, keys)
	}
	if !errors.Is(err, ErrNoKeyset) {
		return nil, err
	}
	if !k.proved.Load() { // or a wrong key could begin to encrypt beside the right one
		if err := k.Prove(ctx); err != nil {
			return nil, err
		}
	}
	if err := k.create(ctx, environment); err != nil && !errors.Is(err, ErrKeysetChanged) {
		return nil, err
	}
	return k.load(ctx, environment) // ours, or that of whoever was faster
}

// refreshed returns the stored keys if they are newer than ours, else ours.
func (k *Keyring) refreshed(ctx context.Context, environment string, ours *dataKeys) (*dataKeys, error) {
	w, err := k.stored.Keyset(ctx, environment)
	if err != nil {
		return nil, fmt.Errorf("read the keyset of environment %q: %w", environment, err)
	}
	if w.Version <= ours.version {
		return ours, nil
	}
	return k.unwrap(ctx, environment, w)
}

func (k *Keyring) load(ctx context.Context, environment string) (*dataKeys, error) {
	w, err := k.stored.Keyset(ctx, environment)
	if err != nil {
		return nil, fmt.Errorf("read the keyset of environment %q: %w", environment, err)
	}
	return k.unwrap(ctx, environment, w)
}

// unwrap decrypts a keyset and remembers it unless a newer one is known.
func (k *Keyring) unwrap(ctx context.Context, environment string, w Wrapped) (*dataKeys, error) {
	handle, err := k.decrypt(ctx, environment, w)
	if err != nil {
		return nil, err
	}
	keys, err := newDataKeys(handle, w.Version)
	if err != nil {
		return nil, k.wrong(environment, w, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if known, ok := k.known[environment]; ok && known.version >= keys.version {
		return known, nil
	}
	k.known[environment] = keys
	return keys, nil
}

func newDataKeys(handle *keyset.Handle, version uint64) (*dataKeys, error) {
	primitive, err := aead.New(handle)
	if err != nil {
		return nil, err
	}
	return &dataKeys{
		version: version, newest: handle.KeysetInfo().GetPrimaryKeyId(), aead: primitive,
	}, nil
}

// decrypt decrypts a stored keyset, with the key-encryption key of now or the
// previous one.
func (k *Keyring) decrypt(ctx context.Context, environment string, w Wrapped) (*keyset.Handle, error) {
	var causes []error
	for _, kek := range k.candidates(w) {
		asked := &witness{kek: kek}
		handle, err := keyset.ReadWithContext(ctx, keyset.NewBinaryReader(bytes.NewReader(w.Blob)), asked, bound(environment, w.Version))
		switch {
		case err == nil:
			return handle, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case fault.ReasonOf(asked.err) == fault.ReasonKeyUnavailable:
			return nil, fmt.Errorf("decrypt the data keys of environment %q: %w", environment, asked.err)
		}
		causes = append(causes, err)
	}
	return nil, k.wrong(environment, w, errors.Join(causes...))
}

// candidates returns the keys that may have encrypted a keyset, the likely one
// first.
func (k *Keyring) candidates(w Wrapped) []KEK {
	switch {
	case k.previous == nil:
		return []KEK{k.kek}
	case w.KEK == k.previous.ID():
		return []KEK{k.previous, k.kek}
	}
	return []KEK{k.kek, k.previous}
}

func (k *Keyring) wrong(environment string, w Wrapped, cause error) error {
	return &keyError{environment: environment, wrappedBy: w.KEK, present: k.kek.ID(), cause: cause}
}

// witness remembers the error of a key, of which Tink keeps the text only.
type witness struct {
	kek KEK
	err error
}

func (w *witness) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) (out []byte, err error) {
	out, err = w.kek.EncryptWithContext(ctx, plaintext, associatedData)
	w.err = err
	return out, err
}

func (w *witness) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) (out []byte, err error) {
	out, err = w.kek.DecryptWithContext(ctx, ciphertext, associatedData)
	w.err = err
	return out, err
}

// create stores the first keyset of an environment.
func (k *Keyring) create(ctx context.Context, environment string) error {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return fmt.Errorf("make the keyset of environment %q: %w", environment, err)
	}
	w, err := wrap(ctx, k.kek, environment, 1, handle)
	if err != nil {
		return err
	}
	if err := k.stored.SaveKeyset(ctx, environment, w); err != nil {
		return fmt.Errorf("store the keyset of environment %q: %w", environment, err)
	}
	return nil
}

// wrap encrypts a keyset for its environment and version.
func wrap(ctx context.Context, kek KEK, environment string, version uint64, handle *keyset.Handle) (Wrapped, error) {
	var blob bytes.Buffer
	asked := &witness{kek: kek}
	err := handle.WriteWithContext(ctx, keyset.NewBinaryWriter(&blob), asked, bound(environment, version))
	if asked.err != nil {
		err = asked.err
	}
	if err != nil {
		return Wrapped{}, fmt.Errorf("encrypt the keyset of environment %q with %s: %w", environment, kek.ID(), err)
	}
	// The id is asked for afterwards: a key that was renewed by another process
	// learns of it when it is used.
	return Wrapped{Version: version, KEK: kek.ID(), Blob: blob.Bytes()}, nil
}

// bound is what a wrapped keyset is bound to.
func bound(environment string, version uint64) []byte {
	return []byte("environments/" + environment + "\x00" + strconv.FormatUint(version, 10))
}

// keyError says that a keyset cannot be decrypted: the key-encryption key is
// another one, or the stored keyset was tampered with.
type keyError struct {
	environment, wrappedBy, present string
	cause                           error
}

// Error names both keys, which tells an operator what to look for.
func (e *keyError) Error() string {
	return fmt.Sprintf("the data keys of environment %q were encrypted with key %s and cannot be decrypted with key %s: %v",
		e.environment, e.wrappedBy, e.present, e.cause)
}

// Unwrap returns what Tink said.
func (e *keyError) Unwrap() error { return e.cause }
