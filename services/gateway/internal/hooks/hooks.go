// Package hooks is the webhook ingress: it hands notifications that APIs send
// to callback URLs to the trigger service, byte for byte, and answers only when
// that has said that the event is safe.
//
// Nobody authenticates here: the token in the path is the secret, and the
// trigger service checks the API's signature.
package hooks

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/httperr"
)

// Prefix starts the path of every callback URL; the token follows.
const Prefix = "/hooks/"

// Limits of a notification, as the trigger service states them.
const (
	// MaxBody bounds its body.
	MaxBody = 1 << 20
	// maxHeaders bounds the number of its header field lines.
	maxHeaders = 256
	// maxToken bounds the token, and maxSuffix what an API adds to the path behind it.
	maxToken  = 256
	maxSuffix = 256
)

// Ingress is the part of the trigger service that takes notifications.
type Ingress interface {
	IngestWebhook(ctx context.Context, in *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error)
}

// Remote is the Ingress of a trigger service that is reached over gRPC.
func Remote(trigger triggerv1.TriggerServiceClient) Ingress { return remote{trigger} }

type remote struct {
	trigger triggerv1.TriggerServiceClient
}

// IngestWebhook implements [Ingress]. The API's notification is nobody's request: the
// gateway passes it on in its own name.
func (r remote) IngestWebhook(ctx context.Context, in *triggerv1.IngestWebhookRequest) (*triggerv1.IngestWebhookResponse, error) {
	return r.trigger.IngestWebhook(grpcx.AsService(ctx), in)
}

// New returns the handler of all paths below [Prefix].
func New(to Ingress) http.Handler { return &handler{to: to} }

type handler struct{ to Ingress }

// ServeHTTP takes one notification.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	req, err := read(w, r)
	if err != nil {
		httperr.Write(w, err)
		return
	}
	res, err := h.to.IngestWebhook(r.Context(), req)
	if err != nil {
		httperr.Write(w, err)
		return
	}
	answer(w, r, res)
}

// answer writes what the trigger service says. What it reflects of a stranger's
// handshake must never become a page: browsers are told not to guess, and a body
// without a type is text.
func answer(w http.ResponseWriter, r *http.Request, res *triggerv1.IngestWebhookResponse) {
	h := w.Header()
	for _, line := range res.GetHeaders() {
		h.Add(line.GetName(), string(line.GetValue()))
	}
	h.Set("X-Content-Type-Options", "nosniff")
	if len(res.GetBody()) > 0 && h.Get("Content-Type") == "" {
		h.Set("Content-Type", "text/plain; charset=utf-8")
	}
	w.WriteHeader(int(res.GetStatusCode()))
	if r.Method != http.MethodHead {
		_, _ = w.Write(res.GetBody()) // who does not read the answer asks again
	}
}

func read(w http.ResponseWriter, r *http.Request) (*triggerv1.IngestWebhookRequest, error) {
	token, suffix := strings.TrimPrefix(r.URL.Path, Prefix), ""
	if end := strings.IndexByte(token, '/'); end >= 0 {
		token, suffix = token[:end], token[end:]
	}
	if token == "" || len(token) > maxToken || len(suffix) > maxSuffix || !utf8.ValidString(suffix) {
		return nil, fault.NotFound(fault.ReasonWebhookUnknown, "no subscription listens at this callback URL")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if errors.As(err, new(*http.MaxBytesError)) {
		return nil, fault.Invalid(fault.ReasonWebhookTooLarge, "the notification's body is larger than %d bytes", MaxBody)
	}
	if err != nil {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the notification's body could not be read").Because(err)
	}
	req := &triggerv1.IngestWebhookRequest{Token: token, Suffix: suffix, Method: r.Method, Query: []byte(r.URL.RawQuery), Body: body}
	for name, values := range r.Header { // names are tokens (RFC 9110, section 5.1): ASCII
		for _, value := range values {
			req.Headers = append(req.Headers, &triggerv1.WebhookHeader{Name: name, Value: []byte(value)})
		}
	}
	if len(req.GetHeaders()) > maxHeaders {
		return nil, fault.Invalid(fault.ReasonWebhookTooLarge, "the notification has more than %d header lines", maxHeaders)
	}
	return req, nil
}
