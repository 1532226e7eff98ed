package trigger

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
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
	// SinkWorkers is how many events are posted to sinks at the same time.
	SinkWorkers int
}

// Flags declares the flags of c with their defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.PublicURL, "public-url", "", "URL at which APIs reach the gateway, for webhook callbacks; without it webhook triggers are refused")
	flags.IntVar(&c.PollWorkers, "poll-workers", 16, "how many polls are made at the same time")
	flags.IntVar(&c.SinkWorkers, "sink-workers", 32, "how many events are posted to sinks at the same time")
}

// Validate returns all that is wrong with c, nil if nothing is.
func (c Config) Validate() error {
	var faults []error
	if why := badPublicURL(c.PublicURL); why != "" {
		faults = append(faults, fmt.Errorf("--public-url %s", why))
	}
	for flag, n := range map[string]int{"--poll-workers": c.PollWorkers, "--sink-workers": c.SinkWorkers} {
		if n < 1 || n > maxWorkers {
			faults = append(faults, fmt.Errorf("%s must be 1 to %d, not %d", flag, maxWorkers, n))
		}
	}
	return errors.Join(faults...)
}

// badPublicURL says what is wrong with the URL, "" if nothing is.
func badPublicURL(text string) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return "must be an absolute http or https URL, such as https://ferrule.example.com"
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "must have neither user, query nor fragment"
	}
	return ""
}

// base is the public URL without a trailing slash.
func (c Config) base() string { return strings.TrimRight(c.PublicURL, "/") }
