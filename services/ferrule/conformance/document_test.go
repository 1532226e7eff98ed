package conformance_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// object is a JSON object; numbers in it are json.Number.
type object = map[string]any

// methods are the keys of a path item that are operations.
var methods = []string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}

// readJSON reads JSON with numbers as they are written.
func readJSON(text []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return nil, fmt.Errorf("read JSON: %w", err)
	}
	return out, nil
}

// writeJSON writes JSON without the escapes that only HTML needs.
func writeJSON(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // not for what readJSON or a generator made
	}
	return bytes.TrimSpace(out.Bytes())
}

// document is a raw description.
type document struct {
	root object
	// strict asks for values that every judge takes: texts that are their formats to
	// the letter, and none for required parameters that could be taken for missing.
	strict bool
}

func newDocument(text []byte) (document, error) {
	if !utf8.Valid(text) {
		return document{}, fmt.Errorf("it is not UTF-8")
	}
	v, err := readJSON(text)
	if err != nil {
		return document{}, err
	}
	root, ok := v.(object)
	if !ok {
		return document{}, fmt.Errorf("it is no object")
	}
	return document{root: root}, nil
}

// resolve follows the references of an object within the document (RFC 6901).
func (d document) resolve(v any) object {
	for range 32 {
		o, _ := v.(object)
		ref, is := o["$ref"].(string)
		if !is {
			return o
		}
		v = d.at(ref)
	}
	return nil
}

func (d document) at(ref string) any {
	pointer, ok := strings.CutPrefix(ref, "#/")
	if !ok {
		return nil
	}
	var v any = d.root
	for token := range strings.SplitSeq(pointer, "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(percentDecode(token))
		o, _ := v.(object)
		v = o[token]
	}
	return v
}

// endpoint is one operation of a description.
type endpoint struct {
	method, path string
	op           object
	parameters   []object
}

// key tells operations apart.
func (e endpoint) key() string { return strings.ToUpper(e.method) + " " + e.path }

// endpoints returns all operations in a fixed order. Parameters of the path item
// count where the operation has none of that name and place.
func (d document) endpoints() []endpoint {
	var out []endpoint
	paths, _ := d.root["paths"].(object)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item := d.resolve(paths[path])
		for _, method := range methods {
			op, ok := item[method].(object)
			if !ok {
				continue
			}
			e := endpoint{method: method, path: path, op: op}
			for _, list := range []any{op["parameters"], item["parameters"]} {
				e.add(d, list)
			}
			out = append(out, e)
		}
	}
	return out
}

func (e *endpoint) add(d document, list any) {
	for _, p := range items(list) {
		p := d.resolve(p)
		same := func(q object) bool { return q["name"] == p["name"] && q["in"] == p["in"] }
		if text(p["name"]) != "" && !slices.ContainsFunc(e.parameters, same) {
			e.parameters = append(e.parameters, p)
		}
	}
}

func items(v any) []any {
	list, _ := v.([]any)
	return list
}

// text returns a string, "" for anything else.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// truth returns a flag; some descriptions write it as text.
func truth(v any) bool {
	b, _ := v.(bool)
	return b || v == "true"
}

// texts returns the strings of a list.
func texts(v any) []string {
	var out []string
	for _, one := range items(v) {
		if s, ok := one.(string); ok {
			out = append(out, s)
		}
	}
	return out
}
