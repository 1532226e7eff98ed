package upstream

import (
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/egress"
)

// Plain returns the transport that a [Client] uses for requests without a client
// certificate, with nothing around it. Its connections are judged by the guard.
func Plain(guard *egress.Guard, options Options) http.RoundTripper {
	return newTransports(guard, options, nil).whole
}
