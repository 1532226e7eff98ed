package pipeline

import (
	"context"
	"io"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/resilience"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/usage"
)

// Upload is a body that is sent as it arrives.
type Upload struct {
	// ContentType is its media type.
	ContentType string
	// Length is its length in bytes, -1 if it is not known.
	Length int64
	// Body is the content; whoever sends it closes it.
	Body io.ReadCloser
}

// Stream runs a call without holding bodies: upload is nil if the body, if any, is
// in the input. It returns as soon as the answer's header is there; the caller
// closes the body, and with it the call ends. A refused token is not renewed, and
// nothing is sent twice but in answer to a challenge. Policies and custom code that
// work on bodies are refused. A body that is part of a signature is kept, up to
// [inject.MaxBody]; so is one that may meet a challenge, while a longer one of these
// is streamed.
func (p *Pipeline) Stream(ctx context.Context, c *Call, upload *Upload) (*http.Response, error) {
	start := p.clock.Now()
	resp, err := p.stream(ctx, c, upload)
	err = c.handles.HideError(err)
	series, sample := p.unbound, usage.Sample{Elapsed: p.clock.Now().Sub(start)}
	if c.operation != nil {
		series, sample.Connection = c.operation.series, c.Binding.Connection.ID
	}
	if upload != nil && upload.Length > 0 {
		sample.RequestBytes = upload.Length
	}
	if resp != nil {
		sample.Status, sample.ResponseBytes = resp.StatusCode, max(resp.ContentLength, 0)
	}
	series.Record(ctx, sample)
	return resp, err
}

func (p *Pipeline) stream(ctx context.Context, c *Call, upload *Upload) (*http.Response, error) {
	if err := p.prepareStream(ctx, c, upload); err != nil {
		return nil, err
	}
	key := resilience.Key{Connection: c.Connection, Host: c.Binding.Endpoint(c.request.Base)}
	pass, err := p.guard.Enter(ctx, key)
	if err != nil {
		return nil, err
	}
	resp, err := p.sendStream(ctx, c, upload)
	c.request.Header = nil // secrets are in it
	if p.answers != nil && c.changes && (err != nil || resp.StatusCode < http.StatusBadRequest) {
		p.answers.Forget(c.Connection)
	}
	if err != nil {
		pass.Leave(resilience.OutcomeOf(nil, err))
		return nil, err
	}
	resp.Body = &passing{ReadCloser: resp.Body, leave: func() { pass.Leave(resilience.OutcomeOfStatus(resp.StatusCode)) }}
	upstream.CleanHeader(resp.Header)
	c.Binding.Credential.RedactAll(resp.Header)
	e := p.applied(c)
	e.Request, e.Response = &c.seen, &upstream.Response{Status: resp.StatusCode, Header: resp.Header}
	if err := policy.Run(ctx, c.operation.policies.Response, e); err != nil {
		_ = resp.Body.Close()
		return nil, Made(err, resp.StatusCode, c.operation.repeatable(c))
	}
	c.handles.HideAll(resp.Header)
	return resp, nil
}

// prepareStream builds the request, with handles in it.
func (p *Pipeline) prepareStream(ctx context.Context, c *Call, upload *Upload) error {
	found := func(_ context.Context, c *Call) (err error) {
		c.operation, err = c.Binding.Revision.operation(ctx, c.OperationID)
		return err
	}
	if err := authenticate(ctx, c, func(ctx context.Context, c *Call) error { return p.bind(ctx, c, found) }); err != nil {
		return err
	}
	op := c.operation
	if c.Binding.Mock || op.script != nil || op.polls || op.policies.NeedsRequestBody || op.policies.NeedsResponseBody {
		return fault.Unimplemented(fault.ReasonOperationNotSupported,
			"calls of operation %q pass something that works on whole bodies, and cannot be streamed; invoke it with a body of at most 10 MiB", c.OperationID).
			With("operation", c.OperationID)
	}
	plan := op.plan
	if upload != nil {
		if err := plan.CheckUpload(upload.ContentType); err != nil {
			return err
		}
		plan = plan.WithoutBody()
	}
	arguments, err := plan.Read(c.Input)
	if err != nil {
		return err
	}
	c.arguments = arguments
	if c.request.Base, err = c.Binding.BaseOf(plan.Source()); err != nil {
		return err
	}
	if err := plan.Build(arguments, &c.request); err != nil {
		return err
	}
	if upload != nil {
		c.request.SetHeader("Content-Type", upload.ContentType)
	}
	c.request.SetHeader("Accept-Encoding", "identity")
	return nil
}

