package vault

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/service"
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
	// KEK says where the key-encryption key is: "file:PATH",
	// "hcvault://HOST/MOUNT/keys/NAME", "aws-kms://ARN" or "gcp-kms://NAME"; if
	// empty, the file kek.json in the vault's own directory.
	KEK string
	// PreviousKEK is where it was before, while keysets are moved from one to the
	// other; empty otherwise.
	PreviousKEK string
	// PublicURL is where browsers reach the gateway: providers send them back
	// there. Nobody can sign in without it.
	PublicURL string
	// ReturnOrigins are origins, such as "https://portal.example.com", to which a
	// browser may be sent after a sign-in, besides loopback addresses and the
	// gateway's own.
	ReturnOrigins []string
	// AuditRetention is how long audit records are kept; 0 means for ever.
	AuditRetention time.Duration
}

// Flags declares the flags of c with their defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.DurationVar(&c.Lease, "lease", time.Minute, "how long the runtime may use a credential before it asks the vault again")
	flags.StringSliceVar(&c.AllowServerHosts, "allow-server-hosts", nil,
		`hosts that connections may be pointed at besides those of their connector: "host", "host:port" or "*.domain"`)
	flags.StringVar(&c.KEK, "kek", "",
		"where the key-encryption key is: file:PATH, hcvault://HOST/MOUNT/keys/NAME, aws-kms://ARN or gcp-kms://NAME (default a file kek.json, made at the first start, in the vault's data directory)")
	flags.StringVar(&c.PreviousKEK, "kek-previous", "", "where the key-encryption key was before, until a rotation of the master key has finished")
	service.PublicURLFlag(flags, &c.PublicURL)
	flags.StringSliceVar(&c.ReturnOrigins, "allow-return-origins", nil,
		"origins that browsers may be sent to after a sign-in, such as https://portal.example.com")
	flags.DurationVar(&c.AuditRetention, "audit-retention", 400*24*time.Hour, "how long audit records are kept; 0 keeps them for ever")
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
	for _, origin := range c.ReturnOrigins {
		if o, fault := core.ParseOrigin(origin); fault != nil || o.String() != origin {
			err = errors.Join(err, fmt.Errorf("--allow-return-origins: %q is no origin; write it like https://portal.example.com", origin))
		}
	}
	if c.AuditRetention < 0 {
		err = errors.Join(err, errors.New("--audit-retention must not be negative"))
	}
	return errors.Join(err, service.CheckPublicURL(c.PublicURL))
}

// returnOrigins reads what Validate has found right.
func (c *Config) returnOrigins() []core.Origin {
	origins := make([]core.Origin, 0, len(c.ReturnOrigins))
	for _, text := range c.ReturnOrigins {
		if o, err := core.ParseOrigin(text); err == nil {
			origins = append(origins, o)
		}
	}
	return origins
}
