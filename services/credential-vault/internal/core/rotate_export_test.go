package core

import "context"

// ContinueRotation makes all steps that can be made now, for tests that do not
// want to wait for the loop.
func (v *Vault) ContinueRotation(ctx context.Context) error {
	r, err := v.rotations()
	if err != nil {
		return err
	}
	return v.continueRotation(ctx, r)
}
