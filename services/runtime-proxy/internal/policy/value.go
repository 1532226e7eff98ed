package policy

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// valueTemplate is an expression that becomes a JSON value. Whether it is JSON
// is decided by the template alone, so that no value of a call can change the
// structure of what it stands in:
//
//   - text that is JSON is that JSON: [{@body().x}], {"a": "{@body().x}"}; a
//     value is put in as JSON, and within a string as a part of the string;
//   - a single path is a copy, and a single call JSON if its value is;
//   - text in single quotes, and all other text, is a string.
type valueTemplate struct {
	form  form
	parts []part
	fixed []byte // of a template without calls
}

type form int

const (
	formText form = iota
	formJSON
	formSingle
)

func compileValue(x *expression) valueTemplate {
	parts := slices.Clone(x.parts)
	if text, ok := x.constant(); ok {
		switch {
		case validJSON(text):
			return valueTemplate{fixed: []byte(text)}
		case singleQuoted(parts):
			text = text[1 : len(text)-1]
		}
		return valueTemplate{fixed: quote(text)}
	}
	switch {
	case len(parts) == 1:
		return valueTemplate{form: formSingle, parts: parts}
	case markQuoted(parts):
		return valueTemplate{form: formJSON, parts: parts}
	case singleQuoted(parts):
		last := len(parts) - 1
		parts[0].Literal = parts[0].Literal[1:]
		parts[last].Literal = strings.TrimSuffix(parts[last].Literal, "'")
	}
	return valueTemplate{parts: parts}
}

func validJSON(text string) bool {
	return jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true))
}

// markQuoted marks the calls that stand in JSON strings, and reports whether the
// template is JSON.
func markQuoted(parts []part) bool {
	var skeleton strings.Builder
	quoted := false
	for i := range parts {
		p := &parts[i]
		if p.Function != literal {
			if p.quoted = quoted; !quoted {
				skeleton.WriteString("null")
			}
			continue
		}
		skeleton.WriteString(p.Literal)
		for j := 0; j < len(p.Literal); j++ {
			switch c := p.Literal[j]; {
			case c == '"':
				quoted = !quoted
			case c == '\\' && quoted:
				j++
			}
		}
	}
	return validJSON(skeleton.String())
}

// singleQuoted reports whether single quotes stand around the text, and nowhere
// else in it.
func singleQuoted(parts []part) bool {
	if len(parts) == 0 || !strings.HasPrefix(parts[0].Literal, "'") || parts[0].Function != literal {
		return false
	}
	last, count := parts[len(parts)-1], 0
	for _, p := range parts {
		if p.Function == literal {
			count += strings.Count(p.Literal, "'")
		}
	}
	return count == 2 && last.Function == literal && strings.HasSuffix(last.Literal, "'")
}

// json returns the value, nil if a part of it is missing.
func (t *valueTemplate) json(s *scope) ([]byte, error) {
	if t.fixed != nil {
		return t.fixed, nil
	}
	var out []byte
	for i := range t.parts {
		p := &t.parts[i]
		if p.Function == literal {
			out = append(out, p.Literal...)
			continue
		}
		raw, text, err := p.resolve(s)
		switch {
		case err != nil:
			return nil, err
		case raw == nil:
			return nil, nil
		case t.form != formText && !p.quoted:
			out = append(out, raw...)
		case t.form == formJSON:
			inner := quote(text)
			out = append(out, inner[1:len(inner)-1]...)
		default:
			out = append(out, text...)
		}
		if len(out) > maxDocument {
			return nil, errTooLong
		}
	}
	if t.form == formText {
		return quote(string(out)), nil
	}
	return out, nil
}

// resolve returns what a call means, as JSON and as text; nil if it is missing.
func (p *part) resolve(s *scope) (raw []byte, text string, err error) {
	if p.Function == bodyPath {
		found, err := s.find(p.Path)
		if err != nil || found == nil {
			return nil, "", err
		}
		return found.append(nil), found.words(), nil
	}
	text, err = p.value(s)
	switch {
	case err != nil || text == "":
		return nil, "", err
	case validJSON(text):
		return []byte(text), text, nil
	}
	return quote(text), text, nil
}
