package policy

import (
	"encoding/json"
	"strings"
)

// stringToArray makes an array of objects, {childPropertyName: token}, of a
// string. delimiterList is a JSON array of delimiters, or text of which each
// character is one. Spaces around tokens, and empty tokens, are left out.
func stringToArray(s settings) (Step, error) {
	from, err := s.source()
	if err != nil {
		return nil, err
	}
	delimiters := delimiterList(s.get("delimiterList"))
	if len(delimiters) == 0 {
		return nil, problem("delimiterList must not be empty")
	}
	child := s.get("childPropertyName")
	if child == "" {
		return nil, problem("childPropertyName must not be empty")
	}
	name := quote(child)
	from.elements = true
	return from.convert(stringsOf(func(text string) []byte {
		out := []byte{'['}
		for _, token := range split(text, delimiters) {
			if len(out) > 1 {
				out = append(out, ',')
			}
			out = append(append(append(out, '{'), name...), ':')
			out = append(append(out, quote(token)...), '}')
			if len(out) > maxDocument {
				break // what is too long is refused by its length
			}
		}
		return append(out, ']')
	})), nil
}

// delimiterList reads a list of delimiters.
func delimiterList(text string) []string {
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		list = strings.Split(text, "")
	}
	kept := list[:0]
	for _, one := range list {
		if one != "" {
			kept = append(kept, one)
		}
	}
	return kept
}

// split cuts a text at any of the delimiters.
func split(text string, delimiters []string) []string {
	var tokens []string
	begin := 0
	for at := 0; at <= len(text); {
		length := 0
		for _, one := range delimiters {
			if strings.HasPrefix(text[at:], one) {
				length = len(one)
				break
			}
		}
		if length == 0 && at < len(text) {
			at++
			continue
		}
		if token := strings.TrimSpace(text[begin:at]); token != "" {
			tokens = append(tokens, token)
		}
		if at == len(text) {
			break
		}
		at += length
		begin = at
	}
	return tokens
}
