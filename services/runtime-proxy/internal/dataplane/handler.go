// Package dataplane passes raw HTTP requests on to APIs, with the credential of
// a connection:
//
//	ANY /v1/environments/{environment}/connections/{connection}/proxy/{path}
//
// A client of the API works unchanged when its base URL is exchanged for this
// one and its Authorization field holds a token of ours. Method, path, query and
// content go through byte for byte and unbuffered, both ways; [Handler.serve]
// lists what happens in between. Where policies or custom code work on bodies, the
// request takes the way of a call instead (whole.go), and answers that are kept may
// be given without asking (kept.go). Errors of ours have the JSON form that all HTTP
// interfaces of the suite share.
//
// It is a proxy of its own rather than [net/http/httputil.ReverseProxy] because
// that one joins and cleans URLs, and clones what need not be cloned.
package dataplane

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
	"github.com/ferrule-dev/ferrule/pkg/lifetime"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// DefaultTimeout is the time for a whole exchange, both bodies included. Within
// it an API has 120 s to begin its answer (package egress).
const DefaultTimeout = 15 * time.Minute

// Deps are the parts of a handler. It owns none of them.
type Deps struct {
	// Log gets the failures that nobody foresaw.
	Log *slog.Logger
	// Clock measures exchanges.
	Clock clock.Clock
	// Verifier checks bearer tokens.
	Verifier authn.Verifier
	// Pipeline knows what connections mean.
	Pipeline *pipeline.Pipeline
	// Client speaks to APIs.
	Client *upstream.Client
	// Usage counts calls.
	Usage *usage.Recorder
	// Timeout is the time for a whole exchange; 0 means [DefaultTimeout].
	Timeout time.Duration
}

// Handler is the data plane. It is safe for concurrent use.
type Handler struct {
	deps    Deps
	tokens  *tokens
	unbound *usage.Series
	lives   *lifetime.Lives // of exchanges
}

var _ http.Handler = (*Handler)(nil)

// New returns a handler.
func New(deps Deps) (*Handler, error) {
	if deps.Timeout == 0 {
		deps.Timeout = DefaultTimeout
	}
	known, err := newTokens(deps.Verifier, deps.Clock)
	if err != nil {
		return nil, err
	}
	return &Handler{
		deps: deps, tokens: known, unbound: deps.Usage.Series("", "", usage.PassThrough), lives: lifetime.New(deps.Timeout),
	}, nil
}

// exchange is one request and its answer on their way.
type exchange struct {
	in       *http.Request
	id       string // see [RequestID]
	out      http.ResponseWriter
	life     lifetime.Life // its context
	caller   asking
	target   target
	linked   string // the operation for which a link was sealed; empty for none
	ask      binding.Ask
	token    string // our caller's
	binding  *pipeline.Binding
	through  pipeline.Through
	handles  inject.Handles
	request  request.Request
	policed  policy.Exchange // the request as its policies see it
	first    upstream.Attempt
	tried    bool   // first is taken
	method   string // that was sent; empty before
	body     body
	interim  interim
	answer   *http.Response // open; nil before there is one
	status   int            // of the API's answer; 0 before there is one
	answers  countedWriter  // is out
	uploaded countedBody
	upload   *countedBody // is in.Body, and uploaded; nil if there is none
	pass     resilience.Pass
	entered  bool         // pass has to be given back
	base     request.Base // where the request went
	record   *record      // nil unless the connection is looked at
	start    time.Time
	kept     kept
}

// ServeHTTP implements [http.Handler].
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.deps.Clock.Now()
	x := &exchange{in: r, start: start}
	x.mark(w)
	x.countBodies(w)
	h.lives.Begin(r.Context(), &x.life, h.deps.Timeout)
	defer h.lives.End(&x.life)
	ctx := context.Context(&x.life)
	err := h.serve(ctx, x)
	x.leave(x.outcome(err))
	x.record.end(err, start, h.deps.Clock.Now())
	h.count(ctx, x, err, h.deps.Clock.Now().Sub(start))
	switch {
	case err == nil:
	case errors.Is(err, errBroken):
		_ = http.NewResponseController(w).Flush() // what has arrived is for the client to see
		panic(http.ErrAbortHandler)               // the only way to tell the client that the answer is not complete
	default:
		h.fail(ctx, x, w, x.handles.HideError(err))
	}
}

