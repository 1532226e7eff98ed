package pipeline

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/idempotency"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// kept is an answer as it is remembered under an idempotency key.
type kept struct {
	Status int         `json:"status"`
	Header http.Header `json:"header,omitempty"`
	Body   []byte      `json:"body,omitempty"`
	Next   string      `json:"next,omitempty"`
}

// once makes the exchange, or answers with that of an earlier call with the same
// idempotency key.
func (p *Pipeline) once(exchange Next) Step {
	return func(ctx context.Context, c *Call, next Next) error {
		var err error
		if c.IdempotencyKey == "" {
			err = exchange(ctx, c)
		} else {
			err = p.exchangeOnce(ctx, c, exchange)
		}
		if err != nil {
			return err
		}
		return next(ctx, c)
	}
}

func (p *Pipeline) exchangeOnce(ctx context.Context, c *Call, exchange Next) error {
	if p.keys == nil {
		return fault.Unavailable(fault.ReasonServiceUnavailable, "idempotency keys are not available on this server; call without one")
	}
	deadline, _ := ctx.Deadline() // limitTime has set one
	claim, err := p.keys.Begin(ctx, idempotency.Ask{
		Connection: c.Connection, Principal: c.principal, Instance: c.Binding.LinkKey, Subject: c.Subject.Fingerprint(), Key: c.IdempotencyKey,
		Fingerprint: idempotency.FingerprintOf(c.OperationID, c.Link, c.Input), Deadline: deadline, Repeatable: c.operation.surelyRepeatable(c),
	})
	if err != nil {
		return err
	}
	if answer, ok := claim.Replay(); ok {
		return c.replay(answer)
	}
	err = exchange(ctx, c)
	claim.Repeatable(c.operation.repeatable(c)) // by what went out
	settle := context.WithoutCancel(ctx)        // what is known must be kept, whoever has left
	switch {
	case err != nil:
		if how, made := failureOf(err); made {
			_ = claim.Made(settle, how)
		} else {
			_ = claim.Fail(settle, err, c.Attempts) // what cannot be kept counts as unknown
		}
	case !p.outcome(c).Final():
		_ = claim.Release(settle)
	default:
		_ = claim.Complete(settle, c.keep())
	}
	return err
}

// outcome says what the answer means to later calls with the key: what callers are told
// about it decides.
func (p *Pipeline) outcome(c *Call) idempotency.Outcome {
	repeatable := c.operation.repeatable(c)
	problem := c.operation.rules.Diagnose(c.Response, p.clock.Now(), repeatable, c.Binding.Credential.Redact)
	return idempotency.Outcome{Status: c.Response.Status, Retryable: problem != nil && problem.Retryable, Repeatable: repeatable}
}

// keep writes the answer down.
func (c *Call) keep() []byte {
	answer, err := json.Marshal(kept{c.Response.Status, c.Response.Header, c.Response.Body, c.NextLink})
	if err != nil { // numbers, texts and bytes
		return nil
	}
	return answer
}

// replay makes an earlier answer that of this call.
func (c *Call) replay(answer []byte) error {
	var was kept
	if err := json.Unmarshal(answer, &was); err != nil {
		return fault.Internal(fault.ReasonInternal, "the answer of the earlier call cannot be read").Because(err)
	}
	if was.Header == nil {
		was.Header = http.Header{}
	}
	c.Response, c.NextLink, c.Replayed = &upstream.Response{Status: was.Status, Header: was.Header, Body: was.Body}, was.Next, true
	return nil
}
