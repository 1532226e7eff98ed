package api

import (
	"context"
	"net/http"

	"google.golang.org/grpc"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// InvokePages implements the method of that name.
func (s *Server) InvokePages(req *runtimev1.InvokePagesRequest, stream grpc.ServerStreamingServer[runtimev1.InvokePagesResponse]) error {
	return s.pages.InvokePages(req, stream)
}

// InvokeStream implements the method of that name.
func (s *Server) InvokeStream(stream grpc.BidiStreamingServer[runtimev1.InvokeStreamRequest, runtimev1.InvokeStreamResponse]) error {
	return s.streams.InvokeStream(stream)
}

// ResolveDynamicValues implements the method of that name.
func (s *Server) ResolveDynamicValues(ctx context.Context, req *runtimev1.ResolveDynamicValuesRequest) (*runtimev1.ResolveDynamicValuesResponse, error) {
	return s.parts.Dynamic.ResolveDynamicValues(ctx, req)
}

// ResolveDynamicSchema implements the method of that name.
func (s *Server) ResolveDynamicSchema(ctx context.Context, req *runtimev1.ResolveDynamicSchemaRequest) (*runtimev1.ResolveDynamicSchemaResponse, error) {
	return s.parts.Dynamic.ResolveDynamicSchema(ctx, req)
}

// GetUsage implements the method of that name.
func (s *Server) GetUsage(ctx context.Context, req *runtimev1.GetUsageRequest) (*runtimev1.GetUsageResponse, error) {
	return s.parts.Usage.GetUsage(ctx, req)
}

// EnableRequestLog implements the method of that name.
func (s *Server) EnableRequestLog(ctx context.Context, req *runtimev1.EnableRequestLogRequest) (*runtimev1.RequestLog, error) {
	return s.parts.Logs.EnableRequestLog(ctx, req)
}

// DisableRequestLog implements the method of that name.
func (s *Server) DisableRequestLog(ctx context.Context, req *runtimev1.DisableRequestLogRequest) (*runtimev1.RequestLog, error) {
	return s.parts.Logs.DisableRequestLog(ctx, req)
}

// ListRequestLogEntries implements the method of that name.
func (s *Server) ListRequestLogEntries(ctx context.Context, req *runtimev1.ListRequestLogEntriesRequest) (*runtimev1.ListRequestLogEntriesResponse, error) {
	return s.parts.Logs.ListRequestLogEntries(ctx, req)
}

// ReceiveCallback implements the method of that name.
func (s *Server) ReceiveCallback(ctx context.Context, req *runtimev1.ReceiveCallbackRequest) (*runtimev1.ReceiveCallbackResponse, error) {
	in := &pipeline.Callback{
		Token: req.GetToken(), Method: req.GetMethod(), Query: req.GetQuery(), Header: http.Header{}, Body: req.GetBody(),
	}
	for _, h := range req.GetHeaders() {
		http.Header(in.Header).Add(h.GetName(), h.GetValue())
	}
	resp, err := s.pipeline.Receive(ctx, in)
	if err != nil {
		return nil, err
	}
	out := &runtimev1.ReceiveCallbackResponse{StatusCode: int32(resp.Status), Body: resp.Body}
	for name, values := range resp.Header {
		for _, value := range values {
			out.Headers = append(out.Headers, &runtimev1.InvokeStreamHeader{Name: valid(name), Value: valid(value)})
		}
	}
	return out, nil
}

// streaming runs calls without holding their bodies.
func streaming(p *pipeline.Pipeline) StreamCall {
	return func(ctx context.Context, c *pipeline.Call, upload *Upload) (*Streamed, error) {
		resp, err := p.Stream(ctx, c, upload) //nolint:bodyclose // whoever gets the answer closes it
		if err != nil {
			return nil, err
		}
		return &Streamed{Status: resp.StatusCode, Header: resp.Header, Revision: c.Binding.RevisionID, Body: resp.Body}, nil
	}
}
