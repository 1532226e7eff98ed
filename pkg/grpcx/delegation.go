package grpcx

import (
	"context"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Delegation says on whose behalf a client's calls are made. Whatever it says,
// the token of the caller whose request is being handled is passed on, and a
// context made by [AsService] lets this process act on its own behalf.
type Delegation int

const (
	// ForwardOrSelf lets calls that belong to no user be made on behalf of this
	// process. It fits services with work of their own.
	ForwardOrSelf Delegation = iota
	// ForwardOnly refuses calls without a caller's token, unless they were
	// marked with [AsService]. It fits an edge, where a request that comes with
	// no token must not gain the rights of the edge.
	ForwardOnly
)

type actingKey struct{}

// acting is a decision about the caller that was made in this process. It goes
// before what came in with the request.
type acting struct{ token string }

// WithCallerToken returns a context whose calls are made with the user's bearer
// token. It is for processes that received the token otherwise than over gRPC.
func WithCallerToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, actingKey{}, acting{token: token})
}

// AsService returns a context whose calls this process makes on its own behalf,
// even while it handles a user's request. What it does with the answer is its
// responsibility: the other service sees no user.
func AsService(ctx context.Context) context.Context {
	if md, ok := metadata.FromOutgoingContext(ctx); ok { // a copy
		md.Delete(authorizationHeader)
		ctx = metadata.NewOutgoingContext(ctx, md)
	}
	return context.WithValue(ctx, actingKey{}, acting{})
}

// callerToken passes on the caller's token as per-RPC credentials.
type callerToken struct{ delegation Delegation }

var _ credentials.PerRPCCredentials = callerToken{}

// GetRequestMetadata returns the header with the caller's token.
func (c callerToken) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	if md, ok := metadata.FromOutgoingContext(ctx); ok && len(md.Get(authorizationHeader)) > 0 {
		return nil, nil // set for this call already; twice would be refused
	}
	if a, ok := ctx.Value(actingKey{}).(acting); ok {
		if a.token == "" {
			return nil, nil
		}
		return map[string]string{authorizationHeader: "Bearer " + a.token}, nil
	}
	if token, ok := bearer(metadata.ValueFromIncomingContext(ctx, authorizationHeader)); ok {
		return map[string]string{authorizationHeader: "Bearer " + token}, nil
	}
	// A user whose token is lost must not turn into the service.
	if p, ok := authn.FromContext(ctx); c.delegation == ForwardOnly || ok && p.Kind == authn.KindUser {
		return nil, onWire(fault.Unauthenticated(fault.ReasonUnauthenticated,
			"the call has no token; send it as the header authorization: Bearer <token>"), RequestID(ctx))
	}
	return nil, nil
}

// RequireTransportSecurity keeps tokens off connections that others can read.
func (callerToken) RequireTransportSecurity() bool { return true }
