package core

import (
	"context"
	"fmt"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Publish makes a revision the one that callers get: REVISION_BREAKING if that
// breaks those of the revision that they get now, or if its policies refuse calls,
// unless that is allowed, and SCRIPT_INVALID if its custom code cannot run.
// Publishing the one that is published already changes nothing.
func (g *Registry) Publish(ctx context.Context, actor Actor, name resource.Revision, allowBreaking bool) (Revision, error) {
	leave, err := g.enter(ctx)
	if err != nil {
		return Revision{}, err
	}
	defer leave()
	var out Outcome
	err = settled(name.Parent(), func() error {
		p := proposal{stored: true, intent: Intent{Actor: actor, Publish: PublishAlways, AllowBreaking: allowBreaking}}
		err := g.deps.Store.View(ctx, func(r Reader) (err error) {
			if p.revision, err = revision(r, name); err != nil {
				return err
			}
			findings, err := r.Findings(p.revision.Name)
			if err != nil {
				return fmt.Errorf("read findings: %w", err)
			}
			if p.flaws = flawsOf(p.revision, findings); allowBreaking {
				return nil
			}
			p.definition, err = r.Definition(p.revision)
			return err
		})
		if err != nil {
			return err
		}
		out, err = g.attempt(ctx, p)
		return err
	})
	if err != nil {
		return Revision{}, fmt.Errorf("publish %s: %w", name, err)
	}
	return out.Revision, nil
}

// Deprecate says that a revision should not be used any more, and why:
// REVISION_IN_USE for the one that callers get. It goes on working.
func (g *Registry) Deprecate(ctx context.Context, actor Actor, name resource.Revision, note string) (Revision, error) {
	if len(note) > MaxNote {
		return Revision{}, fault.Invalid(fault.ReasonInvalidArgument, "the note has more than %d bytes; shorten it", MaxNote).
			Field("note", "must have at most "+strconv.Itoa(MaxNote)+" bytes")
	}
	var r Revision
	err := g.deps.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = revision(tx, name); err != nil {
			return err
		}
		c, err := connector(tx, name.Parent())
		if err != nil {
			return err
		}
		if err := editable(c, actor, ""); err != nil {
			return err
		}
		if c.Published == r.Name.ID {
			return fault.Precondition(fault.ReasonRevisionInUse,
				"callers of connector %q get revision %q; publish another one first", c.Name.ID, r.Name.ID).
				With("revision", r.Name.String())
		}
		r.State, r.Note = Deprecated, note
		if err := tx.PutState(r); err != nil {
			return fmt.Errorf("write revision: %w", err)
		}
		return nil
	})
	if err != nil {
		return Revision{}, fmt.Errorf("deprecate %s: %w", name, err)
	}
	return r, nil
}

// Delete removes a connector with everything that belongs to it, and keeps whose
// its id is. If etag is not
// empty and not the connector's, nothing happens: ETAG_MISMATCH.
func (g *Registry) Delete(ctx context.Context, actor Actor, name resource.Connector, etag string) error {
	err := g.deps.Store.Update(ctx, func(tx Tx) error {
		c, err := connector(tx, name)
		if err != nil {
			return err
		}
		if err := editable(c, actor, ""); err != nil {
			return err
		}
		if err := sameEtag("connector", name.ID, etag, c.Etag()); err != nil {
			return err
		}
		if err := tx.DeleteConnector(c); err != nil {
			return fmt.Errorf("remove: %w", err)
		}
		c.change(g.deps.Clock.Now().UTC()) // its announcement is none that was made before
		c.Published = ""
		return tx.Announce(c)
	})
	if err != nil {
		return fmt.Errorf("delete %s: %w", name, err)
	}
	g.committed(ctx, name)
	return nil
}
