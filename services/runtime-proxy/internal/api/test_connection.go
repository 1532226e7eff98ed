package api

import (
	"context"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// TestConnection implements the method of that name.
func (s *Server) TestConnection(ctx context.Context, req *runtimev1.TestConnectionRequest) (*runtimev1.TestConnectionResponse, error) {
	connection, err := resource.ParseConnection(req.GetName())
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(ctx)
	if err != nil {
		return nil, err
	}
	check, err := s.pipeline.Check(ctx, connection, subject)
	if err != nil {
		return nil, err
	}
	reason := check.Message
	if check.Succeeded && check.OperationID != "" {
		reason = ""
	}
	if err := s.parts.Report(ctx, connection, check.Succeeded, reason); err != nil {
		return nil, err
	}
	return &runtimev1.TestConnectionResponse{
		Succeeded:   check.Succeeded,
		Message:     valid(check.Message),
		OperationId: check.OperationID,
		StatusCode:  int32(check.Status),
		Latency:     durationpb.New(check.Latency),
	}, nil
}

// valid makes text of an API fit for a protobuf string.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }
