package core

import (
	"context"
	"fmt"
	"iter"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// View says how much of a revision is read.
type View int

// The views. Each includes those before it.
const (
	// Basic is everything but the definition.
	Basic View = iota
	// Connection adds the parts of the definition that a connection needs.
	Connection
	// Full adds the whole definition.
	Full
)

// RevisionDetail is a revision as far as a view includes it.
type RevisionDetail struct {
	Revision
	// Findings are what the importer noticed.
	Findings []format.Finding
	// Definition is nil in the view Basic.
	Definition *connectorv1.Definition
}

// GetConnector returns one connector.
func (g *Registry) GetConnector(ctx context.Context, name resource.Connector) (c Connector, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		c, err = connector(r, name)
		return err
	})
	return c, err
}

// scanPage is how many connectors are read at once while a filter is looking for
// those that it wants.
const scanPage = 500

// ListConnectors returns at most limit connectors that the filter lets pass, in
// the order of their ids from the one after the given on, and whether there are
// more. The filter is a list of words that id, title or description contain,
// ignoring case.
func (g *Registry) ListConnectors(ctx context.Context, env resource.Environment, filter, after string, limit int) (list []Connector, more bool, err error) {
	words := strings.Fields(strings.ToLower(filter))
	page := scanPage
	if len(words) == 0 {
		page = limit + 1 // all of them are wanted
	}
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if _, err := environment(r, env.ID); err != nil {
			return err
		}
		for c, err := range connectors(ctx, r, env, after, page) {
			switch {
			case err != nil:
				return err
			case !c.matches(words):
			case len(list) == limit:
				more = true
				return nil
			default:
				list = append(list, c)
			}
		}
		return nil
	})
	return list, more, err
}

// connectors yields all connectors of an environment after one, in the order of
// their ids, size of which are read at once. An error is yielded last.
func connectors(ctx context.Context, r Reader, env resource.Environment, after string, size int) iter.Seq2[Connector, error] {
	return func(yield func(Connector, error) bool) {
		for {
			page, err := r.Connectors(env, after, size)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Connector{}, fmt.Errorf("read connectors: %w", err))
				return
			}
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
				after = c.Name.ID
			}
			if len(page) < size {
				return
			}
		}
	}
}

func (c Connector) matches(words []string) bool {
	if len(words) == 0 {
		return true
	}
	text := strings.ToLower(c.Name.ID + "\n" + c.Title + "\n" + c.Description)
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// GetRevision returns a revision as far as the view includes it.
func (g *Registry) GetRevision(ctx context.Context, name resource.Revision, view View) (d RevisionDetail, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if d.Revision, err = revision(r, name); err != nil {
			return err
		}
		if d.Findings, err = r.Findings(d.Name); err != nil {
			return fmt.Errorf("read findings: %w", err)
		}
		switch view {
		case Connection:
			d.Definition, err = r.Connection(d.Name)
		case Full:
			d.Definition, err = r.Definition(d.Revision)
		case Basic:
		}
		return err
	})
	return d, err
}

// ListRevisions returns at most limit revisions of a connector whose sequence is
// below before, newest first, and whether there are more. 0 is from the newest.
func (g *Registry) ListRevisions(ctx context.Context, name resource.Connector, before uint64, limit int) (list []Revision, more bool, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if _, err := connector(r, name); err != nil {
			return err
		}
		list, err = r.Revisions(name, before, limit+1)
		return err
	})
	if len(list) > limit {
		return list[:limit], true, err
	}
	return list, false, err
}

// ListOperations returns at most limit operations of a revision from index from
// on, the revision that the name stands for, and whether there are more.
func (g *Registry) ListOperations(ctx context.Context, name resource.Revision, from, limit int) (list []*connectorv1.Operation, rev Revision, more bool, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if rev, err = revision(r, name); err != nil {
			return err
		}
		list, err = r.Operations(rev.Name, from, limit)
		return err
	})
	return list, rev, from+len(list) < rev.Operations(), err
}

// GetSource returns the files that a revision was made from.
func (g *Registry) GetSource(ctx context.Context, name resource.Revision) (files []format.File, rev Revision, err error) {
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if rev, err = revision(r, name); err != nil {
			return err
		}
		files, err = r.Source(rev)
		return err
	})
	return files, rev, err
}
