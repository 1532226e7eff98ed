package postman_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// stories is how many collections are made up in each test.
const stories = 100

func TestAnyCollectionIsOneConnectorInAllVersions(t *testing.T) {
	for seed := range uint64(stories) {
		s := makeStory(seed, false)
		one := load(t, file("c.json", s.version1(t)))
		want := withoutPointers(one.Definition)
		for _, minor := range []string{"0", "1"} {
			result := load(t, file("c.json", s.version2(t, minor)))
			if diff := cmp.Diff(want, withoutPointers(result.Definition), protocmp.Transform()); diff != "" {
				t.Fatalf("seed %d, version 2.%s (-1.0 +2.%s):\n%s\n%s", seed, minor, minor, diff, s.version1(t))
			}
			if diff := cmp.Diff(codes(one), codes(result)); diff != "" {
				t.Fatalf("seed %d: findings (-1.0 +2.%s):\n%s", seed, minor, diff)
			}
		}
	}
}

// sent is a request as it leaves. Headers and fields are written "name=value".
type sent struct {
	Method, URL     string
	Headers, Fields []string
	Body            string
}

// byPostman is what Postman sends for the request: variables are replaced by
// their values until there is none, and what is disabled is left out.
func byPostman(s story, c call) sent {
	replaced := func(text string) string {
		for range 5 {
			for _, v := range s.variables {
				text = strings.ReplaceAll(text, "{{"+v[0]+"}}", v[1])
			}
		}
		return text
	}
	path := []string{}
	for _, piece := range c.path {
		for _, v := range c.values {
			if piece == ":"+v[0] {
				piece = url.PathEscape(v[1])
			}
		}
		path = append(path, replaced(piece))
	}
	query := url.Values{}
	for _, q := range c.query {
		if !q.disabled {
			query.Add(q.key, replaced(q.value))
		}
	}
	out := sent{Method: c.method, URL: replaced(c.base) + "/" + strings.Join(path, "/")}
	if len(query) > 0 {
		out.URL += "?" + query.Encode()
	}
	for _, h := range c.headers {
		if !h.disabled {
			out.Headers = append(out.Headers, h.key+"="+replaced(h.value))
		}
	}
	if c.method == "GET" || c.method == "HEAD" {
		return out
	}
	out.Body = replaced(c.raw)
	for _, f := range c.fields {
		if !f.disabled && !f.file {
			out.Fields = append(out.Fields, f.key+"="+replaced(f.value))
		}
	}
	return out
}

// byConnector is what a call of the operation sends that is given the examples.
func byConnector(tb testing.TB, def *connectorv1.Definition, op *connectorv1.Operation) sent {
	tb.Helper()
	servers := op.GetServers()
	if len(servers) == 0 {
		servers = def.GetServers()
	}
	base := servers[0].GetUrlTemplate()
	for _, v := range servers[0].GetVariables() {
		base = strings.ReplaceAll(base, "{"+v.GetName()+"}", v.GetDefaultValue())
	}
	path, query := op.GetPath(), url.Values{}
	out := sent{Method: op.GetMethod()}
	for _, p := range op.GetParameters() {
		value, ok := example(tb, p.GetSchema(), p.GetExamples())
		if !ok {
			continue
		}
		switch p.GetLocation() {
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:
			path = strings.ReplaceAll(path, "{"+p.GetName()+"}", url.PathEscape(value))
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY:
			query.Add(p.GetName(), value)
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER:
			out.Headers = append(out.Headers, p.GetName()+"="+value)
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_COOKIE, connectorv1.ParameterLocation_PARAMETER_LOCATION_UNSPECIFIED:
		}
	}
	if out.URL = base + path; len(query) > 0 {
		out.URL += "?" + query.Encode()
	}
	for _, m := range op.GetRequestBody().GetContents() {
		out.Body, out.Fields = content(tb, m)
	}
	return out
}

// example is the text that an example or a default is sent as.
func example(tb testing.TB, schema []byte, examples [][]byte) (string, bool) {
	tb.Helper()
	value := parsed(tb, schema).Get("default")
	if len(examples) > 0 {
		value = parsed(tb, examples[0])
	}
	return value.Text(), value != nil
}

func parsed(tb testing.TB, text []byte) *document.Node {
	tb.Helper()
	doc, err := document.Parse("value.json", text)
	if err != nil {
		tb.Fatalf("%s: %v", text, err)
	}
	return doc.Root()
}

func content(tb testing.TB, m *connectorv1.MediaType) (body string, fields []string) {
	tb.Helper()
	switch m.GetKind() {
	case connectorv1.BodyKind_BODY_KIND_FORM, connectorv1.BodyKind_BODY_KIND_MULTIPART:
		for _, p := range parsed(tb, m.GetSchema()).Get("properties").Children() {
			if list := p.Get("examples").Children(); len(list) > 0 {
				fields = append(fields, p.Key()+"="+list[0].Text())
			}
		}
	case connectorv1.BodyKind_BODY_KIND_JSON:
		return string(m.GetExamples()[0]), nil
	default:
		return parsed(tb, m.GetExamples()[0]).Text(), nil
	}
	return "", fields
}

// sameBodies compares JSON as values, and everything else as text.
var sameBodies = cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "Body" }, cmp.Comparer(func(a, b string) bool {
	var x, y any
	if json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil {
		return cmp.Equal(x, y)
	}
	return a == b
}))

func TestACallWithTheExamplesSendsWhatPostmanSends(t *testing.T) {
	for seed := range uint64(stories) {
		s := makeStory(seed, true)
		def := load(t, file("c.json", s.version2(t, "1"))).Definition
		for _, c := range s.requests {
			i := slices.IndexFunc(def.GetOperations(), func(op *connectorv1.Operation) bool { return op.GetSummary() == c.name })
			if diff := cmp.Diff(byPostman(s, c), byConnector(t, def, def.GetOperations()[i]), sameBodies); diff != "" {
				t.Fatalf("seed %d, %s (-Postman +connector):\n%s\n%s", seed, c.name, diff, s.version2(t, "1"))
			}
		}
	}
}

func TestNoMadeUpCollectionContradictsItself(t *testing.T) {
	for seed := range uint64(stories) {
		def := load(t, file("c.json", makeStory(seed, false).version2(t, "0"))).Definition
		if err := definition.Validate(def); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		ids := map[string]bool{}
		for _, op := range def.GetOperations() {
			if id := strings.ToLower(op.GetOperationId()); ids[id] {
				t.Errorf("seed %d: the id %q is there twice", seed, op.GetOperationId())
			} else {
				ids[id] = true
			}
		}
	}
}
