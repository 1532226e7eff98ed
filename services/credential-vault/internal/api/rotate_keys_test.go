package api

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// rotating is a server whose vault has real keys.
func rotating(t *testing.T) (*Server, *seal.Keyring) {
	t.Helper()
	records := store.New(memkv.New(), func() {})
	keys, err := seal.Unlock(t.Context(), filepath.Join(t.TempDir(), "kek.json"), records)
	if err != nil {
		t.Fatal(err)
	}
	return New(core.New(core.Config{Lease: time.Minute}, core.Ports{
		Store: records, Sealer: keys, Connectors: &keeper{}, Environments: &keeper{},
		Clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), NewID: func() string { return "0123456789abcdef" },
	})), keys
}

func TestAnAdministratorSeesTheRotationThatHeBegan(t *testing.T) {
	s, keys := rotating(t)
	if _, err := keys.NewKey(t.Context(), "default", "r"); err != nil {
		t.Fatal(err)
	}
	want := &vaultv1.KeyRotation{
		Name: "keyRotations/0123456789abcdef", Level: vaultv1.KeyLevel_KEY_LEVEL_MASTER, Total: 1,
		State:      vaultv1.KeyRotationState_KEY_ROTATION_STATE_RUNNING,
		CreateTime: timestamppb.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), MasterKey: keys.MasterKey(),
	}
	begun, err := s.RotateKeys(root(t), &vaultv1.RotateKeysRequest{Level: vaultv1.KeyLevel_KEY_LEVEL_MASTER})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{begun.GetName(), "keyRotations/latest"} {
		got, err := s.GetKeyRotation(root(t), &vaultv1.GetKeyRotationRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRequestsForRotationsAreRead(t *testing.T) {
	for title, c := range map[string]struct {
		request *vaultv1.RotateKeysRequest
		want    fault.Reason
	}{
		"one environment":               {&vaultv1.RotateKeysRequest{Level: vaultv1.KeyLevel_KEY_LEVEL_DATA, Environment: "environments/default"}, ""},
		"both levels":                   {&vaultv1.RotateKeysRequest{}, ""},
		"no name":                       {&vaultv1.RotateKeysRequest{Environment: "default"}, fault.ReasonInvalidName},
		"one environment and all of it": {&vaultv1.RotateKeysRequest{Level: vaultv1.KeyLevel_KEY_LEVEL_MASTER, Environment: "environments/default"}, fault.ReasonInvalidArgument},
	} {
		t.Run(title, func(t *testing.T) {
			s, _ := rotating(t)
			got, err := s.RotateKeys(root(t), c.request)
			if c.want != "" {
				if fault.ReasonOf(err) != c.want {
					t.Errorf("got %v, want %s", err, c.want)
				}
				return
			}
			if err != nil || got.GetLevel() != c.request.GetLevel() || got.GetEnvironment() != c.request.GetEnvironment() {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	s, _ := rotating(t)
	for name, want := range map[string]fault.Reason{
		"latest": fault.ReasonInvalidName, "keyRotations/": fault.ReasonInvalidName, "keyRotations/latest": fault.ReasonKeyRotationNotFound,
	} {
		if _, err := s.GetKeyRotation(root(t), &vaultv1.GetKeyRotationRequest{Name: name}); fault.ReasonOf(err) != want {
			t.Errorf("%q: got %v, want %s", name, err, want)
		}
	}
}

func TestNobodyElseTouchesKeys(t *testing.T) {
	s, _ := rotating(t)
	for who, c := range map[string]struct {
		ctx  context.Context
		want fault.Reason
	}{"nobody": {t.Context(), fault.ReasonUnauthenticated}, "a user": {ann(t), fault.ReasonPermissionDenied}} {
		_, err := s.RotateKeys(c.ctx, &vaultv1.RotateKeysRequest{})
		_, look := s.GetKeyRotation(c.ctx, &vaultv1.GetKeyRotationRequest{Name: "keyRotations/latest"})
		if fault.ReasonOf(err) != c.want || fault.ReasonOf(look) != c.want {
			t.Errorf("%s: got %v", who, errors.Join(err, look))
		}
	}
}

func TestEveryRotationStateHasItsName(t *testing.T) {
	for state, want := range map[core.RotationState]vaultv1.KeyRotationState{
		core.RotationRunning:   vaultv1.KeyRotationState_KEY_ROTATION_STATE_RUNNING,
		core.RotationSucceeded: vaultv1.KeyRotationState_KEY_ROTATION_STATE_SUCCEEDED,
		core.RotationFailed:    vaultv1.KeyRotationState_KEY_ROTATION_STATE_FAILED,
	} {
		if got := rotationMessage(core.Rotation{State: state}).GetState(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	for level := vaultv1.KeyLevel_KEY_LEVEL_UNSPECIFIED; level <= vaultv1.KeyLevel_KEY_LEVEL_DATA; level++ {
		if got := rotationMessage(core.Rotation{Level: keyLevel(level)}).GetLevel(); got != level {
			t.Errorf("got %s, want %s", got, level)
		}
	}
}
