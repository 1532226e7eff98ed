package requestlog

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// members redacts JSON, also if it ends in the middle or is no JSON: members by
// their names, or by the name that stands beside them, and strings by what they say
// once they are decoded.
func (r *redactor) members(text string) string {
	var out strings.Builder
	beside := false // what is named in this object is a secret
	for {
		start := strings.IndexByte(text, '"')
		if start < 0 {
			out.WriteString(text)
			return out.String()
		}
		beside = beside && !strings.ContainsAny(text[:start], "{}")
		out.WriteString(text[:start])
		text = text[start:]
		size := stringEnd(text)
		quoted := text[:size]
		text = text[size:]
		space := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
		isName := space < len(text) && text[space] == ':'
		out.WriteString(r.quoted(quoted))
		if !isName {
			continue
		}
		value := space + 1
		value += len(text[value:]) - len(strings.TrimLeft(text[value:], " \t\r\n"))
		out.WriteString(text[:value])
		text = text[value:]
		name, ok := unquote(quoted)
		if naming(name) && strings.HasPrefix(text, `"`) {
			said, _ := unquote(text[:stringEnd(text)])
			beside = beside || r.names.secret(said)
		}
		if text != "" && (!ok || beside && named(name) || r.isSecret(name, text)) {
			out.WriteString(`"` + Redacted + `"`)
			text = text[valueEnd(text):]
		}
	}
}

// isSecret reports whether a member is a secret by its name, and its value, which the
// text begins with.
func (r *redactor) isSecret(name, text string) bool {
	if r.names.secret(name) || r.names.isOwn(name) {
		return true
	}
	return strings.HasPrefix(text, `"`) && unchosenKey(name, strings.Trim(text[:stringEnd(text)], `"`))
}

// quoted redacts a JSON string that holds a secret in an unusual spelling.
func (r *redactor) quoted(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	if plain, ok := unquote(text); !ok || r.known(plain) == plain {
		return text
	}
	return `"` + Redacted + `"`
}

func unquote(quoted string) (string, bool) {
	plain, err := jsontext.AppendUnquote(nil, quoted)
	return string(plain), err == nil
}

// stringEnd returns how long the JSON string is that a text begins with.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// valueEnd returns how long the JSON value is that a text begins with.
func valueEnd(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringEnd(text[i:]) - 1
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}
