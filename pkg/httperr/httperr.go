// Package httperr answers HTTP requests with errors in the one form that all
// HTTP interfaces of the suite share: the JSON of a google.rpc.Status, which is
// also what the REST edge makes of gRPC errors.
//
//	httperr.Write(w, fault.NotFound(fault.ReasonWebhookUnknown, "nothing listens here"))
package httperr

import (
	"math"
	"net/http"
	"strconv"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// ReasonHeader is the header with the reason of an error, by which clients tell an
// error of ours from an answer of an API without reading its body.
const ReasonHeader = "Ferrule-Error-Reason"

// RequestIDHeader is the header with the id of the request in every answer. Whoever sets
// it before an error is written has the id in the error, too.
const RequestIDHeader = "Ferrule-Request-Id"

// tooLarge are the reasons that have an HTTP status of their own.
var tooLarge = map[fault.Reason]bool{
	fault.ReasonInputTooLarge:    true,
	fault.ReasonDocumentTooLarge: true,
	fault.ReasonWebhookTooLarge:  true,
}

// upstream are the reasons that say that the API, not we, failed.
var upstream = map[fault.Reason]int{
	fault.ReasonUpstreamUnreachable:      http.StatusBadGateway,
	fault.ReasonUpstreamReset:            http.StatusBadGateway,
	fault.ReasonUpstreamInvalidResponse:  http.StatusBadGateway,
	fault.ReasonUpstreamResponseTooLarge: http.StatusBadGateway,
	fault.ReasonOutcomeUnknown:           http.StatusGatewayTimeout,
	fault.ReasonUpstreamTimeout:          http.StatusGatewayTimeout,
}

// Write answers with err. It must be called before anything else is written.
// Causes are not shown; see [grpcx.ToStatus] for what is.
func Write(w http.ResponseWriter, err error) { WriteStatus(w, Status(fault.From(err)), err) }

// WriteStatus is [Write] with an HTTP status that the error alone does not tell.
func WriteStatus(w http.ResponseWriter, code int, err error) {
	header := w.Header()
	f := grpcx.FromStatus(err)
	if id := header.Get(RequestIDHeader); id != "" && f.ID() == "" {
		f = f.Identified(id)
		err = f
	}
	status := grpcx.ToStatus(err).Proto()
	header.Set("Content-Type", "application/json")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Del("Content-Length")
	header.Set(ReasonHeader, string(f.Reason()))
	if f.Code() == fault.CodeUnauthenticated {
		header.Set("WWW-Authenticate", "Bearer")
	}
	if wait, ok := f.Retry(); ok {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	}
	w.WriteHeader(code)
	_, _ = w.Write(encode(status))
}

// Status returns the HTTP status of an error: 502 and 504 where the API failed,
// 413 where something was too large, otherwise that of its code.
func Status(f *fault.Error) int {
	if status, ok := upstream[f.Reason()]; ok {
		return status
	}
	if tooLarge[f.Reason()] {
		return http.StatusRequestEntityTooLarge
	}
	return runtime.HTTPStatusFromCode(codes.Code(f.Code()))
}

// encode never fails visibly: an error about an error helps nobody.
func encode(status *spb.Status) []byte {
	body, err := protojson.Marshal(status)
	if err != nil { // a detail of an unknown type
		body, _ = protojson.Marshal(&spb.Status{Code: status.GetCode(), Message: status.GetMessage()})
	}
	return body
}
