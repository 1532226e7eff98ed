package policy

import (
	"strconv"
	"strings"
)

// pathStep is one step of a path: a name, or an index.
type pathStep struct {
	name    string
	index   int
	indexed bool
}

// root is where a path begins.
type root int

const (
	rootBody root = iota
	rootItem
)

// path names a value: @body().a['b'][0], or @item().a within a collection.
type path struct {
	root  root
	steps []pathStep
}

// path reads a parameter that is a path and nothing else. The "@" may be
// missing, and braces may stand around it.
func (s settings) path(name string) (path, error) {
	text := strings.TrimSpace(s.get(name))
	text = strings.TrimPrefix(text, "@")
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text = strings.TrimPrefix(strings.TrimSuffix(inner, "}"), "@")
	}
	p, rest, ok := parsePathCall(text, wide)
	if !ok || rest != "" {
		return path{}, problem(name + " must be a path such as @body().name")
	}
	*s.body = true
	return p, nil
}

// chain reads a parameter that is a chain of properties below a path: "a.b",
// "['@odata.type']", "null" or nothing.
func (s settings) chain(name string) ([]pathStep, error) {
	text := strings.TrimSpace(s.get(name))
	if text == "" || strings.EqualFold(text, "null") {
		return nil, nil
	}
	if p, rest, ok := parsePathCall(strings.TrimPrefix(text, "@"), wide); ok && rest == "" && p.root == rootItem {
		return p.steps, nil // @item().a, where a would do
	}
	if text[0] != '.' && text[0] != '[' {
		text = "." + text
	}
	steps, rest := parseSteps(text, wide)
	if rest != "" || len(steps) == 0 {
		return nil, problem(name + " must be a chain of properties such as a.b")
	}
	return steps, nil
}

// identifier says which characters a name behind a dot may have.
type identifier func(c byte) bool

// narrow is for names in running text, wide for those that end with the path.
func narrow(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func wide(c byte) bool {
	return c != '.' && c != '[' && c != ']' && c != '{' && c != '}' && c != '(' && c != ')' && c != '\''
}

// parsePathCall reads "body().a" and returns what follows.
func parsePathCall(text string, in identifier) (path, string, bool) {
	name, rest := word(text)
	var p path
	switch strings.ToLower(name) {
	case "body", "triggerbody":
	case "item":
		p.root = rootItem
	default:
		return path{}, text, false
	}
	rest, ok := strings.CutPrefix(rest, "(")
	if !ok {
		return path{}, text, false
	}
	if rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), ")"); !ok {
		return path{}, text, false
	}
	p.steps, rest = parseSteps(rest, in)
	return p, rest, true
}

// parseSteps reads as many steps as there are.
func parseSteps(text string, in identifier) (steps []pathStep, rest string) {
	for text != "" {
		one, after, ok := parseStep(text, in)
		if !ok {
			break
		}
		steps, text = append(steps, one), after
	}
	return steps, text
}

func parseStep(text string, in identifier) (one pathStep, rest string, ok bool) {
	switch {
	case text[0] == '.':
		end := 1
		for end < len(text) && in(text[end]) {
			end++
		}
		return pathStep{name: text[1:end]}, text[end:], end > 1
	case strings.HasPrefix(text, "['") || strings.HasPrefix(text, `["`):
		name, after, closed := strings.Cut(text[2:], text[1:2]+"]")
		return pathStep{name: name}, after, closed && name != ""
	case text[0] == '[':
		digits, after, closed := strings.Cut(text[1:], "]")
		index, err := strconv.ParseUint(digits, 10, 31)
		return pathStep{index: int(index), indexed: true}, after, closed && err == nil
	}
	return pathStep{}, text, false
}

// at returns the value at the end of a path, nil if there is none.
func (d *document) at(n *node, steps []pathStep) (*node, error) {
	for _, one := range steps {
		if n == nil {
			return nil, nil
		}
		if err := d.visit(n); err != nil {
			return nil, err
		}
		switch {
		case !n.open:
			return nil, nil
		case n.object && !one.indexed:
			n = n.child(one.name)
		case !n.object && one.indexed && one.index < len(n.items):
			n = n.items[one.index]
		default:
			return nil, nil
		}
	}
	return n, nil
}

// assign puts a value at the end of a path. Objects on the way that are missing
// are made; where there is something else, it is an error.
func (d *document) assign(n *node, steps []pathStep, value *node) error {
	if len(steps) == 0 {
		*n = *value
		d.changed = true
		return nil
	}
	if err := d.visit(n); err != nil {
		return err
	}
	one, rest := steps[0], steps[1:]
	switch {
	case n.open && !n.object && one.indexed && one.index < len(n.items):
		return d.assign(n.items[one.index], rest, value)
	case !n.open || !n.object || one.indexed:
		return errNoPlace
	}
	have := n.child(one.name)
	switch {
	case len(rest) == 0:
		n.put(one.name, value)
		d.changed = true
		return nil
	case have == nil || have.kind() == 'n':
		have = &node{open: true, object: true}
		n.put(one.name, have)
	}
	return d.assign(have, rest, value)
}

// detach removes what is at the end of a path and returns it, nil if there is
// nothing.
func (d *document) detach(n *node, steps []pathStep) (*node, error) {
	last := steps[len(steps)-1]
	parent, err := d.at(n, steps[:len(steps)-1])
	if err != nil || parent == nil || last.indexed {
		return nil, err
	}
	found, err := d.at(parent, steps[len(steps)-1:])
	if err != nil || found == nil {
		return nil, err
	}
	parent.drop(last.name)
	d.changed = true
	return found, nil
}
