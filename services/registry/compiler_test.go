package registry_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/pkg/service"
)

// runtime is the runtime as far as the registry needs it.
type runtime struct {
	grpc.ClientConnInterface

	pool *sandbox.Pool
	away bool
}

func newRuntime(t *testing.T) *runtime {
	t.Helper()
	r := &runtime{pool: sandbox.New(sandbox.Options{Size: 1})}
	t.Cleanup(func() { _ = r.pool.Close() })
	return r
}

// client is that of a service's environment.
func (r *runtime) client(name string) grpc.ClientConnInterface {
	if name != service.Runtime {
		return nil
	}
	return r
}

// Invoke implements [grpc.ClientConnInterface].
func (r *runtime) Invoke(ctx context.Context, method string, in, out any, _ ...grpc.CallOption) error {
	if r.away || method != runtimev1.RuntimeService_CheckScript_FullMethodName {
		return status.Error(codes.Unavailable, "not there")
	}
	req, ok := in.(*runtimev1.CheckScriptRequest)
	if !ok {
		return status.Error(codes.Internal, "another message")
	}
	answer, _ := out.(*runtimev1.CheckScriptResponse)
	exports, err := r.pool.Check(ctx, sandbox.Program{Name: req.GetName(), Source: req.GetSource()})
	if failure, ok := errors.AsType[*sandbox.Error](err); ok {
		answer.Fault = &runtimev1.ScriptFault{
			Kind: failure.Kind.String(), Name: failure.Name, Message: failure.Message, Line: int32(failure.Line), Column: int32(failure.Column),
		}
		return nil
	}
	answer.Before, answer.After, answer.Handle = exports.Before, exports.After, exports.Handle
	return err
}

// Whoever imports while the runtime is away gets his draft, and learns that nobody
// has tried the code.
func TestCodeThatNobodyCouldTry(t *testing.T) {
	r := newRig(t, memory(t))
	r.runtime.away = true
	got := r.importFiles("items", file("openapi.yaml", withCode), file("script.js", "export function before() {}\n"))
	at := slices.IndexFunc(got.GetRevision().GetFindings(), func(f *registryv1.Finding) bool { return f.GetCode() == "ScriptUnchecked" })
	if at < 0 || got.GetRevision().GetFindings()[at].GetSeverity() != registryv1.Severity_SEVERITY_WARNING {
		t.Errorf("findings %v", got.GetRevision().GetFindings())
	}
}
