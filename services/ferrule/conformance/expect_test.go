package conformance_test

import (
	"encoding/json"
	"maps"
	"mime"
	"slices"
	"strconv"
	"strings"
)

// expectation is what has to go over the wire.
type expectation struct {
	method string
	path   string            // in canonical spelling
	pairs  []string          // of the query, in canonical spelling, sorted
	header map[string]string // by name
	accept []string          // media types of which one has to be acceptable; none: anything is
	body   content
}

// kind is how a body becomes bytes.
type kind string

const (
	noBody    kind = "none"
	jsonBody  kind = "json"
	formBody  kind = "form"
	multipart kind = "multipart"
	rawBody   kind = "raw" // text, XML and bytes, sent as they are
)

// content is what a body has to be.
type content struct {
	kind   kind
	types  []string // media types of which it has to be one; none: anything is right
	json   any
	fields []string // canonical pairs, sorted
	parts  []string // one line for each, sorted
	raw    string
}

// call is an operation's input and what has to come of it.
type call struct {
	input object
	want  expectation
}

// neverWritten are header fields that are the transport's own: no input of a call.
var neverWritten = []string{
	"host", "proxy-authorization", "expect", "connection", "content-length", "transfer-encoding", "upgrade", "te", "trailer", "keep-alive",
	"proxy-connection",
}

// kindOf returns how a value becomes a body of a media type.
func kindOf(mediaType string) kind {
	base, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		base = strings.ToLower(strings.TrimSpace(strings.Split(mediaType, ";")[0]))
	}
	switch {
	case base == "application/x-www-form-urlencoded":
		return formBody
	case base == "multipart/form-data":
		return multipart
	case strings.HasSuffix(base, "/json"), strings.HasSuffix(base, "+json"), base == "*/*", base == "application/*":
		return jsonBody
	}
	return rawBody
}

// inputName returns the name of a parameter's input: its own, or with its place
// where several inputs have that name.
func inputName(e endpoint, p object, hasBody bool) string {
	name, times := text(p["name"]), 0
	if hasBody && name == "body" {
		times++
	}
	for _, q := range e.parameters {
		if q["name"] == p["name"] && q["in"] != "body" && q["in"] != "formData" {
			times++
		}
	}
	if times > 1 {
		return text(p["in"]) + "." + name
	}
	return name
}

// wireText is what a single value looks like outside of JSON.
func wireText(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	case nil:
		return "null"
	}
	return string(writeJSON(v))
}

// mended returns a default as a value of the type that its schema names. Null and
// what is of another kind altogether is no default.
func mended(f facts) any {
	return asType(f.object["default"], f.kind())
}

// asType returns a value as the type, where quotes are all that parts it from that;
// nil if more does.
func asType(v any, kind string) any {
	switch kind {
	case "string":
		switch v.(type) {
		case json.Number, bool, []any, object:
			return wireText(v)
		}
		return v
	case "integer", "number", "boolean", "array", "object":
		if s, is := v.(string); is {
			v, _ = readJSON([]byte(strings.TrimSpace(s)))
		}
		if !fits(v, kind) {
			return nil
		}
	}
	return v
}

func fits(v any, kind string) bool {
	switch v := v.(type) {
	case json.Number:
		whole, fraction, _ := strings.Cut(v.String(), ".")
		return kind == "number" || kind == "integer" && strings.Trim(fraction, "0") == "" && !strings.ContainsAny(whole+fraction, "eE")
	case bool:
		return kind == "boolean"
	case []any:
		return kind == "array"
	case object:
		return kind == "object"
	}
	return false
}

// whole reports whether a value has everything that its schema requires.
func (g generator) whole(schema, v any) bool {
	f := g.facts(schema)
	switch v := v.(type) {
	case []any:
		return !slices.ContainsFunc(v, func(one any) bool { return !g.whole(f.object["items"], one) })
	case object:
		for _, name := range f.required {
			p := g.facts(f.properties[name])
			if _, there := v[name]; !there && !truth(p.object["readOnly"]) {
				return false
			}
		}
		for name, one := range v {
			if !g.whole(f.properties[name], one) {
				return false
			}
		}
	}
	return true
}

// completed returns a value of a body with the defaults of properties that have to
// be there and of internal ones.
func (g generator) completed(schema, v any, depth int) any {
	f := g.facts(schema)
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = g.completed(f.object["items"], one, depth+1)
		}
		return out
	case object:
		if depth > 10 {
			return v
		}
		out := maps.Clone(v)
		for name, schema := range f.properties {
			g.completeProperty(f, name, schema, out, depth)
		}
		return out
	}
	return v
}

func (g generator) completeProperty(f facts, name string, schema any, out object, depth int) {
	p := g.facts(schema)
	if have, there := out[name]; there {
		out[name] = g.completed(schema, have, depth+1)
		return
	}
	if !slices.Contains(f.required, name) && p.object["x-ms-visibility"] != "internal" {
		return
	}
	if d := mended(p); d != nil {
		out[name] = d
		return
	}
	if made, _ := g.completed(schema, object{}, depth+1).(object); len(made) > 0 {
		out[name] = made
	}
}
