// Package infer makes an operation out of an example of it: a curl command as it
// is typed into a shell, or a request that was sent, and the answer, if there is
// one.
//
//	inferred, err := infer.Operation(ctx, infer.Sample{
//		Curl:     `curl https://api.example.com/users/7 -H 'Authorization: Bearer …'`,
//		Response: &infer.Response{Status: 200, Body: []byte(`{"id": 7}`)},
//	})
//
// Nothing of a command is ever run, and no file that it names is read. Values of
// the sample become examples, except those that look like credentials: these are
// never in the result, only the way in which the API takes them.
package infer

import (
	"context"
	"fmt"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// The limits of a sample.
const (
	// MaxCurlBytes is the greatest length of a command.
	MaxCurlBytes = 1 << 20
	// MaxBodyBytes is the greatest size of a body.
	MaxBodyBytes = 4 << 20
	// MaxURLBytes is the greatest length of a URL.
	MaxURLBytes = 16 << 10
	// MaxHeaders is the greatest number of headers of a message.
	MaxHeaders = 256
	// maxParameters is the greatest number of parameters of each kind.
	maxParameters = 256
	// maxExampleBytes is the greatest size of a body that becomes an example.
	maxExampleBytes = 64 << 10
)

// The codes of findings.
const (
	// CodeSecretLeftOut: a credential of the sample is not in the result.
	CodeSecretLeftOut = "SecretLeftOut"
	// CodeAuthNotSupported: the sample authenticates in a way that connections
	// cannot.
	CodeAuthNotSupported = authkind.Code
	// CodeOptionIgnored: an option of the command says nothing about the API.
	CodeOptionIgnored = "OptionIgnored"
	// CodeFileNotRead: the command takes something from a file.
	CodeFileNotRead = "FileNotRead"
	// CodeGuessed: the sample does not say it, and something was assumed.
	CodeGuessed = "Guessed"
	// CodeMoreIgnored: the sample has more than one request.
	CodeMoreIgnored = "MoreIgnored"
)

// Sample is an example of a call. Either Curl or the other parts of the request
// are given.
type Sample struct {
	// Curl is a command; shell syntax, or that of the Windows command prompt.
	Curl string
	// Method is GET if empty.
	Method string
	// URL is absolute, with its query. Segments in braces become parameters.
	URL string
	// Headers are "Name: value".
	Headers []string
	// Body is that of the request.
	Body []byte
	// Response is the answer; nil if it is not known.
	Response *Response
	// OperationID is the id of the operation; made from method and path if empty.
	OperationID string
}

// Response is an answer.
type Response struct {
	// Status is 200 if zero.
	Status int
	// Headers are "Name: value".
	Headers []string
	// Body is as it was received, without transfer encodings.
	Body []byte
}

// Inferred is what a sample says.
type Inferred struct {
	// Operation is complete but for what no sample can say.
	Operation *connectorv1.Operation
	// Server is where the request went; nil if the URL names no host.
	Server *connectorv1.Server
	// SecuritySchemes are what the operation's security refers to.
	SecuritySchemes []*connectorv1.SecurityScheme
	// Findings say what was left out or guessed, in the order of the request.
	Findings []format.Finding
}

// Operation infers an operation. What is too large, is no curl command or has no
// URL is INVALID_ARGUMENT.
func Operation(ctx context.Context, s Sample) (*Inferred, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("infer an operation: %w", err)
	}
	if err := check(s); err != nil {
		return nil, err
	}
	in := &inference{out: &Inferred{}}
	req, err := in.request(s)
	if err != nil {
		return nil, err
	}
	op := &connectorv1.Operation{
		Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: strings.ToUpper(req.method), Safety: safety(req.method),
	}
	in.out.Operation = op
	target, err := splitURL(req.url)
	if err != nil {
		return nil, err
	}
	in.target(op, target)
	in.headers(op, withoutSignature(req.headers, req.sigv4 != nil))
	in.credentials(req)
	in.body(op, req)
	in.response(op, s.Response)
	if op.OperationId = s.OperationID; op.OperationId == "" {
		op.OperationId = idOf(op)
	}
	op.Summary = op.GetMethod() + " " + op.GetPath()
	in.secure(op)
	return in.out, nil
}