// serve is the list of what a request passes.
func (h *Handler) serve(ctx context.Context, x *exchange) error {
	steps := [...]func(context.Context, *exchange) error{
		route,
		refuseUnsupported,
		h.bind, // authenticates and authorises
		h.openLink,
		h.findPolicies,
		h.passOn, // with its whole body, or as it streams: then attempts, see there
	}
	for _, step := range steps {
		if err := step(ctx, x); err != nil {
			return err
		}
		if x.binding != nil && x.binding.Mock {
			return answerMock(x)
		}
	}
	return nil
}

// attempt is the list of what makes a request and sends it. It is passed a second
// time if the API refuses the token and the request can be made again.
func (h *Handler) attempt(ctx context.Context, x *exchange) error {
	steps := [...]func(context.Context, *exchange) error{
		buildRequest,
		askAbout,
		placeHandles,
		applyRequestPolicies,
		dropAlike,
		checkDestination,
		takeBody,
		h.enter,
		revealSecrets,
		h.proveRequest, // nothing changes the request after this
		h.send,
	}
	for _, step := range steps {
		if err := step(ctx, x); err != nil {
			return err
		}
	}
	return nil
}

// bind finds out who calls and what the connection means to them.
func (h *Handler) bind(ctx context.Context, x *exchange) error {
	principal, token, err := h.tokens.authenticate(ctx, x.in.Header["Authorization"])
	if err != nil {
		return err
	}
	subject, err := binding.NewSubject(x.in.Header[binding.SubjectHeader])
	if err != nil {
		return err
	}
	x.token = token
	x.ask = binding.Ask{Connection: x.target.connection, Principal: principal, Subject: subject}
	x.binding, err = h.deps.Pipeline.Bind(x.asCaller(ctx), x.ask)
	return err
}

// asCaller returns a context for questions to the vault on the caller's behalf.
func (x *exchange) asCaller(ctx context.Context) context.Context {
	if x.caller.Context == nil {
		x.caller = asking{Context: ctx, principal: x.ask.Principal, token: x.token}
	}
	return &x.caller
}

func (h *Handler) findPolicies(ctx context.Context, x *exchange) (err error) {
	if x.linked != "" {
		x.through, err = x.binding.Revision.ThroughLink(ctx, x.linked, x.in.Method)
		return err
	}
	x.through, err = x.binding.Revision.Through(ctx, x.in.Method, x.target.path)
	return err
}

// placeHandles puts what stands for the credential into the request, in place of
// whatever the caller sent there.
func placeHandles(_ context.Context, x *exchange) error {
	x.handles = x.binding.Credential.Handles()
	x.handles.Place(&x.request, x.binding.Credential.Placements())
	return nil
}

func applyRequestPolicies(ctx context.Context, x *exchange) error {
	if len(x.through.Policies.Request) == 0 {
		return nil
	}
	x.policed = policy.Exchange{Request: &x.request, Parameter: x.handles.Parameter, Argument: x.through.Argument(x.target.path)}
	return policy.Run(ctx, x.through.Policies.Request, &x.policed)
}

// checkDestination refuses hosts that the credential is not bound to, and paths
// that would leave the API's own.
func checkDestination(_ context.Context, x *exchange) error {
	return x.binding.CheckRequest(&x.request)
}

// revealSecrets makes secrets of handles.
func revealSecrets(_ context.Context, x *exchange) error {
	return x.handles.Reveal(&x.request)
}

// proveRequest adds what is worked out of the finished request: signatures, and
// the answer to a challenge that is known.
func (h *Handler) proveRequest(ctx context.Context, x *exchange) error {
	return x.handles.Finish(ctx, &x.request, h.deps.Clock.Now(), x.body.streamed())
}

// fail answers with an error of ours, under the id of the exchange. Only what nobody foresaw is logged: all
// else is the caller's or the API's business, and counted.
func (h *Handler) fail(ctx context.Context, x *exchange, w http.ResponseWriter, err error) {
	f := grpcx.FromStatus(err)
	if f.Code() == fault.CodeInternal {
		h.deps.Log.ErrorContext(ctx, "pass-through call failed", "error", err, "error_id", x.id, "first_id", f.ID())
	}
	f = f.Identified(x.id)
	httperr.Write(w, f)
}
