// Package signin is where providers send browsers back to after somebody has
// signed in (RFC 6749, section 4.1.2). It hands what they bring to the vault and
// shows the person what came of it.
//
// Nobody authenticates here: the state in the query is the secret, and the grant
// reaches its connection only when whoever began the sign-in confirms it with
// what this browser is given. So a link that was sent to somebody else leads to a
// page in that person's browser, and to nothing more.
package signin

import (
	"context"
	_ "embed"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"google.golang.org/grpc"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
)

// Prefix begins the paths that providers send browsers to. One segment follows, which
// stands for where codes that come there may go. Providers compare it with what was
// registered, and the vault with the sign-in whose state it comes with.
const Prefix = "/v1/oauth/callback/"

// maxBody bounds the form of providers that post their answer (OAuth 2.0 Form
// Post Response Mode), in bytes.
const maxBody = 64 << 10

// callbackSize is the length of what follows [Prefix]: 16 bytes in base 32.
const callbackSize = 26

// receiver is the part of the vault that takes what a browser brings.
type receiver interface {
	ReceiveAuthorization(ctx context.Context, in *vaultv1.ReceiveAuthorizationRequest, opts ...grpc.CallOption) (*vaultv1.ReceiveAuthorizationResponse, error)
}

// New returns the handler of all paths that begin with [Prefix].
func New(vault receiver) http.Handler { return &handler{vault: vault} }

type handler struct{ vault receiver }

// ServeHTTP takes one answer of a provider.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	setHeader(w.Header())
	if !known(callback(r)) {
		render(w, http.StatusNotFound, page{Title: "Not connected", Reason: "no sign-in has this redirect URL; begin the sign-in again"})
		return
	}
	req, err := read(w, r)
	if err != nil {
		show(w, err)
		return
	}
	// The browser is nobody's: the gateway passes on what it brings in its own name.
	res, err := h.vault.ReceiveAuthorization(grpcx.AsService(r.Context()), req)
	switch {
	case err != nil:
		show(w, err)
	case res.GetReturnUrl() != "":
		w.Header().Set("Location", res.GetReturnUrl())
		w.WriteHeader(http.StatusSeeOther)
	case res.GetReason() != "":
		render(w, http.StatusBadRequest, page{
			Title: "Not connected", Reason: res.GetReason(), Connection: res.GetConnectionId(), Principal: res.GetPrincipal(),
		})
	default:
		render(w, http.StatusOK, page{
			Title: "Almost done", Confirmation: res.GetConfirmation(), Connection: res.GetConnectionId(), Principal: res.GetPrincipal(),
			APIs: res.GetApiOrigins(),
		})
	}
}

// setHeader keeps the page, and the code in its URL, to itself.
func setHeader(header http.Header) {
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
}

func read(w http.ResponseWriter, r *http.Request) (*vaultv1.ReceiveAuthorizationRequest, error) {
	values, err := values(w, r)
	if err != nil {
		return nil, err
	}
	// A provider says nothing twice (RFC 6749, section 3.1). Who does is not one.
	for _, name := range []string{"state", "code", "error", "iss"} {
		if len(values[name]) > 1 {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the answer of the provider holds %q more than once", name)
		}
	}
	if values.Get("state") == "" {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the answer of the provider has no state; begin the sign-in again")
	}
	req := &vaultv1.ReceiveAuthorizationRequest{
		State: values.Get("state"), Code: values.Get("code"), Error: clip(values.Get("error"), 256),
		ErrorDescription: clip(values.Get("error_description"), 4096), Issuer: values.Get("iss"),
		Callback: callback(r),
	}
	for _, text := range []string{req.GetState(), req.GetCode(), req.GetIssuer()} {
		if !utf8.ValidString(text) {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the answer of the provider is not UTF-8 text")
		}
	}
	return req, nil
}

// callback returns what follows [Prefix], as it was sent: nothing is decoded, because
// providers send browsers to exactly what was registered.
func callback(r *http.Request) string { return strings.TrimPrefix(r.URL.EscapedPath(), Prefix) }

// known reports whether something can be the last segment of a redirect URL.
func known(callback string) bool {
	return len(callback) == callbackSize && !strings.ContainsFunc(callback, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < '2' || c > '7')
	})
}

func values(w http.ResponseWriter, r *http.Request) (url.Values, error) {
	switch r.Method {
	case http.MethodGet:
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the answer of the provider cannot be read")
		}
		return values, nil
	case http.MethodPost:
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			return nil, fault.Invalid(fault.ReasonInvalidArgument, "the answer of the provider cannot be read")
		}
		return r.PostForm, nil
	}
	w.Header().Set("Allow", "GET, POST")
	return nil, fault.Unimplemented(fault.ReasonInvalidArgument, "providers send browsers here with GET or POST")
}

// clip cuts what is shown to people.
func clip(text string, limit int) string {
	text = strings.ToValidUTF8(text, "\uFFFD")
	for len(text) > limit {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return text
}

// page is what the person is shown.
type page struct {
	Title, Reason, Confirmation, Connection, Principal string
	APIs                                               []string // where the token may be used
}

// layout is the page around the text, with one %s each for title, heading and text.
//
//go:embed page.html
var layout string

// html returns the page. It is put together by hand and not with html/template,
// which would make every program that has a gateway a quarter larger; everything
// that comes from outside goes through [html.EscapeString], and only between tags.
func (p page) html() string {
	connection, principal := html.EscapeString(p.Connection), html.EscapeString(p.Principal)
	var text strings.Builder
	if p.Confirmation != "" {
		fmt.Fprintf(&text, "<p>Enter this code where you began to make the connection <b>%s</b>:</p>\n", connection)
		fmt.Fprintf(&text, "<p><code>%s</code></p>\n", html.EscapeString(p.Confirmation))
		if len(p.APIs) > 0 {
			fmt.Fprintf(&text, "<p>What you allowed will be used at <b>%s</b>.</p>\n", html.EscapeString(strings.Join(p.APIs, ", ")))
		}
		fmt.Fprintf(&text, "<p><small>The sign-in was begun by <b>%s</b>. If that is not you, close this page and give the code to nobody: "+
			"whoever has it can use your account at the provider.</small></p>", principal)
	} else {
		fmt.Fprintf(&text, "<p>%s</p>\n", html.EscapeString(p.Reason))
		if p.Connection != "" {
			fmt.Fprintf(&text, "<p><small>Connection %s, begun by %s.</small></p>\n", connection, principal)
		}
		text.WriteString("<p><small>You may close this page and begin again where you came from.</small></p>")
	}
	title := html.EscapeString(p.Title)
	return fmt.Sprintf(layout, title, title, text.String())
}

func show(w http.ResponseWriter, err error) {
	f := grpcx.FromStatus(err)
	status := http.StatusBadRequest
	switch f.Code() { //nolint:exhaustive // all others are the sign-in's own fault
	case fault.CodeUnavailable, fault.CodeDeadlineExceeded:
		status = http.StatusServiceUnavailable
	case fault.CodeInternal, fault.CodeUnknown:
		status = http.StatusInternalServerError
	case fault.CodeUnimplemented:
		status = http.StatusMethodNotAllowed
	}
	render(w, status, page{Title: "Not connected", Reason: f.Message()})
}

func render(w http.ResponseWriter, status int, p page) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, p.html()) // the browser is gone if this fails
}
