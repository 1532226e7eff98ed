package script

import (
	"context"
	"crypto/hmac"
	"crypto/md5"  //nolint:gosec // APIs ask for it
	"crypto/sha1" //nolint:gosec // APIs ask for it
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash"
	"net/http"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// host answers what the code of one call asks for.
type host struct {
	runner *Runner
	run    *Run
}

var _ sandbox.Host = (*host)(nil)

// say returns an error as code sees it, the sentence and nothing behind it, and
// keeps the error in case that the code lets it pass.
func (h *host) say(err error) error {
	h.run.last = err
	return errors.New(fault.From(err).Message())
}

// Send implements [sandbox.Host].
func (h *host) Send(ctx context.Context, made *sandbox.Request) (*sandbox.Response, error) {
	req := &request.Request{Method: http.MethodGet}
	if err := change(req, made, h.run.Operation); err != nil {
		return nil, h.say(err)
	}
	resp, err := h.run.Send(ctx, req)
	if err != nil {
		return nil, h.say(err)
	}
	return responseFor(resp, h.run.Handles), nil
}

// Parameter implements [sandbox.Host].
func (h *host) Parameter(_ context.Context, name string) (value string, found bool, err error) {
	value, found = h.run.Handles.Parameter(name)
	return value, found, nil
}

// CallbackURL implements [sandbox.Host].
func (h *host) CallbackURL(ctx context.Context, path string) (string, error) {
	if h.run.Callback == nil {
		return "", h.say(fault.Precondition(fault.ReasonOperationNotSupported, "callback urls are not available here"))
	}
	text, err := h.run.Callback(ctx, path)
	if err != nil {
		return "", h.say(err)
	}
	return text, nil
}

// LoadState implements [sandbox.Host].
func (h *host) LoadState(ctx context.Context, key string) (json.RawMessage, error) {
	value, err := h.runner.states.Load(ctx, h.place(), key)
	if err != nil {
		return nil, h.say(err)
	}
	return value, nil
}

// StoreState implements [sandbox.Host].
func (h *host) StoreState(ctx context.Context, key string, value json.RawMessage) error {
	if err := h.runner.states.Store(ctx, h.place(), key, value); err != nil {
		return h.say(err)
	}
	return nil
}

func (h *host) place() Place {
	return Place{Connection: h.run.Connection, Connector: h.run.Connector.ID, Key: h.run.StateKey, Namespace: h.run.Program.namespace}
}

// Digest implements [sandbox.Host].
func (h *host) Digest(_ context.Context, d sandbox.Digest) ([]byte, error) {
	algorithm, ok := digests()[d.Algorithm]
	if !ok {
		return nil, errors.New("there is no such algorithm")
	}
	out, _, err := h.run.Handles.Compute([][]byte{d.Key, d.Data}, func(plain [][]byte) ([]byte, error) {
		sum := algorithm()
		if d.Keyed {
			sum = hmac.New(algorithm, plain[0])
		}
		sum.Write(plain[1])
		return sum.Sum(nil), nil
	})
	if err != nil {
		return nil, h.say(err)
	}
	return out, nil
}

func digests() map[string]func() hash.Hash {
	return map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	}
}

// Encode implements [sandbox.Host].
func (h *host) Encode(_ context.Context, e sandbox.Encoding, data []byte) (string, error) {
	out, _, err := h.run.Handles.Compute([][]byte{data}, func(plain [][]byte) ([]byte, error) {
		switch e {
		case sandbox.Base64:
			return base64.StdEncoding.AppendEncode(nil, plain[0]), nil
		case sandbox.Base64URL:
			return base64.RawURLEncoding.AppendEncode(nil, plain[0]), nil
		case sandbox.Hex:
			return hex.AppendEncode(nil, plain[0]), nil
		}
		return nil, errors.New("there is no such encoding")
	})
	if err != nil {
		return "", h.say(err)
	}
	return string(out), nil
}

// errEncoded says nothing about the text: it may be a secret.
var errEncoded = fault.Invalid(fault.ReasonScriptFailed, "the text is not of that encoding")

// Decode implements [sandbox.Host].
func (h *host) Decode(_ context.Context, e sandbox.Encoding, text string) ([]byte, error) {
	out, _, err := h.run.Handles.Compute([][]byte{[]byte(text)}, func(plain [][]byte) ([]byte, error) {
		clean := strings.TrimRight(strings.Map(withoutBreaks, string(plain[0])), "=")
		decode := map[sandbox.Encoding]func(string) ([]byte, error){
			sandbox.Base64: base64.RawStdEncoding.DecodeString, sandbox.Base64URL: base64.RawURLEncoding.DecodeString, sandbox.Hex: hex.DecodeString,
		}[e]
		if decode == nil {
			return nil, errEncoded
		}
		out, err := decode(clean)
		if err != nil {
			return nil, errEncoded
		}
		return out, nil
	})
	if err != nil {
		return nil, h.say(err)
	}
	return out, nil
}

func withoutBreaks(r rune) rune {
	if r == '\r' || r == '\n' {
		return -1
	}
	return r
}
