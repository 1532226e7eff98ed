// Package sample makes an example of what a JSON Schema describes, for people who want
// to see what an event looks like before there is one.
//
// [Schemas] are the named schemas of a connector. An example prefers what the schema
// itself gives as one, and is the same each time:
//
//	named := sample.New(def)
//	text := named.Example([]byte(`{"type":"object","properties":{"id":{"type":"integer"}}}`))
//	// {"id":1}
//
// It need not be valid by every keyword of the schema, only of its shape.
package sample

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	// maxDepth is how deep an example goes: schemas may contain themselves.
	maxDepth = 8
	// maxMembers bounds the members of all objects of an example together, and the parts
	// of its unions.
	maxMembers = 2_000
	// reference begins references to named schemas.
	reference = "#/$defs/"
)

// Schemas are named schemas. They are immutable and safe for concurrent use.
type Schemas struct {
	named map[string]json.RawMessage
}

// New returns the schemas of a definition, which must not be changed meanwhile.
func New(def *connectorv1.Definition) Schemas {
	s := Schemas{named: map[string]json.RawMessage{}}
	for _, schema := range def.GetSchemas() {
		s.named[schema.GetName()] = schema.GetJson()
	}
	return s
}

type members = map[string]json.RawMessage

// parsed reads a schema and follows its references; nil for one that says nothing.
func (s Schemas) parsed(schema json.RawMessage) members {
	for range maxDepth {
		var m members
		if json.Unmarshal(schema, &m) != nil {
			return nil
		}
		name, ok := strings.CutPrefix(text(m["$ref"]), reference)
		if !ok {
			return m
		}
		schema = s.named[strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")]
	}
	return nil
}

func text(value json.RawMessage) (out string) {
	_ = json.Unmarshal(value, &out) // what is no text is none
	return out
}

func list(value json.RawMessage) (out []json.RawMessage) {
	_ = json.Unmarshal(value, &out) // what is no list is empty
	return out
}

// Property returns the schema of what is at a dot path inside what a schema describes;
// nil if it does not say.
func (s Schemas) Property(schema json.RawMessage, path string) json.RawMessage {
	if path == "" {
		return schema
	}
	for name := range strings.SplitSeq(path, ".") {
		schema = s.properties(schema)[name]
	}
	return schema
}

// properties returns what a schema describes as members of an object, also as a union.
func (s Schemas) properties(schema json.RawMessage) members {
	all, seen := members{}, map[string]bool{}
	for open := []json.RawMessage{schema}; len(open) > 0; open = open[1:] {
		if seen[string(open[0])] {
			continue // a union may contain itself, and many times
		}
		seen[string(open[0])] = true
		m := s.parsed(open[0])
		var own members
		_ = json.Unmarshal(m["properties"], &own) // none is none
		for name, property := range own {
			if all[name] == nil {
				all[name] = property
			}
		}
		open = append(open, list(m["allOf"])...)
	}
	return all
}

// Element returns the schema of the elements of a list; nil if the schema describes
// none.
func (s Schemas) Element(schema json.RawMessage) json.RawMessage { return s.parsed(schema)["items"] }

// OnlyList returns the dot path of the only list that a schema describes: empty if it is
// one itself, or else the name of the only property that is one; false if there is none,
// or more than one to choose from.
func (s Schemas) OnlyList(schema json.RawMessage) (path string, ok bool) {
	if s.isList(schema) {
		return "", true
	}
	lists := 0
	for name, property := range s.properties(schema) {
		if s.isList(property) {
			path = name
			lists++
		}
	}
	if lists != 1 {
		return "", false
	}
	return path, true
}

func (s Schemas) isList(schema json.RawMessage) bool {
	m := s.parsed(schema)
	return m["items"] != nil || text(m["type"]) == "array"
}

// Complete returns a schema together with the named ones that it refers to, directly
// or not, as its "$defs"; nil if it is nil.
func (s Schemas) Complete(schema json.RawMessage) json.RawMessage {
	var m members
	if json.Unmarshal(schema, &m) != nil {
		return schema
	}
	defs := members{}
	for wanted := referred(schema); len(wanted) > 0; {
		name := wanted[0]
		wanted = wanted[1:]
		if _, known := defs[name]; known || s.named[name] == nil {
			continue
		}
		defs[name] = s.named[name]
		wanted = append(wanted, referred(s.named[name])...)
	}
	if len(defs) == 0 {
		return schema
	}
	all, err := json.Marshal(defs)
	if err != nil {
		return schema
	}
	m["$defs"] = all
	if out, err := json.Marshal(m); err == nil {
		return out
	}
	return schema
}

// referred returns the names that a schema refers to.
func referred(schema json.RawMessage) (names []string) {
	decoder := json.NewDecoder(bytes.NewReader(schema))
	for {
		token, err := decoder.Token()
		if err != nil {
			return names
		}
		if value, ok := token.(string); ok {
			if name, ok := strings.CutPrefix(value, reference); ok {
				names = append(names, strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~"))
			}
		}
	}
}

// Example makes an example of a schema as JSON text; null for one that says nothing.
func (s Schemas) Example(schema json.RawMessage) json.RawMessage {
	g := generation{Schemas: s}
	out, err := json.Marshal(g.value(schema, 0))
	if err != nil {
		return json.RawMessage("null") // examples of the schema itself are no JSON
	}
	return out
}

// generation is the making of one example.
type generation struct {
	Schemas
	members int
}

func (g *generation) value(schema json.RawMessage, depth int) any {
	m := g.parsed(schema)
	if m == nil || depth > maxDepth {
		return nil
	}
	for _, key := range []string{"example", "const", "default"} {
		if v := m[key]; v != nil {
			return v
		}
	}
	for _, key := range []string{"examples", "enum"} {
		if l := list(m[key]); len(l) > 0 {
			return l[0]
		}
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if l := list(m[key]); len(l) > 0 && m["properties"] == nil {
			return g.value(l[0], depth+1)
		}
	}
	switch kind(m) {
	case "object":
		return g.object(m, depth)
	case "array":
		if m["items"] == nil || depth == maxDepth {
			return []any{}
		}
		return []any{g.value(m["items"], depth+1)}
	case "integer", "number":
		if v := m["minimum"]; v != nil {
			return v
		}
		return 1
	case "boolean":
		return true
	case "string":
		return word(text(m["format"]))
	}
	return nil
}

// kind is the type of a schema, also where only its keywords tell.
func kind(m members) string {
	if one := text(m["type"]); one != "" {
		return one
	}
	for _, t := range list(m["type"]) {
		if one := text(t); one != "null" {
			return one
		}
	}
	switch {
	case m["properties"] != nil, m["allOf"] != nil:
		return "object"
	case m["items"] != nil:
		return "array"
	}
	return ""
}

func (g *generation) object(m members, depth int) any {
	out := map[string]any{}
	for _, part := range list(m["allOf"]) {
		if g.members++; g.members > maxMembers {
			break
		}
		if more, ok := g.value(part, depth+1).(map[string]any); ok {
			maps.Copy(out, more)
		}
	}
	var properties members
	_ = json.Unmarshal(m["properties"], &properties) // none is none
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if g.members++; g.members > maxMembers {
			break
		}
		out[name] = g.value(properties[name], depth+1)
	}
	return out
}

// word is a text of a format.
func word(format string) string {
	switch format {
	case "date-time":
		return "2026-01-02T15:04:05Z"
	case "date", "date-no-tz":
		return "2026-01-02"
	case "time":
		return "15:04:05Z"
	case "email":
		return "ann@example.com"
	case "uri", "url":
		return "https://example.com/1"
	case "uuid":
		return "00000000-0000-4000-8000-000000000001"
	case "byte":
		return "dGV4dA=="
	default:
		return "text"
	}
}
