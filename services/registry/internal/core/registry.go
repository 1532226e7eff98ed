package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
)

// Deps are the parts of a registry. All are required.
type Deps struct {
	// Store keeps everything.
	Store Store
	// Fetcher reads documents by URL.
	Fetcher Fetcher
	// Importers are the formats that can be read.
	Importers importer.Set
	// Tools work on definitions.
	Tools Tools
	// Clock says when things happened.
	Clock clock.Clock
	// Committed is called after each transaction that announced something.
	Committed func()
	// Imports is how many imports may be translated at the same time; others
	// wait. It bounds memory.
	Imports int
}

// Registry is the use cases. It is safe for concurrent use.
type Registry struct {
	deps      Deps
	slots     chan struct{}
	catalogue *catalogue
}

// New returns a registry. It owns none of its parts.
func New(deps Deps) *Registry {
	return &Registry{deps: deps, slots: make(chan struct{}, max(deps.Imports, 1)), catalogue: newCatalogue()}
}

// connector returns the connector, or ENVIRONMENT_NOT_FOUND or
// CONNECTOR_NOT_FOUND.
func connector(r Reader, name resource.Connector) (Connector, error) {
	if _, err := environment(r, name.Environment); err != nil {
		return Connector{}, err
	}
	c, err := r.Connector(name)
	if errors.Is(err, ErrNotFound) {
		return c, fault.NotFound(fault.ReasonConnectorNotFound,
			"connector %q does not exist; list the connectors of environment %q", name.ID, name.Environment).
			With("connector", name.String())
	}
	if err != nil {
		return c, fmt.Errorf("read connector %s: %w", name, err)
	}
	return c, nil
}

// The aliases of revisions. They are no hexadecimal numbers, so that no revision
// can have them as its id.
const (
	aliasPublished = "published"
	aliasLatest    = "latest"
)

// revision returns the revision that the name or alias stands for, or
// ENVIRONMENT_NOT_FOUND, CONNECTOR_NOT_FOUND, CONNECTOR_NOT_PUBLISHED or REVISION_NOT_FOUND.
func revision(r Reader, name resource.Revision) (Revision, error) {
	c, err := connector(r, name.Parent())
	if err != nil {
		return Revision{}, err
	}
	switch name.ID {
	case aliasLatest:
		name.ID = c.Latest
	case aliasPublished:
		if name.ID = c.Published; name.ID == "" {
			return Revision{}, fault.Precondition(fault.ReasonConnectorNotPublished,
				"connector %q has no published revision; publish one", c.Name.ID).With("connector", c.Name.String())
		}
	}
	found, err := r.Revision(name)
	if errors.Is(err, ErrNotFound) {
		return Revision{}, fault.NotFound(fault.ReasonRevisionNotFound,
			"connector %q has no revision %q; list its revisions", c.Name.ID, name.ID).With("revision", name.ID)
	}
	if err != nil {
		return Revision{}, fmt.Errorf("read revision %s: %w", name, err)
	}
	return found, nil
}

// enter waits for a slot in which a source may be translated. The caller calls
// leave.
func (g *Registry) enter(ctx context.Context) (leave func(), err error) {
	select {
	case g.slots <- struct{}{}:
		return func() { <-g.slots }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for other imports: %w", ctx.Err())
	}
}
