package core

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// everybody stands for all editors. Nobody who signs in with that name can be
// made an editor or an owner.
const everybody = "*"

// Sharing says who else may change a connector.
type Sharing struct {
	// Name is the connector's.
	Name resource.Connector
	// Remove are editors no more, "*" is all of them; Add become editors after that.
	Remove, Add []string
	// Owner, if not empty, owns it from now on. The former owner stays an editor
	// unless Remove names him, as "*" does.
	Owner string
	// Etag, if not empty, is the one that the connector must have.
	Etag string
}

// Share changes who may change a connector: PERMISSION_DENIED for everybody but
// its owner and administrators. Nobody knows all principals, so that names are not
// looked up. What changes nothing is not announced.
func (g *Registry) Share(ctx context.Context, actor Actor, s Sharing) (Connector, error) {
	if err := s.check(); err != nil {
		return Connector{}, err
	}
	var c Connector
	changed := false
	err := g.deps.Store.Update(ctx, func(tx Tx) (err error) {
		if c, err = connector(tx, s.Name); err != nil {
			return err
		}
		if !c.mayShare(actor) {
			return foreign(c.Name, actor, "is shared by its owner: ask %s to do it", c.owners())
		}
		if err := sameEtag("connector", c.Name.ID, s.Etag, c.Etag()); err != nil {
			return err
		}
		after := s.applied(c.Ownership)
		if changed = after.Owner != c.Owner || !slices.Equal(after.Editors, c.Editors); !changed {
			return nil
		}
		if len(after.Editors) > MaxEditors {
			return fault.Exhausted(fault.ReasonLimitReached,
				"connector %q would have %d editors and may have %d; remove those who need not be", c.Name.ID, len(after.Editors), MaxEditors).
				With("limit", strconv.Itoa(MaxEditors))
		}
		c.Ownership = after
		c.change(g.deps.Clock.Now().UTC())
		return putShared(tx, c)
	})
	if err != nil {
		return Connector{}, fmt.Errorf("share %s: %w", s.Name, err)
	}
	if changed {
		g.committed(ctx, s.Name)
	}
	return c, nil
}

func putShared(tx Tx, c Connector) error {
	if err := tx.PutConnector(c); err != nil {
		return fmt.Errorf("write connector: %w", err)
	}
	if err := tx.Announce(c); err != nil {
		return fmt.Errorf("announce change: %w", err)
	}
	return nil
}

// applied returns whose a connector is afterwards.
func (s Sharing) applied(before Ownership) Ownership {
	after := Ownership{Owner: before.Owner}
	editors := slices.Clone(before.Editors)
	if s.Owner != "" && s.Owner != before.Owner {
		after.Owner = s.Owner
		if before.Owner != "" {
			editors = append(editors, before.Owner)
		}
	}
	editors = slices.DeleteFunc(editors, func(name string) bool {
		return slices.Contains(s.Remove, name) || slices.Contains(s.Remove, everybody)
	})
	editors = slices.DeleteFunc(append(editors, s.Add...), func(name string) bool { return name == after.Owner })
	slices.Sort(editors)
	if len(editors) > 0 {
		after.Editors = slices.Compact(editors)
	}
	return after
}

// check refuses what is no name of a principal, and more names than there can be
// editors.
func (s Sharing) check() error {
	for _, given := range []struct {
		field string
		names []string
	}{{"add_editors", s.Add}, {"remove_editors", s.Remove}, {"owner", []string{s.Owner}}} {
		field, names := given.field, given.names
		if len(names) > MaxEditors {
			return fault.Invalid(fault.ReasonInvalidArgument, "%d names were given and at most %d are accepted; give them in several calls", len(names), MaxEditors).
				Field(field, "must have at most "+strconv.Itoa(MaxEditors)+" names")
		}
		for _, name := range names {
			star := name == everybody
			if field == "owner" && name == "" || star && field == "remove_editors" || !star && authn.ValidName(name) {
				continue
			}
			return fault.Invalid(fault.ReasonInvalidArgument, "%q is no name of a principal; give the name that is in the principal's token", name).
				Field(field, "must be names of principals")
		}
	}
	return nil
}
