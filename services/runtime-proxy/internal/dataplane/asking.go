package dataplane

import (
	"context"
	"sync"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// asking is a context for questions on a caller's behalf. Most calls ask nobody,
// so what such a question needs is put together when it is first looked for.
type asking struct {
	context.Context //nolint:containedctx // it is one itself

	principal authn.Principal
	token     string

	once sync.Once
	full context.Context //nolint:containedctx // as above
}

// Value implements [context.Context].
func (a *asking) Value(key any) any {
	a.once.Do(func() {
		a.full = grpcx.WithCallerToken(authn.NewContext(a.Context, a.principal), a.token)
	})
	return a.full.Value(key)
}
