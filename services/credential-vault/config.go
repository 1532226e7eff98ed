package vault

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// The bounds of a lease: below the first every call would ask the vault, above
// the second a revoked credential would be used for too long.
const (
	minLease = time.Second
	maxLease = 10 * time.Minute
)

// Config is what an operator decides about the vault.
type Config struct {
	// Lease is how long the runtime may use a credential before it asks again,
	// if no change of the connection ends the loan earlier.
	Lease time.Duration
	// AllowServerHosts are hosts that server URLs of connections may name in
	// addition to those of their connectors: "host" with any port, "host:port",
	// or "*.domain" for every host below a domain.
	AllowServerHosts []string
	// KeyFile is the path of the key-encryption key; if empty, kek.json in the
	// vault's own directory.
	KeyFile string
}

// Flags declares the flags of c with their defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.DurationVar(&c.Lease, "lease", time.Minute, "how long the runtime may use a credential before it asks the vault again")
	flags.StringSliceVar(&c.AllowServerHosts, "allow-server-hosts", nil,
		`hosts that connections may be pointed at besides those of their connector: "host", "host:port" or "*.domain"`)
	flags.StringVar(&c.KeyFile, "key-file", "", "file with the key-encryption key, made at the first start (default kek.json in the vault's data directory)")
}

// Validate reports everything that is wrong with c.
func (c *Config) Validate() error {
	_, err := core.ParseHostRules(c.AllowServerHosts)
	if err != nil {
		err = fmt.Errorf("read --allow-server-hosts: %w", err)
	}
	if c.Lease < minLease || c.Lease > maxLease {
		err = errors.Join(err, fmt.Errorf("--lease must be between %v and %v", minLease, maxLease))
	}
	return err
}
