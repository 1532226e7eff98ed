package remote_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/remote"
)

func TestTheVaultSaysWhoOwnsAConnection(t *testing.T) {
	tests := []struct {
		name  string
		vault *peer
		owner string
		code  fault.Code
	}{
		{"an owner", &peer{answer: &vaultv1.Connection{Owner: "ada"}}, "ada", 0},
		{"a connection that is not there, or not for the caller", &peer{err: status.Error(codes.NotFound, "no")}, "", fault.CodeNotFound},
		{"a vault that is away", &peer{err: status.Error(codes.Unavailable, "no")}, "", fault.CodeUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			owner, err := remote.New(tt.vault, &peer{}).Owner(t.Context(), crm)
			if owner != tt.owner || (err != nil) != (tt.code != 0) || err != nil && fault.CodeOf(err) != tt.code {
				t.Errorf("owner = %q, error = %v", owner, err)
			}
			want := proto.Message(&vaultv1.GetConnectionRequest{Name: crm.String()})
			if diff := cmp.Diff(want, tt.vault.asked, protocmp.Transform()); diff != "" || tt.vault.method != "GetConnection" {
				t.Errorf("asked %s (-want +got):\n%s", tt.vault.method, diff)
			}
		})
	}
}
