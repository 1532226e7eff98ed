package edge

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// classify turns the library's own complaints about a request into faults, so
// that every error of the edge has a reason. Errors of the services have one.
func classify(err error) error {
	if f := new(fault.Error); errors.As(err, &f) {
		return err
	}
	if errors.As(err, new(*http.MaxBytesError)) || status.Convert(err).Message() == "http: request body too large" {
		return fault.Invalid(fault.ReasonInputTooLarge, "the request's body is too large: up to %d bytes are accepted, with a description %d", MaxBody, MaxDescription)
	}
	if s, ok := status.FromError(err); ok && s.Code() == codes.InvalidArgument {
		return invalidRequest(withoutValues(s.Message()))
	}
	return err
}

// withoutValues cuts what a parser repeats of a request's values: one of them may
// be a secret that stands where it should not.
func withoutValues(message string) string {
	for _, mark := range []string{"unexpected token", "invalid value for"} {
		if at := strings.Index(message, mark); at >= 0 {
			return message[:at+len(mark)] + " …"
		}
	}
	return message
}

func invalidRequest(why string) error {
	return fault.Invalid(fault.ReasonInvalidArgument, "the request could not be read: %s", why)
}

// writeRoutingError answers requests that fit no path.
func writeRoutingError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch code {
	case http.StatusMethodNotAllowed:
		httperr.WriteStatus(w, http.StatusMethodNotAllowed, fault.Unimplemented(fault.ReasonInvalidArgument,
			"%s is not possible here; /openapi.json lists what is", r.Method))
	case http.StatusNotFound:
		httperr.Write(w, fault.NotFound(fault.ReasonInvalidArgument,
			"there is nothing at this path; /openapi.json lists what there is"))
	default:
		httperr.Write(w, fault.Invalid(fault.ReasonInvalidArgument, "the request's path cannot be read"))
	}
}
