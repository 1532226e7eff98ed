package conformance_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// readable writes what the mock server does not read as the specification says in
// another way that means the same to everybody, so that it judges the rest of the
// request, too. What cannot be written otherwise is a rule of testdata/prism.yaml.
func (d document) readable() {
	_, isSwagger := d.root["swagger"]
	for _, e := range d.endpoints() {
		if isSwagger {
			d.nameMediaTypes(e)
		} else {
			d.writtenBodies(e)
		}
	}
	ignored := []string{"accept", "authorization", "content-type"} // by OpenAPI 3.0, Parameter Object
	if isSwagger {
		ignored = nil
	}
	d.eachList(func(list []any) []any {
		return slices.DeleteFunc(list, func(one any) bool {
			p := d.resolve(one)
			name := text(p["name"])
			impossible := strings.ContainsAny(name, " :/()") // RFC 9110, section 5.1
			return p["in"] == "header" && (impossible || slices.Contains(ignored, strings.ToLower(name)))
		})
	})
	d.eachList(func(list []any) []any {
		for _, one := range list {
			d.plainParameter(d.resolve(one))
		}
		return list
	})
	d.plainPaths()
	typedFlags(d.root)
}

// eachList replaces the lists of parameters of paths and operations.
func (d document) eachList(change func([]any) []any) {
	paths, _ := d.root["paths"].(object)
	for _, path := range paths {
		item := d.resolve(path)
		for _, holder := range append([]any{item}, slices.Collect(maps.Values(item))...) {
			if o, is := holder.(object); is && o["parameters"] != nil {
				o["parameters"] = change(items(o["parameters"]))
			}
		}
	}
}

// nameMediaTypes completes "consumes": nothing named leaves the media type open,
// but the mock server takes it for "none"; forms have theirs; and what a parameter
// Content-Type lists is sent. A boundary is part of what that says (RFC 7578,
// section 4.1).
func (d document) nameMediaTypes(e endpoint) {
	s := &swagger{generator: generator{doc: d}, endpoint: e}
	types := slices.Clone(s.mediaTypes("consumes"))
	isForm := func(t string) bool { k := kindOf(t); return k == formBody || k == multipart }
	for _, p := range e.parameters {
		switch {
		case p["in"] == "body" && len(types) == 0:
			types = []string{"application/json"}
			if f := s.facts(p["schema"]); f.object["format"] == "binary" || f.object["type"] == "file" {
				types = []string{"application/octet-stream"}
			}
		case p["in"] == "formData" && !slices.ContainsFunc(types, isForm):
			types = append(types, "multipart/form-data", "application/x-www-form-urlencoded")
		case isContentType(p):
			f := s.facts(p)
			for _, one := range append(texts(f.object["enum"]), text(f.object["default"])) {
				if one = strings.TrimSpace(one); strings.Contains(one, "/") {
					types = append(types, one)
				}
			}
			if slices.ContainsFunc(types, func(t string) bool { return kindOf(t) == multipart }) {
				delete(p, "enum")
			}
		}
	}
	if len(types) > 0 {
		list := make([]any, len(types))
		for i, one := range types {
			list[i] = one
		}
		e.op["consumes"] = list
	}
}

// writtenBodies leaves the media type alone of bodies that are texts or bytes: the
// mock server compares the text itself with the schema of what it says. Lists in
// forms are repeated, which is the default that it does not know.
func (d document) writtenBodies(e endpoint) {
	body := d.resolve(e.op["requestBody"])
	contents, _ := body["content"].(object)
	for name, one := range contents {
		media, _ := one.(object)
		switch kindOf(name) {
		case rawBody:
			delete(media, "schema")
		case formBody, multipart:
			d.repeatedLists(media)
		case noBody, jsonBody:
		}
	}
}

func (d document) repeatedLists(media object) {
	encodings, _ := media["encoding"].(object)
	if encodings == nil {
		encodings = object{}
	}
	g := generator{doc: d}
	for name, schema := range g.facts(media["schema"]).properties {
		f := g.facts(schema)
		if f.kind() == "array" && encodings[name] == nil && g.facts(f.object["items"]).kind() != "object" {
			encodings[name] = object{"style": "form", "explode": true, "allowReserved": true}
		}
	}
	if len(encodings) > 0 {
		media["encoding"] = encodings
	}
}

// plainParameter gives a parameter of a path a name that a URI template may have
// (RFC 6570, section 2.3), and lists in a query no type "null", which a query cannot
// have. Lists in headers become texts where they may be missing: the mock server ends
// over those that are (deserializers/style/simple.js).
func (d document) plainParameter(p object) {
	switch p["in"] {
	case "path":
		p["name"] = plainName(text(p["name"]))
	case "query":
		schema := maps.Clone(d.resolve(p["schema"]))
		if schema["type"] == "array" && truth(schema["nullable"]) {
			delete(schema, "nullable")
			p["schema"] = schema
		}
	case "header":
		switch schema := d.resolve(p["schema"]); {
		case truth(p["required"]):
		case schema["type"] == "array":
			p["schema"] = object{"type": "string"}
		case p["type"] == "array":
			p["type"] = "string"
			delete(p, "items")
			delete(p, "collectionFormat")
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{[^{}]*\}`)
	notPlain    = regexp.MustCompile(`[^A-Za-z0-9_]`)
)

func plainName(name string) string {
	return notPlain.ReplaceAllStringFunc(name, func(s string) string { return fmt.Sprintf("_%x", s) })
}

func (d document) plainPaths() {
	paths, _ := d.root["paths"].(object)
	for path, item := range paths {
		plain := placeholder.ReplaceAllStringFunc(path, func(s string) string { return "{" + plainName(s[1:len(s)-1]) + "}" })
		if plain != path && !strings.ContainsAny(path, "#?") {
			delete(paths, path)
			paths[plain] = item
		}
	}
}

// typedFlags makes enumerations of flags what they are meant to be: the type may be
// missing, and the flags may be in quotes.
func typedFlags(v any) {
	switch v := v.(type) {
	case []any:
		for _, one := range v {
			typedFlags(one)
		}
	case object:
		if list := items(v["enum"]); len(list) > 0 {
			flags := make([]any, len(list))
			all := true
			for i, one := range list {
				flags[i] = one == true || one == "true"
				_, is := one.(bool)
				all = all && (is && (v["type"] == nil || v["type"] == "boolean") || v["type"] == "boolean" && (one == "true" || one == "false"))
			}
			if all {
				v["type"], v["enum"] = "boolean", flags
			}
		}
		for _, one := range v {
			typedFlags(one)
		}
	}
}
