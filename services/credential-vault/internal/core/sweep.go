package core

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// sweepEvery is how often sign-ins are looked for that nobody goes on with.
	sweepEvery = time.Minute
	// sweepBatch is how many are looked at together, and sweepRounds how often in a
	// row.
	sweepBatch  = 100
	sweepRounds = 100
)

// SweepAuthorizations ends sign-ins that have expired, gives back what they have
// brought, and forgets those that have been over for an hour. It returns when ctx
// ends.
func (v *Vault) SweepAuthorizations(ctx context.Context) error {
	for {
		if err := v.sweep(ctx); err != nil && ctx.Err() == nil {
			v.log.WarnContext(ctx, "sign-ins that are over were not all removed", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-v.clock.After(sweepEvery):
		}
	}
}

// sweep does it once.
func (v *Vault) sweep(ctx context.Context) error {
	for range sweepRounds {
		due, err := v.store.DueAuthorizations(ctx, v.clock.Now(), sweepBatch)
		if err != nil {
			return fmt.Errorf("look for sign-ins that are over: %w", err)
		}
		for _, a := range due {
			if err := v.sweepOne(ctx, a); err != nil && !errors.Is(err, ErrChanged) {
				return err
			}
		}
		if len(due) < sweepBatch {
			return nil
		}
	}
	return nil
}

func (v *Vault) sweepOne(ctx context.Context, a Authorization) error {
	switch {
	case a.over() && len(a.Secrets) > 0:
		v.discard(ctx, a) // the process that wanted to has ended
		return nil
	case a.over():
		if err := v.store.RemoveAuthorization(ctx, a); err != nil {
			return fmt.Errorf("remove %s: %w", a.Name, err)
		}
		return nil
	}
	why := a.overdue(v.clock.Now())
	if why == "" {
		return nil
	}
	a.Change++
	a.fail(why)
	if err := v.store.ReplaceAuthorization(ctx, a); err != nil {
		return fmt.Errorf("end %s: %w", a.Name, err)
	}
	v.discard(ctx, a)
	return nil
}
