package plan

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxElementNodes bounds the schemas that the plan of one document reads.
const maxElementNodes = 10_000

// element is what a schema says about an element of XML and what is in it. Those
// of schemas that refer to themselves do, too.
type element struct {
	name, prefix, namespace string
	attribute, wrapped      bool

	order      []string // of the properties
	properties map[string]*element
	items      *element
	others     *element // of members that no property describes
}

// plainElement returns one of which nothing is known.
func plainElement() *element { return &element{} }

// elementsOf reads the schema of a document. The root is named after its schema.
func (s *schemas) elementsOf(raw []byte) *element {
	r := elementReader{schemas: s, named: map[int]*element{}}
	root := r.read(raw)
	if ref := property(resolvable(raw), "$ref"); root.name == "" && ref.Kind() == '"' {
		if index, rest, ok := s.named(text(ref)); ok && rest == "" {
			named := *root
			named.name = s.list[index].GetName()
			return &named
		}
	}
	return root
}

// resolvable returns the members of a schema, nil if it is no object.
func resolvable(raw []byte) []member {
	if jsontext.Value(raw).Kind() != '{' {
		return nil
	}
	return members(raw)
}

// elementReader reads each named schema once.
type elementReader struct {
	schemas *schemas
	named   map[int]*element
	nodes   int
}

func (r *elementReader) read(raw []byte) *element {
	list := resolvable(raw)
	if r.nodes++; list == nil || r.nodes > maxElementNodes {
		return plainElement()
	}
	ref := property(list, "$ref")
	if ref.Kind() != '"' {
		e := &element{}
		r.fill(e, list)
		return e
	}
	index, rest, ok := r.schemas.named(text(ref))
	if !ok || rest != "" {
		return plainElement()
	}
	if e, known := r.named[index]; known {
		return e
	}
	e := &element{}
	r.named[index] = e // before its inside, which may be itself
	target := resolvable(r.schemas.list[index].GetJson())
	if next := property(target, "$ref"); next.Kind() == '"' {
		*e = *r.read(r.schemas.list[index].GetJson())
		return e
	}
	r.fill(e, target)
	return e
}

// fill adds what one schema says; the parts of which it is made add theirs.
func (r *elementReader) fill(e *element, list []member) {
	r.xml(e, property(list, "xml"))
	if properties := property(list, "properties"); properties.Kind() == '{' {
		for _, m := range members(properties) {
			e.add(m.name, r.read(m.value))
		}
	}
	if items := property(list, "items"); items.Kind() == '{' {
		e.items = r.read(items)
	}
	if others := property(list, "additionalProperties"); others.Kind() == '{' {
		e.others = r.read(others)
	}
	for _, keyword := range []string{"allOf", "oneOf", "anyOf"} {
		parts := property(list, keyword)
		if parts.Kind() != '[' {
			continue
		}
		for _, part := range elements(parts) {
			e.join(r.read(part))
		}
	}
}

func (r *elementReader) xml(e *element, v jsontext.Value) {
	if v.Kind() != '{' {
		return
	}
	for _, m := range members(v) {
		switch m.name {
		case "name":
			e.name = text(m.value)
		case "prefix":
			e.prefix = text(m.value)
		case "namespace":
			e.namespace = text(m.value)
		case "attribute":
			e.attribute = m.value.Kind() == 't'
		case "wrapped":
			e.wrapped = m.value.Kind() == 't'
		}
	}
}

func (e *element) add(name string, p *element) {
	if e.properties == nil {
		e.properties = map[string]*element{}
	}
	if _, known := e.properties[name]; !known {
		e.order = append(e.order, name)
		e.properties[name] = p
	}
}

// join takes the inside of a part; its names are those of another type.
func (e *element) join(part *element) {
	for _, name := range part.order {
		e.add(name, part.properties[name])
	}
	if e.items == nil {
		e.items = part.items
	}
	if e.others == nil {
		e.others = part.others
	}
}

func (e *element) nameOr(other string) string {
	if e.name != "" {
		return e.name
	}
	return other
}

func (e *element) property(name string) *element {
	if p, known := e.properties[name]; known {
		return p
	}
	if e.others != nil {
		return e.others
	}
	return plainElement()
}

func (e *element) item() *element {
	if e.items != nil {
		return e.items
	}
	return plainElement()
}

// sort puts members in the order of the schema, which XML often insists on; what
// it does not know comes last.
func (e *element) sort(list []member) []member {
	rank := func(m member) int {
		if i := slices.Index(e.order, m.name); i >= 0 {
			return i
		}
		return len(e.order)
	}
	slices.SortStableFunc(list, func(a, b member) int { return rank(a) - rank(b) })
	return list
}
