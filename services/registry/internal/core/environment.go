package core

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// defaultEnvironment always exists. It is stored only once it has been changed.
	defaultEnvironment = "default"
	// MaxEnvironments is the greatest number of environments that are stored.
	MaxEnvironments = 1000
	// MaxEnvironmentTitle is the greatest length of a title in bytes.
	MaxEnvironmentTitle = 128
	// MaxEnvironmentDescription is the greatest length of a description in bytes.
	MaxEnvironmentDescription = 4096
	// MinEventAge is the shortest time for which events can be kept.
	MinEventAge = time.Minute
	// MaxEventAge is the longest.
	MaxEventAge = 10 * 365 * 24 * time.Hour
)

// Environment is a boundary for names: a stage, or a tenant.
type Environment struct {
	// Name identifies it.
	Name resource.Environment
	// Title and Description are for people.
	Title       string
	Description string
	// EventMaxAge and EventMaxBytes bound the events that can be read again: for how
	// long they are kept, and how many bytes of them; 0 means no bound of its own.
	EventMaxAge   time.Duration `json:",omitzero"`
	EventMaxBytes int64         `json:",omitzero"`
	// Created and Updated are when it was made and last changed; zero for the
	// default environment as long as nobody has changed it.
	Created time.Time
	Updated time.Time
	// Generation counts its changes.
	Generation uint64
}

// Etag returns text that is different after every change, and different again
// for an environment that was deleted and made anew.
func (e Environment) Etag() string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", e.Name, e.Created.UnixNano(), e.Generation))
	return hex.EncodeToString(sum[:8])
}

// environment returns an environment, or ENVIRONMENT_NOT_FOUND.
func environment(r Reader, id string) (Environment, error) {
	name := resource.Environment{ID: id}
	e, err := r.Environment(name)
	switch {
	case err == nil:
		return e, nil
	case !errors.Is(err, ErrNotFound):
		return Environment{}, fmt.Errorf("read environment %s: %w", name, err)
	case id == defaultEnvironment:
		return Environment{Name: name, Title: "Default"}, nil
	}
	return Environment{}, fault.NotFound(fault.ReasonEnvironmentNotFound,
		"environment %q does not exist; list the environments, or create it", id).With("environment", id)
}

// CreateEnvironment makes an environment. ENVIRONMENT_EXISTS if its id is taken,
// LIMIT_REACHED if there are [MaxEnvironments].
func (g *Registry) CreateEnvironment(ctx context.Context, e Environment) (Environment, error) {
	if err := resource.CheckID("environment_id", e.Name.ID); err != nil {
		return Environment{}, err
	}
	if err := e.check(); err != nil {
		return Environment{}, err
	}
	e.Created = g.deps.Clock.Now().UTC()
	e.Updated, e.Generation = e.Created, 1
	err := g.deps.Store.Update(ctx, func(tx Tx) error {
		switch _, err := environment(tx, e.Name.ID); {
		case err == nil:
			return fault.Exists(fault.ReasonEnvironmentExists,
				"environment %q exists; choose another id, or update it", e.Name.ID).With("environment", e.Name.ID)
		case fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound:
			return err
		}
		there, err := tx.Environments("", MaxEnvironments+1)
		if err != nil {
			return fmt.Errorf("count environments: %w", err)
		}
		if len(there) >= MaxEnvironments {
			return fault.Exhausted(fault.ReasonLimitReached,
				"there are %d environments, which is the limit; delete those that are not needed", MaxEnvironments).
				With("limit", strconv.Itoa(MaxEnvironments))
		}
		return putEnvironment(tx, e)
	})
	if err != nil {
		return Environment{}, fmt.Errorf("create %s: %w", e.Name, err)
	}
	return e, nil
}

// check returns what is wrong with the texts and bounds.
func (e Environment) check() error {
	for _, text := range []struct {
		field, value string
		limit        int
	}{
		{"environment.title", e.Title, MaxEnvironmentTitle},
		{"environment.description", e.Description, MaxEnvironmentDescription},
	} {
		if len(text.value) > text.limit {
			return fault.Invalid(fault.ReasonInvalidArgument, "%s has more than %d bytes; shorten it", text.field, text.limit).
				Field(text.field, "must have at most "+strconv.Itoa(text.limit)+" bytes")
		}
	}
	if e.EventMaxAge != 0 && (e.EventMaxAge < MinEventAge || e.EventMaxAge > MaxEventAge) {
		return fault.Invalid(fault.ReasonInvalidArgument, "environment.event_max_age is out of bounds; give 1 minute to 10 years, or leave it out").
			Field("environment.event_max_age", "must be 1 minute to 10 years")
	}
	if e.EventMaxBytes < 0 {
		return fault.Invalid(fault.ReasonInvalidArgument, "environment.event_max_bytes is negative; give a number of bytes, or 0 for no bound").
			Field("environment.event_max_bytes", "must not be negative")
	}
	return nil
}

