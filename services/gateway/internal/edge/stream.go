package edge

import (
	"errors"
	"io"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// eventsPath is the path of [triggerv1.TriggerService.StreamEvents].
const eventsPath = "/v1/{parent=environments/*/subscriptions/*}/events:stream"

// streamEvents serves a stream of events as lines of JSON: {"result": event},
// and {"error": status} if it breaks. The library would send the header with
// the first event only, so that nobody could tell a quiet stream from a slow
// server, and would answer what is refused at once in a form of its own.
func streamEvents(mux *runtime.ServeMux, trigger triggerv1.TriggerServiceClient) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		ctx, err := runtime.AnnotateContext(r.Context(), mux, r, triggerv1.TriggerService_StreamEvents_FullMethodName)
		if err != nil {
			httperr.Write(w, classify(err))
			return
		}
		req := &triggerv1.StreamEventsRequest{Parent: path["parent"]}
		if err := runtime.PopulateQueryParameters(req, r.URL.Query(), utilities.NewDoubleArray(nil)); err != nil {
			httperr.Write(w, invalidRequest(err.Error()))
			return
		}
		stream, err := trigger.StreamEvents(ctx, req)
		if err == nil {
			err = opened(stream)
		}
		if err != nil {
			httperr.Write(w, classify(err))
			return
		}
		forward(w, stream)
	}
}

// opened waits until the trigger service has accepted the request.
func opened(stream triggerv1.TriggerService_StreamEventsClient) error {
	header, err := stream.Header()
	if err != nil {
		return err
	}
	if len(header.Get(grpcx.OpenedHeader)) == 0 {
		_, err = stream.Recv() // refused: the reason comes instead of an event
	}
	return err
}

// forward writes events as they come, until either side leaves.
func forward(w http.ResponseWriter, stream triggerv1.TriggerService_StreamEventsClient) {
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	out := http.NewResponseController(w)
	for {
		if out.Flush() != nil {
			return
		}
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return
		}
		line := result(event)
		if err != nil {
			line = failure(grpcx.ToStatus(classify(err)).Proto())
		}
		if _, writeErr := w.Write(line); writeErr != nil || err != nil {
			return
		}
	}
}

func result(event *triggerv1.Event) []byte { return wrap(`{"result":`, event) }

func failure(status *spb.Status) []byte { return wrap(`{"error":`, status) }

// wrap makes one line; a message of ours can always be written as JSON.
func wrap(prefix string, m proto.Message) []byte {
	line, err := protojson.MarshalOptions{}.MarshalAppend([]byte(prefix), m)
	if err != nil {
		return []byte(`{"error":{"code":13,"message":"the message cannot be written as JSON"}}` + "\n")
	}
	return append(line, '}', '\n')
}
