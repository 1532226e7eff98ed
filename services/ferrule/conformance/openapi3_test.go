package conformance_test

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// basePath is where the APIs of OpenAPI 3 documents are put.
const basePath = "/v1"

func TestRequestsOfOpenAPI3DocumentsAreWhatTheySay(t *testing.T) {
	root := filepath.Join(corpus, "openapi3")
	all := sample(documents(t, root))
	h := newHarness(t)
	h.run(t, all, func(name string) (subject, error) { return readOpenAPI3(root, name) })
	h.finish(t, "openapi3", all)
}

// documents returns the JSON files below root, in order, relative to root.
func documents(t *testing.T, root string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(entry.Name(), ".json") {
			name, _ := filepath.Rel(root, path)
			found = append(found, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the folder shared/corpus beside the repository is absent: there are no real documents to call")
	}
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

// readOpenAPI3 reads a document without its credentials and servers.
func readOpenAPI3(root, name string) (subject, error) {
	content, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		return subject{}, err
	}
	doc, err := newDocument(content)
	if err != nil {
		return subject{}, err
	}
	for _, e := range doc.endpoints() {
		delete(e.op, "security")
		delete(e.op, "servers")
	}
	paths, _ := doc.root["paths"].(object)
	for _, item := range paths {
		if o, is := item.(object); is {
			delete(o, "servers")
		}
	}
	delete(doc.root, "security")
	if components, is := doc.root["components"].(object); is {
		delete(components, "securitySchemes")
	}
	return subject{name: name, doc: doc, call: doc.openAPI3Call, locate: func(host string) map[string][]byte {
		doc.root["servers"] = []any{object{"url": "http://" + host + basePath}}
		return map[string][]byte{"openapi.json": writeJSON(doc.root)}
	}}, nil
}

// openAPI3 reads one operation of an OpenAPI 3 document.
type openAPI3 struct {
	generator
	endpoint
	call    call
	path    string
	fixed   string
	pairs   []string
	cookies []string
	problem string
}

// ignored are header parameters whose description does not count (OpenAPI 3.1,
// section "Parameter Object").
var ignored = []string{"accept", "content-type", "authorization"}

func (d document) openAPI3Call(e endpoint, m mode) (call, string) {
	path, _, _ := strings.Cut(e.path, "#")
	path, fixed, _ := strings.Cut(path, "?")
	o := &openAPI3{
		generator: generator{doc: d, mode: m, request: true}, endpoint: e, path: basePath + "/" + strings.TrimPrefix(path, "/"), fixed: fixed,
		call: call{input: object{}, want: expectation{method: strings.ToUpper(e.method), header: map[string]string{}}},
	}
	o.call.want.accept = o.success()
	o.body()
	for _, p := range e.parameters {
		o.parameter(p)
	}
	if len(o.cookies) > 0 {
		slices.Sort(o.cookies)
		o.call.want.header["Cookie"] = strings.Join(o.cookies, "; ")
	}
	o.call.want.path = canonical(o.path, "/,")
	o.call.want.pairs = append(o.pairs, pairsOf(o.fixed)...)
	slices.Sort(o.call.want.pairs)
	return o.call, o.problem
}

// success returns the media types of successful answers.
func (o *openAPI3) success() []string {
	var out []string
	responses, _ := o.op["responses"].(object)
	for _, status := range slices.Sorted(maps.Keys(responses)) {
		if strings.HasPrefix(status, "2") || status == "default" {
			contents, _ := o.doc.resolve(responses[status])["content"].(object)
			out = append(out, slices.Sorted(maps.Keys(contents))...)
		}
	}
	return out
}

func (o *openAPI3) parameter(p object) {
	name, in := text(p["name"]), text(p["in"])
	if in == "header" && (slices.Contains(neverWritten, strings.ToLower(name)) || slices.Contains(ignored, strings.ToLower(name)) || strings.ContainsAny(name, " :/()")) {
		return
	}
	schema, document := p["schema"], false
	if contents, is := p["content"].(object); is && schema == nil {
		for _, media := range contents {
			m, _ := media.(object)
			schema, document = m["schema"], true
		}
	}
	v, given := o.choose(p, schema, name, in)
	if !given {
		return
	}
	if document {
		v = string(writeJSON(v))
	}
	s := styleOf(p, in)
	switch in {
	case "path":
		o.path = strings.ReplaceAll(o.path, "{"+name+"}", s.write(name, v))
		o.fixed = strings.ReplaceAll(o.fixed, "{"+name+"}", s.write(name, v))
	case "query":
		o.pairs = append(o.pairs, s.pairs(name, v)...)
	case "header":
		if line := percentDecode(s.write(name, v)); line != "" || !isList(v) {
			o.call.want.header[name] = line
		}
	case "cookie":
		o.cookies = append(o.cookies, s.pairs(name, v)...)
	}
}

// choose returns a value and gives it to the input, unless it is a default.
func (o *openAPI3) choose(p object, schema any, name, in string) (any, bool) {
	needed := in == "path" || truth(p["required"])
	d := o.usable(o.facts(schema))
	if line, is := d.(string); is && in == "path" && line == "" {
		d = nil
	}
	if o.mode == required && (d != nil || !needed) {
		return d, d != nil
	}
	g := o.generator
	g.filled = o.doc.strict && needed
	g.request = false // a parameter is never part of an answer
	if in == "path" && (g.mode == edges || g.mode == required) {
		g.mode = plain
	}
	v, ok := g.value(schema, 0, 0)
	if line, is := v.(string); is && in == "path" && line == "" {
		ok = false
	}
	switch {
	case ok && v != nil:
		o.call.input[inputName(o.endpoint, p, o.call.want.body.kind != noBody)] = v
		return v, true
	case needed && d == nil:
		o.problem = in + " parameter " + name + ": no value is known that fits"
	}
	return d, d != nil
}
