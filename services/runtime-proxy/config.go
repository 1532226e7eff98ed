package runtimeproxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dataplane"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// Config are the settings of the runtime. Flags fills in the defaults; each of
// them is what the flag of that name says.
type Config struct {
	// CallTimeout is the time for a call whose caller does not say.
	CallTimeout time.Duration
	// ProxyTimeout is the time for a pass-through exchange, both bodies included.
	ProxyTimeout time.Duration
	// CacheMaxAge is the longest that a lease or a published revision is used
	// without asking again, should an announcement be lost.
	CacheMaxAge time.Duration
	// CacheConnections is how many connections are remembered.
	CacheConnections int
	// CacheRevisionBytes bounds the memory of compiled revisions.
	CacheRevisionBytes int64
	// MaxConnsPerHost bounds the connections to one host of an API; 0 means no
	// bound.
	MaxConnsPerHost int
}

// Flags declares a flag for each setting.
func (c *Config) Flags(fs *pflag.FlagSet) {
	fs.DurationVar(&c.CallTimeout, "call-timeout", pipeline.DefaultTimeout, "time for a call whose caller sets none, at most 5m")
	fs.DurationVar(&c.ProxyTimeout, "proxy-timeout", dataplane.DefaultTimeout, "time for a pass-through exchange, both bodies included")
	fs.DurationVar(&c.CacheMaxAge, "cache-max-age", time.Minute, "longest use of credentials and of a published revision without asking again")
	fs.IntVar(&c.CacheConnections, "cache-connections", 100_000, "number of connections that are remembered")
	fs.Int64Var(&c.CacheRevisionBytes, "cache-revision-bytes", 256<<20, "memory for compiled connectors, in bytes")
	fs.IntVar(&c.MaxConnsPerHost, "max-conns-per-host", 0, "connections to one host of an API; 0 means no bound")
}

// Validate reports all settings that cannot be used.
func (c *Config) Validate() error {
	var errs []error
	check := func(ok bool, flag, rule string) {
		if !ok {
			errs = append(errs, fmt.Errorf("--%s must be %s", flag, rule))
		}
	}
	check(c.CallTimeout > 0 && c.CallTimeout <= pipeline.MaxTimeout, "call-timeout", "more than 0 and at most 5m")
	check(c.ProxyTimeout > 0, "proxy-timeout", "more than 0")
	check(c.CacheMaxAge > 0, "cache-max-age", "more than 0")
	check(c.CacheConnections > 0, "cache-connections", "at least 1")
	check(c.CacheRevisionBytes >= 1<<20, "cache-revision-bytes", "at least 1048576")
	check(c.MaxConnsPerHost >= 0, "max-conns-per-host", "0 or more")
	return errors.Join(errs...)
}
