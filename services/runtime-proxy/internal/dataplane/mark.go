package dataplane

import (
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// RequestID is the header of every answer, ours or the API's, with the id of the
// exchange: errors of ours have it as their error id. X-Request-Id in an answer is
// the API's own.
const RequestID = httperr.RequestIDHeader

// callersID is the header in which a caller may send an id of its own. It goes to the
// API too.
const callersID = "X-Request-Id"

// mark gives the exchange the caller's id, or a new one, and tells it to the caller.
func (x *exchange) mark(w http.ResponseWriter) {
	x.id = grpcx.RequestIDOf(x.in.Header[callersID])
	w.Header()[RequestID] = []string{x.id}
}
