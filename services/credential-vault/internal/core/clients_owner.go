package core

import (
	"context"
	"fmt"
	"slices"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// All connections of a connector sign in with its OAuth clients, so that whoever
// writes one decides as much as whoever writes the connector. Each client belongs to
// one connector.

// owns reports whether a connector is the caller's, as everything is an
// administrator's.
func (o Ownership) owns(c Caller) bool {
	return c.Principal.Is(authn.RoleAdmin) || o.Owner != "" && o.Owner == c.Principal.Name
}

// mayEdit refuses everybody who may not change a connector, and everybody but
// administrators while the registry cannot say who may.
func (v *Vault) mayEdit(ctx context.Context, caller Caller, connector resource.Connector) (Ownership, error) {
	if caller.Principal.Is(authn.RoleAdmin) {
		return Ownership{}, nil
	}
	of, err := v.owners.Ownership(ctx, connector)
	switch {
	case isGone(err):
		return Ownership{}, fmt.Errorf("ask whose %s is: %w", connector, err)
	case err != nil:
		return Ownership{}, fault.Unavailable(fault.ReasonServiceUnavailable,
			"the registry cannot say who may change connector %q, and only they may write its OAuth clients; try again, or have an administrator do it", connector.ID).
			With("connector", connector.String()).Because(err)
	case of.owns(caller) || slices.Contains(of.Editors, caller.Principal.Name):
		return of, nil
	}
	whom := "an administrator"
	if of.Owner != "" {
		whom = fmt.Sprintf("%q or an administrator", of.Owner)
	}
	return Ownership{}, fault.Denied(fault.ReasonPermissionDenied,
		"%q may not change connector %q, and only those who may write its OAuth clients; ask %s to share it (`ferrule connectors share %s --editor NAME`); a connection may bring a client id of its own",
		caller.Principal.Name, connector.ID, whom, connector.ID).
		With("connector", connector.String()).With("principal", caller.Principal.Name)
}

// isGone reports whether an error says that a connector does not exist.
func isGone(err error) bool {
	reason := fault.ReasonOf(err)
	return err != nil && (reason == fault.ReasonConnectorNotFound || reason == fault.ReasonEnvironmentNotFound)
}
