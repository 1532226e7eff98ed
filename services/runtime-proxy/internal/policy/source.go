package policy

import "context"

// source is where a body policy takes its value from: a property below a
// parent, of each element if the parent is an array.
type source struct {
	settings settings
	parent   path
	sub      []pathStep
	into     path // newPropertyPath
	// elements: an array that is itself the source means each of its elements.
	elements bool
}

// source reads the parameters that most body policies share.
func (s settings) source() (source, error) {
	parent, err := s.path("propertyParentPath")
	if err != nil {
		return source{}, err
	}
	sub, err := s.chain("propertySubPath")
	if err != nil {
		return source{}, err
	}
	into, err := s.path("newPropertyPath")
	return source{settings: s, parent: parent, sub: sub, into: into}, err
}

// conversion makes a new value of an old one; nil leaves things as they are.
type conversion func(d *document, old *node) (*node, error)

// convert is the step that stores the conversion of each source.
func (from source) convert(f conversion) Step {
	return func(_ context.Context, e *Exchange) error {
		err := each(from.settings.scope(e), from.parent, len(from.sub) > 0 || from.elements, func(scope *scope) error {
			d := scope.document()
			old, err := d.at(scope.item, from.sub)
			if err != nil || old == nil {
				return err
			}
			value, err := f(d, old)
			if err != nil || value == nil {
				return err
			}
			return scope.store(from.into, value)
		})
		return from.settings.explain(err)
	}
}

// each calls f with item set to the value at a path; if that is an array, and
// elements are asked for, with each of its elements.
func each(s scope, parent path, elements bool, f func(*scope) error) error {
	found, err := s.find(parent)
	if err != nil || found == nil {
		return err
	}
	if !elements || found.kind() != '[' {
		s.item = found
		return f(&s)
	}
	if err := s.document().visit(found); err != nil {
		return err
	}
	for _, s.item = range found.items {
		if err := f(&s); err != nil {
			return err
		}
	}
	return nil
}

// store puts a value at a path.
func (s *scope) store(p path, value *node) error {
	d := s.document()
	from := d.root
	if p.Root == rootItem {
		from = s.item
	}
	if from == nil {
		return nil
	}
	return d.assign(from, p.Steps, value)
}

// stringsOf is a conversion for strings; other values stay as they are.
func stringsOf(f func(text string) []byte) conversion {
	return func(d *document, old *node) (*node, error) {
		if old.kind() != '"' {
			return nil, nil
		}
		return d.fresh(f(old.words()))
	}
}
