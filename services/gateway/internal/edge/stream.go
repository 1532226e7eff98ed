package edge

import (
	"context"
	"net/http"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// eventsPath is the path of [triggerv1.TriggerService.StreamEvents].
const eventsPath = "/v1/{parent=environments/*/subscriptions/*}/events:stream"

// streamEvents serves a stream of events: as Server-Sent Events to who asks for
// them, otherwise as lines of JSON: {"result": event}, and {"error": status} if it
// breaks. The library would send the header with
// the first event only, so that nobody could tell a quiet stream from a slow
// server, and would answer what is refused at once in a form of its own.
func streamEvents(mux *runtime.ServeMux, trigger triggerv1.TriggerServiceClient, clk clock.Clock) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		// Whatever ends the answer ends the stream, and who waits for it.
		alive, cancel := context.WithCancel(r.Context())
		defer cancel()
		ctx, err := runtime.AnnotateContext(alive, mux, r, triggerv1.TriggerService_StreamEvents_FullMethodName)
		if err != nil {
			httperr.Write(w, classify(err))
			return
		}
		req := &triggerv1.StreamEventsRequest{Parent: path["parent"]}
		if err := runtime.PopulateQueryParameters(req, r.URL.Query(), utilities.NewDoubleArray(nil)); err != nil {
			httperr.Write(w, invalidRequest(err.Error()))
			return
		}
		sse := wantsServerSentEvents(r)
		if sse {
			if err := resume(r, req); err != nil {
				httperr.Write(w, err)
				return
			}
		}
		stream, err := trigger.StreamEvents(ctx, req)
		if err == nil {
			err = opened(stream)
		}
		if err != nil {
			httperr.Write(w, classify(err))
			return
		}
		if sse {
			forwardServerSentEvents(alive, cancel, w, clk, stream.Recv)
			return
		}
		forwardLines(w, stream.Recv)
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
