package sandbox_test

import (
	"context"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

func TestMain(m *testing.M) {
	sandbox.Main()
	os.Exit(m.Run())
}

// host is a Host that keeps everything in memory.
type host struct {
	mu         sync.Mutex
	sent       []*sandbox.Request
	respond    func(context.Context, *sandbox.Request) (*sandbox.Response, error)
	parameters map[string]string
	state      map[string]json.RawMessage
}

func (h *host) Send(ctx context.Context, r *sandbox.Request) (*sandbox.Response, error) {
	h.mu.Lock()
	h.sent = append(h.sent, r)
	h.mu.Unlock()
	if h.respond == nil {
		return nil, errors.New("there is nobody to send to")
	}
	return h.respond(ctx, r)
}

func (h *host) Parameter(_ context.Context, name string) (string, bool, error) {
	value, found := h.parameters[name]
	return value, found, nil
}

func (h *host) CallbackURL(_ context.Context, path string) (string, error) {
	return "https://ferrule.example/callback/" + strings.TrimPrefix(path, "/"), nil
}

func (h *host) LoadState(_ context.Context, key string) (json.RawMessage, error) {
	return h.state[key], nil
}

func (h *host) StoreState(_ context.Context, key string, value json.RawMessage) error {
	if h.state == nil {
		h.state = map[string]json.RawMessage{}
	}
	if value == nil {
		delete(h.state, key)
		return nil
	}
	h.state[key] = value
	return nil
}

func (h *host) Digest(_ context.Context, d sandbox.Digest) ([]byte, error) {
	algorithms := map[string]func() hash.Hash{
		"md5": md5.New, "sha1": sha1.New, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
	}
	algorithm := algorithms[d.Algorithm]
	if algorithm == nil {
		return nil, fmt.Errorf("no algorithm %q", d.Algorithm)
	}
	sum := algorithm()
	if d.Keyed {
		sum = hmac.New(algorithm, d.Key)
	}
	sum.Write(d.Data)
	return sum.Sum(nil), nil
}

func (h *host) Encode(_ context.Context, e sandbox.Encoding, data []byte) (string, error) {
	switch e {
	case sandbox.Base64:
		return base64.StdEncoding.EncodeToString(data), nil
	case sandbox.Base64URL:
		return base64.RawURLEncoding.EncodeToString(data), nil
	case sandbox.Hex:
		return hex.EncodeToString(data), nil
	}
	return "", fmt.Errorf("no encoding %q", e)
}

func (h *host) Decode(_ context.Context, e sandbox.Encoding, text string) ([]byte, error) {
	switch e {
	case sandbox.Base64:
		return base64.StdEncoding.DecodeString(text)
	case sandbox.Base64URL:
		return base64.RawURLEncoding.DecodeString(text)
	case sandbox.Hex:
		return hex.DecodeString(text)
	}
	return nil, fmt.Errorf("no encoding %q", e)
}

// newPool returns a pool that is closed with the test.
func newPool(tb testing.TB, o sandbox.Options) *sandbox.Pool {
	tb.Helper()
	p := sandbox.New(o)
	tb.Cleanup(func() {
		if err := p.Close(); err != nil {
			tb.Errorf("close the pool: %v", err)
		}
	})
	return p
}

// handling is an invocation of handle of a source, with a request like any other.
func handling(source string) sandbox.Invocation {
	return sandbox.Invocation{
		Program:      sandbox.Program{Name: "script.js", Source: source},
		Function:     sandbox.Handle,
		Request:      &sandbox.Request{Method: "GET", URL: "https://api.example/v1/items?page=1", OperationID: "ListItems"},
		OperationID:  "ListItems",
		ConnectionID: "connection-1",
		Host:         &host{},
	}
}

// evaluate runs the body of a handle function whose value is answered as JSON, and
// returns that.
func evaluate(tb testing.TB, p *sandbox.Pool, h sandbox.Host, body string) (string, error) {
	tb.Helper()
	return evaluateWithin(tb, p, h, sandbox.Limits{}, body)
}

// evaluateWithin does so with limits of its own.
func evaluateWithin(tb testing.TB, p *sandbox.Pool, h sandbox.Host, limits sandbox.Limits, body string) (string, error) {
	tb.Helper()
	i := handling("export async function handle(request, ctx) {\n" +
		"  const value = await (async () => {" + body + "\n})();\n" +
		"  return new Response({ json: value === undefined ? null : value });\n}")
	i.Limits = limits
	if h != nil {
		i.Host = h
	}
	result, err := p.Run(tb.Context(), i)
	if err != nil {
		return "", err
	}
	return string(result.Response.Body), nil
}

// failure returns the *Error of a run that has to fail with one.
func failure(tb testing.TB, err error) *sandbox.Error {
	tb.Helper()
	e, ok := errors.AsType[*sandbox.Error](err)
	if !ok {
		tb.Fatalf("the error is %v (%T), not a *sandbox.Error", err, err)
	}
	return e
}
