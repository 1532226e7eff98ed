package policy

import "context"

// moveProperties moves a property, or only what is in it, to another object. If
// the source's parent is an array that happens in each of its elements.
func moveProperties(s settings) (Step, error) {
	m := move{settings: s}
	var err error
	if m.parent, err = s.path("srcParentPath"); err != nil {
		return nil, err
	}
	if m.sub, err = s.chain("srcSubPath"); err != nil {
		return nil, err
	}
	if m.to, err = s.path("dstParentPath"); err != nil {
		return nil, err
	}
	below, err := s.chain("dstSubPath")
	if err != nil {
		return nil, err
	}
	if m.children, err = s.flag("copyOnlySubProperties", false); err != nil {
		return nil, err
	}
	if len(m.sub) == 0 { // the parent itself is moved: out of what holds it
		last := len(m.parent.Steps) - 1
		if last < 0 {
			return nil, problem("the source must be a property of the body")
		}
		m.parent.Steps, m.sub = m.parent.Steps[:last:last], m.parent.Steps[last:]
	}
	if name := m.sub[len(m.sub)-1]; len(below) == 0 && !m.children {
		below = []pathStep{name} // it keeps its name
	}
	m.to.Steps = append(m.to.Steps, below...)
	return func(_ context.Context, e *Exchange) error {
		return s.explain(each(s.scope(e), m.parent, true, m.one))
	}, nil
}

type move struct {
	settings settings
	parent   path
	sub      []pathStep
	to       path
	children bool // only what is in the source
}

// one moves in one object. The source is taken out first, so that nothing can be
// moved into itself.
func (m *move) one(s *scope) error {
	d := s.document()
	old, err := d.at(s.item, m.sub)
	if err != nil || old == nil || (m.children && old.kind() != '{') {
		return err
	}
	if old, err = d.detach(s.item, m.sub); err != nil || old == nil {
		return err
	}
	if !m.children {
		return s.store(m.to, old)
	}
	if err := d.visit(old); err != nil {
		return err
	}
	into, err := s.find(m.to)
	if err != nil {
		return err
	}
	if into == nil || into.kind() == 'n' {
		return s.store(m.to, old)
	}
	if err := d.visit(into); err != nil {
		return err
	}
	if !into.open || !into.object {
		return errNoPlace
	}
	into.members = append(into.members, old.members...)
	into.unique()
	return nil
}
