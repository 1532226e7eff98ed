package dataplane

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/requestlog"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// sealedPath is what the path of a sealed link begins with (package links).
const sealedPath = "/~/"

// openLink makes the request one of the link that it names, if it is a sealed one:
// those lead out of the API's own path, or belong to an operation whose path it is
// not.
func (h *Handler) openLink(_ context.Context, x *exchange) error {
	if !strings.HasPrefix(x.target.path, sealedPath) {
		return nil
	}
	maker, err := h.deps.Pipeline.Links(x.binding, nil)
	if err != nil {
		return err
	}
	raw := "/v1/" + x.target.connection.String() + "/proxy" + x.target.path
	if x.target.query != "" {
		raw += "?" + x.target.query
	}
	opened, err := maker.Read(raw)
	if err != nil {
		return err
	}
	head := x.in.Method == http.MethodHead && opened.Method == http.MethodGet
	if opened.Operation != "" && opened.Method != x.in.Method && !head {
		return links.Invalid("it is for the method %s", opened.Method)
	}
	base, path, query, err := maker.Place(opened.URL)
	if err != nil {
		return err
	}
	x.target.base, x.target.path, x.target.query, x.linked = &base, path, query, opened.Operation
	return nil
}

// answerMock answers for a connection that speaks to no API.
func answerMock(x *exchange) error {
	answer, ok := x.binding.Revision.Mock(x.in.Method, x.target.path)
	if !ok {
		return fault.NotFound(fault.ReasonOperationNotFound,
			"the connection is a mock, and its connector describes no operation with this method and path; look at its operations")
	}
	header := x.out.Header()
	maps.Copy(header, answer.Header)
	header.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	x.status = answer.Status
	x.out.WriteHeader(answer.Status)
	if _, err := x.out.Write(answer.Body); err != nil {
		return errBroken
	}
	return nil
}

// enter waits for the request's turn and pays for it.
func (h *Handler) enter(ctx context.Context, x *exchange) error {
	x.leave(resilience.OutcomeOfStatus(http.StatusUnauthorized)) // an attempt before this one was refused
	pass, err := h.deps.Pipeline.Enter(ctx, x.binding, &x.through, x.binding.Endpoint(x.request.Base))
	if err != nil {
		return err
	}
	x.pass, x.entered = pass, true
	return nil
}

// leave gives the turn back.
func (x *exchange) leave(outcome resilience.Outcome) {
	if x.entered {
		x.entered = false
		x.pass.Leave(outcome)
	}
}

// outcome is what the exchange says about the API's health.
func (x *exchange) outcome(err error) resilience.Outcome {
	if x.status > 0 {
		return resilience.OutcomeOfStatus(x.status)
	}
	return resilience.OutcomeOf(nil, err)
}

// record is an exchange that is being logged.
type record struct {
	entry    requestlog.Exchange
	tap      *requestlog.Tap
	request  *requestlog.Body
	response *requestlog.Body
}

// log begins to log the exchange, if somebody looks at the connection. It comes
// when the request is finished, and before it is forgotten.
func (h *Handler) log(x *exchange) {
	tap := h.deps.Pipeline.Tap(x.target.connection)
	if tap == nil {
		return
	}
	r := &record{tap: tap, entry: requestlog.Exchange{
		Time: h.deps.Clock.Now(), Operation: usage.PassThrough, Principal: x.ask.Principal.Name,
		Method: x.request.Method, URL: x.request.URL(), RequestHeader: x.request.Clone().Header, Attempt: 1,
		Redact: x.handles.Conceal, Secret: x.binding.Credential.Names(),
	}}
	if x.record != nil {
		r.entry.Attempt = x.record.entry.Attempt + 1
		x.record.end(nil, x.record.entry.Time, h.deps.Clock.Now())
	}
	switch {
	case x.body.buffered:
		r.request = tap.Body(io.NopCloser(bytes.NewReader(x.body.content)))
		_, _ = io.Copy(io.Discard, r.request) // it is in memory
	case x.in.Body != nil && x.in.Body != http.NoBody:
		r.request = tap.Body(x.in.Body)
		x.in.Body = r.request
	}
	x.record = r
}

// answered notes the answer of an exchange that is being logged.
func (r *record) answered(resp *http.Response) {
	if r == nil || resp == nil {
		return
	}
	r.entry.Status, r.entry.ResponseHeader = resp.StatusCode, resp.Header.Clone()
	if resp.Body != http.NoBody {
		r.response = r.tap.Body(resp.Body)
		resp.Body = r.response
	}
}

// end writes the entry.
func (r *record) end(err error, start, now time.Time) {
	if r == nil {
		return
	}
	r.entry.Err, r.entry.Latency = err, now.Sub(start)
	if r.request != nil {
		r.entry.RequestBody, r.entry.RequestBytes = r.request.Seen()
	}
	if r.response != nil {
		r.entry.ResponseBody, r.entry.ResponseBytes = r.response.Seen()
	}
	r.tap.Exchange(context.Background(), &r.entry) // it only queues
}