// inference is the work of one call.
type inference struct {
	out     *Inferred
	schemes []*connectorv1.SecurityScheme
}

func (in *inference) report(s format.Severity, code, remedy, message string, args ...any) {
	if len(in.out.Findings) < format.MaxFindings {
		in.out.Findings = append(in.out.Findings, format.Finding{
			Severity: s, Code: code, Message: fmt.Sprintf(message, args...), Remedy: remedy,
		})
	}
}

func (in *inference) secret(what string, args ...any) {
	in.report(format.Info, CodeSecretLeftOut, "make a connection with it", what, args...)
}

// request is what was sent.
type request struct {
	method  string
	url     string
	headers []header
	body    []byte
	hasBody bool
	// urlencoded says that the body is a form unless a header says otherwise.
	urlencoded bool
	parts      []part // of a multipart form
	digest     bool
	// basic and bearer say that the command has credentials of their kind.
	basic, bearer, certificate bool
	// sigv4 is the scope of signatures of AWS; nil if there are none.
	sigv4 *connectorv1.AwsSignatureScheme
	// unsupported is a scheme that replaces basic; empty if there is none such.
	unsupported string
}

type header struct{ name, value string }

func (r *request) header(name string) string {
	for _, h := range r.headers {
		if strings.EqualFold(h.name, name) {
			return h.value
		}
	}
	return ""
}

func (in *inference) request(s Sample) (*request, error) {
	if s.Curl != "" {
		return in.command(s.Curl)
	}
	r := &request{method: s.Method, url: s.URL, headers: parseHeaders(s.Headers), body: s.Body, hasBody: len(s.Body) > 0}
	if r.method == "" {
		r.method = "GET"
	}
	if !isToken(r.method) {
		return nil, invalid("sample.method", "the method %.40q is not one; use GET, POST or the like", r.method)
	}
	return r, nil
}

func check(s Sample) error {
	tooLarge := func(field string, got, limit int) error {
		if got <= limit {
			return nil
		}
		return invalid(field, "it has %d and at most %d are accepted; shorten it", got, limit)
	}
	body, headers := 0, 0
	if s.Response != nil {
		body, headers = len(s.Response.Body), len(s.Response.Headers)
		if s.Response.Status < 0 || s.Response.Status > 999 {
			return invalid("response.status", "the status %d is not one of HTTP; use 200 or the like", s.Response.Status)
		}
	}
	for _, one := range []struct {
		field      string
		got, limit int
	}{
		{"curl", len(s.Curl), MaxCurlBytes},
		{"sample.url", len(s.URL), MaxURLBytes},
		{"sample.body", len(s.Body), MaxBodyBytes},
		{"sample.headers", len(s.Headers), MaxHeaders},
		{"response.body", body, MaxBodyBytes},
		{"response.headers", headers, MaxHeaders},
	} {
		if err := tooLarge(one.field, one.got, one.limit); err != nil {
			return err
		}
	}
	if s.Curl == "" && s.URL == "" {
		return invalid("curl", "there is neither a command nor a URL; give one of them")
	}
	return nil
}

func invalid(field, message string, args ...any) error {
	text := fmt.Sprintf(message, args...)
	return fault.Invalid(fault.ReasonInvalidArgument, "the sample cannot be used: %s", text).Field(field, text)
}

func parseHeaders(lines []string) []header {
	var all []header
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); ok && isToken(name) {
			all = append(all, header{name, strings.TrimSpace(value)})
		}
	}
	return all
}

// isToken reports whether s is a name as HTTP has it (RFC 9110, section 5.6.2).
func isToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

func safety(method string) *connectorv1.Safety {
	switch strings.ToUpper(method) {
	case "GET", "HEAD", "OPTIONS", "TRACE":
		return &connectorv1.Safety{Safe: true, Idempotent: true}
	case "PUT", "DELETE":
		return &connectorv1.Safety{Idempotent: true}
	default:
		return nil
	}
}
