package edge

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

// UpstreamStatus is the response header that marks an answer as the API's own.
// Errors of ours do not have it.
const UpstreamStatus = "Ferrule-Upstream-Status"

// maxInput bounds the input of an invocation; the runtime refuses what is
// larger, so one byte more is enough to let it say so.
const maxInput = 10<<20 + 1

// marshaler reads and writes google.api.HttpBody as plain bytes and everything
// else as JSON.
type marshaler struct{ *runtime.HTTPBodyMarshaler }

// NewDecoder returns a decoder that takes the whole of r as an HttpBody where
// one is asked for.
func (m *marshaler) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, ok := v.(**httpbody.HttpBody)
		if !ok {
			return m.HTTPBodyMarshaler.NewDecoder(r).Decode(v)
		}
		data, err := io.ReadAll(io.LimitReader(r, maxInput))
		if err != nil {
			return err
		}
		*body = &httpbody.HttpBody{ContentType: "application/json", Data: data}
		return nil
	})
}

// operationClient finishes the unescaping of operation ids: they may hold
// slashes ("repos/get"), which arrive escaped because they separate segments.
type operationClient struct{ runtimev1.RuntimeServiceClient }

// Invoke calls the operation whose id the path named.
func (c operationClient) Invoke(ctx context.Context, in *runtimev1.InvokeRequest, opts ...grpc.CallOption) (*runtimev1.InvokeResponse, error) {
	in.OperationId = operationID(in.GetOperationId())
	return c.RuntimeServiceClient.Invoke(ctx, in, opts...)
}

// InvokePages follows the list of such an operation.
func (c operationClient) InvokePages(ctx context.Context, in *runtimev1.InvokePagesRequest, opts ...grpc.CallOption) (grpc.ServerStreamingClient[runtimev1.InvokePagesResponse], error) {
	in.OperationId = operationID(in.GetOperationId())
	return c.RuntimeServiceClient.InvokePages(ctx, in, opts...)
}

// ResolveDynamicValues asks for choices of such an operation.
func (c operationClient) ResolveDynamicValues(ctx context.Context, in *runtimev1.ResolveDynamicValuesRequest, opts ...grpc.CallOption) (*runtimev1.ResolveDynamicValuesResponse, error) {
	in.OperationId = operationID(in.GetOperationId())
	return c.RuntimeServiceClient.ResolveDynamicValues(ctx, in, opts...)
}

// ResolveDynamicSchema asks for a schema of such an operation.
func (c operationClient) ResolveDynamicSchema(ctx context.Context, in *runtimev1.ResolveDynamicSchemaRequest, opts ...grpc.CallOption) (*runtimev1.ResolveDynamicSchemaResponse, error) {
	in.OperationId = operationID(in.GetOperationId())
	return c.RuntimeServiceClient.ResolveDynamicSchema(ctx, in, opts...)
}

var escapedSlash = strings.NewReplacer("%2F", "/", "%2f", "/")

// operationID returns an operation id without escapes. Most have none, and a
// replacer that finds nothing makes three allocations all the same.
func operationID(segment string) string {
	if !strings.Contains(segment, "%") {
		return segment
	}
	return escapedSlash.Replace(segment)
}

// invocation is what the answer to an invocation has, in the wrapper that the
// generated code puts around it.
type invocation interface {
	GetStatusCode() int32
	GetHeaders() []*runtimev1.Header
	GetBody() *httpbody.HttpBody
	GetRevision() string
	GetNextLink() string
	GetListEnd() runtimev1.ListEnd
	GetNextInput() []byte
	GetReplayed() bool
	GetAttempts() int32
	GetError() *runtimev1.UpstreamError
	GetFindings() []*runtimev1.ResponseFinding
	GetLogs() []*runtimev1.LogLine
}

// notMirrored are headers of the API's answer that describe a connection or a
// body that is not ours to promise, or that would act on our own origin.
var notMirrored = map[string]bool{
	"Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Date": true, "Server": true,
	"Set-Cookie": true, "Strict-Transport-Security": true, "Alt-Svc": true, "Clear-Site-Data": true,
	"Access-Control-Allow-Origin": true, "Access-Control-Allow-Credentials": true, "Www-Authenticate": true,
	"Refresh": true,
}

// UpstreamLocation is where a redirect of the API leads, as it said. Under its own
// name, a client would follow it by itself, and carry the caller's token to any
// path of ours that an API names.
const UpstreamLocation = "Ferrule-Upstream-Location"

// ownPrefix is how the names of our own headers begin. An API's header of such a
// name would pass for a word of ours.
const ownPrefix = "Ferrule-"

// MirroredName returns the name under which a header of the API's answer is passed
// on, empty for one that is not.
func MirroredName(name string, status int32) string {
	switch name = http.CanonicalHeaderKey(name); {
	case notMirrored[name], strings.HasPrefix(name, ownPrefix):
		return ""
	case name == "Location" && status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return UpstreamLocation
	}
	return name
}

// mirror makes the answer to an invocation look like the API's own.
func mirror(_ context.Context, w http.ResponseWriter, m proto.Message) error {
	answer, ok := m.(invocation)
	if !ok {
		return nil
	}
	header := w.Header()
	for _, h := range answer.GetHeaders() {
		if name := MirroredName(h.GetName(), answer.GetStatusCode()); name != "" {
			header.Add(name, h.GetValue())
		}
	}
	header.Del("Content-Type")
	if body := answer.GetBody(); body.GetContentType() != "" {
		header.Set("Content-Type", body.GetContentType())
	}
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set(UpstreamStatus, strconv.Itoa(int(answer.GetStatusCode())))
	header.Set("Ferrule-Revision", answer.GetRevision())
	annotate(header, answer)
	w.WriteHeader(int(answer.GetStatusCode()))
	return nil
}
