package sandbox

import (
	"context"
	"encoding/json"
	"fmt"
)

// answer answers a script's question. The script does not run while others are
// asked for the answer, and it goes on when its turn has come again.
func (c *conversation) answer(ctx context.Context, f frame) (replyHead, []byte, error) {
	var head callHead
	if err := json.Unmarshal(f.head, &head); err != nil {
		reply, body := refusal(err)
		return reply, body, nil
	}
	waits := head.waits()
	if waits {
		c.place.pause()
	}
	reply, body := c.settle(ctx, f, head)
	if err := ctx.Err(); err != nil {
		return reply, nil, err
	}
	if waits {
		if err := c.place.resume(ctx); err != nil {
			return reply, nil, err
		}
	}
	return reply, body, nil
}

// waits reports whether the answer comes from beyond the host: everything else is
// computed in no time.
func (h *callHead) waits() bool {
	switch h.Name {
	case "send", "callbackUrl", "state.get", "state.set", "state.delete":
		return true
	}
	return false
}

// settle puts a script's question to the host. Over the limits, it is not put:
// the call stops.
func (c *conversation) settle(ctx context.Context, f frame, head callHead) (replyHead, []byte) {
	var a argument
	if c.invocation == nil {
		return refusal(fmt.Errorf("a check has no host"))
	}
	if c.countCall(head); c.limit != nil {
		return replyHead{Stop: true}, nil
	}
	body := f.bodies[0]
	if head.Kept != 0 {
		body = c.kept(head.Kept)
	}
	if head.Name == "send" {
		return c.send(ctx, head, body)
	}
	if err := json.Unmarshal(head.Argument, &a); err != nil {
		return refusal(err)
	}
	value, answer, err := c.put(ctx, head.Name, a, body, f.bodies[1])
	if err != nil {
		return refusal(err)
	}
	reply := replyHead{}
	if value != nil {
		if reply.Value, err = json.Marshal(value); err != nil {
			return refusal(err)
		}
	}
	return reply, answer
}

// countCall counts a question, and notes the limit that it goes over.
func (c *conversation) countCall(head callHead) {
	c.result.HostCalls++
	if head.Name == "send" {
		c.result.Sends++
	}
	switch {
	case c.limit != nil:
	case c.result.HostCalls > c.limits.HostCalls:
		c.limit = exceeded(LimitHostCalls, int64(c.limits.HostCalls), "the script asks more of the host than it may in one call")
	case c.result.Sends > c.limits.Sends:
		c.limit = exceeded(LimitSends, int64(c.limits.Sends), "the script sends more requests than it may in one call")
	case int64(len(head.Argument)) > c.limits.Output:
		c.limit = exceeded(LimitOutput, c.limits.Output, "the script gives out more than it may")
	}
}

// put asks the host everything but to send. A value is for the script as JSON, a
// body as bytes.
func (c *conversation) put(ctx context.Context, name string, a argument, first, second []byte) (value any, body []byte, err error) {
	host := c.invocation.Host
	switch name {
	case "parameter":
		text, found, err := host.Parameter(ctx, a.Name)
		if err != nil || !found {
			return nil, nil, err
		}
		return text, nil, nil
	case "callbackUrl":
		text, err := host.CallbackURL(ctx, a.Path)
		return text, nil, err
	case "state.get":
		stored, err := host.LoadState(ctx, a.Key)
		if err != nil || len(stored) == 0 {
			return nil, nil, err
		}
		return stored, nil, nil
	case "state.set":
		return nil, nil, host.StoreState(ctx, a.Key, a.Value)
	case "state.delete":
		return nil, nil, host.StoreState(ctx, a.Key, nil)
	case "digest":
		body, err := host.Digest(ctx, Digest{Algorithm: a.Algorithm, Keyed: a.Keyed, Key: first, Data: second})
		if err != nil || a.Encoding == "" {
			return nil, body, err
		}
		// The host encodes it: what it computed of a secret is a handle.
		text, err := host.Encode(ctx, a.Encoding, body)
		return text, nil, err
	case "encode":
		text, err := host.Encode(ctx, a.Encoding, first)
		return text, nil, err
	case "decode":
		body, err := host.Decode(ctx, a.Encoding, a.Text)
		return nil, body, err
	default:
		return nil, nil, fmt.Errorf("the host knows no %q", name)
	}
}

// send has the host send a request.
func (c *conversation) send(ctx context.Context, head callHead, body []byte) (replyHead, []byte) {
	var m messageHead
	if err := json.Unmarshal(head.Argument, &m); err != nil {
		return refusal(err)
	}
	response, err := c.invocation.Host.Send(ctx, m.request(body))
	if err != nil {
		return refusal(err)
	}
	if int64(len(response.Body)) > c.limits.Input {
		return refusal(fmt.Errorf("the answer has %d bytes, more than the %d that a script may be given", len(response.Body), c.limits.Input))
	}
	value, err := json.Marshal(response.head())
	if err != nil {
		return refusal(err)
	}
	return replyHead{Value: value}, response.Body
}

// refusal is an error that the script may catch.
func refusal(err error) (replyHead, []byte) {
	text := clipped(err.Error(), maxMessage)
	return replyHead{Error: &text}, nil
}
