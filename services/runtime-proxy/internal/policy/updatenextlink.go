package policy

import "context"

// updateNextLink lets a link to the next page lead back to us, so that it can be
// followed with the connection's credentials. What is no link that we would
// follow stays as it is.
func updateNextLink(s settings) (Step, error) {
	name := s.get("nextLinkPropertyName")
	if name == "" {
		return nil, problem("nextLinkPropertyName must not be empty")
	}
	*s.body = true
	parent := path{}
	if s.get("nextLinkParentPropertyPath") != "" {
		var err error
		if parent, err = s.parentPath(); err != nil {
			return nil, err
		}
	}
	return func(_ context.Context, e *Exchange) error {
		if e.Link == nil {
			return nil
		}
		scope := s.scope(e)
		object, err := scope.find(parent)
		if err != nil || object == nil {
			return s.explain(err)
		}
		d := scope.document()
		found, err := d.at(object, []pathStep{{Name: name}})
		if err != nil || found == nil || found.kind() != '"' {
			return s.explain(err)
		}
		link, ok := e.Link(found.words())
		if !ok {
			return nil
		}
		value, err := d.fresh(quote(link))
		if err != nil {
			return s.explain(err)
		}
		if err := d.assign(object, []pathStep{{Name: name}}, value); err != nil {
			return s.explain(err)
		}
		e.Next = link
		return nil
	}, nil
}

// parentPath reads a path that may be written without "@body()".
func (s settings) parentPath() (path, error) {
	const name = "nextLinkParentPropertyPath"
	if p, err := s.path(name); err == nil {
		return p, nil
	}
	steps, err := s.chain(name)
	return path{Steps: steps}, err
}
