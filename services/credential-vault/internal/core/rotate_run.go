package core

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

const (
	// rotationPoll is how often a vault looks for a rotation to go on with.
	rotationPoll = 5 * time.Second
	// rotationLease is how long a rotation waits for a process that says nothing
	// any more. It is longer than any single step takes.
	rotationLease = 2 * time.Minute
	// rotationSettle is how long old keys are kept after the last use of them, so
	// that a request that encrypted with one has stored what it made. It is longer
	// than any request takes.
	rotationSettle = 5 * time.Minute
	// rotationBatch is how many records are encrypted anew in one transaction.
	rotationBatch = 500
	// rotationFailures is how many failures in a row stop a rotation, which takes
	// about half an hour: rotationBackoff passes after the first, twice as much
	// after each further one, at most rotationMaxBackoff.
	rotationFailures   = 10
	rotationBackoff    = 5 * time.Second
	rotationMaxBackoff = 5 * time.Minute
)

// errNotOurs says that a rotation is in other hands, or at its end.
var errNotOurs = errors.New("the rotation belongs to somebody else")

// RunRotations goes on with rotations until ctx ends, also with those that other
// processes began. Any number of processes may run it on one store: only one of
// them works at a time, and what one leaves unfinished another one takes over.
// Failures are kept with the rotation, for whoever asks.
func (v *Vault) RunRotations(ctx context.Context) error {
	r, err := v.rotations()
	if err != nil {
		return err
	}
	for {
		// What cannot be stored now is found again by the next attempt.
		_ = v.continueRotation(ctx, r)
		select {
		case <-ctx.Done():
			return nil
		case <-v.clock.After(rotationPoll):
		}
	}
}

// attempt is the work of one process on one rotation.
type attempt struct {
	rotations
	vault *Vault
	rot   Rotation
}

