package remote_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/remote"
)

// judge is a runtime that has something against the second input.
type judge struct {
	runtimev1.RuntimeServiceClient

	asked *runtimev1.CheckInputsRequest
	err   error
}

func (j *judge) CheckInputs(_ context.Context, req *runtimev1.CheckInputsRequest, _ ...grpc.CallOption) (*runtimev1.CheckInputsResponse, error) {
	j.asked = req
	return &runtimev1.CheckInputsResponse{Reports: []*runtimev1.InputReport{{}, {Faults: []*runtimev1.InputFault{
		{Field: "body.x", Description: "is required"}, {Field: "q", Description: "must be a string", ByType: true},
	}}}}, j.err
}

func TestInputsAreJudgedByTheRuntime(t *testing.T) {
	j := &judge{}
	revision := resource.Revision{Environment: "default", Connector: "crm", ID: "a1"}
	got, err := remote.NewRuntime(j).Faults(t.Context(), revision, "Do", [][]byte{[]byte("{}"), []byte(`{"q":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]core.InputFault{nil, {{Field: "body.x", Description: "is required"}, {Field: "q", Description: "must be a string", ByType: true}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if j.asked.GetRevision() != revision.String() || j.asked.GetOperationId() != "Do" || string(j.asked.GetInputs()[1]) != `{"q":1}` {
		t.Errorf("asked %v", j.asked)
	}
	j.err = errors.New("away")
	if _, err := remote.NewRuntime(j).Faults(t.Context(), revision, "Do", nil); !errors.Is(err, j.err) {
		t.Errorf("err = %v", err)
	}
}
