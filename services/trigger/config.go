package trigger

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ferrule-dev/ferrule/pkg/service"
)

// maxWorkers bounds the numbers of workers.
const maxWorkers = 1024

// Config is what an operator can choose.
type Config struct {
	// PublicURL is where APIs reach this installation's gateway, for instance
	// "https://ferrule.example.com". Webhook triggers are refused without it.
	PublicURL string
	// PollWorkers is how many polls are made at the same time.
	PollWorkers int
	// SinkWorkers is how many sinks are served at the same time.
	SinkWorkers int
}

// Flags declares the flags of c with their defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	service.PublicURLFlag(flags, &c.PublicURL)
	flags.IntVar(&c.PollWorkers, "poll-workers", 64, "how many polls are made at the same time")
	flags.IntVar(&c.SinkWorkers, "sink-workers", 128, "how many sinks are served at the same time")
}

// Validate returns all that is wrong with c, nil if nothing is.
func (c Config) Validate() error {
	var faults []error
	if err := service.CheckPublicURL(c.PublicURL); err != nil {
		faults = append(faults, err)
	}
	for flag, n := range map[string]int{"--poll-workers": c.PollWorkers, "--sink-workers": c.SinkWorkers} {
		if n < 1 || n > maxWorkers {
			faults = append(faults, fmt.Errorf("%s must be 1 to %d, not %d", flag, maxWorkers, n))
		}
	}
	return errors.Join(faults...)
}

// base is the public URL without a trailing slash.
func (c Config) base() string { return strings.TrimRight(c.PublicURL, "/") }
