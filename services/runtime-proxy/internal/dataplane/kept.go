package dataplane

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// kept is what an exchange has to do with answers that are kept.
type kept struct {
	epoch    cache.Epoch    // zero if no answer to the request is kept
	known    *pipeline.Kept // nil if nothing was looked for
	replayed bool           // the API did not give the answer
}

// ask gets the request answered: by what is kept, or else by the API. Where nothing
// is kept for a connection nothing is looked for, and an answer that says nothing
// about being kept costs no more than the question whether it does.
func (h *Handler) ask(ctx context.Context, x *exchange) error {
	if x.in.Method != http.MethodGet && x.in.Method != http.MethodHead { // what is safe of the others is not kept
		return h.askAPI(ctx, x)
	}
	x.kept.epoch = h.deps.Pipeline.Epoch(x.target.connection)
	if !x.kept.epoch.Known() || x.in.ContentLength != 0 {
		x.kept.epoch = cache.Epoch{}
		return h.askAPI(ctx, x)
	}
	if wish := cache.WishOf(x.in.Header); wish != (cache.Wish{}) || x.kept.epoch.Kept() {
		if found, err := h.recall(ctx, x, wish); found || err != nil {
			return err
		}
	}
	err := h.askAPI(ctx, x)
	if x.method != "" && !safe(x.method) { // a policy made it another request
		return err
	}
	return h.settle(ctx, x, err)
}

// askAPI sends the request. Once one that is not safe, as it came or as it went out,
// may have changed something, nothing is good any more that was kept (RFC 9111,
// section 4.4).
func (h *Handler) askAPI(ctx context.Context, x *exchange) error {
	err := h.attempts(ctx, x)
	if x.method == "" || (safe(x.in.Method) && safe(x.method)) {
		return err
	}
	if fault.ReasonOf(err) == fault.ReasonOutcomeUnknown || (err == nil && x.answer.StatusCode < http.StatusBadRequest) {
		h.deps.Pipeline.Changed(ctx, x.target.connection, &x.through, x.in.Method, x.target.path)
	}
	return err
}

// safe reports whether a method changes nothing (RFC 9110, section 9.2.1, and others).
func safe(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND", "REPORT", "SEARCH", "QUERY":
		return true
	}
	return false
}

// recall answers with what is kept, if the caller takes that.
func (h *Handler) recall(ctx context.Context, x *exchange, wish cache.Wish) (found bool, err error) {
	if wish.Apart {
		x.kept.epoch = cache.Epoch{}
	} else if x.kept.epoch.Kept() {
		if x.kept.known, err = h.lookUp(ctx, x); err != nil {
			return false, err
		}
	}
	if k := x.kept.known; k != nil {
		if answer, ok := k.Answer(wish); ok {
			x.give(answer)
			return true, nil
		}
	}
	if wish.Only {
		return false, pipeline.NoneKept()
	}
	if x.in.Method == http.MethodHead { // its answer says nothing about what is kept
		x.kept.known = nil
	}
	return false, nil
}

// lookUp finds what is known about the answer to the request; nil if its answers are
// not kept. What is kept of GET answers HEAD too.
func (h *Handler) lookUp(ctx context.Context, x *exchange) (*pipeline.Kept, error) {
	if err := buildRequest(ctx, x); err != nil {
		return nil, err
	}
	asked := x.request
	x.request = request.Request{}
	if x.base == (request.Base{}) { // or it is known already where a policy has sent it
		x.base = asked.Base
	}
	asked.Method = http.MethodGet
	return h.deps.Pipeline.Kept(ctx, &pipeline.Streamed{
		Ask: x.ask, Binding: x.binding, Through: &x.through, Epoch: x.kept.epoch, Request: asked, Sent: x.start,
	}), nil
}

// askAbout makes the request one about what is kept.
func askAbout(_ context.Context, x *exchange) error {
	if x.kept.known != nil {
		x.kept.known.Ask(&x.request)
	}
	return nil
}

