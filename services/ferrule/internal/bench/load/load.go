// Package load makes the calls of a measurement: HTTP/1.1 on connections that
// are kept, or gRPC, one call at a time on each connection.
//
// The HTTP client is as small as it can be, so that the processor is left to
// what is measured: it writes prepared bytes and reads one answer.
package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/baseline"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
)

// Target is what is called. It travels to the process that makes the calls as
// JSON.
type Target struct {
	// Addr is "host:port" on loopback.
	Addr string `json:"addr"`
	// Token is the bearer token that is sent; empty sends none.
	Token string `json:"token"`
	// Key is sent as the API's own key; empty sends none. HTTP only.
	Key string `json:"key"`
	// HTTP is the request; nil to call gRPC.
	HTTP *HTTP `json:"http,omitempty"`
	// Invoke is the call; nil to call HTTP.
	Invoke *Invoke `json:"invoke,omitempty"`
}

// HTTP is one HTTP request.
type HTTP struct {
	// Method is the method.
	Method string `json:"method"`
	// Path is the path with the query. Unless Numbers is 0, "%d" in it stands for
	// the numbers below Numbers, which every connection takes in turn, each
	// from a place of its own that is evenly distant from the next.
	Path    string `json:"path"`
	Numbers int    `json:"numbers,omitempty"`
	// Body is sent as application/json; empty sends none.
	Body string `json:"body"`
}

// Invoke is one call of RuntimeService.Invoke.
type Invoke struct {
	// Connection is the resource name of the connection.
	Connection string `json:"connection"`
	// Operation is the operation's id.
	Operation string `json:"operation"`
	// Input is its input, a JSON object.
	Input string `json:"input"`
}

// Open makes n connections to the target and returns a call for each. The caller
// calls the second result when all calls have ended. Every answer must be 200
// with a body.
func Open(ctx context.Context, t Target, n int) ([]measure.Call, func(), error) {
	open := t.openGRPC
	if t.HTTP != nil {
		requests, err := t.requests()
		if err != nil {
			return nil, nil, err
		}
		opened := 0
		open = func(ctx context.Context) (measure.Call, io.Closer, error) {
			opened++
			return t.openHTTP(ctx, requests, (opened-1)*len(requests)/n)
		}
	} else if t.Invoke == nil {
		return nil, nil, errors.New("load: the target says neither http nor invoke")
	}
	var calls []measure.Call
	var closers []io.Closer
	closeAll := func() {
		for _, c := range closers {
			_ = c.Close()
		}
	}
	for range n {
		call, closer, err := open(ctx)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("connect to %s: %w", t.Addr, err)
		}
		calls, closers = append(calls, call), append(closers, closer)
	}
	return calls, closeAll, nil
}

func (t Target) openHTTP(ctx context.Context, requests [][]byte, next int) (measure.Call, io.Closer, error) {
	conn, err := dial(ctx, t.Addr)
	if err != nil {
		return nil, nil, err
	}
	answers := bufio.NewReader(conn)
	return func(context.Context) error {
		next++
		return roundTrip(conn, answers, requests[next%len(requests)])
	}, conn, nil
}

// dial connects to a program on this machine.
func dial(ctx context.Context, addr string) (net.Conn, error) {
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	if err != nil {
		return nil, fmt.Errorf("make dialer: %w", err)
	}
	return guard.DialContext(ctx, "tcp", addr)
}

// requests returns the bytes of the requests, one for each number.
func (t Target) requests() ([][]byte, error) {
	if t.HTTP.Numbers == 0 {
		one, err := t.request(t.HTTP.Path)
		return [][]byte{one}, err
	}
	var all [][]byte
	for n := range t.HTTP.Numbers {
		one, err := t.request(strings.ReplaceAll(t.HTTP.Path, "%d", strconv.Itoa(n)))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// request returns the bytes of one request.
func (t Target) request(path string) ([]byte, error) {
	body := io.Reader(http.NoBody)
	if t.HTTP.Body != "" {
		body = bytes.NewReader([]byte(t.HTTP.Body))
	}
	req, err := http.NewRequest(t.HTTP.Method, "http://"+t.Addr+path, body) //nolint:noctx // it is written down, not sent
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if t.Token != "" {
		req.Header.Set("Authorization", "Bearer "+t.Token)
	}
	if t.Key != "" {
		req.Header.Set(baseline.KeyHeader, t.Key)
	}
	if t.HTTP.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	var wire bytes.Buffer
	if err := req.Write(&wire); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return wire.Bytes(), nil
}

func roundTrip(conn net.Conn, answers *bufio.Reader, request []byte) error {
	if _, err := conn.Write(request); err != nil {
		return err
	}
	res, err := http.ReadResponse(answers, nil)
	if err != nil {
		return err
	}
	size, err := io.Copy(io.Discard, res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return err
	}
	return check(res.StatusCode, size)
}

// check keeps an error that is answered quickly from passing for speed.
func check(status int, size int64) error {
	if status != http.StatusOK || size == 0 {
		return fmt.Errorf("the answer is %d with %d bytes, want 200 with a body", status, size)
	}
	return nil
}

func (t Target) openGRPC(context.Context) (measure.Call, io.Closer, error) {
	conn, err := grpc.NewClient("passthrough:///"+t.Addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, nil, err
	}
	client := runtimev1.NewRuntimeServiceClient(conn)
	request := &runtimev1.InvokeRequest{
		Connection: t.Invoke.Connection, OperationId: t.Invoke.Operation,
		Input: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(t.Invoke.Input)},
	}
	return func(ctx context.Context) error {
		if t.Token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+t.Token)
		}
		answer, err := client.Invoke(ctx, request)
		if err != nil {
			return err
		}
		return check(int(answer.GetStatusCode()), int64(len(answer.GetBody().GetData())))
	}, conn, nil
}
