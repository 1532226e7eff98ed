package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/share"
)

// Defaults of [Config].
const (
	// DefaultSetupTime bounds the setting up of a webhook.
	DefaultSetupTime = time.Minute
	// DefaultPollTime bounds one poll, and every other call of an API.
	DefaultPollTime = 75 * time.Second
)

// Config is what the service is told by its operator.
type Config struct {
	// PublicURL is where APIs reach this installation, without a trailing slash;
	// webhooks are refused without it.
	PublicURL string
	// MinInterval is the shortest interval; 0 means [recurrence.MinInterval].
	MinInterval time.Duration
	// SetupTime bounds the setting up of a webhook: one that is not done by then
	// is removed. 0 means [DefaultSetupTime].
	SetupTime time.Duration
	// PollTime bounds one poll. 0 means [DefaultPollTime].
	PollTime time.Duration
	// PollWorkers is how many polls are made at the same time in this process; no owner
	// and no connector has all of them, see package share. 0 means that others see to it.
	PollWorkers int
}

// Triggers holds the use cases. It is safe for concurrent use.
type Triggers struct {
	cfg Config
	Ports

	activity  activity
	listeners listeners
	entries   *barrier
	settling  inHand
	shares    *share.Workers // nil without a bound
	kick      chan struct{}  // there is something to settle
	missing   chan struct{}  // a schedule could not be set
}

// New returns the use cases.
func New(cfg Config, p Ports) *Triggers {
	if cfg.MinInterval == 0 {
		cfg.MinInterval = recurrence.MinInterval
	}
	if cfg.SetupTime == 0 {
		cfg.SetupTime = DefaultSetupTime
	}
	if cfg.PollTime == 0 {
		cfg.PollTime = DefaultPollTime
	}
	t := &Triggers{cfg: cfg, Ports: p, entries: newBarrier(), kick: make(chan struct{}, 1), missing: make(chan struct{}, 1)}
	if cfg.PollWorkers > 0 {
		t.shares = share.New(cfg.PollWorkers, p.Clock)
	}
	return t
}

// wake makes the reader of a channel look, now or when it is done.
func wake(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Caller is who asks.
type Caller struct {
	// Principal is on whose behalf.
	Principal authn.Principal
}

// sees reports whether the caller may know that the subscription exists.
func (c Caller) sees(s Subscription) bool { return c.seesAll() || c.owns(s) }

// seesAll reports whether the caller may know of every subscription.
func (c Caller) seesAll() bool {
	return c.Principal.Kind == authn.KindService || c.Principal.Is(authn.RoleAdmin)
}

func (c Caller) owns(s Subscription) bool {
	return c.Principal.Kind == authn.KindUser && c.Principal.Name == s.Owner
}

// mayWrite refuses callers who cannot own subscriptions.
func (c Caller) mayWrite() error {
	if c.Principal.Is(authn.RoleUser) {
		return nil
	}
	return fault.Denied(fault.ReasonPermissionDenied,
		"subscriptions belong to users: call with the token of a user who has the role %q", authn.RoleUser).
		With("principal", c.Principal.Name)
}

// found turns the store's answer into the caller's. What is stored is in an
// environment that exists, so only for the rest does anybody have to be asked:
// the loss of the registry stops nothing that is there.
func (t *Triggers) found(ctx context.Context, name resource.Subscription, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrNotFound):
		if why := t.Environments.Exists(ctx, name.Environment); fault.ReasonOf(why) == fault.ReasonEnvironmentNotFound {
			return why
		}
		return notFound(name)
	}
	return fmt.Errorf("read %s: %w", name, err)
}

// notFound is for subscriptions that do not exist, and for those that the caller
// must not know of: the answers are the same.
func notFound(name resource.Subscription) error {
	return fault.NotFound(fault.ReasonSubscriptionNotFound,
		"subscription %q does not exist, or is not yours; list yours to see which there are", name.ID).
		With("subscription", name.String())
}
