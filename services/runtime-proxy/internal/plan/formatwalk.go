package plan

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// apply returns a value with its texts as their formats have them: content as its
// base64, and times in their form. What cannot be is a violation by its path below
// field, unless it is authored. What is not touched keeps its text.
func (f *formats) apply(field string, v jsontext.Value, authored authored, found *violations) jsontext.Value {
	if f == nil || v == nil || f.numbers && !mayBeWritten(v) {
		return v
	}
	d := decoders.Get().(*decoder) //nolint:errcheck,forcetypeassert // nothing else is in the pool
	defer d.release()
	d.from = *bytes.NewBuffer(v)
	d.Reset(&d.from)
	w := &formatWalk{decoder: d, data: v, field: field, authored: authored, found: found}
	w.value(f)
	for len(w.levels) > 0 && !w.broken {
		w.next()
	}
	if w.broken || w.copied == 0 {
		return v
	}
	return append(w.out, v[w.copied:]...)
}

// formatWalk reads a value once from its beginning to its end, however deep it is.
type formatWalk struct {
	*decoder

	data     jsontext.Value
	levels   []formatLevel
	field    string
	authored authored
	found    *violations
	out      []byte // the value so far, up to copied
	copied   int64
	broken   bool // never, for what was valid before
}

// formatLevel is an object or a list that is being read.
type formatLevel struct {
	of   *formats
	list bool
}

// next reads one member or item of the innermost level, or its end.
func (w *formatWalk) next() {
	top := w.levels[len(w.levels)-1]
	switch k := w.PeekKind(); {
	case k == '}' || k == ']':
		w.levels = w.levels[:len(w.levels)-1]
		w.token()
	case top.list:
		w.value(top.of.items)
	default:
		w.value(top.of.property(w.token()))
	}
}

func (w *formatWalk) token() string {
	t, err := w.ReadToken()
	if err != nil {
		w.broken = true
		return ""
	}
	if t.Kind() == '"' {
		return t.String()
	}
	return ""
}

// value reads the value of a place; nil is one without formats.
func (w *formatWalk) value(f *formats) {
	if w.broken {
		return
	}
	k := w.PeekKind()
	switch {
	case f == nil:
		w.broken = w.SkipValue() != nil
	case k == '0' && f.integer, k == '"' && f.kind != plainText, k == '{' && f.kind == bytesText && w.mayBeContent():
		w.one(f)
	case k == '{' || k == '[':
		w.token()
		w.levels = append(w.levels, formatLevel{f, k == '['})
	default:
		w.broken = w.SkipValue() != nil
	}
}

// mayBeContent looks at the beginning of the object that comes next: the names of a
// wrapper all begin with "$".
func (w *formatWalk) mayBeContent() bool {
	const space = " \t\r\n"
	rest := bytes.TrimLeft(w.data[w.InputOffset():], space+",:")
	return bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(rest, []byte("{")), space), []byte(`"$`))
}

// one reads a value that has a format.
func (w *formatWalk) one(f *formats) {
	raw, err := w.ReadValue()
	if err != nil {
		w.broken = true
		return
	}
	end := w.InputOffset()
	written, problem := f.kind.write(raw)
	location := slices.Collect(w.StackPointer().Tokens())
	if w.authored != nil && w.authored(location) {
		return
	}
	if problem != "" {
		w.found.add(join(w.field, location), problem)
	}
	if written != nil && !bytes.Equal(written, raw) {
		w.out = append(append(w.out, w.data[w.copied:end-int64(len(raw))]...), written...)
		w.copied = end
	}
}

// write returns what a value of the kind is sent as, nil for itself, and what is wrong
// with it.
func (k textKind) write(v jsontext.Value) (written jsontext.Value, problem string) {
	switch {
	case v.Kind() == '0':
		return wholeNumber(v), ""
	case k == bytesText:
		return writeContent(v)
	}
	// Whether a time has an offset is never changed and never judged: an API that calls
	// a local time a date-time would understand another one.
	if impossible(text(v)) {
		return nil, "is a date or a time that does not exist"
	}
	return nil, ""
}

// writeContent returns the base64 of a content wrapper. A text is taken as it is.
func writeContent(v jsontext.Value) (written jsontext.Value, problem string) {
	w, isContent := unwrapContent(v)
	if !isContent {
		return nil, ""
	}
	var encoded jsontext.Value
	for _, m := range members(v) {
		switch {
		case m.name == "$content":
			encoded = m.value.Clone()
		case !strings.HasPrefix(m.name, "$"):
			return nil, "" // no wrapper; its schema will say that it is an object
		}
	}
	return encoded, w.problem
}
