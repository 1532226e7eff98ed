package core

import (
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Publish makes a revision the one that callers get. Publishing the one that is
// published already changes nothing.
func (g *Registry) Publish(ctx context.Context, name resource.Revision) (Revision, error) {
	var r Revision
	err := g.deps.Store.Update(ctx, func(tx Tx) (err error) {
		if r, err = revision(tx, name); err != nil {
			return err
		}
		c, err := connector(tx, name.Parent())
		if err != nil || c.Published == r.Name.ID {
			return err
		}
		r, err = g.publish(tx, &c, r)
		return err
	})
	if err != nil {
		return Revision{}, fmt.Errorf("publish %s: %w", name, err)
	}
	g.deps.Committed()
	return r, nil
}

// Delete removes a connector with everything that belongs to it. If etag is not
// empty and not the connector's, nothing happens: ETAG_MISMATCH.
func (g *Registry) Delete(ctx context.Context, name resource.Connector, etag string) error {
	if err := checkEnvironment(name.Environment); err != nil {
		return err
	}
	err := g.deps.Store.Update(ctx, func(tx Tx) error {
		c, err := connector(tx, name)
		if err != nil {
			return err
		}
		if etag != "" && etag != c.Etag() {
			return fault.Aborted(fault.ReasonEtagMismatch,
				"connector %q has changed since it was read; read it again", name.ID).With("etag", c.Etag())
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
	g.deps.Committed()
	return nil
}

// publish makes r the published revision of c and saves both.
func (g *Registry) publish(tx Tx, c *Connector, r Revision) (Revision, error) {
	r.State = Published
	c.Published = r.Name.ID
	c.show(r)
	if err := tx.PutState(r); err != nil {
		return r, fmt.Errorf("write revision: %w", err)
	}
	return r, g.save(tx, c)
}

// save counts the change of c, stores and announces it.
func (g *Registry) save(tx Tx, c *Connector) error {
	c.change(g.deps.Clock.Now().UTC())
	if err := tx.PutConnector(*c); err != nil {
		return fmt.Errorf("write connector: %w", err)
	}
	if err := tx.Announce(*c); err != nil {
		return fmt.Errorf("announce change: %w", err)
	}
	return nil
}
