package policy

import "context"

// setProperty sets a property of an object, or of each object of an array. A
// value of which any part is missing sets nothing.
func setProperty(s settings) (Step, error) {
	parent, err := s.path("newPropertyParentPathTemplate")
	if err != nil {
		return nil, err
	}
	sub, err := s.chain("newPropertySubPathTemplate")
	if err != nil {
		return nil, err
	}
	value := compileValue(s.expression("propertyValuePathTemplate", dialectValue))
	return func(_ context.Context, e *Exchange) error {
		err := each(s.scope(e), parent, true, func(scope *scope) error {
			if kind := scope.item.kind(); kind != '{' && len(sub) > 0 {
				return nil // an object that is missing
			}
			raw, err := value.json(scope)
			if err != nil || raw == nil {
				return err
			}
			d := scope.document()
			fresh, err := d.fresh(raw)
			if err != nil {
				return err
			}
			return d.assign(scope.item, sub, fresh)
		})
		return s.explain(err)
	}, nil
}
