package edge

import (
	"errors"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// pagesPath is the path of [runtimev1.RuntimeServiceClient.InvokePages].
const pagesPath = "/v1/{connection=environments/*/connections/*}/operations/{operation_id}:invokePages"

// streamPages serves the pages of a list as lines of JSON: {"result": page}, and
// {"error": status} if the list breaks. What is refused before the first page is
// answered like everything else that is refused.
func streamPages(mux *runtime.ServeMux, calls runtimev1.RuntimeServiceClient) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		ctx, err := runtime.AnnotateContext(r.Context(), mux, r, runtimev1.RuntimeService_InvokePages_FullMethodName)
		if err != nil {
			httperr.Write(w, classify(err))
			return
		}
		req := &runtimev1.InvokePagesRequest{}
		if err := newMarshaler().NewDecoder(r.Body).Decode(req); err != nil && !errors.Is(err, io.EOF) {
			httperr.Write(w, classify(status.Error(codes.InvalidArgument, err.Error()))) // as the generated code says it
			return
		}
		req.Connection, req.OperationId = path["connection"], path["operation_id"]
		stream, err := calls.InvokePages(ctx, req)
		var first *runtimev1.InvokePagesResponse
		if err == nil {
			first, err = stream.Recv()
		}
		if err != nil && !errors.Is(err, io.EOF) {
			httperr.Write(w, classify(err))
			return
		}
		explain(w.Header(), first.GetError())
		waiting := true
		forwardLines(w, func() (*runtimev1.InvokePagesResponse, error) {
			if waiting {
				waiting = false
				return first, err // there already
			}
			return stream.Recv()
		})
	}
}
