// Package provision makes what services that run as separate processes need
// before their first start: a private authority, a certificate for each, the
// key that signs tokens, and a first admin token.
//
// Everything secret stays in one directory. Each service gets a directory of
// its own with its certificate, the authority's public part and the public key
// that verifies tokens, so that no service can pass for another or make tokens.
package provision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/authn/pki"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/service"
)

// Names of files in a service's directory.
const (
	// TrustFile holds the certificates of the authority.
	TrustFile = "ca.pem"
	// TokenKeyFile holds the public key that verifies tokens.
	TokenKeyFile = "token.pub"
)

// members are all who need an identity: the services, and the message bus.
var members = []string{service.Registry, service.Vault, service.Runtime, service.Trigger, service.Gateway, "nats"}

// Config says where to make it.
type Config struct {
	// Dir holds the authority, the private key of tokens and the admin token. It
	// is made, mode 0700, when missing.
	Dir string
	// Identities holds one directory for each service.
	Identities string
	// Clock dates certificates and tokens.
	Clock clock.Clock
	// Log gets a line for each certificate that is renewed.
	Log *slog.Logger
}

// Flags declares the flags of c with their defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.Dir, "dir", "setup", "directory of the authority, the key that signs tokens and the admin token")
	flags.StringVar(&c.Identities, "identities", "identities", "directory that gets one directory for each service")
}

// Run makes what is missing and renews what runs out. Running it again changes
// nothing that is still good.
func Run(ctx context.Context, cfg Config) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make setup directory: %w", err)
	}
	key, err := authn.LoadOrCreateKey(filepath.Join(cfg.Dir, KeyFile))
	if err != nil {
		return err
	}
	verifier := authn.NewVerifier(cfg.Clock, key.Public())
	if err := EnsureAdminToken(ctx, filepath.Join(cfg.Dir, TokenFile), authn.NewIssuer(key, cfg.Clock), verifier); err != nil {
		return err
	}
	public, err := key.Public().PEM()
	if err != nil {
		return fmt.Errorf("encode token key: %w", err)
	}
	for _, name := range members {
		if err := provide(cfg, name, public); err != nil {
			return fmt.Errorf("provide identity of %s: %w", name, err)
		}
	}
	return nil
}

// provide fills the directory of one service.
func provide(cfg Config, name string, tokenKey []byte) error {
	authority := filepath.Join(cfg.Dir, "authority")
	if _, err := pki.Open(pki.Config{Dir: authority, Service: name, Clock: cfg.Clock, Log: cfg.Log}); err != nil {
		return err
	}
	dir := filepath.Join(cfg.Identities, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, file := range []string{TrustFile, name + ".pem"} {
		data, err := os.ReadFile(filepath.Join(authority, file))
		if err != nil {
			return err
		}
		if err := replace(filepath.Join(dir, file), data); err != nil {
			return err
		}
	}
	return replace(filepath.Join(dir, TokenKeyFile), tokenKey)
}

// replace writes a file at once, so that nobody reads half of it, and leaves one
// that is right already alone.
func replace(path string, data []byte) error {
	old, err := os.ReadFile(path)
	if err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next := path + ".next"
	if err := os.WriteFile(next, data, 0o600); err != nil {
		return err
	}
	return os.Rename(next, path)
}
