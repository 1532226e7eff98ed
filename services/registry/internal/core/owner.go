package core

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// Whoever changes a connector decides where the credentials of its connections
// go. So that is for its owner, the editors that he named, and administrators.
// It is asked wherever something is written, in the transaction that writes it,
// and before it is known whether anything changes at all: somebody else's import
// is refused even of what is there already.

// Actor is on whose behalf a connector is made or changed. The zero Actor may
// make and change nothing.
type Actor struct {
	// Name is that of the principal. Names are compared by their bytes.
	Name string
	// Administrator is whether he may change what belongs to others.
	Administrator bool
}

// Ownership is who may change a connector.
type Ownership struct {
	// Owner is who made it, or was given it since; "" for one that was made before
	// connectors had owners, which only administrators may change.
	Owner string `json:",omitempty"`
	// Editors may change it besides the owner: sorted, without the owner.
	Editors []string `json:",omitempty"`
}

// mayEdit reports whether somebody may change what is owned.
func (o Ownership) mayEdit(a Actor) bool {
	return o.mayShare(a) || a.Name != "" && slices.Contains(o.Editors, a.Name)
}

// mayShare reports whether somebody may say who else may change it.
func (o Ownership) mayShare(a Actor) bool {
	return a.Administrator || a.Name != "" && a.Name == o.Owner
}

// owners names in a sentence who can help.
func (o Ownership) owners() string {
	if o.Owner == "" {
		return "an administrator"
	}
	return fmt.Sprintf("%q or an administrator", o.Owner)
}

// editable refuses everybody who may not change a connector. otherwise is what he
// can do besides asking for it, "" if there is nothing.
func editable(c Connector, a Actor, otherwise string) error {
	if c.mayEdit(a) {
		return nil
	}
	why, as := fmt.Sprintf("belongs to %q, and %q is none of its editors", c.Owner, a.Name), "editor"
	if c.Owner == "" {
		why, as = "has no owner because an earlier version made it, and only administrators may change it", "owner"
	}
	return foreign(c.Name, a, "%s; ask %s to share it: `ferrule connectors share %s --%s %s`%s",
		why, c.owners(), c.Name.ID, as, plain(a.Name), otherwise)
}

// plain returns a name as it can stand in a command, and what stands for it if it
// cannot.
func plain(name string) string {
	if name == "" || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(plainLetters, r) }) {
		return "NAME"
	}
	return name
}

const plainLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_@+"

// foreign is for those who would change what belongs to others.
func foreign(name resource.Connector, a Actor, why string, args ...any) error {
	return fault.Denied(fault.ReasonPermissionDenied, "connector %q %s", name.ID, fmt.Sprintf(why, args...)).
		With("connector", name.String()).With("principal", a.Name)
}

// claim returns whose a connector that does not exist will be. Connections remain
// when their connector is deleted, and whoever makes it anew serves them. So an id
// keeps its owner, and is for those only who could have changed what had it.
func claim(r Reader, name resource.Connector, a Actor) (Ownership, error) {
	if a.Name == "" {
		return Ownership{}, fault.Denied(fault.ReasonPermissionDenied, "a connector needs an owner, and the caller has no name; send a token of a user")
	}
	former, err := r.Former(name)
	switch {
	case errors.Is(err, ErrNotFound):
		return Ownership{Owner: a.Name}, nil
	case err != nil:
		return Ownership{}, fmt.Errorf("read who had %s: %w", name, err)
	case !former.mayEdit(a):
		return Ownership{}, foreign(name, a,
			"was deleted, and there may be connections that whoever makes it anew would serve: only %s may do so; choose another id, or ask for that",
			former.owners())
	case former.Owner == "":
		former.Owner = a.Name
	}
	return former, nil
}
