package runtimeproxy_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// hostile is an API that misbehaves, and what callers are told about it.
type hostile struct {
	name  string
	serve func(net.Conn)
	// read and create are the reasons of a GET and of a POST; through is that of
	// a GET on the data plane, empty where the answer is passed on as far as it
	// goes.
	read, create, through fault.Reason
}

// after reads the whole request, answers with text and closes.
func after(text string) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		if req, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, text)
		}
	}
}

// flood answers with a beginning and then with the same text for ever.
func flood(beginning, more string) func(net.Conn) {
	return func(c net.Conn) {
		defer c.Close()
		_, _ = http.ReadRequest(bufio.NewReader(c))
		_, _ = io.WriteString(c, beginning)
		for block := strings.Repeat(more, 1+(1<<20)/len(more)); ; {
			if _, err := io.WriteString(c, block); err != nil {
				return
			}
		}
	}
}

// reset reads n bytes at most and ends the connection with RST.
func resets(n int64) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.CopyN(io.Discard, c, n)
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

func gzipped(size int64) string {
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	_, _ = io.Copy(w, &zeros{size})
	_ = w.Close()
	return b.String()
}

// silent reads until the other end gives up.
func silent(c net.Conn) {
	defer c.Close()
	_, _ = io.Copy(io.Discard, c)
}

func hostiles() []hostile {
	const (
		ok      = "HTTP/1.1 200 OK\r\n"
		broken  = fault.ReasonUpstreamReset
		garbage = fault.ReasonUpstreamInvalidResponse
		unknown = fault.ReasonOutcomeUnknown
		large   = fault.ReasonUpstreamResponseTooLarge
		late    = fault.ReasonUpstreamTimeout
	)
	bomb := gzipped(128 << 20)
	return []hostile{
		{"resets in the middle of the request", resets(20), broken, unknown, broken},
		{"resets after the request", resets(1 << 20), late, unknown, late}, // it waits for more than comes
		{"closes after the request", after(""), broken, unknown, broken},
		{"closes in its status line", after("HTTP/1.1 2"), garbage, unknown, garbage},
		{"closes in its header", after(ok + "Content-Type: text"), broken, unknown, broken},
		{"closes in its body", after(ok + "Content-Length: 10\r\n\r\nabc"), broken, unknown, ""},
		{"speaks another language", after("220 mail.example.com ESMTP " + canary + "\r\n"), garbage, unknown, garbage},
		{"answers bytes", after("\x16\x03\x01\x00\xff\x00\x01"), garbage, unknown, garbage},
		{"has a status that is no number", after("HTTP/1.1 abc OK\r\n\r\n"), garbage, unknown, garbage},
		{"has a version that does not exist", after("HTTP/9.x 200 OK\r\n\r\n"), garbage, unknown, garbage},
		{"has a field without a colon", after(ok + canary + "\r\n\r\n"), garbage, unknown, garbage},
		{"has two lengths", after(ok + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), garbage, unknown, garbage},
		{"has a length below zero", after(ok + "Content-Length: -1\r\n\r\n"), garbage, unknown, garbage},
		{"has an encoding that does not exist", after(ok + "Transfer-Encoding: " + canary + "\r\n\r\nabc"), garbage, unknown, garbage},
		{"has a chunk that is none", after(ok + "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), garbage, unknown, ""},
		{"says gzip and is not", after(ok + "Content-Encoding: gzip\r\nContent-Length: 16\r\n\r\nthis is not gzip"), garbage, unknown, ""},
		{"switches protocols unasked", after("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello"), garbage, unknown, garbage},
		{"has a header without end", flood(ok, "X-A: "+strings.Repeat("a", 100)+"\r\n"), garbage, unknown, garbage},
		{"has a line without end", flood("HTTP/1.1 ", "2"), garbage, unknown, garbage},
		{"is preliminary for ever", flood("", "HTTP/1.1 102 Processing\r\n\r\n"), garbage, unknown, garbage},
		{"has a body without end", flood(ok+"\r\n", "x"), large, large, ""},
		{"has chunks without end", flood(ok+"Transfer-Encoding: chunked\r\n\r\n", "2000\r\n"+strings.Repeat("x", 0x2000)+"\r\n"), large, large, ""},
		{"grows when it is unpacked", after(ok + "Content-Encoding: gzip\r\nContent-Length: " + fmt.Sprint(len(bomb)) + "\r\n\r\n" + bomb), large, large, ""},
		{"never answers", silent, late, unknown, late},
		{"never ends its header", func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, ok)
			silent(c)
		}, late, unknown, late},
		{"never ends its body", func(c net.Conn) {
			_, _ = http.ReadRequest(bufio.NewReader(c))
			_, _ = io.WriteString(c, ok+"Content-Length: 10\r\n\r\nabc")
			silent(c)
		}, late, unknown, ""},
	}
}

