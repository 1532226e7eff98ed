package authn

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/ferrule-dev/ferrule/pkg/authn/internal/keyfile"
)

// The PEM types of RFC 7468, sections 10 and 13.
const (
	privatePEM = "PRIVATE KEY"
	publicPEM  = "PUBLIC KEY"
)

// maxPublicFile bounds the file of a public key, which has about 120 bytes.
const maxPublicFile = 4 << 10

// Key is an Ed25519 key that signs tokens. It does not print its private part.
// It is safe for concurrent use.
type Key struct {
	// Behind a function, out of the reach of everything that prints fields.
	signer func() crypto.Signer
	public PublicKey
}

// NewKey returns a new random key that is kept in memory only.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate token key: %w", err)
	}
	return keyOf(private)
}

// LoadOrCreateKey reads the key from the PEM file at path (PKCS #8), and makes
// a new key with its file (mode 0600) when there is none. Of several processes
// that start at once all get the same key. A file that others than its owner
// may access is refused. The directory must exist.
func LoadOrCreateKey(path string) (*Key, error) {
	key, err := loadKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	fresh, err := NewKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(fresh.signer())
	if err != nil {
		return nil, fmt.Errorf("encode token key: %w", err)
	}
	err = keyfile.Create(path, pem.EncodeToMemory(&pem.Block{Type: privatePEM, Bytes: der}))
	if errors.Is(err, fs.ErrExist) { // somebody was faster: theirs is the key
		return loadKey(path)
	}
	if err != nil {
		return nil, err
	}
	return fresh, nil
}

func loadKey(path string) (*Key, error) {
	data, err := keyfile.Read(path)
	if err != nil {
		return nil, err
	}
	block, rest := pem.Decode(data)
	if block == nil || block.Type != privatePEM || len(rest) > 0 {
		return nil, fmt.Errorf("key file %s does not hold exactly one PEM block of type %q", path, privatePEM)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parse key file %s: %w", path, err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("key file %s holds a %T, tokens are signed with Ed25519", path, parsed)
	}
	return keyOf(private)
}

func keyOf(private ed25519.PrivateKey) (*Key, error) {
	public, ok := private.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("the token key has no Ed25519 public part")
	}
	return &Key{signer: func() crypto.Signer { return private }, public: publicOf(public)}, nil
}

// Public returns the part that verifies tokens.
func (k *Key) Public() PublicKey { return k.public }

// String returns the id of the key.
func (k *Key) String() string { return "token key " + k.public.id }

// PublicKey verifies tokens. The zero PublicKey verifies none.
type PublicKey struct {
	key ed25519.PublicKey
	id  string
}

func publicOf(key ed25519.PublicKey) PublicKey {
	sum := sha256.Sum256(key)
	return PublicKey{key: key, id: base64.RawURLEncoding.EncodeToString(sum[:12])}
}

// ID returns the key's fingerprint, which its tokens carry as "kid".
func (p PublicKey) ID() string { return p.id }

// PEM returns the key as a PEM block of type PUBLIC KEY (RFC 8410).
func (p PublicKey) PEM() ([]byte, error) {
	if len(p.key) != ed25519.PublicKeySize {
		return nil, errors.New("encode public key: the key is empty")
	}
	der, err := x509.MarshalPKIXPublicKey(p.key)
	if err != nil {
		return nil, fmt.Errorf("encode public key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: publicPEM, Bytes: der}), nil
}

// ParsePublicKey reads what [PublicKey.PEM] wrote. It refuses a private key,
// which has no place where tokens are only verified.
func ParsePublicKey(data []byte) (PublicKey, error) {
	block, _ := pem.Decode(data)
	switch {
	case block == nil:
		return PublicKey{}, errors.New("parse public key: there is no PEM block")
	case block.Type == privatePEM:
		return PublicKey{}, errors.New("parse public key: this is the private key, give the verifier the public one")
	case block.Type != publicPEM:
		return PublicKey{}, fmt.Errorf("parse public key: the PEM block has type %q, not %q", block.Type, publicPEM)
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parse public key: %w", err)
	}
	key, ok := parsed.(ed25519.PublicKey)
	if !ok {
		return PublicKey{}, fmt.Errorf("parse public key: it is a %T, tokens are signed with Ed25519", parsed)
	}
	return publicOf(key), nil
}

// LoadPublicKey reads a file that holds what [PublicKey.PEM] wrote, at most
// 4 KiB. Anyone may be able to read the file.
func LoadPublicKey(path string) (PublicKey, error) {
	f, err := os.Open(path)
	if err != nil {
		return PublicKey{}, fmt.Errorf("open public key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, maxPublicFile))
	if err != nil {
		return PublicKey{}, fmt.Errorf("read public key file: %w", err)
	}
	key, err := ParsePublicKey(data)
	if err != nil {
		return PublicKey{}, fmt.Errorf("load %s: %w", path, err)
	}
	return key, nil
}
