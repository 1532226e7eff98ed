package core

import (
	"context"
	"errors"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// GetAuthorization returns a sign-in that the caller began.
func (v *Vault) GetAuthorization(ctx context.Context, caller Caller, name resource.Authorization) (Authorization, error) {
	a, err := v.store.Authorization(ctx, name)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Authorization{}, fmt.Errorf("read %s: %w", name, err)
	}
	if err != nil || !caller.began(a) {
		if nowhere, why := v.nowhere(ctx, name.Environment); nowhere {
			return Authorization{}, why
		}
		return Authorization{}, fault.NotFound(fault.ReasonAuthorizationNotFound,
			"the sign-in %q does not exist any more, or is not yours; begin another one", name.ID).With("authorization", name.String())
	}
	if why := a.overdue(v.clock.Now()); why != "" {
		a.State, a.Reason = AuthorizationFailed, why
	}
	return a, nil
}

// began reports whether the caller is who began a sign-in.
func (c Caller) began(a Authorization) bool {
	return c.mayWrite() == nil && c.Principal.Name == a.Principal
}
