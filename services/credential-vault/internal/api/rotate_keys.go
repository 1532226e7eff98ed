package api

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// rotationCollection begins the names of rotations.
const rotationCollection = "keyRotations/"

// RotateKeys begins to exchange keys, or resumes what a failure stopped.
func (s *Server) RotateKeys(ctx context.Context, req *vaultv1.RotateKeysRequest) (*vaultv1.KeyRotation, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	var environment resource.Environment
	if name := req.GetEnvironment(); name != "" {
		if environment, err = resource.ParseEnvironment(name); err != nil {
			return nil, err
		}
	}
	r, err := s.vault.RotateKeys(ctx, caller, keyLevel(req.GetLevel()), environment.ID)
	if err != nil {
		return nil, err
	}
	return rotationMessage(r), nil
}

// keyLevel reads a level; one that this program does not know is both.
func keyLevel(l vaultv1.KeyLevel) core.KeyLevel {
	switch l {
	case vaultv1.KeyLevel_KEY_LEVEL_MASTER:
		return core.KeyLevelMaster
	case vaultv1.KeyLevel_KEY_LEVEL_DATA:
		return core.KeyLevelData
	case vaultv1.KeyLevel_KEY_LEVEL_UNSPECIFIED:
	}
	return core.KeyLevelAll
}

func rotationMessage(r core.Rotation) *vaultv1.KeyRotation {
	m := &vaultv1.KeyRotation{
		Name: rotationCollection + r.ID, Level: vaultv1.KeyLevel(r.Level), State: vaultv1.KeyRotationState(r.State),
		Done: r.Done, Total: r.Total, Reason: r.Reason, CreateTime: timestamppb.New(r.CreateTime), MasterKey: r.Master,
	}
	if r.Environment != "" {
		m.Environment = resource.Environment{ID: r.Environment}.String()
	}
	if !r.EndTime.IsZero() {
		m.EndTime = timestamppb.New(r.EndTime)
	}
	return m
}
