// Package edge is the REST interface: it translates HTTP and JSON into gRPC
// calls of the services, with the paths that the protobuf files annotate.
//
// A call goes on behalf of whoever's bearer token came with it; the edge has no
// rights of its own. Invocations are special: their request body is the input
// itself, and their answer is the API's own, status and all.
package edge

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protojson"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
	"github.com/ferrule-dev/ferrule/pkg/service"
)

// The limits of a request's body in bytes.
const (
	// MaxBody is for all requests but those with a description.
	MaxBody = 32 << 20
	// MaxDescription is for requests with the files of a description: the
	// largest that can be imported (64 MiB), in base64, and what comes with it.
	MaxDescription = 96 << 20
)

// maxBody returns the limit of a request.
func maxBody(r *http.Request) int64 {
	for _, verb := range []string{":import", ":validate", ":diff"} {
		if strings.HasSuffix(r.URL.Path, verb) {
			return MaxDescription
		}
	}
	// A connector that is made or edited comes with its definition.
	if _, rest, ok := strings.Cut(r.URL.Path, "/connectors"); ok && strings.Count(rest, "/") <= 1 &&
		(r.Method == http.MethodPost || r.Method == http.MethodPatch) {
		return MaxDescription
	}
	return MaxBody
}

// subjectToken is a header that passes: the caller's own token at an API's provider, for
// connections that exchange it for one of theirs.
const subjectToken = "Ferrule-Subject-Token" // #nosec G101 -- the name of a header

// New returns the handler of all REST paths. client returns the connection to a
// service, clk says when a quiet stream has to give a sign of life.
func New(ctx context.Context, client func(service string) grpc.ClientConnInterface, clk clock.Clock) (http.Handler, error) {
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newMarshaler()),
		runtime.WithForwardResponseOption(mirror),
		runtime.WithErrorHandler(writeError),
		runtime.WithRoutingErrorHandler(writeRoutingError),
		runtime.WithIncomingHeaderMatcher(incoming),
		runtime.WithOutgoingHeaderMatcher(outgoing),
		// An escaped slash does not separate segments, see operationClient.
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
	)
	trigger := triggerv1.NewTriggerServiceClient(client(service.Trigger))
	calls := operationClient{runtimev1.NewRuntimeServiceClient(client(service.Runtime))}
	for _, register := range []func() error{
		func() error {
			return registryv1.RegisterRegistryServiceHandlerClient(ctx, mux, registryv1.NewRegistryServiceClient(client(service.Registry)))
		},
		func() error {
			return vaultv1.RegisterVaultServiceHandlerClient(ctx, mux, vaultv1.NewVaultServiceClient(client(service.Vault)))
		},
		func() error {
			return runtimev1.RegisterRuntimeServiceHandlerClient(ctx, mux, calls)
		},
		func() error {
			return triggerv1.RegisterTriggerServiceHandlerClient(ctx, mux, trigger)
		},
		func() error { return mux.HandlePath(http.MethodGet, eventsPath, streamEvents(mux, trigger, clk)) },
		func() error { return mux.HandlePath(http.MethodPost, pagesPath, streamPages(mux, calls)) },
	} {
		if err := register(); err != nil {
			return nil, fmt.Errorf("register rest paths: %w", err)
		}
	}
	return limit(mux), nil
}

func newMarshaler() runtime.Marshaler {
	return &marshaler{HTTPBodyMarshaler: &runtime.HTTPBodyMarshaler{Marshaler: &runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitUnpopulated: false},
		UnmarshalOptions: protojson.UnmarshalOptions{DiscardUnknown: false},
	}}}
}

// incoming lets only what services read through; the bearer token is passed on by
// the library itself.
func incoming(name string) (string, bool) {
	return name, http.CanonicalHeaderKey(name) == subjectToken
}

// outgoing lets nothing through: the id of the request is in the answer already.
func outgoing(string) (string, bool) { return "", false }

// limit refuses what the services could not be told: text that is not UTF-8, options that
// do not exist, and bodies that are too large.
func limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		query, err := url.QueryUnescape(r.URL.RawQuery)
		if err != nil || !utf8.ValidString(query) || !utf8.ValidString(r.URL.Path) {
			httperr.Write(w, invalidRequest("its path or query is not UTF-8 text, escaped by RFC 3986"))
			return
		}
		if err := readOptions(r); err != nil {
			httperr.Write(w, err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody(r))
		next.ServeHTTP(w, r)
	})
}

func writeError(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	httperr.Write(w, classify(err))
}
