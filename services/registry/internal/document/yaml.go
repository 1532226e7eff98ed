package document

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxYAMLMarks bounds what can begin a value in YAML: line breaks and the
// indicators of flow style. The general parser's own nodes cost several times
// ours, so a file that is made of nothing else is refused before it is parsed.
const maxYAMLMarks = 4_000_000

// readYAML reads one YAML document as if it were JSON: keys become strings,
// aliases copies of what they repeat, and what JSON cannot say (tags, infinite
// numbers) becomes text.
//
// Descriptions of tens of megabytes are block style throughout. [blockReader]
// reads those, several times as fast and in a fraction of the memory; whatever it
// does not know is left to the general parser, and both make the same tree.
func readYAML(d *Document) error {
	fast := &blockReader{builder: builder{doc: d}, s: d.lines.source}
	root, err := fast.document()
	if err == nil {
		d.root = root
		return nil
	}
	if !errors.Is(err, errOtherStyle) {
		return err
	}
	d.forget()
	return readGeneralYAML(d, fast)
}

func readGeneralYAML(d *Document, fast *blockReader) error {
	source := d.lines.source
	marks := 0
	for _, c := range []string{"\n", ",", "[", "{"} {
		marks += strings.Count(source, c)
	}
	if marks > maxYAMLMarks {
		return tooLarge(d.path, "values", maxYAMLMarks)
	}
	top, more, err := decodeYAML(withoutVersion(source))
	if err != nil {
		return explainYAML(d, fast, err)
	}
	r := &yamlReader{builder: builder{doc: d}, around: map[*yaml.Node]bool{}, places: yamlPlaces{lines: &d.lines, source: source}}
	if more > 0 {
		d.remark(YAMLMoreDocuments, nil, r.places.offset(more, 1))
	}
	d.root, err = r.value(nil, top, top, 0)
	return err
}

// withoutVersion blanks out a %YAML directive: parsers refuse versions that they
// do not know, and the differences are none that descriptions use.
func withoutVersion(source string) string {
	if !strings.HasPrefix(source, "%YAML") {
		return source
	}
	line, rest, _ := strings.Cut(source, "\n")
	return "#" + strings.Repeat(" ", len(line)-1) + "\n" + rest
}

// decodeYAML returns the content of the first document in source, and the line
// on which a second one starts, 0 if there is none.
func decodeYAML(source string) (top *yaml.Node, more int, err error) {
	// The parser reports errors by panicking internally, and some of its panics
	// on malformed input have slipped out in the past.
	defer func() {
		if p := recover(); p != nil {
			top, err = nil, fmt.Errorf("yaml: line 1: the parser gave up (%v)", p)
		}
	}()
	decoder := yaml.NewDecoder(strings.NewReader(source))
	var document, next yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, 0, errors.New("yaml: line 1: the file holds no document")
		}
		return nil, 0, fmt.Errorf("decode: %w", err)
	}
	switch err := decoder.Decode(&next); {
	case err == nil:
		more = next.Line
	case !errors.Is(err, io.EOF):
		return nil, 0, fmt.Errorf("decode: %w", err)
	}
	return document.Content[0], more, nil
}

// explainYAML turns the parser's error into ours. Its messages name the line in
// which the surrounding value starts; where the fast reader stopped at something
// that is wrong in any style, that is the place.
func explainYAML(d *Document, fast *blockReader, err error) error {
	if fast.why != "" {
		line, column := d.lines.locate(fast.at)
		return broken(d.path, YAML, fast.why, line, column)
	}
	line, why := yamlError(err)
	return broken(d.path, YAML, why, line, 1)
}

// yamlError takes line and sentence out of the parser's message, which has no
// other form.
func yamlError(err error) (line int, why string) {
	parts := regexp.MustCompile(`yaml: (?:line (\d+): )?(.*)`).FindStringSubmatch(err.Error())
	if parts == nil {
		return 1, "it cannot be read"
	}
	line, _ = strconv.Atoi(parts[1])
	return max(line, 1), parts[2]
}

type yamlReader struct {
	builder

	// around are the nodes around the present one: an alias to one of them has no
	// end.
	around map[*yaml.Node]bool
	// aliases is the number of aliases around the present value, repeated the
	// number of values that were made inside aliases.
	aliases, repeated int

	places yamlPlaces
}

