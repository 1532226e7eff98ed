// Package sample makes JSON Schemas out of sample values, and sample values out
// of JSON Schemas.
//
// [Schema] looks at several samples of the same thing, say the saved answers of
// one operation, and describes them all: what is in every one is required, what
// is null in one is nullable, items of arrays are merged into one schema. [Text]
// does the same for values that travel as text, such as query parameters.
// [Value] goes the other way for formats that show requests by example.
//
//	sample.Schema(parse(`{"id":1}`), parse(`{"id":2,"name":null}`))
//	// {"type":"object","properties":{"id":{"type":"integer"},"name":{}},"required":["id"]}
//
// Samples may be people's data: no value of a sample ever gets into a schema,
// only the names of members do.
//
// All functions take bounded time and memory, whatever they are given, and are
// safe for concurrent use.
package sample

import (
	"slices"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// The limits of inference.
const (
	// MaxDepth is the depth of objects and arrays that are described; what is
	// deeper may be anything.
	MaxDepth = 32
	// MaxProperties is the greatest number of members that are described of one
	// object. Objects with more are maps, and the rest is left out.
	MaxProperties = 256
	// MaxValues is the greatest number of values that are looked at in one call;
	// those after it do not count, and nothing is required where some are left out.
	MaxValues = 200_000
)

// Schema returns the JSON Schema 2020-12, as compact JSON text, of what all of
// the values are samples of. Properties stand in the order in which they first
// appear. Nil values are skipped; without any, and where all are null, the
// schema is "{}".
func Schema(values ...*document.Node) []byte {
	return describe(&inference{}, values)
}

// Input is [Schema] for what callers send: nothing is required, since a sample
// request shows what may be sent, and not what must be.
func Input(values ...*document.Node) []byte {
	return describe(&inference{optional: true}, values)
}

func describe(in *inference, values []*document.Node) []byte {
	var s shape
	for _, v := range values {
		if v != nil {
			in.add(&s, v, 0)
		}
	}
	return in.append(nil, &s)
}

// inference is the work of one call.
type inference struct {
	seen     int
	optional bool // nothing is required
}

// cut reports whether samples were left out.
func (in *inference) cut() bool { return in.seen > MaxValues }

// kind is a set of JSON types.
type kind uint8

const (
	null kind = 1 << iota
	boolean
	integer
	number
	text
	array
	object
)

// names are the types in the order in which they are written.
var names = []struct {
	kind kind
	name string
}{
	{object, "object"},
	{array, "array"},
	{text, "string"},
	{integer, "integer"},
	{number, "number"},
	{boolean, "boolean"},
	{null, "null"},
}

// shape is what is known about all samples of one value.
type shape struct {
	kinds kind
	// strings and objects are how many of the samples were ones.
	strings, objects int
	format           string
	properties       []*property
	index            map[string]*property
	more             bool // has members beyond those in properties
	items            *shape
}

type property struct {
	name  string
	count int
	shape
}

// add looks at one more sample. Recursion ends at MaxDepth.
func (in *inference) add(s *shape, n *document.Node, depth int) {
	if in.seen++; in.cut() {
		return
	}
	switch n.Kind() {
	case document.Null:
		s.kinds |= null
	case document.Bool:
		s.kinds |= boolean
	case document.Number:
		s.kinds |= numberKind(n.Text())
	case document.String:
		s.kinds |= text
		s.addFormat(formatOf(n.Text()))
	case document.Array:
		s.kinds |= array
		if s.items == nil {
			s.items = &shape{}
		}
		if depth < MaxDepth {
			for _, c := range n.Children() {
				in.add(s.items, c, depth+1)
			}
		}
	case document.Object:
		s.kinds |= object
		s.objects++
		if depth < MaxDepth {
			in.members(s, n, depth)
		}
	case document.Invalid:
	}
}

// members looks at the members of an object.
func (in *inference) members(s *shape, n *document.Node, depth int) {
	for _, c := range n.Children() {
		p := s.index[c.Key()]
		if p == nil {
			if len(s.properties) == MaxProperties {
				s.more = true
				continue
			}
			if s.index == nil {
				s.index = map[string]*property{}
			}
			p = &property{name: c.Key()}
			s.properties = append(s.properties, p)
			s.index[c.Key()] = p
		}
		p.count++
		in.add(&p.shape, c, depth+1)
	}
}

// addFormat keeps a format only while all samples agree on it.
func (s *shape) addFormat(format string) {
	if s.strings++; s.strings > 1 && s.format != format {
		format = ""
	}
	s.format = format
}

// append writes the schema of s.
func (in *inference) append(b []byte, s *shape) []byte {
	kinds := s.kinds
	if kinds&number != 0 {
		kinds &^= integer
	}
	if kinds == 0 || kinds == null {
		return append(b, "{}"...) // null says nothing about what else may be there
	}
	b = appendType(append(b, '{'), kinds)
	if s.format != "" {
		b = document.AppendString(append(b, `,"format":`...), s.format)
	}
	if kinds&object != 0 {
		b = in.appendProperties(b, s)
	}
	if kinds&array != 0 {
		b = in.append(append(b, `,"items":`...), s.items)
	}
	return append(b, '}')
}

// appendType writes the type keyword: one name, or a list of several.
func appendType(b []byte, kinds kind) []byte {
	b = append(b, `"type":`...)
	several := kinds&(kinds-1) != 0
	if several {
		b = append(b, '[')
	}
	first := true
	for _, n := range names {
		if kinds&n.kind == 0 {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		b, first = document.AppendString(b, n.name), false
	}
	if several {
		b = append(b, ']')
	}
	return b
}

// appendProperties writes the keywords of objects.
func (in *inference) appendProperties(b []byte, s *shape) []byte {
	if len(s.properties) == 0 {
		return b
	}
	b = append(b, `,"properties":{`...)
	for i, p := range s.properties {
		if i > 0 {
			b = append(b, ',')
		}
		b = in.append(append(document.AppendString(b, p.name), ':'), &p.shape)
	}
	b = append(b, '}')
	required := slices.DeleteFunc(slices.Clone(s.properties), func(p *property) bool { return p.count != s.objects })
	if in.optional || s.more || in.cut() || len(required) == 0 {
		return b
	}
	b = append(b, `,"required":[`...)
	for i, p := range required {
		if i > 0 {
			b = append(b, ',')
		}
		b = document.AppendString(b, p.name)
	}
	return append(b, ']')
}
