package core

import (
	"context"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// place names what a change is about, for violations.
func place(c diff.Change) string {
	where := "definition"
	if c.OperationID != "" {
		where = "operations." + c.OperationID
	}
	if c.Subject != "" {
		where += " " + c.Subject
	}
	return where
}

// Diff is what changes between two revisions.
type Diff struct {
	*diff.Diff

	// Base is the older revision, Revision the newer one; the latter is zero if it
	// is not stored.
	Base, Revision resource.Revision
}

// to fills in the newer revision if it is stored. A diff that is nil stays nil.
func (d *Diff) to(revision resource.Revision, stored bool) *Diff {
	if d != nil && stored {
		d.Revision = revision
	}
	return d
}

func (g *Registry) compare(ctx context.Context, base resource.Revision, older, newer *connectorv1.Definition) (*Diff, error) {
	d, err := g.deps.Tools.Compare(ctx, older, newer)
	if err != nil {
		return nil, fmt.Errorf("compare with %s: %w", base, err)
	}
	return &Diff{Diff: d, Base: base}, nil
}

// DiffTarget is what a revision is compared with: exactly one of its members.
type DiffTarget struct {
	// Revision is a stored one, of any connector in any environment.
	Revision resource.Revision
	// URL is where a description is fetched.
	URL string
	// Files are a description.
	Files []format.File
}

// Diff says what changed between a revision and another one, or a description,
// which is read with the selection of the base.
func (g *Registry) Diff(ctx context.Context, base resource.Revision, target DiffTarget) (*Diff, error) {
	files, err := g.sent(ctx, target.URL, target.Files)
	if err != nil {
		return nil, err
	}
	leave, err := g.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	var rev, other Revision
	var older, newer *connectorv1.Definition
	err = g.deps.Store.View(ctx, func(r Reader) error {
		if rev, older, err = definitionOf(r, base); err != nil {
			return err
		}
		if len(files.files) > 0 {
			return nil
		}
		other, newer, err = definitionOf(r, target.Revision)
		return err
	})
	if err != nil {
		return nil, err
	}
	if newer == nil {
		in := reading{files: files.files, selection: rev.Selection}
		_, result, err := g.read(ctx, in)
		if err != nil {
			return nil, err
		}
		newer = result.Definition
	}
	d, err := g.compare(ctx, rev.Name, older, newer)
	if err != nil {
		return nil, err
	}
	d.Revision = other.Name
	return d, nil
}
