// Package connectors asks the registry what connections to a connector look
// like, and remembers the answers for a short while.
//
// [Cache] implements core.Connectors. An answer is used until it is a little
// old, or until the connector is announced to have changed:
//
//	cache, err := connectors.New(registryv1.NewRegistryServiceClient(conn), clk)
//	…
//	go bus.WatchChanges(ctx, bus.ChangeConnector, cache.Changed, cache.Resync)
//
// Calls to the registry are made on the vault's own behalf: an answer is shared
// by all callers, so it must not depend on who happened to be the first.
package connectors

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/maypok86/otter/v2"
	"google.golang.org/grpc"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

const (
	// MaxAge is how long an answer is used when no announcement ends it: the
	// longest that the vault can lag behind the registry.
	MaxAge = 30 * time.Second
	// MaxEntries bounds the answers that are remembered. The part of a
	// definition that connections need takes a few KiB.
	MaxEntries = 2_000
	// askTime bounds one question. It does not depend on the caller, because
	// others may wait for the same answer.
	askTime = 10 * time.Second
	// published is the id that stands for a connector's published revision.
	published = "published"
)

var _ core.Connectors = (*Cache)(nil)

// Registry is the part of the registry's client that is used.
type Registry interface {
	// GetRevision returns one revision.
	GetRevision(ctx context.Context, req *registryv1.GetRevisionRequest, opts ...grpc.CallOption) (*registryv1.Revision, error)
}

// Cache asks the registry. It is safe for concurrent use.
type Cache struct {
	registry Registry
	answers  *otter.Cache[question, *connectorv1.Definition]
}

// question is what is asked; an empty revision is the published one.
type question struct {
	connector resource.Connector
	revision  string
}

// New returns an empty cache in front of the registry.
func New(registry Registry, clk clock.Clock) (*Cache, error) {
	answers, err := otter.New(&otter.Options[question, *connectorv1.Definition]{
		MaximumSize:      MaxEntries,
		ExpiryCalculator: otter.ExpiryWriting[question, *connectorv1.Definition](MaxAge),
		Clock:            ticks{clk},
	})
	if err != nil {
		return nil, fmt.Errorf("make the cache of connectors: %w", err)
	}
	return &Cache{registry: registry, answers: answers}, nil
}

// Definition implements core.Connectors. Callers with the same question share
// one call to the registry. Errors are not remembered.
func (c *Cache) Definition(ctx context.Context, connector resource.Connector, revision string) (*connectorv1.Definition, error) {
	return c.answers.Get(ctx, question{connector, revision}, otter.LoaderFunc[question, *connectorv1.Definition](c.ask))
}

// Changed forgets what is known about a connector that changed.
func (c *Cache) Changed(change bus.Change) {
	connector := resource.Connector{Environment: change.Environment, ID: change.ID}
	c.answers.Invalidate(question{connector: connector}) // also one that is being asked
	for q := range c.answers.Keys() {
		if q.connector == connector {
			c.answers.Invalidate(q)
		}
	}
}

// Resync forgets everything: announcements may have been missed.
func (c *Cache) Resync() { c.answers.InvalidateAll() }

func (c *Cache) ask(ctx context.Context, q question) (*connectorv1.Definition, error) {
	ctx, cancel := context.WithTimeout(grpcx.AsService(context.WithoutCancel(ctx)), askTime)
	defer cancel()
	name := q.revision
	if name == "" {
		name = resource.Revision{Environment: q.connector.Environment, Connector: q.connector.ID, ID: published}.String()
	}
	answer, err := c.registry.GetRevision(ctx, &registryv1.GetRevisionRequest{
		Name: name, View: registryv1.RevisionView_REVISION_VIEW_CONNECTION,
	})
	if err != nil {
		return nil, fmt.Errorf("ask the registry for %s: %w", name, err)
	}
	if answer.GetDefinition() == nil {
		return nil, fmt.Errorf("ask the registry for %s: %w", name, errNoDefinition)
	}
	return answer.GetDefinition(), nil
}

var errNoDefinition = errors.New("the answer has no definition")

// ticks is the clock of the cache.
type ticks struct{ clock clock.Clock }

// NowNano returns the time in nanoseconds.
func (t ticks) NowNano() int64 { return t.clock.Now().UnixNano() }

// Tick returns nil, which is no ticks: what has expired is dropped when it is
// met or when room is needed, and no goroutine runs for it.
func (t ticks) Tick(time.Duration) <-chan time.Time { return nil }
