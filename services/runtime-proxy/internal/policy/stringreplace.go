package policy

import "strings"

// stringReplace replaces a text within a string by another one, wherever it is.
func stringReplace(s settings) (Step, error) {
	from, err := s.source()
	if err != nil {
		return nil, err
	}
	old, replacement := s.get("sourceString"), s.get("replacementString")
	if old == "" {
		return nil, problem("sourceString must not be empty")
	}
	from.elements = true
	return from.convert(func(d *document, value *node) (*node, error) {
		if value.kind() != '"' {
			return nil, nil
		}
		text := value.words()
		if growth := strings.Count(text, old) * (len(replacement) - len(old)); growth > maxDocument {
			return nil, errTooLong
		}
		return d.fresh(quote(strings.ReplaceAll(text, old, replacement)))
	}), nil
}
