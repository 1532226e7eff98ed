package grpcx

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc/metadata"
)

// withRemoteSpan returns a context with the span that the caller's headers name,
// if they do.
func withRemoteSpan(ctx context.Context) context.Context {
	if len(metadata.ValueFromIncomingContext(ctx, "traceparent")) == 0 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, incomingHeaders{ctx})
}

// incomingHeaders are the headers of a call that was received. They are looked up
// one by one: all together can be had as a copy only.
type incomingHeaders struct{ ctx context.Context } //nolint:containedctx // it is the headers

var _ propagation.TextMapCarrier = incomingHeaders{}

// Get returns the first value of a header.
func (h incomingHeaders) Get(key string) string {
	if values := metadata.ValueFromIncomingContext(h.ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set does nothing: the headers were received.
func (incomingHeaders) Set(string, string) {}

// Keys returns none: nobody lists the headers of trace context.
func (incomingHeaders) Keys() []string { return nil }

// withOutgoing returns a context whose call carries the span of ctx and the id of
// the request that it is part of.
func withOutgoing(ctx context.Context) context.Context {
	var headers outgoingHeaders
	if id := RequestID(ctx); id != "" {
		headers.Set(requestIDHeader, id)
	}
	propagation.TraceContext{}.Inject(ctx, &headers)
	if len(headers) == 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, headers...)
}

// outgoingHeaders collects names and values of headers, which gRPC takes together.
type outgoingHeaders []string

var _ propagation.TextMapCarrier = (*outgoingHeaders)(nil)

// Get returns nothing: what is written is not read.
func (*outgoingHeaders) Get(string) string { return "" }

// Set adds a header.
func (h *outgoingHeaders) Set(key, value string) { *h = append(*h, key, value) }

// Keys returns none.
func (*outgoingHeaders) Keys() []string { return nil }
