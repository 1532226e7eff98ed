// Package api is the gRPC face of the runtime: it translates between messages
// and the pipeline and decides nothing.
package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/metadata"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// Server implements ferrule.runtime.v1.RuntimeService.
type Server struct {
	runtimev1.UnimplementedRuntimeServiceServer

	pipeline *pipeline.Pipeline
	parts    Parts
	pages    *Pages
	streams  *Streams
}

// Report keeps the outcome of a connection test; reason is why it failed, or why a
// success proves nothing about the credentials, empty if it does.
type Report func(ctx context.Context, connection resource.Connection, succeeded bool, reason string) error

// Parts are what answers methods that are no calls.
type Parts struct {
	// Report keeps the outcomes of connection tests.
	Report Report
	// Dynamic asks APIs for choices and schemas.
	Dynamic *Dynamic
	// Usage adds up calls.
	Usage *Usage
	// Logs keeps what was sent.
	Logs *RequestLogs
	// Scripts compiles custom code.
	Scripts Compiler
}

var _ runtimev1.RuntimeServiceServer = (*Server)(nil)

// New returns the service.
func New(p *pipeline.Pipeline, parts Parts) *Server {
	return &Server{pipeline: p, parts: parts, pages: NewPages(p), streams: NewStreams(streaming(p))}
}

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
		Connection:     connection,
		OperationID:    req.GetOperationId(),
		Revision:       req.GetRevision(),
		OnBehalfOf:     req.GetOnBehalfOf(),
		Input:          req.GetInput().GetData(),
		Timeout:        req.GetTimeout().AsDuration(),
		Subject:        subject,
		Link:           req.GetLink(),
		IdempotencyKey: req.GetIdempotencyKey(),
		Validation:     validationOf(req.GetResponseValidation()),
		NoCache:        req.GetNoCache(),
	}
	if req.GetAllPages() != nil {
		return s.allPages(ctx, &call, req)
	}
	err = s.pipeline.Invoke(ctx, &call)
	switch {
	case err != nil && req.GetIncludeLogs():
		return nil, withLogs(err, &call)
	case err != nil:
		return nil, err
	}
	out := answer(&call)
	if req.GetIncludeLogs() {
		out.Logs = logs(&call)
	}
	return out, nil
}

// allPages follows the list that the call begins.
func (s *Server) allPages(ctx context.Context, call *pipeline.Call, req *runtimev1.InvokeRequest) (*runtimev1.InvokeResponse, error) {
	if call.IdempotencyKey != "" {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "a list of several calls takes no idempotency key; leave it out").
			Field("idempotency_key", "cannot be combined with all_pages")
	}
	call.Link = ""
	return s.pages.All(ctx, call, req.GetLink(), req.GetAllPages())
}

func validationOf(v runtimev1.ResponseValidation) pipeline.Validation {
	switch v {
	case runtimev1.ResponseValidation_RESPONSE_VALIDATION_REPORT:
		return pipeline.ValidateReport
	case runtimev1.ResponseValidation_RESPONSE_VALIDATION_STRICT:
		return pipeline.ValidateStrict
	case runtimev1.ResponseValidation_RESPONSE_VALIDATION_UNSPECIFIED:
	}
	return pipeline.ValidateNothing
}

// maxLogs and maxLine bound what is answered of a log.
const maxLogs, maxLine = 200, 4 << 10

func logs(c *pipeline.Call) []*runtimev1.LogLine {
	var out []*runtimev1.LogLine
	for _, line := range c.Logged(maxLogs) {
		out = append(out, &runtimev1.LogLine{Level: string(line.Level), Message: valid(cut(line.Text, maxLine))})
	}
	return out
}

// cut returns what fits of a line, and says so at its end.
func cut(text string, most int) string {
	const mark = "… [cut]"
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most-len(mark)], "") + mark
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
		Headers:    headers(c.Response.Header),
	}
	out.Body.ContentType = valid(out.Body.GetContentType())
	out.Error = upstreamError(c.Problem)
	out.NextLink, out.Replayed, out.Attempts = valid(c.NextLink), c.Replayed, int32(c.Attempts)
	out.LocationFault = valid(c.LocationFault)
	for _, f := range c.Findings {
		out.Findings = append(out.Findings, &runtimev1.ResponseFinding{Pointer: valid(f.Pointer), Message: valid(f.Message)})
	}
	return out
}

// usualHeaders is how many names of fields an answer has at most without memory
// for their order.
const usualHeaders = 32

// headers returns fields by their names. All of them are in one piece of memory: an
// answer of six was 11 allocations.
func headers(header http.Header) []*runtimev1.Header {
	var few [usualHeaders]string
	names, count := few[:0], 0
	for name, values := range header {
		names = append(names, name)
		count += len(values)
	}
	slices.Sort(names)
	fields, out := make([]runtimev1.Header, count), make([]*runtimev1.Header, 0, count)
	for _, name := range names {
		for _, value := range header[name] {
			field := &fields[len(out)]
			field.Name, field.Value = valid(name), valid(value)
			out = append(out, field)
		}
	}
	return out
}
