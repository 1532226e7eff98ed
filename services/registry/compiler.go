package registry

import (
	"context"
	"time"

	"google.golang.org/grpc"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/registry/internal/policycheck"
)

// compileTime is how long the runtime has for one script, and for all policies.
const compileTime = 10 * time.Second

// remoteCompiler has custom code and policies compiled where they will run: they need
// engines that this program does not have.
type remoteCompiler struct {
	// client is that of the environment. It is asked when code comes: in one process
	// the runtime is built after the registry.
	client func(service string) grpc.ClientConnInterface
}

var (
	_ ScriptCompiler       = remoteCompiler{}
	_ policycheck.Compiler = remoteCompiler{}
)

// CheckPolicies implements [policycheck.Compiler].
func (c remoteCompiler) CheckPolicies(ctx context.Context, list []*connectorv1.Policy) ([]policycheck.Fault, error) {
	limited, cancel := context.WithTimeout(ctx, compileTime)
	defer cancel()
	got, err := runtimev1.NewRuntimeServiceClient(c.client(service.Runtime)).CheckPolicies(limited, &runtimev1.CheckPoliciesRequest{Policies: list})
	if err != nil {
		return nil, grpcx.FromStatus(err)
	}
	var faults []policycheck.Fault
	for _, f := range got.GetFaults() {
		faults = append(faults, policycheck.Fault{Index: int(f.GetIndex()), Message: f.GetMessage()})
	}
	return faults, nil
}

// Check implements [ScriptCompiler]. A runtime that does not answer is nobody's
// fault: the code is reported as not tried.
func (c remoteCompiler) Check(ctx context.Context, p program.Program) (program.Exports, error) {
	limited, cancel := context.WithTimeout(ctx, compileTime)
	defer cancel()
	got, err := runtimev1.NewRuntimeServiceClient(c.client(service.Runtime)).CheckScript(limited, &runtimev1.CheckScriptRequest{Name: p.Name, Source: p.Source})
	if ctx.Err() != nil {
		return program.Exports{}, ctx.Err()
	}
	if err != nil {
		return program.Exports{}, &program.Error{Kind: program.KindWorker, Program: p.Name, Message: grpcx.FromStatus(err).Message()}
	}
	if f := got.GetFault(); f != nil {
		return program.Exports{}, &program.Error{
			Kind: kindOf(f.GetKind()), Program: p.Name, Name: f.GetName(), Message: f.GetMessage(), Line: int(f.GetLine()), Column: int(f.GetColumn()),
		}
	}
	return program.Exports{Before: got.GetBefore(), After: got.GetAfter(), Handle: got.GetHandle()}, nil
}

// kindOf reads what [program.Kind] writes. A kind that is not known is one of
// the code.
func kindOf(text string) program.Kind {
	for _, k := range []program.Kind{program.KindThrown, program.KindLimit, program.KindWorker} {
		if k.String() == text {
			return k
		}
	}
	return program.KindCompile
}
