package registry

import (
	"context"
	"time"

	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
	"github.com/ferrule-dev/ferrule/pkg/service"
)

// compileTime is how long the runtime has for one script.
const compileTime = 10 * time.Second

// remoteCompiler has custom code compiled where it will run. Custom code needs an
// engine that this program does not have.
type remoteCompiler struct {
	// client is that of the environment. It is asked when code comes: in one process
	// the runtime is built after the registry.
	client func(service string) grpc.ClientConnInterface
}

var _ ScriptCompiler = remoteCompiler{}

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
