package edge

import (
	"errors"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
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
		forwardPages(w, stream, first)
	}
}

// forwardPages writes pages as they come, beginning with one that is there
// already; nil if there is none.
func forwardPages(w http.ResponseWriter, stream runtimev1.RuntimeService_InvokePagesClient, page *runtimev1.InvokePagesResponse) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	explain(w.Header(), page.GetError())
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	for page != nil {
		if _, err := w.Write(wrap(`{"result":`, page)); err != nil || out.Flush() != nil {
			return
		}
		var err error
		switch page, err = stream.Recv(); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			_, _ = w.Write(failure(grpcx.ToStatus(classify(err)).Proto())) // nobody is left to tell
			return
		}
	}
}
