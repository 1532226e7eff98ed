package policy

// convertObjectToArray makes an array of an object: of each member an object
// with its name and its value.
func convertObjectToArray(s settings) (Step, error) {
	from, err := s.source()
	if err != nil {
		return nil, err
	}
	keyName, valueName := quote("key"), quote("value")
	if name := s.get("keyName"); name != "" {
		keyName = quote(name)
	}
	if name := s.get("valueName"); name != "" {
		valueName = quote(name)
	}
	return from.convert(func(d *document, old *node) (*node, error) {
		if old.kind() != '{' {
			return nil, nil
		}
		if err := d.visit(old); err != nil {
			return nil, err
		}
		out := []byte{'['}
		for i := range old.members {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, '{'), keyName...), ':')
			out = append(append(out, old.members[i].quoted...), ',')
			out = append(append(out, valueName...), ':')
			out = append(old.members[i].value.append(out), '}')
			if len(out) > maxDocument {
				return nil, errTooLong
			}
		}
		return d.fresh(append(out, ']'))
	}), nil
}
