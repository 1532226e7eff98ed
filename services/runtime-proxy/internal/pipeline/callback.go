package pipeline

import (
	"context"
	"maps"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/binding"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/callback"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// callbacksPath is where the gateway takes callbacks.
const callbacksPath = "/callbacks/"

// callbackURL returns the public URL that runs an operation of the connector with
// the connection of the call.
func (p *Pipeline) callbackURL(ctx context.Context, c *Call, path string) (string, error) {
	if p.callbacks == nil || p.publicURL == "" {
		return "", fault.Precondition(fault.ReasonOperationNotSupported,
			"callback urls need the public address of the server; start it with --public-url")
	}
	if err := callback.Check(path); err != nil {
		return "", err
	}
	if len(c.Binding.LinkKey) == 0 {
		return "", fault.Precondition(fault.ReasonConnectionNotReady, "the connection has no key for callback urls; store it again to give it one")
	}
	entry := callback.Entry{
		Connection: c.Connection, Owner: c.Binding.Owner, Path: path, Operation: c.OperationID, Code: c.operation.script.Digest(),
	}
	token := callback.Token(c.Binding.LinkKey, entry)
	if err := p.callbacks.Put(ctx, token, entry); err != nil {
		return "", err
	}
	return strings.TrimRight(p.publicURL, "/") + callbacksPath + token, nil
}

// Callback is a request that came in at a callback URL.
type Callback struct {
	// Token is the last part of the URL's path.
	Token string
	// Method, Query, Header and Body are those of the request.
	Method string
	Query  string
	Header map[string][]string
	Body   []byte
}

// Receive runs the operation that a callback URL leads to, with its custom code:
// no other has a use for a request that is not made of an input. A token that
// leads nowhere, or nowhere any more, is CALLBACK_UNKNOWN.
func (p *Pipeline) Receive(ctx context.Context, in *Callback) (*upstream.Response, error) {
	if p.callbacks == nil {
		return nil, callback.Unknown()
	}
	entry, err := p.callbacks.Get(ctx, in.Token)
	if err != nil {
		return nil, err
	}
	owner := authn.Principal{Kind: authn.KindService, Name: entry.Owner}
	bound, err := p.Bind(ctx, binding.Ask{Connection: entry.Connection, Principal: owner})
	if fault.CodeOf(err) == fault.CodeNotFound {
		_ = p.callbacks.Delete(ctx, in.Token) // the connection is gone; what stays is found again
		return nil, callback.Unknown()
	}
	if err != nil {
		return nil, err
	}
	if !callback.Belongs(in.Token, bound.LinkKey, entry) {
		return nil, callback.Unknown()
	}
	if err := bound.Revision.asksFor(ctx, entry); err != nil {
		return nil, err
	}
	path, query, _ := strings.Cut(entry.Path, "?")
	id, ok := bound.Revision.plans.Match(in.Method, path)
	if !ok {
		return nil, callback.Unknown()
	}
	op, err := bound.Revision.operation(ctx, id)
	if err != nil {
		return nil, err
	}
	if op.script == nil {
		return nil, fault.Precondition(fault.ReasonScriptInvalid, "operation %q has no custom code that could answer a callback; the connector has to be mended", id)
	}
	call := Call{
		Connection: entry.Connection, OperationID: id, OnBehalfOf: entry.Owner,
		raw: &request.Request{Method: in.Method, Path: path, Query: joined(query, in.Query), Header: received(in.Header), Body: in.Body},
	}
	if err := p.Invoke(ctx, &call); err != nil {
		return nil, err
	}
	return call.Response, nil
}

// asksFor is CALLBACK_UNKNOWN if the code that asked for a callback URL is not that of
// its operation any more. Code that somebody put there for a while would otherwise have
// left a way to the connection behind that needs no rights.
func (r *Revision) asksFor(ctx context.Context, e callback.Entry) error {
	op, err := r.operation(ctx, e.Operation)
	switch {
	case fault.ReasonOf(err) == fault.ReasonOperationNotFound:
		return callback.Unknown()
	case err != nil:
		return err
	case op.script == nil || op.script.Digest() != e.Code:
		return callback.Unknown()
	}
	return nil
}

func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

// received is what code may see of the header of a callback: neither our own
// fields nor those of the way to us.
func received(header map[string][]string) map[string][]string {
	out := maps.Clone(header)
	maps.DeleteFunc(out, func(name string, _ []string) bool {
		return name == "Host" || name == "Cookie" || request.OfTransport(name) || !request.ValidFieldName(name) || strings.HasPrefix(name, "Ferrule-")
	})
	return out
}