// settle takes the API's answer, or its failure: what is kept may be given instead,
// or else the answer may be one to keep.
func (h *Handler) settle(ctx context.Context, x *exchange, err error) error {
	status, header := 0, http.Header(nil)
	if err == nil {
		status, header = x.answer.StatusCode, x.answer.Header
	}
	if k := x.kept.known; k != nil {
		x.clean(header)
		if answer, ok := k.Settle(status, header); ok {
			h.replace(x, err, answer)
			return nil
		}
	}
	if err != nil || x.in.Method != http.MethodGet || !x.kept.epoch.Known() || !x.through.MayKeep(status, header) {
		return err
	}
	return h.keep(ctx, x)
}

// replace gives what is kept instead of the API's answer. How the API does is noted
// before that is forgotten.
func (h *Handler) replace(x *exchange, err error, answer *upstream.Response) {
	outcome := resilience.OutcomeOf(nil, err)
	if err == nil {
		outcome = resilience.OutcomeOfStatus(x.answer.StatusCode)
		_ = x.answer.Body.Close()
	}
	x.leave(outcome)
	x.give(answer)
}

// keep lets the answer be kept once all of it has passed.
func (h *Handler) keep(ctx context.Context, x *exchange) error {
	resp := x.answer
	if x.kept.known == nil {
		var err error
		if x.kept.known, err = h.lookUp(ctx, x); err != nil || x.kept.known == nil {
			return err
		}
	}
	x.clean(resp.Header)
	if resp.ContentLength > cache.MaxAnswer || !x.kept.known.Storable(resp.StatusCode, resp.Header) {
		return nil
	}
	whole := &upstream.Response{Status: resp.StatusCode, Header: resp.Header.Clone()}
	whole.Header.Del("Content-Length") // it is that of the body, whoever gets it
	k := &keeping{ReadCloser: resp.Body, known: x.kept.known, answer: whole, came: h.deps.Clock.Now()}
	if resp.Body == http.NoBody {
		k.known.Keep(whole, k.came)
		return nil
	}
	resp.Body = k
	return nil
}

// clean takes out of a header what must be neither kept nor passed on.
func (x *exchange) clean(header http.Header) {
	upstream.CleanHeader(header)
	x.binding.Credential.RedactAll(header)
}

// give makes an answer that is kept the one of the exchange.
func (x *exchange) give(answer *upstream.Response) {
	x.kept.replayed, x.kept.known = true, nil
	x.handles = x.binding.Credential.Handles()
	x.answer = whole(x.in, answer) //nolint:bodyclose // forward closes it
}

// whole is an answer that is in memory, as the one who asked gets it: not modified
// if he has it, and without a body if he wants none.
func whole(in *http.Request, answer *upstream.Response) *http.Response {
	out := &http.Response{StatusCode: answer.Status, Header: answer.Header, Body: http.NoBody}
	out.Header.Del("Content-Length")
	safe := in.Method == http.MethodGet || in.Method == http.MethodHead
	if out.StatusCode == http.StatusOK && safe && cache.NotModified(in.Header, out.Header) {
		out.StatusCode = http.StatusNotModified
		cache.KeepOfNotModified(out.Header)
	}
	if out.StatusCode == http.StatusNoContent || out.StatusCode == http.StatusNotModified {
		return out
	}
	if in.Method != http.MethodHead || len(answer.Body) > 0 { // an answer to HEAD itself says nothing about it
		out.Header.Set("Content-Length", strconv.Itoa(len(answer.Body)))
	}
	if in.Method != http.MethodHead && len(answer.Body) > 0 {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(answer.Body)), int64(len(answer.Body))
	}
	return out
}

// keeping is the body of an answer that is kept once it has come to its end.
type keeping struct {
	io.ReadCloser

	known  *pipeline.Kept // nil once there is nothing more to do
	answer *upstream.Response
	came   time.Time
}

// Read implements [io.Reader].
func (k *keeping) Read(p []byte) (int, error) {
	n, err := k.ReadCloser.Read(p)
	if k.known == nil {
		return n, err
	}
	if len(k.answer.Body)+n > cache.MaxAnswer {
		k.known, k.answer = nil, nil
		return n, err
	}
	k.answer.Body = append(k.answer.Body, p[:n]...)
	if errors.Is(err, io.EOF) {
		k.known.Keep(k.answer, k.came)
		k.known = nil
	}
	return n, err
}
