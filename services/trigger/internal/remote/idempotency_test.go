package remote_test

import (
	"testing"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/remote"
)

func TestAnActionIsCalledForItsOwnerWithItsKey(t *testing.T) {
	f := &runtimeFake{res: &runtimev1.InvokeResponse{StatusCode: 200}}
	_, err := remote.NewRuntime(f).Invoke(t.Context(), core.Call{Connection: shop, Operation: "Op", Owner: "ann", IdempotencyKey: "e1.main"})
	if err != nil || f.got.GetIdempotencyKey() != "e1.main" || f.got.GetOnBehalfOf() != "ann" {
		t.Errorf("%v, %v", f.got, err)
	}
}