func putEnvironment(tx Tx, e Environment) error {
	if err := tx.PutEnvironment(e); err != nil {
		return fmt.Errorf("write environment: %w", err)
	}
	return nil
}

// GetEnvironment returns one environment.
func (g *Registry) GetEnvironment(ctx context.Context, name resource.Environment) (e Environment, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		e, err = environment(r, name.ID)
		return err
	})
	return e, err
}

// ListEnvironments returns at most limit environments in the order of their ids,
// from the one after the given on, and whether there are more.
func (g *Registry) ListEnvironments(ctx context.Context, after string, limit int) (list []Environment, more bool, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if list, err = environments(r, after, limit+1); err != nil {
			return fmt.Errorf("read environments: %w", err)
		}
		return nil
	})
	if len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

// environments returns what is stored, and the default environment in its place
// among them if it is not.
func environments(r Reader, after string, limit int) ([]Environment, error) {
	stored, err := r.Environments(after, limit)
	if err != nil || after >= defaultEnvironment {
		return stored, err
	}
	at := 0
	for at < len(stored) && stored[at].Name.ID < defaultEnvironment {
		at++
	}
	if at == len(stored) && at == limit || at < len(stored) && stored[at].Name.ID == defaultEnvironment {
		return stored, nil // it comes later, or is there
	}
	e, err := environment(r, defaultEnvironment)
	if err != nil {
		return nil, err
	}
	list := append(append(append(make([]Environment, 0, len(stored)+1), stored[:at]...), e), stored[at:]...)
	return list[:min(len(list), limit)], nil
}

// EnvironmentUpdate is a change of an environment. What is nil stays.
type EnvironmentUpdate struct {
	// Title and Description are the new texts.
	Title, Description *string
	// EventMaxAge and EventMaxBytes are the new bounds of events.
	EventMaxAge   *time.Duration
	EventMaxBytes *int64
	// Etag, if not empty, is the one that the environment must have.
	Etag string
}

// applied returns the environment with what the update changes.
func (u EnvironmentUpdate) applied(e Environment) Environment {
	if u.Title != nil {
		e.Title = *u.Title
	}
	if u.Description != nil {
		e.Description = *u.Description
	}
	if u.EventMaxAge != nil {
		e.EventMaxAge = *u.EventMaxAge
	}
	if u.EventMaxBytes != nil {
		e.EventMaxBytes = *u.EventMaxBytes
	}
	return e
}

// UpdateEnvironment changes the texts and bounds of an environment: ETAG_MISMATCH if it is
// no longer the one that was read.
func (g *Registry) UpdateEnvironment(ctx context.Context, name resource.Environment, u EnvironmentUpdate) (e Environment, err error) {
	err = g.deps.Store.Update(ctx, func(tx Tx) error {
		if e, err = environment(tx, name.ID); err != nil {
			return err
		}
		if err := sameEtag("environment", name.ID, u.Etag, e.Etag()); err != nil {
			return err
		}
		e = u.applied(e)
		if err := e.check(); err != nil {
			return err
		}
		e.Generation++
		e.Updated = g.deps.Clock.Now().UTC()
		return putEnvironment(tx, e)
	})
	if err != nil {
		return Environment{}, fmt.Errorf("update %s: %w", name, err)
	}
	return e, nil
}

// DeleteEnvironment removes an environment: ENVIRONMENT_IN_USE if it holds
// connectors, or is the default one. Connections and subscriptions belong to
// other services and do not keep it.
func (g *Registry) DeleteEnvironment(ctx context.Context, name resource.Environment, etag string) error {
	err := g.deps.Store.Update(ctx, func(tx Tx) error {
		e, err := environment(tx, name.ID)
		if err != nil {
			return err
		}
		if name.ID == defaultEnvironment {
			return inUse(name, "it always exists")
		}
		if err := sameEtag("environment", name.ID, etag, e.Etag()); err != nil {
			return err
		}
		held, err := tx.Connectors(name, "", 1)
		if err != nil {
			return fmt.Errorf("read connectors: %w", err)
		}
		if len(held) > 0 {
			return inUse(name, "it holds connectors; delete them first")
		}
		return tx.DeleteEnvironment(name)
	})
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	return nil
}

func inUse(name resource.Environment, why string) error {
	return fault.Precondition(fault.ReasonEnvironmentInUse,
		"environment %q cannot be deleted: %s", name.ID, why).With("environment", name.ID)
}

// sameEtag is ETAG_MISMATCH if an etag is wanted and something has another one.
func sameEtag(kind, id, want, got string) error {
	if want == "" || want == got {
		return nil
	}
	return fault.Aborted(fault.ReasonEtagMismatch,
		"%s %q has changed since it was read; read it again", kind, id).With("etag", got)
}
