package runtimeproxy

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dataplane"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/rate"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
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
	// MaxConcurrency is how many requests of one connection to one host may be
	// under way.
	MaxConcurrency int
	// MaxAttempts is how often a request that can be repeated is sent.
	MaxAttempts int
	// CacheAnswerBytes bounds the memory of kept answers.
	CacheAnswerBytes int64
	// RateConnection, RateConnector and RateEnvironment are how many calls there
	// may be in a time, as in "500/1m"; empty for no limit.
	RateConnection, RateConnector, RateEnvironment string
	// RateProcesses is how many processes share the limits while the bus is away.
	RateProcesses int
	// ScriptWorkers is how many programs of custom code compute at once,
	// ScriptProcesses how many are under way, those included that wait for an
	// answer; 0 means 16 times as many. ScriptTime is how long each may compute,
	// ScriptMemory how many bytes it may use.
	ScriptWorkers   int
	ScriptProcesses int
	ScriptTime      time.Duration
	ScriptMemory    int64
	// PublicURL is where callers reach the gateway, for the links in answers.
	PublicURL string
}

// Flags declares a flag for each setting.
func (c *Config) Flags(fs *pflag.FlagSet) {
	fs.DurationVar(&c.CallTimeout, "call-timeout", pipeline.DefaultTimeout, "time for a call whose caller sets none, at most 5m")
	fs.DurationVar(&c.ProxyTimeout, "proxy-timeout", dataplane.DefaultTimeout, "time for a pass-through exchange, both bodies included")
	fs.DurationVar(&c.CacheMaxAge, "cache-max-age", time.Minute, "longest use of credentials and of a published revision without asking again")
	fs.IntVar(&c.CacheConnections, "cache-connections", 100_000, "number of connections that are remembered")
	fs.Int64Var(&c.CacheRevisionBytes, "cache-revision-bytes", 256<<20, "memory for compiled connectors, in bytes")
	fs.IntVar(&c.MaxConnsPerHost, "max-conns-per-host", 0, "connections to one host of an API; 0 means no bound")
	fs.IntVar(&c.MaxConcurrency, "max-concurrency", resilience.DefaultConcurrency, "requests of one connection to one host of an API that are under way at once")
	fs.IntVar(&c.MaxAttempts, "max-attempts", resilience.DefaultAttempts, "times that a request is sent that fails and can be repeated; 1 sends nothing again")
	fs.Int64Var(&c.CacheAnswerBytes, "cache-answer-bytes", 64<<20, "memory for answers that are given again, in bytes")
	fs.StringVar(&c.RateConnection, "rate-connection", "", "calls of each connection in a time, for instance 500/1m; none if empty")
	fs.StringVar(&c.RateConnector, "rate-connector", "", "calls of all connections of each connector in a time")
	fs.StringVar(&c.RateEnvironment, "rate-environment", "", "calls of each environment in a time")
	fs.IntVar(&c.RateProcesses, "rate-processes", 3, "processes that share the limits while the bus is away")
	fs.IntVar(&c.ScriptWorkers, "script-workers", 4, "custom code that computes at once")
	fs.IntVar(&c.ScriptProcesses, "script-processes", 0, "custom code that is under way, also while it waits for an answer: each has a process; 0 means 16 for each of --script-workers")
	fs.DurationVar(&c.ScriptTime, "script-time", 5*time.Second, "time that custom code may compute in one call, without what it waits for")
	fs.Int64Var(&c.ScriptMemory, "script-memory", 64<<20, "memory of custom code in one call, in bytes")
	service.PublicURLFlag(fs, &c.PublicURL)
}

// limits reads the limits of calls.
func (c *Config) limits() (out rate.Options, err error) {
	out.Processes = c.RateProcesses
	for text, into := range map[*string]*rate.Limit{
		&c.RateConnection: &out.Connection, &c.RateConnector: &out.Connector, &c.RateEnvironment: &out.Environment,
	} {
		if *text == "" {
			continue
		}
		if *into, err = rate.Parse(*text); err != nil {
			return out, err
		}
	}
	return out, nil
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
	check(c.MaxConcurrency > 0, "max-concurrency", "at least 1")
	check(c.MaxAttempts >= 1 && c.MaxAttempts <= resilience.MaxAttempts, "max-attempts", "1 to 10")
	check(c.CacheAnswerBytes > 0, "cache-answer-bytes", "more than 0")
	check(c.RateProcesses > 0, "rate-processes", "at least 1")
	check(c.ScriptWorkers > 0, "script-workers", "at least 1")
	check(c.ScriptProcesses == 0 || c.ScriptProcesses >= c.ScriptWorkers, "script-processes", "0, or at least as many as --script-workers")
	check(c.ScriptTime > 0 && c.ScriptTime <= time.Minute, "script-time", "more than 0 and at most 1m")
	check(c.ScriptMemory >= 1<<20, "script-memory", "at least 1048576")
	for flag, text := range map[string]string{"rate-connection": c.RateConnection, "rate-connector": c.RateConnector, "rate-environment": c.RateEnvironment} {
		if _, err := rate.Parse(text); text != "" && err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	return errors.Join(errs...)
}
