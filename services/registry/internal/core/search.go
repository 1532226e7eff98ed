package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/search"
)

// catalogue keeps the search index in step with the store.
type catalogue struct {
	index *search.Index

	mu     sync.Mutex        // held while the index is told of one connector, so that it hears of changes in their order
	told   map[string]string // the etag of each connector that the index was told of, by name
	loaded map[string]bool   // the environments that it was told of, or is being told of
}

func newCatalogue() *catalogue {
	return &catalogue{index: search.New(), told: map[string]string{}, loaded: map[string]bool{}}
}

// loadPage is how many connectors are read in one transaction while an
// environment is loaded: a long one would keep the store from freeing space.
const loadPage = 100

// Load makes all environments searchable, which otherwise happens when each is
// searched for the first time.
func (g *Registry) Load(ctx context.Context) error {
	after := ""
	for {
		list, more, err := g.ListEnvironments(ctx, after, loadPage)
		if err != nil {
			return err
		}
		for _, e := range list {
			if err := g.load(ctx, e.Name); err != nil {
				return err
			}
			after = e.Name.ID
		}
		if !more {
			return nil
		}
	}
}

// load makes an environment searchable, unless it is.
func (g *Registry) load(ctx context.Context, env resource.Environment) error {
	err := g.catalogue.index.Load(ctx, env.ID, func(ctx context.Context, put func(search.Entry)) error {
		// Changes from here on are told to the index; those before are read.
		g.catalogue.follow(env)
		after := ""
		for {
			page, err := g.entries(ctx, env, after)
			if err != nil {
				return err
			}
			for _, e := range page {
				put(e)
				after = e.Connector
			}
			if len(page) < loadPage {
				return nil
			}
		}
	})
	if err != nil {
		return fmt.Errorf("load the catalogue: %w", err)
	}
	return nil
}

// follow begins to tell the index of an environment's changes.
func (k *catalogue) follow(env resource.Environment) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loaded[env.ID] = true
}

// entries returns what can be found of the next connectors after one.
func (g *Registry) entries(ctx context.Context, env resource.Environment, after string) (page []search.Entry, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		list, err := r.Connectors(env, after, loadPage)
		if err != nil {
			return fmt.Errorf("read connectors: %w", err)
		}
		for _, c := range list {
			e, err := entryOf(r, c)
			if err != nil {
				return err
			}
			page = append(page, e)
		}
		return ctx.Err()
	})
	return page, err
}

// Changed makes the catalogue show a connector as it is now. It is called after
// each change here, and for each that another process announces.
func (g *Registry) Changed(ctx context.Context, name resource.Connector) error {
	k := g.catalogue
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.loaded[name.Environment] {
		return nil // it is read when it is searched
	}
	key := name.String()
	var entry search.Entry
	var etag string
	err := g.deps.Store.View(ctx, func(r Reader) error {
		c, err := r.Connector(name)
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read connector %s: %w", name, err)
		}
		if etag = c.Etag(); k.told[key] == etag {
			return nil
		}
		entry, err = entryOf(r, c)
		return err
	})
	switch {
	case err != nil:
		delete(k.told, key)
		return fmt.Errorf("update the catalogue: %w", err)
	case etag == "":
		delete(k.told, key)
		k.index.Delete(name.Environment, name.ID)
	case k.told[key] != etag:
		k.told[key] = etag
		k.index.Put(entry)
	}
	return nil
}

// Resync forgets the catalogue, because changes may have been missed. It is
// loaded again when it is searched.
func (g *Registry) Resync() {
	k := g.catalogue
	k.mu.Lock()
	defer k.mu.Unlock()
	for env := range k.loaded {
		k.index.Drop(env)
	}
	clear(k.loaded)
	clear(k.told)
}

// committed is called after each transaction that changed a connector. The
// catalogue may fall behind if its part fails: then the announcement of the same
// change brings it up to date.
func (g *Registry) committed(ctx context.Context, name resource.Connector) {
	g.deps.Committed()
	_ = g.Changed(context.WithoutCancel(ctx), name)
}

// entryOf returns what can be found of a connector: the texts of the revision
// that it shows, and operations if that is published.
func entryOf(r Reader, c Connector) (search.Entry, error) {
	e := search.Entry{
		Environment: c.Name.Environment, Connector: c.Name.ID, Revision: c.Published,
		Title: c.Title, Description: c.Description, Publisher: c.Publisher, Format: string(c.Format),
		Categories: c.Categories, Authentication: c.Authentication, Triggers: c.Triggers > 0,
	}
	id := c.Published
	if id == "" {
		id = c.Latest
	}
	name := resource.Revision{Environment: c.Name.Environment, Connector: c.Name.ID, ID: id}
	def, err := r.Connection(name)
	if err != nil {
		return search.Entry{}, fmt.Errorf("read definition of %s: %w", name, err)
	}
	e.Keywords = def.GetInfo().GetKeywords()
	e.Authentication = AuthenticationKinds(def) // older records do not say
	operations, err := r.Operations(name, 0, c.Actions+c.Triggers)
	if err != nil {
		return search.Entry{}, fmt.Errorf("read operations of %s: %w", name, err)
	}
	for i, op := range operations {
		for _, tag := range op.GetTags() {
			if !slices.Contains(e.Tags, tag) && len(e.Tags) < maxTags {
				e.Tags = append(e.Tags, tag)
			}
		}
		if c.Published != "" {
			e.Operations = append(e.Operations, operationEntry(i, op))
		}
	}
	return e, nil
}

