package policy

// convertArrayToObject makes an object of an array of objects, keyed by one of
// their properties. Of two objects with one key the later one counts.
func convertArrayToObject(s settings) (Step, error) {
	from, err := s.source()
	if err != nil {
		return nil, err
	}
	key, err := s.chain("keyWithinCollectionPath")
	if err != nil {
		return nil, err
	}
	if len(key) == 0 {
		return nil, problem("keyWithinCollectionPath must name a property")
	}
	retain, err := s.flag("retainKey", true)
	if err != nil {
		return nil, err
	}
	return from.convert(func(d *document, old *node) (*node, error) {
		if old.kind() != '[' {
			return nil, nil
		}
		if err := d.visit(old); err != nil {
			return nil, err
		}
		out := &node{open: true, object: true}
		for _, item := range old.items {
			value, err := d.fresh(item.append(nil)) // of its own: the array may stay
			if err != nil {
				return nil, err
			}
			name, err := takeKey(d, value, key, retain)
			if err != nil {
				return nil, err
			}
			out.members = append(out.members, member{quoted: quote(name), name: name, value: value})
		}
		out.unique()
		return out, nil
	}), nil
}

// takeKey returns the key of an element, and removes it if it is not retained.
func takeKey(d *document, value *node, key []pathStep, retain bool) (string, error) {
	found, err := d.at(value, key)
	if err != nil {
		return "", err
	}
	if found == nil || found.open || found.kind() == '{' || found.kind() == '[' || found.kind() == 'n' {
		return "", problem("an element of the array has no text or number for its key; send one")
	}
	if !retain {
		if _, err := d.detach(value, key); err != nil {
			return "", err
		}
	}
	return found.words(), nil
}

// unique keeps the last member of each name, where the first one stood.
func (n *node) unique() {
	at := make(map[string]int, len(n.members))
	kept := n.members[:0]
	for _, m := range n.members {
		if i, ok := at[m.name]; ok {
			kept[i] = m
			continue
		}
		at[m.name] = len(kept)
		kept = append(kept, m)
	}
	n.members = kept
}
