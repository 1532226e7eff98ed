package policy

import (
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

// path reads a parameter that is a path and nothing else. The "@" may be
// missing, and braces may stand around it.
func (s settings) path(name string) (path, error) {
	text := strings.TrimSpace(s.get(name))
	text = strings.TrimPrefix(text, "@")
	if inner, ok := strings.CutPrefix(text, "{"); ok {
		text = strings.TrimPrefix(strings.TrimSuffix(inner, "}"), "@")
	}
	p, rest, ok := policytext.ParsePath(text)
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
	if p, rest, ok := policytext.ParsePath(strings.TrimPrefix(text, "@")); ok && rest == "" && p.Root == rootItem {
		return p.Steps, nil // @item().a, where a would do
	}
	if text[0] != '.' && text[0] != '[' {
		text = "." + text
	}
	steps, rest := policytext.ParseSteps(text)
	if rest != "" || len(steps) == 0 {
		return nil, problem(name + " must be a chain of properties such as a.b")
	}
	return steps, nil
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
		case n.object && !one.Indexed:
			n = n.child(one.Name)
		case !n.object && one.Indexed && one.Index < len(n.items):
			n = n.items[one.Index]
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
	case n.open && !n.object && one.Indexed && one.Index < len(n.items):
		return d.assign(n.items[one.Index], rest, value)
	case !n.open || !n.object || one.Indexed:
		return errNoPlace
	}
	have := n.child(one.Name)
	switch {
	case len(rest) == 0:
		n.put(one.Name, value)
		d.changed = true
		return nil
	case have == nil || have.kind() == 'n':
		have = &node{open: true, object: true}
		n.put(one.Name, have)
	}
	return d.assign(have, rest, value)
}

// detach removes what is at the end of a path and returns it, nil if there is
// nothing.
func (d *document) detach(n *node, steps []pathStep) (*node, error) {
	last := steps[len(steps)-1]
	parent, err := d.at(n, steps[:len(steps)-1])
	if err != nil || parent == nil || last.Indexed {
		return nil, err
	}
	found, err := d.at(parent, steps[len(steps)-1:])
	if err != nil || found == nil {
		return nil, err
	}
	parent.drop(last.Name)
	d.changed = true
	return found, nil
}
