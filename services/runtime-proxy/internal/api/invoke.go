// Package api is the gRPC face of the runtime: it translates between messages
// and the pipeline and decides nothing.
package api

import (
	"context"
	"maps"
	"slices"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/durationpb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// Server implements ferrule.runtime.v1.RuntimeService.
type Server struct {
	runtimev1.UnimplementedRuntimeServiceServer

	pipeline *pipeline.Pipeline
	report   Report
}

// Report keeps the outcome of a connection test; reason is why it failed, empty
// if it did not.
type Report func(ctx context.Context, connection resource.Connection, succeeded bool, reason string) error

var _ runtimev1.RuntimeServiceServer = (*Server)(nil)

// New returns the service.
func New(p *pipeline.Pipeline, report Report) *Server { return &Server{pipeline: p, report: report} }

// Invoke implements the method of that name.
func (s *Server) Invoke(ctx context.Context, req *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
	connection, err := resource.ParseConnection(req.GetConnection())
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(ctx)
	if err != nil {
		return nil, err
	}
	call := pipeline.Call{
		Connection:  connection,
		OperationID: req.GetOperationId(),
		Revision:    req.GetRevision(),
		OnBehalfOf:  req.GetOnBehalfOf(),
		Input:       req.GetInput().GetData(),
		Timeout:     req.GetTimeout().AsDuration(),
		Subject:     subject,
	}
	if err := s.pipeline.Invoke(ctx, &call); err != nil {
		return nil, err
	}
	return answer(&call), nil
}

// subjectOf returns the caller's own token at the provider, from the metadata.
func subjectOf(ctx context.Context) (binding.Subject, error) {
	return binding.NewSubject(metadata.ValueFromIncomingContext(ctx, binding.SubjectHeader))
}

func answer(c *pipeline.Call) *runtimev1.InvokeResponse {
	out := &runtimev1.InvokeResponse{
		StatusCode: int32(c.Response.Status),
		Body:       &httpbody.HttpBody{ContentType: c.Response.Header.Get("Content-Type"), Data: c.Response.Body},
		Revision:   c.Binding.RevisionID,
		Headers:    make([]*runtimev1.Header, 0, len(c.Response.Header)),
	}
	for _, name := range slices.Sorted(maps.Keys(c.Response.Header)) {
		for _, value := range c.Response.Header[name] {
			out.Headers = append(out.Headers, &runtimev1.Header{Name: valid(name), Value: valid(value)})
		}
	}
	out.Body.ContentType = valid(out.Body.GetContentType())
	if p := c.Problem; p != nil {
		out.Error = &runtimev1.UpstreamError{Reason: p.Reason, Message: p.Message, Retryable: p.Retryable}
		if p.RetryAfter > 0 {
			out.Error.RetryAfter = durationpb.New(p.RetryAfter)
		}
	}
	return out
}
