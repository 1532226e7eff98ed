package plan

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// maxFormatNodes bounds the schemas that are read for the texts of one value.
	maxFormatNodes = 10_000
	// maxFormatDepth bounds how deep schemas of which a value may keep several are put
	// together: those that refer to themselves have no end.
	maxFormatDepth = 8
)

// textKind is what a schema says about the text of a value, as far as anything follows.
type textKind int

const (
	plainText  textKind = iota
	bytesText           // base64; may be given as a content wrapper
	momentText          // a date, or a date and a time
)

// formats are the places of a value whose texts have a format, and its integers.
// Those of a schema that refers to itself do so, too. They are immutable once they
// are made; nil has none.
type formats struct {
	kind       textKind
	integer    bool // of numbers, only whole ones
	properties map[string]*formats
	items      *formats
	others     *formats // members that no property describes

	numbers bool // of a root: there is nothing but numbers to look at
}

// formatsOf reads a schema; nil if no text in it has a format.
func (s *schemas) formatsOf(raw []byte) *formats {
	r := formatReader{schemas: s, named: map[int]*formats{}}
	root := r.read(raw)
	if !r.texts && !r.numbers {
		return nil
	}
	root.numbers = !r.texts
	return root
}

// formatReader reads each named schema once.
type formatReader struct {
	schemas *schemas
	named   map[int]*formats
	nodes   int
	texts   bool // some text has a format
	numbers bool // some number is an integer
}

func (r *formatReader) read(raw []byte) *formats {
	list := resolvable(raw)
	if r.nodes++; list == nil || r.nodes > maxFormatNodes {
		return nil
	}
	f := &formats{}
	if ref := property(list, "$ref"); ref.Kind() == '"' {
		index, rest, ok := r.schemas.named(text(ref))
		if !ok || rest != "" {
			return nil
		}
		if known := r.named[index]; known != nil {
			return known
		}
		r.named[index] = f // before its inside, which may be itself
		target := r.schemas.list[index].GetJson()
		if next := property(resolvable(target), "$ref"); next.Kind() == '"' {
			f.join(r.read(target), maxFormatDepth)
			return f
		}
		list = resolvable(target)
	}
	r.fill(f, list)
	return f
}

// fill adds what one schema says; the parts of which it is made add theirs.
func (r *formatReader) fill(f *formats, list []member) {
	f.kind, f.integer = kindOfText(list), text(property(list, "type")) == "integer"
	r.numbers = r.numbers || f.integer
	r.texts = r.texts || f.kind != plainText
	if properties := property(list, "properties"); properties.Kind() == '{' {
		f.properties = map[string]*formats{}
		for _, m := range members(properties) {
			f.properties[m.name] = r.read(m.value)
		}
	}
	if items := property(list, "items"); items.Kind() == '{' {
		f.items = r.read(items)
	}
	if others := property(list, "additionalProperties"); others.Kind() == '{' {
		f.others = r.read(others)
	}
	for _, keyword := range []string{"allOf", "oneOf", "anyOf"} {
		parts := property(list, keyword)
		if parts.Kind() != '[' {
			continue
		}
		for _, part := range elements(parts) {
			f.join(r.read(part), maxFormatDepth)
		}
	}
}

// kindOfText reads the format of a schema. Times that have to be one of a list or keep
// a pattern are left as they are: it is said already what they look like.
func kindOfText(list []member) textKind {
	t := property(list, "type")
	if t != nil && text(t) != "string" && text(t) != "file" &&
		(t.Kind() != '[' || !slices.ContainsFunc(elements(t), func(one jsontext.Value) bool { return text(one) == "string" })) {
		return plainText
	}
	format := text(property(list, "format"))
	if format == "byte" || format == "binary" || t != nil && text(t) == "file" || text(property(list, "contentEncoding")) == "base64" {
		return bytesText
	}
	if property(list, "enum") != nil || property(list, "pattern") != nil || property(list, "const") != nil {
		return plainText
	}
	switch format {
	case "date-time", "date-no-tz", "date":
		return momentText
	}
	return plainText
}

// join adds what another schema says about the same value.
func (f *formats) join(other *formats, depth int) {
	if other == nil || depth == 0 || other == f {
		return
	}
	if f.kind == plainText {
		f.kind = other.kind
	}
	f.integer = f.integer || other.integer
	f.items = both(f.items, other.items, depth)
	f.others = both(f.others, other.others, depth)
	if f.properties == nil && len(other.properties) > 0 {
		f.properties = map[string]*formats{}
	}
	for name, p := range other.properties {
		f.properties[name] = both(f.properties[name], p, depth)
	}
}

// both returns what two schemas say, of which neither is changed.
func both(a, b *formats, depth int) *formats {
	switch {
	case a == nil || a == b:
		return b
	case b == nil:
		return a
	}
	out := &formats{}
	out.join(a, depth-1)
	out.join(b, depth-1)
	return out
}

// ofParts returns the formats of a form of several parts, whose parts are files where
// they are content: their bytes are sent, not base64.
func (f *formats) ofParts() *formats {
	if f == nil {
		return nil
	}
	out := &formats{properties: make(map[string]*formats, len(f.properties)), others: f.others.ofFile(), numbers: f.numbers}
	for name, p := range f.properties {
		out.properties[name] = p.ofFile()
	}
	return out
}

func (f *formats) ofFile() *formats {
	if f == nil {
		return nil
	}
	out := *f
	if out.kind == bytesText {
		out.kind = plainText
	}
	if f.items != nil && f.items.kind == bytesText {
		out.items = nil
	}
	return &out
}

// isBytes reports whether the value itself may be content.
func (f *formats) isBytes() bool { return f != nil && f.kind == bytesText }

func (f *formats) property(name string) *formats {
	if p, known := f.properties[name]; known {
		return p
	}
	return f.others
}
