package conformance_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// of returns the content that a value makes, where nothing says more about the
// properties of a form: lists are repeated, objects are JSON.
func (c content) of(v any) content {
	switch c.kind {
	case jsonBody:
		c.json = v
		return c
	case rawBody:
		return c
	case noBody, formBody, multipart:
	}
	o, is := v.(object)
	if !is {
		return content{kind: noBody}
	}
	for _, name := range slices.Sorted(maps.Keys(o)) {
		list, is := o[name].([]any)
		if !is {
			list = []any{o[name]}
		}
		for _, one := range list {
			if one != nil {
				c.add(name, one)
			}
		}
	}
	slices.Sort(c.fields)
	slices.Sort(c.parts)
	return c
}

// add adds a field that is no file.
func (c *content) add(name string, v any) {
	c.fields = append(c.fields, percentEncode(name)+"="+percentEncode(wireText(v)))
	mediaType := ""
	if _, isObject := v.(object); isObject || isList(v) {
		mediaType = "application/json"
	}
	c.parts = append(c.parts, partLine(name, "", mediaType, wireText(v)))
}

// partLine is what counts of a part.
func partLine(name, filename, mediaType, body string) string {
	return fmt.Sprintf("name=%q filename=%q type=%q body=%q", name, filename, mediaType, body)
}

// form makes a body of fields.
func (s *swagger) form(fields []object) {
	want := content{kind: formBody}
	hasFile := slices.ContainsFunc(fields, func(p object) bool { return p["type"] == "file" })
	for _, one := range s.consumes {
		if k := kindOf(one); k == multipart || k == formBody && !hasFile {
			want.types = append(want.types, one)
		}
	}
	switch {
	case len(want.types) > 0:
		want.kind = kindOf(want.types[0])
	case hasFile:
		want.kind = multipart
	}
	body, needed := object{}, false
	for _, p := range fields {
		needed = needed || truth(p["required"])
		s.field(p, body, &want)
	}
	if needed || len(body) > 0 || len(want.parts) > 0 {
		if len(body) > 0 || s.mode != required {
			s.call.input["body"] = body
		}
		slices.Sort(want.fields)
		slices.Sort(want.parts)
		s.call.want.body = want
		return
	}
	s.call.want.body.kind = noBody
}

func (s *swagger) field(p object, body object, want *content) {
	name, needed := text(p["name"]), truth(p["required"])
	if p["type"] == "file" {
		if needed || s.mode != required {
			s.file(name, body, want)
		}
		return
	}
	d := s.usable(s.facts(p))
	filled := needed || p["x-ms-visibility"] == "internal" // defaults of others are the API's business
	g := s.generator
	g.filled = s.doc.strict && needed
	v, ok := g.value(p, 1, 0)
	if s.given != nil {
		fields, _ := s.given["body"].(object)
		v, ok = fields[name], fields[name] != nil
	}
	switch {
	case s.given == nil && s.mode == required && (d != nil || !needed):
		if !filled || d == nil {
			return
		}
		v = d
	case ok && v != nil:
		body[name] = v
	case ok:
		body[name] = nil
		return
	case needed && d == nil:
		s.problem = "field " + name + ": no value is known that fits"
		return
	case !filled || d == nil:
		return
	default:
		v = d
	}
	list, is := v.([]any)
	switch {
	case is && len(list) == 0:
	case is && p["collectionFormat"] == "multi":
		for _, one := range list {
			want.add(name, one)
		}
	case is:
		line := s.written(p, v)
		want.fields = append(want.fields, percentEncode(name)+"="+line)
		want.parts = append(want.parts, partLine(name, "", "", percentDecode(line)))
	default:
		want.add(name, v)
	}
}

// file adds a file with a name and a type of its own, or without either.
func (s *swagger) file(name string, body object, want *content) {
	bytes := "\x00\xff% + ü\r\n--x"
	file, filename, mediaType := object{"$content": base64.StdEncoding.EncodeToString([]byte(bytes))}, name, "application/octet-stream"
	if s.mode == tricky {
		filename, mediaType = `a "b" ü.png`, "image/png"
		file["$filename"], file["$content-type"] = filename, mediaType
	}
	body[name] = file
	want.parts = append(want.parts, partLine(name, strings.ReplaceAll(filename, `"`, "%22"), mediaType, bytes))
}
