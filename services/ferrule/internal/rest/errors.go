package rest

import (
	"net/http"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// decodeError turns an answer that is no success into a fault.
func decodeError(code int, body []byte) error {
	var s spb.Status
	err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(body, &s)
	if err != nil || s.GetCode() == 0 {
		return fault.Unavailable(fault.ReasonServiceUnavailable, "the server answered %d %s and no error of Ferrule's; is --server right?",
			code, strings.ToLower(http.StatusText(code)))
	}
	return grpcx.FromStatus(status.FromProto(&s).Err())
}
