package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// rotations is what an exchange of keys needs of the vault's ports.
type rotations struct {
	keys  Keys
	store RotationStore
}

// rotations returns what exchanges keys, if the vault stands on ports that can.
func (v *Vault) rotations() (rotations, error) {
	keys, canSeal := v.sealer.(Keys)
	store, canStore := v.store.(RotationStore)
	if !canSeal || !canStore {
		return rotations{}, fault.Unimplemented(fault.ReasonInternal, "this vault cannot exchange its keys")
	}
	return rotations{keys: keys, store: store}, nil
}

// RotateKeys begins to exchange keys, or resumes the same exchange if it has
// stopped; [Vault.RunRotations] does the work. environment is the id of one
// environment, empty for all. Only for administrators.
func (v *Vault) RotateKeys(ctx context.Context, caller Caller, level KeyLevel, environment string) (Rotation, error) {
	if err := mayRotate(caller); err != nil {
		return Rotation{}, err
	}
	if environment != "" {
		if level == KeyLevelMaster {
			return Rotation{}, fault.Invalid(fault.ReasonInvalidArgument,
				"the key-encryption key belongs to all environments; name none to exchange it").
				Field("environment", "must be empty at this level")
		}
		if err := v.environments.Exists(ctx, environment); err != nil {
			return Rotation{}, err
		}
	}
	r, err := v.rotations()
	if err != nil {
		return Rotation{}, err
	}
	for range changeAttempts {
		var started Rotation
		if started, err = v.tryRotate(ctx, r, caller, level, environment); !errors.Is(err, ErrChanged) {
			return started, err
		}
	}
	return Rotation{}, fault.Aborted(fault.ReasonEtagMismatch, "somebody else is exchanging keys at this moment; try again")
}

// tryRotate decides by the latest rotation. It returns [ErrChanged] when somebody
// else was faster.
func (v *Vault) tryRotate(ctx context.Context, r rotations, caller Caller, level KeyLevel, environment string) (Rotation, error) {
	latest, err := r.store.Rotation(ctx, LatestRotation)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Rotation{}, fmt.Errorf("read the latest rotation: %w", err)
	}
	same := latest.Level == level && latest.Environment == environment
	switch {
	case latest.State == RotationRunning && same:
		return latest, nil
	case latest.State == RotationRunning:
		return Rotation{}, fault.Precondition(fault.ReasonLimitReached,
			"keys are being exchanged already, by keyRotations/%s; wait for its end", latest.ID).
			With("rotation", "keyRotations/"+latest.ID)
	case latest.State == RotationFailed && same:
		latest.Change++
		latest.State, latest.Reason, latest.Failures, latest.EndTime = RotationRunning, "", 0, time.Time{}
		return latest, saved(r.store.SaveRotation(ctx, latest))
	}
	begun, err := v.newRotation(ctx, r, level, environment)
	if err != nil {
		return Rotation{}, err
	}
	begun.Principal = caller.Principal.Name
	return begun, saved(r.store.SaveRotation(ctx, begun))
}

func saved(err error) error {
	if err != nil {
		return fmt.Errorf("store the rotation: %w", err)
	}
	return nil
}

// newRotation counts what there is to do.
func (v *Vault) newRotation(ctx context.Context, r rotations, level KeyLevel, environment string) (Rotation, error) {
	master := r.keys.MasterKey()
	begun := Rotation{
		ID: v.newID()[:16], Change: 1, Level: level, Environment: environment, State: RotationRunning,
		OldMaster: master, Master: master, CreateTime: v.clock.Now(),
	}
	environments, err := r.keys.Environments(ctx)
	if err != nil {
		return Rotation{}, fmt.Errorf("list environments with keys: %w", err)
	}
	for _, e := range environments {
		if level.master() {
			begun.Total++
		}
		if !level.data() || environment != "" && e != environment {
			continue
		}
		n, err := r.store.CountSealed(ctx, e)
		if err != nil {
			return Rotation{}, fmt.Errorf("count what is sealed in environment %q: %w", e, err)
		}
		begun.Total += n
	}
	begun.enter(PhaseRenewMaster, begun.CreateTime)
	return begun, nil
}

// GetKeyRotation returns how far a rotation has come; the id [LatestRotation] is
// the latest. Only for administrators.
func (v *Vault) GetKeyRotation(ctx context.Context, caller Caller, id string) (Rotation, error) {
	if err := mayRotate(caller); err != nil {
		return Rotation{}, err
	}
	if err := resource.CheckID("name", id); err != nil {
		return Rotation{}, err
	}
	r, err := v.rotations()
	if err != nil {
		return Rotation{}, err
	}
	found, err := r.store.Rotation(ctx, id)
	if errors.Is(err, ErrNotFound) {
		return Rotation{}, fault.NotFound(fault.ReasonKeyRotationNotFound,
			"there is no rotation of keys %q; ask for keyRotations/latest, or begin one", id).With("rotation", "keyRotations/"+id)
	}
	if err != nil {
		return Rotation{}, fmt.Errorf("read the rotation %s: %w", id, err)
	}
	return found, nil
}

func mayRotate(caller Caller) error {
	if caller.Principal.Is(authn.RoleAdmin) {
		return nil
	}
	return fault.Denied(fault.ReasonPermissionDenied,
		"keys are exchanged by administrators: call with the token of a user who has the role %q", authn.RoleAdmin).
		With("principal", caller.Principal.Name)
}