// slow are the APIs that only time ends.
func (h *hostile) slow() bool { return h.read == fault.ReasonUpstreamTimeout }

// codeOf is what each reason is reported with.
var codeOf = map[fault.Reason]fault.Code{
	fault.ReasonUpstreamReset: fault.CodeUnavailable, fault.ReasonUpstreamInvalidResponse: fault.CodeUnavailable,
	fault.ReasonOutcomeUnknown: fault.CodeUnknown, fault.ReasonUpstreamResponseTooLarge: fault.CodeResourceExhausted,
	fault.ReasonUpstreamTimeout: fault.CodeDeadlineExceeded, fault.ReasonUpstreamUnreachable: fault.CodeUnavailable,
	fault.ReasonEgressRefused: fault.CodePermissionDenied, fault.ReasonHostNotAllowed: fault.CodePermissionDenied,
	fault.ReasonInputTooLarge:               fault.CodeInvalidArgument,
	fault.ReasonInvalidArgument:             fault.CodeInvalidArgument,
	fault.ReasonConnectionParametersInvalid: fault.CodeFailedPrecondition,
	fault.ReasonConnectionNotReady:          fault.CodeFailedPrecondition,
}

// checkFault compares a fault, and looks for what it must not hold.
func checkFault(t *testing.T, s *suite, err error, want fault.Reason) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %v", want)
		return
	}
	f := fault.From(err)
	if f.Reason() != want || f.Code() != codeOf[want] {
		t.Errorf("error = %v (%v, %v), want %v, %v", err, f.Reason(), f.Code(), want, codeOf[want])
		return
	}
	text := fmt.Sprint(f.Message(), f.Meta(), f.Violations(), err)
	if leaks(text) || strings.Contains(text, s.tokens["ada"]) {
		t.Errorf("the error shows a secret: %s", text)
	}
	if f.Message() == "" || strings.Contains(f.Message(), "net/http") || strings.Contains(f.Message(), "tcp") {
		t.Errorf("the sentence is not for people: %q", f.Message())
	}
}

// TestHostileAPIs: whatever an API does, callers learn in stable words what went
// wrong, and whether something may have happened.
func TestHostileAPIs(t *testing.T) {
	for _, tt := range hostiles() {
		t.Run("an api that "+tt.name, func(t *testing.T) {
			s := start(t, tcp(t, tt.serve), nil)
			timeout := durationpb.New(30e9)
			if tt.slow() {
				timeout = durationpb.New(shortTime)
			}
			_, err := s.runtime.Invoke(s.as("ada"), &runtimev1.InvokeRequest{Connection: connection, OperationId: "ListItems", Timeout: timeout})
			checkFault(t, s, err, tt.read)
			_, err = s.runtime.Invoke(s.as("ada"), &runtimev1.InvokeRequest{
				Connection: connection, OperationId: "CreateItem", Timeout: timeout, Input: &httpbody.HttpBody{Data: []byte(`{"body":{"name":"x"}}`)},
			})
			checkFault(t, s, err, tt.create)
			if tt.through != "" {
				s.restart(func(c *settings) { c.ProxyTimeout = timeout.AsDuration() })
				checkFault(t, s, s.through(s.request("GET", "/items", nil)), tt.through)
			}
		})
	}
}

// through sends a request to the data plane and returns the error of ours that
// it is answered with, nil if there is none.
func (s *suite) through(req *http.Request) error {
	s.t.Helper()
	resp := s.do(req)
	text, err := io.ReadAll(resp.Body)
	must(s.t, err)
	var body struct {
		Code    int
		Message string
		Details []struct {
			Reason   string
			Metadata map[string]string
		}
	}
	if resp.StatusCode < 400 {
		return nil
	}
	must(s.t, json.Unmarshal(text, &body))
	if len(body.Details) == 0 {
		s.t.Fatalf("status %d without a reason: %s", resp.StatusCode, text)
	}
	f := fault.New(fault.Code(body.Code), fault.Reason(body.Details[0].Reason), "%s", body.Message)
	for key, value := range body.Details[0].Metadata {
		f = f.With(key, value)
	}
	if leaks(string(text)) {
		s.t.Errorf("the answer shows the secret: %s", text)
	}
	return f
}

