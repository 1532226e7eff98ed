package e2e_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/genproto/googleapis/api/httpbody"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
)

// restConn makes the generated gRPC clients speak REST: it follows the
// google.api.http annotation of each method, so the same test runs over both and
// the annotations themselves are tested.
type restConn struct{ base, token string }

var _ grpc.ClientConnInterface = (*restConn)(nil)

// Invoke makes one call. Errors are those that the JSON of the answer stands for.
func (c *restConn) Invoke(ctx context.Context, method string, in, out any, _ ...grpc.CallOption) error {
	res, rule, err := c.send(ctx, method, in.(proto.Message))
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if rule.GetResponseBody() != "" && res.Header.Get(upstreamStatus) != "" {
		return mirrored(res, data, out.(*runtimev1.InvokeResponse))
	}
	if res.StatusCode != http.StatusOK {
		return restError(res.StatusCode, data)
	}
	return protojson.Unmarshal(data, out.(proto.Message))
}

// upstreamStatus marks answers to an invocation that are the API's own.
const upstreamStatus = "Ferrule-Upstream-Status"

// mirrored rebuilds what the runtime said from an answer that looks like the
// API's own.
func mirrored(res *http.Response, data []byte, out *runtimev1.InvokeResponse) error {
	code, err := strconv.Atoi(res.Header.Get(upstreamStatus))
	if err != nil || code != res.StatusCode {
		return fmt.Errorf("the status %d is not the API's %s", res.StatusCode, res.Header.Get(upstreamStatus))
	}
	out.StatusCode, out.Revision = int32(code), res.Header.Get("Ferrule-Revision")
	out.Body = &httpbody.HttpBody{ContentType: res.Header.Get("Content-Type"), Data: data}
	for name, values := range res.Header {
		for _, value := range values {
			out.Headers = append(out.Headers, &runtimev1.Header{Name: name, Value: value})
		}
	}
	return nil
}

func restError(code int, data []byte) error {
	var s spb.Status
	if err := protojson.Unmarshal(data, &s); err != nil || s.GetCode() == 0 {
		return fmt.Errorf("the answer %d is no error of ours: %.200s", code, data)
	}
	return status.FromProto(&s).Err()
}

// send makes the request that the annotation of a method describes.
func (c *restConn) send(ctx context.Context, method string, in proto.Message) (*http.Response, *annotations.HttpRule, error) {
	rule, err := ruleOf(method)
	if err != nil {
		return nil, nil, err
	}
	verb, template := spell(rule)
	path, used := fill(template, in)
	query, err := c.query(rule, in, used)
	if err != nil {
		return nil, nil, err
	}
	body, err := bodyOf(rule, in)
	if err != nil {
		return nil, nil, err
	}
	req, err := http.NewRequestWithContext(ctx, verb, c.base+path+query, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	res, err := plain.Do(req)
	return res, rule, err
}

// ruleOf returns the annotation of a method, named as gRPC does.
func ruleOf(method string) (*annotations.HttpRule, error) {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, err
	}
	rule, ok := proto.GetExtension(d.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok || rule == nil {
		return nil, fmt.Errorf("%s has no REST path", method)
	}
	return rule, nil
}

func spell(rule *annotations.HttpRule) (method, template string) {
	switch p := rule.GetPattern().(type) {
	case *annotations.HttpRule_Get:
		return http.MethodGet, p.Get
	case *annotations.HttpRule_Post:
		return http.MethodPost, p.Post
	case *annotations.HttpRule_Patch:
		return http.MethodPatch, p.Patch
	case *annotations.HttpRule_Delete:
		return http.MethodDelete, p.Delete
	}
	return "", ""
}

var variable = regexp.MustCompile(`\{([a-z_.]+)(?:=([^}]*))?\}`)

// fill puts the values of fields into a path, and returns which were used.
func fill(template string, in proto.Message) (path string, used map[string]bool) {
	used = map[string]bool{}
	path = variable.ReplaceAllStringFunc(template, func(text string) string {
		parts := variable.FindStringSubmatch(text)
		used[strings.Split(parts[1], ".")[0]] = true
		value := fieldText(in.ProtoReflect(), parts[1])
		if !strings.Contains(parts[2], "/") {
			return url.PathEscape(value) // one segment, whatever is in it
		}
		segments := strings.Split(value, "/")
		for n := range segments {
			segments[n] = url.PathEscape(segments[n])
		}
		return strings.Join(segments, "/")
	})
	return path, used
}

// fieldText follows a dotted path of field names to a text.
func fieldText(m protoreflect.Message, path string) string {
	for {
		name, rest, nested := strings.Cut(path, ".")
		fd := m.Descriptor().Fields().ByName(protoreflect.Name(name))
		if !nested {
			return m.Get(fd).String()
		}
		m, path = m.Get(fd).Message(), rest
	}
}

// query is everything that is neither in the path nor in the body.
func (c *restConn) query(rule *annotations.HttpRule, in proto.Message, used map[string]bool) (string, error) {
	if rule.GetBody() == "*" {
		return "", nil
	}
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(in)
	if err != nil {
		return "", err
	}
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&fields); err != nil {
		return "", err
	}
	values := url.Values{}
	for name, value := range fields {
		if name != rule.GetBody() && !used[name] {
			values.Set(name, fmt.Sprint(value))
		}
	}
	if len(values) == 0 {
		return "", nil
	}
	return "?" + values.Encode(), nil
}

func bodyOf(rule *annotations.HttpRule, in proto.Message) ([]byte, error) {
	switch field := rule.GetBody(); field {
	case "":
		return nil, nil
	case "*":
		return protojson.Marshal(in)
	default:
		m := in.ProtoReflect()
		value := m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(field))).Message().Interface()
		if raw, ok := value.(*httpbody.HttpBody); ok {
			return raw.GetData(), nil
		}
		return protojson.Marshal(value)
	}
}

// NewStream makes a call with a stream of answers, one JSON object per line.
func (c *restConn) NewStream(ctx context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return &restStream{ctx: ctx, conn: c, method: method}, nil
}

type restStream struct {
	ctx    context.Context
	conn   *restConn
	method string
	body   io.Closer
	lines  *bufio.Reader
}

// SendMsg makes the request: all our streams have exactly one.
func (s *restStream) SendMsg(m any) error {
	res, _, err := s.conn.send(s.ctx, s.method, m.(proto.Message))
	if err != nil {
		return err
	}
	s.body, s.lines = res.Body, bufio.NewReader(res.Body)
	if res.StatusCode != http.StatusOK {
		data, _ := io.ReadAll(s.lines)
		_ = s.body.Close()
		return restError(res.StatusCode, data)
	}
	return nil
}

// RecvMsg reads the next line.
func (s *restStream) RecvMsg(m any) error {
	line, err := s.lines.ReadBytes('\n')
	if err != nil {
		_ = s.body.Close()
		return err
	}
	var wire struct{ Result, Error json.RawMessage }
	if err := json.Unmarshal(line, &wire); err != nil {
		return err
	}
	if wire.Error != nil {
		return restError(http.StatusOK, wire.Error)
	}
	return protojson.Unmarshal(wire.Result, m.(proto.Message))
}

func (s *restStream) Header() (metadata.MD, error) { return nil, nil }
func (s *restStream) Trailer() metadata.MD         { return nil }
func (s *restStream) CloseSend() error             { return nil }
func (s *restStream) Context() context.Context     { return s.ctx }
