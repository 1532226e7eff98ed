package remote_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/remote"
)

// listed is a registry with two pages of environments.
type listed struct{ fail error }

func (l listed) ListEnvironments(_ context.Context, req *registryv1.ListEnvironmentsRequest, _ ...grpc.CallOption) (*registryv1.ListEnvironmentsResponse, error) {
	if req.GetPageToken() == "" {
		return &registryv1.ListEnvironmentsResponse{NextPageToken: "2", Environments: []*registryv1.Environment{
			{Name: "environments/default"}, {Name: "environments/prod", EventMaxAge: durationpb.New(time.Hour)},
		}}, nil
	}
	return &registryv1.ListEnvironmentsResponse{Environments: []*registryv1.Environment{{Name: "environments/test", EventMaxBytes: 5}}}, l.fail
}

func TestOnlyEnvironmentsWithBoundsOfTheirOwnAreTold(t *testing.T) {
	got, err := remote.EventBounds(listed{})(t.Context())
	want := []events.Bounds{{Environment: "prod", MaxAge: time.Hour}, {Environment: "test", MaxBytes: 5}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	// Half a list would be taken for the whole.
	got, err = remote.EventBounds(listed{fail: errLost})(t.Context())
	if got != nil || fault.ReasonOf(err) != fault.ReasonServiceUnavailable {
		t.Errorf("with a page missing: %v, %v", got, err)
	}
}
