// Package gateway is the edge of the suite: REST for every public method, the
// pass-through data plane, the webhook ingress, the callback URLs of custom code,
// the redirect of sign-ins and our own OpenAPI document. It owns nothing durable and
// has no rights of its own.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/pflag"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/gen"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/callbacks"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/edge"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/hooks"
	"github.com/ferrule-dev/ferrule/services/gateway/internal/signin"
)

// Config are the settings of the gateway.
type Config struct {
	// RuntimeData is the URL of the runtime's data plane. Not used when the
	// runtime lives in the same process.
	RuntimeData string
}

// Flags declares the flags of c with their defaults.
func (c *Config) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&c.RuntimeData, "runtime-data-url", "https://runtime-proxy:9443", "URL of the runtime's pass-through data plane")
}

// Validate reports what is wrong with c.
func (c *Config) Validate() error {
	u, err := url.Parse(c.RuntimeData)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errors.New("--runtime-data-url must be an http or https URL, such as https://runtime-proxy:9443")
	}
	return nil
}

// Gateway is the edge, ready to serve.
type Gateway struct {
	handler http.Handler
	env     service.Env
}

var (
	_ service.Service = (*Gateway)(nil)
	_ service.HTTP    = (*Gateway)(nil)
)

// Ingress takes notifications for the trigger service.
type Ingress = hooks.Ingress

// Beside is what the gateway is built on that may live in the same process.
type Beside struct {
	// PassThrough serves the data plane: the runtime's own handler, or [Remote].
	PassThrough http.Handler
	// Ingress is the trigger service's own; nil reaches it over gRPC.
	Ingress Ingress
}

// New builds the gateway.
func New(ctx context.Context, env service.Env, beside Beside) (*Gateway, error) {
	rest, err := edge.New(ctx, env.Client, env.Clock)
	if err != nil {
		return nil, fmt.Errorf("build gateway: %w", err)
	}
	ingress := beside.Ingress
	if ingress == nil {
		ingress = hooks.Remote(triggerv1.NewTriggerServiceClient(env.Client(service.Trigger)))
	}
	vault := vaultv1.NewVaultServiceClient(env.Client(service.Vault))
	env.Health.Set("edge", nil)
	// Paths of callbacks are secrets, and queries of sign-ins hold codes: they have no
	// place in a trace. What becomes of a notification is measured by the call of the
	// trigger service that it leads to.
	return &Gateway{env: env, handler: &router{
		rest:        otelhttp.NewHandler(rest, "rest", otelhttp.WithTracerProvider(env.Tracer), otelhttp.WithMeterProvider(env.Meter)),
		hooks:       hooks.New(ingress),
		callbacks:   callbacks.New(runtimev1.NewRuntimeServiceClient(env.Client(service.Runtime))),
		signIn:      signin.New(vault),
		passThrough: beside.PassThrough,
	}}, nil
}

// Register does nothing: the gateway has no gRPC methods of its own.
func (g *Gateway) Register(grpc.ServiceRegistrar) {}

// Rules returns none.
func (g *Gateway) Rules() grpcx.Rules { return nil }

// Run waits until ctx ends: the gateway works only when it is asked.
func (g *Gateway) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Handler returns the handler of the edge.
func (g *Gateway) Handler() http.Handler { return g.handler }

// router decides by the path as it was sent. It is not an http.ServeMux because
// that would clean paths, and the data plane must not touch them.
type router struct {
	rest, hooks, callbacks, signIn, passThrough http.Handler
}

// ServeHTTP is the list of what the edge serves. The data plane gives its answers their
// ids itself, since it tells APIs what callers sent.
func (r *router) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	path := req.URL.EscapedPath()
	if isPassThrough(path) {
		r.passThrough.ServeHTTP(w, req)
		return
	}
	req = identified(w, req)
	switch {
	case path == "/openapi.json":
		serveOpenAPI(w)
	case strings.HasPrefix(path, hooks.Prefix):
		r.hooks.ServeHTTP(w, req)
	case strings.HasPrefix(path, callbacks.Prefix):
		r.callbacks.ServeHTTP(w, req)
	case strings.HasPrefix(path+"/", signin.Prefix):
		r.signIn.ServeHTTP(w, req)
	default:
		r.rest.ServeHTTP(w, req)
	}
}

// identified gives an answer the id of its request, the caller's X-Request-Id or a new
// one, under which all services log it.
func identified(w http.ResponseWriter, req *http.Request) *http.Request {
	id := grpcx.RequestIDOf(req.Header["X-Request-Id"])
	w.Header().Set(httperr.RequestIDHeader, id)
	return req.WithContext(grpcx.WithRequestID(req.Context(), id))
}

// isPassThrough recognises /v1/environments/{e}/connections/{c}/proxy[/…].
func isPassThrough(path string) bool {
	rest, ok := strings.CutPrefix(path, "/v1/environments/")
	if !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, "/") // without the allocation of strings.Split: every call passes here
	if rest, ok = strings.CutPrefix(rest, "connections/"); !ok {
		return false
	}
	_, rest, _ = strings.Cut(rest, "/")
	return rest == "proxy" || strings.HasPrefix(rest, "proxy/")
}

func serveOpenAPI(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_, _ = w.Write(gen.OpenAPI)
}