// maxTags bounds the tags by which a connector as a whole is found.
const maxTags = 256

func operationEntry(position int, op *connectorv1.Operation) search.Operation {
	return search.Operation{
		Position: position, ID: op.GetOperationId(), Title: op.GetSummary(), Description: op.GetDescription(),
		Kind: OperationKind(op), Method: op.GetMethod(), Path: op.GetPath(), Tags: op.GetTags(),
		Hidden: op.GetDeprecated() || op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL,
	}
}

// OperationKind returns the kind of an operation as the catalogue names it.
func OperationKind(op *connectorv1.Operation) string {
	switch op.GetKind() {
	case connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER:
		return "polling_trigger"
	case connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER:
		return "webhook_trigger"
	default:
		return "action"
	}
}

// Found is a page of what a search found.
type Found[T any] struct {
	// Results are the best first. There are fewer than asked for where something
	// was deleted meanwhile.
	Results []T
	// Next is where the next page begins; "" at the end.
	Next string
	// Total counts all results.
	Total int
	// Facets say how all results spread; only on the first page.
	Facets []search.Facet
}

// FoundOperation is an operation with its connector.
type FoundOperation struct {
	// Connector and Title name its connector.
	Connector resource.Connector
	Title     string
	// Operation is all of it.
	Operation *connectorv1.Operation
}

// SearchConnectors finds connectors of an environment.
func (g *Registry) SearchConnectors(ctx context.Context, q search.ConnectorQuery) (Found[Connector], error) {
	page, err := searched(ctx, g, q.Environment, func() (search.Page[search.ConnectorHit], error) { return g.catalogue.index.Connectors(q) })
	if err != nil {
		return Found[Connector]{}, err
	}
	found := Found[Connector]{Next: page.Next, Total: page.Total, Facets: page.Facets}
	err = g.deps.Store.View(ctx, func(r Reader) error {
		for _, hit := range page.Hits {
			c, err := r.Connector(resource.Connector{Environment: q.Environment, ID: hit.Connector})
			if errors.Is(err, ErrNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("read connector %q: %w", hit.Connector, err)
			}
			found.Results = append(found.Results, c)
		}
		return nil
	})
	return found, err
}

// SearchOperations finds operations of published revisions of an environment.
func (g *Registry) SearchOperations(ctx context.Context, q search.OperationQuery) (Found[FoundOperation], error) {
	page, err := searched(ctx, g, q.Environment, func() (search.Page[search.OperationHit], error) { return g.catalogue.index.Operations(q) })
	if err != nil {
		return Found[FoundOperation]{}, err
	}
	found := Found[FoundOperation]{Next: page.Next, Total: page.Total, Facets: page.Facets}
	err = g.deps.Store.View(ctx, func(r Reader) error {
		for _, hit := range page.Hits {
			name := resource.Revision{Environment: q.Environment, Connector: hit.Connector, ID: hit.Revision}
			list, err := r.Operations(name, hit.Position, 1)
			if err != nil {
				return fmt.Errorf("read operation %d of %s: %w", hit.Position, name, err)
			}
			for _, op := range list { // none if the connector was deleted meanwhile
				found.Results = append(found.Results, FoundOperation{Connector: name.Parent(), Title: hit.Title, Operation: op})
			}
		}
		return nil
	})
	return found, err
}

// searched asks the index about an environment that exists, and loads it again if
// it was dropped in between: what others changed was missed then.
func searched[Hit any](ctx context.Context, g *Registry, env string, ask func() (search.Page[Hit], error)) (page search.Page[Hit], err error) {
	for range attempts {
		if err := g.searchable(ctx, env); err != nil {
			return page, err
		}
		if page, err = ask(); !errors.Is(err, search.ErrNotLoaded) {
			return page, err
		}
	}
	return page, fault.Unavailable(fault.ReasonServiceUnavailable, "the catalogue is being loaded; try again").Because(err)
}

// searchable loads an environment that exists.
func (g *Registry) searchable(ctx context.Context, id string) error {
	e, err := g.GetEnvironment(ctx, resource.Environment{ID: id})
	if err != nil {
		return err
	}
	return g.load(ctx, e.Name)
}