// value adds the node for y. Its position is that of at, which is the alias
// where y is repeated by one.
func (r *yamlReader) value(parent *Node, y, at *yaml.Node, depth int) (*Node, error) {
	if y.Kind == yaml.AliasNode {
		if r.around[y.Alias] {
			return nil, broken(r.doc.path, YAML, "an alias contains itself", y.Line, y.Column)
		}
		r.aliases++
		defer func() { r.aliases-- }()
		return r.value(parent, y.Alias, at, depth)
	}
	if r.aliases > 0 {
		if r.repeated++; r.repeated > MaxRepeated {
			return nil, tooLarge(r.doc.path, "values repeated by aliases", MaxRepeated)
		}
	}
	position := r.places.offset(at.Line, at.Column)
	if y.Kind == yaml.ScalarNode {
		kind, text := scalar(y)
		n, err := r.add(parent, kind, position)
		if err == nil {
			n.text = text
		}
		return n, err
	}
	if depth++; depth > MaxDepth {
		return nil, tooDeep(r.doc.path, at.Line, at.Column)
	}
	r.around[y] = true
	defer delete(r.around, y)
	if y.Kind == yaml.SequenceNode {
		return r.sequence(parent, y, position, depth)
	}
	n, err := r.add(parent, Object, position)
	if err != nil {
		return nil, err
	}
	mark := r.open()
	if err := r.members(n, y, depth, mark, nil); err != nil {
		return nil, err
	}
	r.close(n, mark)
	return n, nil
}

func (r *yamlReader) sequence(parent *Node, y *yaml.Node, position, depth int) (*Node, error) {
	n, err := r.add(parent, Array, position)
	if err != nil {
		return nil, err
	}
	mark := r.open()
	for _, item := range y.Content {
		child, err := r.value(n, item, item, depth)
		if err != nil {
			return nil, err
		}
		r.child(child)
	}
	r.close(n, mark)
	return n, nil
}

// members adds the members of mapping y to n, whose list starts at mark. Keys in
// taken are left out: they are those that a merge must not replace.
func (r *yamlReader) members(n *Node, y *yaml.Node, depth, mark int, taken map[string]bool) error {
	var merges []*yaml.Node
	for i := 0; i+1 < len(y.Content); i += 2 {
		name, content := y.Content[i], y.Content[i+1]
		if name.Kind == yaml.ScalarNode && name.ShortTag() == "!!merge" {
			merges = append(merges, content)
			continue
		}
		key, err := r.key(name)
		if err != nil {
			return err
		}
		if taken[key] {
			continue
		}
		child, err := r.value(n, content, content, depth)
		if err != nil {
			return err
		}
		child.key = key
		r.child(child)
	}
	return r.merge(n, merges, depth, mark)
}

// merge adds what "<<" brings: keys that are there already win, and so do
// earlier mappings of a list.
func (r *yamlReader) merge(n *Node, merges []*yaml.Node, depth, mark int) error {
	r.aliases++
	defer func() { r.aliases-- }()
	for len(merges) > 0 {
		m := merges[0]
		merges = merges[1:]
		if m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		switch {
		case m.Kind == yaml.SequenceNode && depth < MaxDepth:
			depth++ // a list of lists ends
			merges = append(append([]*yaml.Node{}, m.Content...), merges...)
		case m.Kind == yaml.MappingNode && !r.around[m]:
			if r.repeated += len(m.Content); r.repeated > MaxRepeated {
				return tooLarge(r.doc.path, "values repeated by aliases", MaxRepeated)
			}
			taken := map[string]bool{}
			for _, c := range r.stack[mark:] {
				taken[c.key] = true
			}
			r.around[m] = true
			err := r.members(n, m, depth, mark, taken)
			delete(r.around, m)
			if err != nil {
				return err
			}
		default:
			return broken(r.doc.path, YAML, "\"<<\" can only merge mappings", m.Line, m.Column)
		}
	}
	return nil
}

// key returns a mapping's key as text: 200 and "200" are the same status.
func (r *yamlReader) key(y *yaml.Node) (string, error) {
	if y.Kind == yaml.AliasNode {
		y = y.Alias
	}
	if y.Kind != yaml.ScalarNode {
		return "", broken(r.doc.path, YAML, "a key is not a scalar", y.Line, y.Column)
	}
	return y.Value, nil
}