// continueRotation makes all steps of the latest rotation that can be made now,
// if nobody else does.
func (v *Vault) continueRotation(ctx context.Context, r rotations) error {
	a, err := v.takeRotation(ctx, r)
	if err != nil {
		return err
	}
	for a.rot.State == RotationRunning {
		if v.clock.Now().Before(a.rot.Step.Until) {
			return a.save(ctx, RotationLease{}) // whoever is there then goes on
		}
		before := a.rot
		err := a.step(ctx)
		if err == nil && a.rot.State == RotationSucceeded {
			err = a.onRecord(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err() // the lease ends by itself
		}
		if err != nil {
			a.rot = before
			return errors.Join(err, a.fail(ctx, err))
		}
		if a.rot.Failures > 0 {
			a.rot.Failures = 0
			if a.rot.Reason == before.Reason { // and not one that the step has given
				a.rot.Reason = ""
			}
		}
		if err := a.save(ctx, a.lease()); err != nil {
			return err
		}
	}
	return nil
}

// onRecord leaves a record in every environment whose secrets are under new keys
// now. A crash right after it repeats it.
func (a *attempt) onRecord(ctx context.Context) error {
	environments := []string{a.rot.Environment}
	if a.rot.Environment == "" {
		var err error
		if environments, err = a.keys.Environments(ctx); err != nil {
			return fmt.Errorf("list environments with keys: %w", err)
		}
	}
	for _, environment := range environments {
		err := a.vault.store.Record(ctx, AuditRecord{
			Time: a.vault.clock.Now(), Action: ActionKeysRotated, Connection: resource.Connection{Environment: environment},
			Principal: a.rot.Principal, Service: itself,
		})
		if err != nil {
			return fmt.Errorf("record that keys were exchanged: %w", err)
		}
	}
	return nil
}

// takeRotation takes the lease of the latest rotation. It returns errNotOurs when
// there is nothing to do.
func (v *Vault) takeRotation(ctx context.Context, r rotations) (*attempt, error) {
	latest, err := r.store.Rotation(ctx, LatestRotation)
	if errors.Is(err, ErrNotFound) {
		return nil, errNotOurs
	}
	if err != nil {
		return nil, fmt.Errorf("read the latest rotation: %w", err)
	}
	now := v.clock.Now()
	if latest.State != RotationRunning || now.Before(latest.Step.Until) || now.Before(latest.Lease.Until) {
		return nil, errNotOurs
	}
	a := &attempt{rotations: r, vault: v, rot: latest}
	a.rot.Lease.Holder = v.newID()[:16]
	if err := a.save(ctx, a.lease()); err != nil {
		return nil, err
	}
	return a, nil
}

// lease is the present lease from now on.
func (a *attempt) lease() RotationLease {
	if a.rot.State != RotationRunning {
		return RotationLease{}
	}
	return RotationLease{Holder: a.rot.Lease.Holder, Until: a.vault.clock.Now().Add(rotationLease)}
}

// save stores what the rotation has become. Each save counts, so one that lost
// its lease to somebody else never succeeds.
func (a *attempt) save(ctx context.Context, lease RotationLease) error {
	next := a.rot
	next.Change++
	next.Lease = lease
	if err := a.store.SaveRotation(ctx, next); err != nil {
		return saved(err)
	}
	a.rot = next
	return nil
}

// fail notes why a step could not be made. What will not get better by itself,
// and what has failed too often, stops the rotation.
func (a *attempt) fail(ctx context.Context, cause error) error {
	f := fault.From(cause)
	a.rot.Failures++
	a.rot.Reason = f.Message()
	if f.Code() == fault.CodeFailedPrecondition || a.rot.Failures >= rotationFailures {
		a.rot.State = RotationFailed
		a.rot.EndTime = a.vault.clock.Now()
		return a.save(ctx, RotationLease{})
	}
	pause := min(rotationBackoff<<(a.rot.Failures-1), rotationMaxBackoff)
	return a.save(ctx, RotationLease{Until: a.vault.clock.Now().Add(pause)})
}

// step makes the next step, which is short.
func (a *attempt) step(ctx context.Context) error {
	switch a.rot.Step.Phase {
	case PhaseRenewMaster:
		if err := a.keys.RenewMaster(ctx, a.rot.OldMaster); err != nil {
			return err
		}
		a.rot.Master = a.keys.MasterKey()
	case PhaseKeysets:
		return a.perEnvironment(ctx, a.rewrapKeyset)
	case PhaseAddKeys:
		return a.perEnvironment(ctx, a.addKey)
	case PhaseRewrap:
		return a.perEnvironment(ctx, a.rewrap)
	case PhaseSettle:
		a.rot.Reason = ""
	case PhaseRetireMaster:
		if err := a.keys.RetireMaster(ctx); err != nil {
			return err
		}
	case PhaseVerify:
		return a.perEnvironment(ctx, a.verify)
	case PhaseEnd:
		return nil
	}
	a.rot.enter(a.rot.Step.Phase+1, a.vault.clock.Now())
	return nil
}

// perEnvironment makes a step in the environment where the rotation is, goes to
// the next environment, or after the last one to the next phase. work returns
// whether the environment is done with.
func (a *attempt) perEnvironment(ctx context.Context, work func(context.Context, *RotationStep) (done bool, err error)) error {
	step := &a.rot.Step
	if step.Environment != "" {
		done, err := work(ctx, step)
		if err != nil || !done {
			return err
		}
	}
	next, err := a.after(ctx, step.Environment)
	if err != nil {
		return err
	}
	if next == "" {
		a.rot.enter(step.Phase+1, a.vault.clock.Now())
		return nil
	}
	version, err := a.keys.KeysetVersion(ctx, next)
	if err != nil {
		return err
	}
	*step = RotationStep{Phase: step.Phase, Environment: next, Version: version}
	return nil
}

// after returns the environment that follows; empty at the end.
func (a *attempt) after(ctx context.Context, environment string) (string, error) {
	environments, err := a.keys.Environments(ctx)
	if err != nil {
		return "", fmt.Errorf("list environments with keys: %w", err)
	}
	// The key-encryption key belongs to all.
	only := a.rot.Environment
	if a.rot.Step.Phase == PhaseKeysets {
		only = ""
	}
	slices.Sort(environments)
	for _, e := range environments {
		if e > environment && (only == "" || e == only) {
			return e, nil
		}
	}
	return "", nil
}

func (a *attempt) rewrapKeyset(ctx context.Context, step *RotationStep) (bool, error) {
	if err := a.keys.RewrapKeyset(ctx, step.Environment); err != nil {
		return false, err
	}
	a.rot.count(1)
	return true, nil
}

func (a *attempt) addKey(ctx context.Context, step *RotationStep) (bool, error) {
	return true, a.keys.AddDataKey(ctx, step.Environment, step.Version)
}

// rewrap encrypts one batch anew.
func (a *attempt) rewrap(ctx context.Context, step *RotationStep) (bool, error) {
	k, _, err := a.keys.Rewrapper(ctx, step.Environment)
	if err != nil {
		return false, err
	}
	page, err := a.store.Rewrap(ctx, a.query(step), k)
	if err != nil {
		return false, fmt.Errorf("encrypt the keys of environment %q anew: %w", step.Environment, err)
	}
	a.vault.warnOf(ctx, page.Unreadable...)
	a.rot.count(page.Seen)
	step.After = page.Next
	return page.Next == "", nil
}

// query asks for the next records of a step.
func (a *attempt) query(step *RotationStep) RewrapQuery {
	return RewrapQuery{Environment: step.Environment, After: step.After, Limit: rotationBatch, Now: a.vault.clock.Now()}
}

// verify looks for what is not under the newest key yet. Only a whole pass that
// found nothing, all of it with the same keys, lets the old ones go: what is
// found sends it back to the waiting, because its writer was slower than thought.
func (a *attempt) verify(ctx context.Context, step *RotationStep) (bool, error) {
	k, version, err := a.keys.Rewrapper(ctx, step.Environment)
	if err != nil {
		return false, err
	}
	if version != step.Version {
		*step = RotationStep{Phase: PhaseVerify, Environment: step.Environment, Version: version}
	}
	page, err := a.store.Rewrap(ctx, a.query(step), k)
	if err != nil {
		return false, fmt.Errorf("check the keys of environment %q: %w", step.Environment, err)
	}
	if len(page.Unreadable) > 0 {
		a.rot.Reason = fmt.Sprintf("records that are not as the vault wrote them were left out, %q among them: list connections and OAuth clients, and delete those that cannot be read", page.Unreadable[0])
	}
	if page.Changed > 0 {
		a.rot.enter(PhaseSettle, a.vault.clock.Now())
		return false, nil
	}
	if step.After = page.Next; page.Next != "" {
		return false, nil
	}
	err = a.keys.RetireDataKeys(ctx, step.Environment, step.Version)
	if errors.Is(err, ErrChanged) {
		step.Version = 0 // begin the pass anew
		return false, nil
	}
	return err == nil, err
}