// TestWhatCannotBeReached: nothing was sent, so nothing is unknown.
func TestWhatCannotBeReached(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	down := "http://" + l.Addr().String()
	must(t, l.Close())
	untrusted := tcp(t, func(c net.Conn) {
		_ = tls.Server(c, &tls.Config{MinVersion: tls.VersionTLS12}).HandshakeContext(context.Background()) // without a certificate
		_ = c.Close()
	})
	plain := api(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	tests := []struct {
		name, address string
		hosts         []string
		want          fault.Reason
	}{
		{"nobody listens", down, nil, fault.ReasonUpstreamUnreachable},
		{"no certificate", strings.Replace(untrusted, "http://", "https://", 1), nil, fault.ReasonUpstreamUnreachable},
		{"https to a server that has none", strings.Replace(plain, "http://", "https://", 1), nil, fault.ReasonUpstreamUnreachable},
		{"the machine itself", "http://127.0.0.2:9", nil, fault.ReasonEgressRefused},
		{"the machine itself, in another spelling", "http://[::ffff:127.0.0.2]:9", nil, fault.ReasonEgressRefused},
		{"the metadata of a cloud", "http://169.254.169.254", nil, fault.ReasonEgressRefused},
		{"a private network", "http://10.0.0.1:8080", nil, fault.ReasonEgressRefused},
		{"a host that the credential is not for", plain, []string{"https://api.example.com:443"}, fault.ReasonHostNotAllowed},
		{"a host that the credential is for when it is encrypted", plain, []string{strings.Replace(plain, "http://", "https://", 1)}, fault.ReasonHostNotAllowed},
		{"a credential that is for no host", plain, []string{}, fault.ReasonHostNotAllowed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := start(t, tt.address, nil)
			s.vault.change(func(c *vaultv1.Credential) {
				c.AllowedHosts = []string{tt.address}
				if tt.hosts != nil {
					c.AllowedHosts = tt.hosts
				}
			})
			for operation, input := range map[string]string{"ListItems": "", "CreateItem": `{"body":{"name":"x"}}`} {
				_, err := s.invoke(operation, input)
				checkFault(t, s, err, tt.want)
			}
			checkFault(t, s, s.through(s.request("POST", "/items", strings.NewReader("{}"))), tt.want)
			got, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
			must(t, err)
			if got.GetSucceeded() || got.GetMessage() == "" || leaks(got.GetMessage()) {
				t.Errorf("the test of the connection says %v", got)
			}
		})
	}
}

// TestPoliciesCannotCarryACredentialElsewhere: the destination is judged after
// the last policy.
func TestPoliciesCannotCarryACredentialElsewhere(t *testing.T) {
	elsewhere := api(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	s := start(t, "https://api.example.com", func(d *connectorv1.Definition) {
		d.Policies = []*connectorv1.Policy{{TemplateId: "dynamichosturl", Parameters: []*connectorv1.PolicyParameter{
			{Name: "urlTemplate", Json: []byte(`"` + elsewhere + `/@headers('X-Api-Key')"`)},
		}}}
	})
	_, err := s.invoke("ListItems", "")
	checkFault(t, s, err, fault.ReasonHostNotAllowed)
	checkFault(t, s, s.through(s.request("GET", "/items", nil)), fault.ReasonHostNotAllowed)
}

// TestTheLargestAnswerGoesThrough: the limit that is promised is the one that
// counts, up to the caller of the gRPC method.
func TestTheLargestAnswerGoesThrough(t *testing.T) {
	const limit = 64 << 20
	size := int64(limit)
	s := start(t, api(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.Copy(w, &zeros{size}) }), nil)
	got, err := s.invoke("ListItems", "")
	must(t, err)
	if len(got.GetBody().GetData()) != limit {
		t.Errorf("%d bytes came back", len(got.GetBody().GetData()))
	}
	size++
	_, err = s.invoke("ListItems", "")
	checkFault(t, s, err, fault.ReasonUpstreamResponseTooLarge)
}
