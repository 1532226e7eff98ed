// Package rest calls the REST edge of a running suite.
//
// Requests and answers are protobuf messages, written as JSON by the rules of
// protojson. Errors are *fault.Error with the reason and details that the
// server sent.
package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// timeout bounds one call; imports of large descriptions take longest.
	timeout = 5 * time.Minute
	// maxAnswer bounds an answer: the largest body that an invocation returns.
	maxAnswer = 128 << 20
)

// Client calls one server on behalf of one token. It is safe for concurrent
// use.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

// New returns a client of the server at base, an http or https URL.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("the server %q is not an http or https URL, such as http://127.0.0.1:8080", base)
	}
	// The user's own machine talks to the server the user names: every network
	// is allowed, but sizes are judged as anywhere else.
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"),
	}})
	if err != nil {
		return nil, fmt.Errorf("make http client: %w", err)
	}
	client := guard.Client(egress.ClientOptions{Timeout: timeout, MaxBody: maxAnswer})
	// Answers of APIs pass through the edge. One with a Location must not send us
	// anywhere with the user's token, least of all to the edge itself.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &Client{base: u, token: token, http: client}, nil
}

// Server returns the URL of the server.
func (c *Client) Server() string { return c.base.String() }

// Path joins escaped path segments below /v1. A segment may be a resource name:
// its slashes are kept.
func Path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, segment := range segments {
		for part := range strings.SplitSeq(segment, "/") {
			b.WriteByte('/')
			b.WriteString(url.PathEscape(part))
		}
	}
	return b.String()
}

// Call sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil.
func (c *Client) Call(ctx context.Context, method, path string, query url.Values, in, out proto.Message) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = protojson.Marshal(in); err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
	}
	res, err := c.Do(ctx, method, path, query, body)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return c.unreachable(err)
	}
	if res.StatusCode/100 == 3 {
		return redirected(res)
	}
	if res.StatusCode/100 != 2 {
		return decodeError(res.StatusCode, data)
	}
	if out == nil {
		return nil
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, out); err != nil {
		return fmt.Errorf("read the server's answer (is %s a Ferrule server?): %w", c.base, err)
	}
	return nil
}

// Do sends a request with a JSON body and returns the answer, whatever its
// status. Redirects are not followed: one is the answer. The caller closes the body.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body []byte) (*http.Response, error) {
	target := c.base.String() + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	return res, nil
}

// redirected is for servers that send us elsewhere: the token is for the one that
// the user has named.
func redirected(res *http.Response) error {
	to := res.Header.Get("Location")
	if u, err := res.Location(); err == nil {
		to = u.Redacted()
	}
	return fault.Unavailable(fault.ReasonServiceUnavailable,
		"%s answered %d and sends this request to %q, which is not followed: give --server the URL at which Ferrule itself answers", res.Request.URL.Host, res.StatusCode, to)
}

// Error reads the error of an answer that [Client.Do] returned.
func Error(res *http.Response) error {
	if res.StatusCode/100 == 3 {
		return redirected(res)
	}
	data, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil {
		return fmt.Errorf("read the server's error: %w", err)
	}
	return decodeError(res.StatusCode, data)
}

func (c *Client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return context.Canceled
	}
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err // without the URL, which is in the sentence already
	}
	f := fault.Unavailable(fault.ReasonServiceUnavailable, "no answer from %s; is it running (`ferrule up`), and is --server right?", c.base).Because(err)
	if op := new(net.OpError); errors.As(err, &op) {
		return f
	}
	return f.With("cause", err.Error())
}