// sendStream places the credential and sends.
func (p *Pipeline) sendStream(ctx context.Context, c *Call, upload *Upload) (*http.Response, error) {
	steps := chain(placeHandles, p.applyRequestPolicies, noteRequest, requireProof)
	if err := steps(ctx, c); err != nil {
		return nil, err
	}
	upload, err := c.keepUpload(upload)
	if err != nil {
		return nil, err
	}
	if err := c.Binding.CheckRequest(&c.request); err != nil {
		return nil, err
	}
	if err := c.handles.Reveal(&c.request); err != nil {
		return nil, err
	}
	if err := p.pay(ctx, c.Binding, c.operation.rates, c.operation.cost); err != nil {
		return nil, err
	}
	if err := c.handles.Finish(ctx, &c.request, p.clock.Now(), upload != nil); err != nil {
		return nil, err
	}
	resp, err := p.streamOut(ctx, c, upload)
	if err != nil {
		return nil, err
	}
	again, err := c.handles.Challenged(ctx, &c.request, p.clock.Now(), inject.Answered{
		Status: resp.StatusCode, Header: resp.Header, Streamed: upload != nil,
	})
	if again || err != nil {
		_ = resp.Body.Close()
	}
	if again && err == nil {
		resp, err = p.streamOut(ctx, c, nil) // a body that is gone was an error
	}
	if err != nil {
		return nil, err
	}
	p.NoteAnswer(ctx, &c.handles, c.ask(), c.Binding, Heard{c.request.Base, resp.StatusCode})
	return resp, nil
}

// keepUpload makes what is uploaded the body of the request if the proof needs it,
// and returns what is left to be streamed; nil for nothing.
func (c *Call) keepUpload(upload *Upload) (*Upload, error) {
	if upload == nil {
		return nil, nil //nolint:nilnil // nothing is uploaded, and nothing went wrong
	}
	kept, err := c.handles.Body(&c.request).Keep(upload.Body, upload.Length)
	if err != nil {
		return nil, err
	}
	if kept.Rest == nil {
		c.request.Body = kept.Content
		return nil, nil //nolint:nilnil // as above
	}
	return &Upload{ContentType: upload.ContentType, Length: upload.Length, Body: kept.Rest}, nil
}

// streamOut sends the proved request, with what is uploaded or the body in it.
func (p *Pipeline) streamOut(ctx context.Context, c *Call, upload *Upload) (*http.Response, error) {
	p.NoteUse(&c.handles, c.ask(), c.Binding.Endpoint(c.request.Base))
	c.goesOut(c.request.Method)
	in := upstream.Streaming{Length: int64(len(c.request.Body))}
	if upload != nil {
		in.Body, in.Length = upload.Body, upload.Length
	}
	return p.client.Stream(ctx, &c.request, in, &upstream.Attempt{
		Operation: c.OperationID, Host: c.request.Base.Host, Repeatable: c.operation.repeatable(c),
		Redact: c.Binding.Credential.Redact, Identity: c.handles.Identity(),
	})
}

// passing is the body of an answer; closing it ends the call.
type passing struct {
	io.ReadCloser

	leave func()
}

// Close implements [io.Closer]. It is called once.
func (b *passing) Close() error {
	err := b.ReadCloser.Close()
	if b.leave != nil {
		b.leave()
		b.leave = nil
	}
	return err
}
