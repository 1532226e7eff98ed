package document

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// maxYAMLMarks bounds what can begin a value in YAML: line breaks and the
// indicators of flow style. The parser's own nodes cost several times ours, so
// a file that is made of nothing else is refused before it is parsed.
const maxYAMLMarks = 2 * MaxNodes

// readYAML reads one YAML document as if it were JSON: keys become strings,
// aliases copies of what they repeat, and what JSON cannot say (tags, infinite
// numbers) becomes text.
func readYAML(d *Document, source []byte) error {
	marks := 0
	for _, c := range []byte("\n,[{") {
		marks += bytes.Count(source, []byte{c})
	}
	if marks > maxYAMLMarks {
		return tooLarge(d.path, "values", MaxNodes)
	}
	top, err := decodeYAML(source)
	if err != nil {
		line, why := yamlError(err)
		return broken(d.path, YAML, why, line, 1)
	}
	r := &yamlReader{builder: builder{doc: d}, open: map[*yaml.Node]bool{}}
	d.root, err = r.value(nil, top, top, 0)
	return err
}

// decodeYAML returns the content of the only document in source.
func decodeYAML(source []byte) (top *yaml.Node, err error) {
	// The parser reports errors by panicking internally, and some of its panics
	// on malformed input have slipped out in the past.
	defer func() {
		if p := recover(); p != nil {
			top, err = nil, fmt.Errorf("yaml: line 1: the parser gave up (%v)", p)
		}
	}()
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	var document, more yaml.Node
	if err := decoder.Decode(&document); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("yaml: line 1: the file holds no document")
		}
		return nil, fmt.Errorf("decode: %w", err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, fmt.Errorf("yaml: line %d: a second document follows", more.Line)
	case !errors.Is(err, io.EOF):
		return nil, fmt.Errorf("decode: %w", err)
	}
	return document.Content[0], nil
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

	// open are the anchored nodes around the present one: an alias to one of
	// them has no end.
	open map[*yaml.Node]bool
	// aliases is the number of aliases around the present value, repeated the
	// number of values that were made inside aliases.
	aliases, repeated int
}

// value adds the node for y. Its position is that of at, which is the alias
// where y is repeated by one.
func (r *yamlReader) value(parent *Node, y, at *yaml.Node, depth int) (*Node, error) {
	if y.Kind == yaml.AliasNode {
		if r.open[y.Alias] {
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
	position := packPosition(at.Line, at.Column)
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
	r.open[y] = true
	defer delete(r.open, y)
	if y.Kind == yaml.SequenceNode {
		return r.sequence(parent, y, position, depth)
	}
	n, err := r.add(parent, Object, position)
	if err != nil {
		return nil, err
	}
	if err := r.members(n, y, depth, nil); err != nil {
		return nil, err
	}
	r.close(n)
	return n, nil
}

func (r *yamlReader) sequence(parent *Node, y *yaml.Node, position int64, depth int) (*Node, error) {
	n, err := r.add(parent, Array, position)
	if err != nil {
		return nil, err
	}
	for _, item := range y.Content {
		child, err := r.value(n, item, item, depth)
		if err != nil {
			return nil, err
		}
		n.children = append(n.children, child)
	}
	return n, nil
}

// members adds the members of mapping y to n. Keys in taken are left out: they
// are those that a merge must not replace.
func (r *yamlReader) members(n *Node, y *yaml.Node, depth int, taken map[string]bool) error {
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
		n.children = append(n.children, child)
	}
	return r.merge(n, merges, depth)
}

// merge adds what "<<" brings: keys that are there already win, and so do
// earlier mappings of a list.
func (r *yamlReader) merge(n *Node, merges []*yaml.Node, depth int) error {
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
		case m.Kind == yaml.MappingNode && !r.open[m]:
			if r.repeated += len(m.Content); r.repeated > MaxRepeated {
				return tooLarge(r.doc.path, "values repeated by aliases", MaxRepeated)
			}
			taken := map[string]bool{}
			for _, c := range n.children {
				taken[c.key] = true
			}
			r.open[m] = true
			err := r.members(n, m, depth, taken)
			delete(r.open, m)
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
