package dataplane

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// RequestID is the header of every answer, ours or the API's, with the id of the
// exchange: errors of ours have it as their error id. X-Request-Id in an answer is
// the API's own.
const RequestID = "Ferrule-Request-Id"

// callersID is the header in which a caller may send an id of its own. It goes to the
// API too.
const callersID = "X-Request-Id"

// mark gives the exchange the caller's id, or a new one, and tells it to the caller.
func (x *exchange) mark(w http.ResponseWriter) {
	if ids := x.in.Header[callersID]; len(ids) == 1 && grpcx.WellFormedID(ids[0]) {
		x.id = ids[0]
	} else {
		x.id = uuid.NewString()
	}
	w.Header()[RequestID] = []string{x.id}
}
