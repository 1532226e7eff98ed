package api

import (
	"context"
	"errors"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox/program"
)

// Compiler compiles custom code. [sandbox.Pool] is one.
type Compiler interface {
	// Check says which functions a program defines; the error of one that cannot run
	// is a [program.Error].
	Check(ctx context.Context, p program.Program) (program.Exports, error)
}

// CheckScript implements the method of that name.
func (s *Server) CheckScript(ctx context.Context, req *runtimev1.CheckScriptRequest) (*runtimev1.CheckScriptResponse, error) {
	exports, err := s.parts.Scripts.Check(ctx, program.Program{Name: req.GetName(), Source: req.GetSource()})
	if failure, ok := errors.AsType[*program.Error](err); ok {
		return &runtimev1.CheckScriptResponse{Fault: &runtimev1.ScriptFault{
			Kind: failure.Kind.String(), Name: valid(failure.Name), Message: valid(failure.Message),
			Line: int32(failure.Line), Column: int32(failure.Column),
		}}, nil
	}
	if err != nil {
		return nil, fault.Unavailable(fault.ReasonServiceUnavailable, "custom code cannot be compiled now; try again").Because(err)
	}
	return &runtimev1.CheckScriptResponse{Before: exports.Before, After: exports.After, Handle: exports.Handle}, nil
}
