package core

import "context"

// SweepOnce does what SweepAuthorizations repeats.
func (v *Vault) SweepOnce(ctx context.Context) error { return v.sweep(ctx) }
