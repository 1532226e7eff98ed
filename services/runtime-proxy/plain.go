package runtimeproxy

import (
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// PlainTransport returns a transport like the one with which the runtime speaks to
// APIs, without anything else that a call passes. It is for programs that measure
// what the rest costs. Its connections are judged by the guard. The caller closes
// its idle connections, with [http.Client.CloseIdleConnections], in the end.
func PlainTransport(guard *egress.Guard) http.RoundTripper {
	return upstream.Plain(guard, upstream.Options{})
}
