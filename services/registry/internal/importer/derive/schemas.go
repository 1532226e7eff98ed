package derive

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

const (
	// maxDepth is how far references and parts are followed.
	maxDepth = 12
	// maxReads is how many schemas are read for one definition. What lies behind it
	// is not sure.
	maxReads = 50_000
)

// schemas reads the schemas of one definition.
type schemas struct {
	named map[string][]byte
	reads int
}

func newSchemas(def *connectorv1.Definition) *schemas {
	s := &schemas{named: make(map[string][]byte, len(def.GetSchemas()))}
	for _, one := range def.GetSchemas() {
		s.named[one.GetName()] = one.GetJson()
	}
	return s
}

// object is what a schema says about a value.
type object struct {
	types   []string
	members map[string]object
	// sure is false where the schema has alternatives, or could not be read: then
	// the members are not all that there may be.
	sure bool
}

// is reports whether a value has one type, or null beside it.
func (o object) is(name string) bool {
	types := slices.DeleteFunc(slices.Clone(o.types), func(t string) bool { return t == "null" })
	return len(types) == 1 && types[0] == name
}

// schema is the part of JSON Schema that is looked at.
type schema struct {
	Ref        string                     `json:"$ref"`
	Type       json.RawMessage            `json:"type"`
	Properties map[string]json.RawMessage `json:"properties"`
	AllOf      []json.RawMessage          `json:"allOf"`
	OneOf      json.RawMessage            `json:"oneOf"`
	AnyOf      json.RawMessage            `json:"anyOf"`
	Items      json.RawMessage            `json:"items"`
}

// levels is how deep the members of an answer are read.
const levels = 2

// read returns what a schema says about a value and what is in it.
func (s *schemas) read(text []byte, level int) object { return s.follow(text, level, 0) }

func (s *schemas) follow(text []byte, level, depth int) object {
	s.reads++
	var in schema
	if len(text) == 0 || depth > maxDepth || s.reads > maxReads || json.Unmarshal(text, &in) != nil {
		return object{}
	}
	out := object{members: map[string]object{}, sure: in.OneOf == nil && in.AnyOf == nil}
	out.types = typesOf(in)
	if in.Ref != "" {
		name, ok := strings.CutPrefix(in.Ref, "#/$defs/")
		if !ok {
			return object{}
		}
		out.add(s.follow(s.named[unescape(name)], level, depth+1))
	}
	for _, part := range in.AllOf {
		out.add(s.follow(part, level, depth+1))
	}
	if level < levels {
		for name, member := range in.Properties {
			out.members[name] = s.follow(member, level+1, depth+1)
		}
	}
	return out
}

// typesOf returns the types that a schema names, or the one that its keywords
// are for.
func typesOf(in schema) []string {
	var one string
	var several []string
	switch {
	case json.Unmarshal(in.Type, &one) == nil:
		return []string{one}
	case json.Unmarshal(in.Type, &several) == nil:
		return several
	case in.Items != nil:
		return []string{"array"}
	}
	return nil
}

// add makes the value one that another schema holds for as well.
func (o *object) add(other object) {
	if o.types == nil {
		o.types = other.types
	}
	maps.Copy(o.members, other.members)
	o.sure = o.sure && other.sure
}

func unescape(token string) string {
	return strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
}
