package requestlog

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// members redacts JSON, also if it ends in the middle or is no JSON: members by
// their names, or by the name that stands beside them, and strings by what they say
// once they are decoded.
func (r *redactor) members(text string, depth int) string {
	s := memberScan{redactor: r, depth: depth, text: text, open: []object{{}}, out: make([]byte, 0, len(text)+len(text)/8)}
	for {
		start := strings.IndexAny(s.text, `"{}`)
		if start < 0 {
			return string(append(s.out, s.text...))
		}
		s.take(start)
		switch s.text[0] {
		case '{':
			s.open = append(s.open, object{})
		case '}':
			s.open = s.open[:max(1, len(s.open)-1)]
		default:
			s.string()
			continue
		}
		s.take(1)
	}
}

// memberScan reads a text once, from its beginning to its end.
type memberScan struct {
	*redactor

	depth int
	text  string // what is left
	out   []byte
	open  []object // the innermost is the last
}

// object is one that has begun.
type object struct {
	secret bool  // what is named in it is a secret
	values []int // where in out those values are that a name may follow
}

// take passes bytes on.
func (s *memberScan) take(n int) {
	s.out, s.text = append(s.out, s.text[:n]...), s.text[n:]
}

// string reads a string, and if it is the name of a member, what is decided by that.
func (s *memberScan) string() {
	size := stringEnd(s.text)
	quoted := s.text[:size]
	s.out = append(s.out, s.quoted(quoted, s.depth)...)
	s.text = s.text[size:]
	spaces := len(s.text) - len(strings.TrimLeft(s.text, space))
	if spaces == len(s.text) || s.text[spaces] != ':' {
		return
	}
	value := spaces + 1
	s.take(value + len(s.text[value:]) - len(strings.TrimLeft(s.text[value:], space)))
	name, ok := unquote(quoted)
	in := &s.open[len(s.open)-1]
	if naming(name) && strings.HasPrefix(s.text, `"`) {
		if said, _ := unquote(s.text[:stringEnd(s.text)]); s.names.secret(said) {
			in.secret = true
			s.hide(in.values)
			in.values = nil
		}
	}
	switch {
	case s.text == "":
	case !ok, in.secret && named(name), s.isSecret(name):
		s.out = append(s.out, `"`+Redacted+`"`...)
		s.text = s.text[valueEnd(s.text):]
	case named(name):
		in.values = append(in.values, len(s.out))
	}
}

// hide takes out values that have been passed on already, the first one first.
func (s *memberScan) hide(places []int) {
	if len(places) == 0 {
		return
	}
	first := places[0]
	rest, read := string(s.out[first:]), 0
	s.out = s.out[:first]
	for _, place := range places {
		at := place - first
		if at < read {
			continue // in a list that is gone
		}
		s.out = append(s.out, rest[read:at]+`"`+Redacted+`"`...)
		read = at + valueEnd(rest[at:])
	}
	s.out = append(s.out, rest[read:]...)
}

// isSecret reports whether a member is a secret by its name, and its value, which
// comes next.
func (s *memberScan) isSecret(name string) bool {
	if s.names.secret(name) || s.names.isOwn(name) {
		return true
	}
	return strings.HasPrefix(s.text, `"`) && unchosenKey(name, strings.Trim(s.text[:stringEnd(s.text)], `"`))
}

// quoted redacts a JSON string by what it says, if that is more than what stands there.
// One that nobody can decode is taken out.
func (r *redactor) quoted(text string, depth int) string {
	escaped := strings.Contains(text, `\`)
	if !escaped && !structured(text[1:]) {
		return text
	}
	plain, ok := unquote(text)
	if !ok {
		if escaped {
			return `"` + Redacted + `"`
		}
		plain = text[1:]
	}
	said := r.said(plain, depth+1)
	if said == plain {
		return text
	}
	quoted, err := jsontext.AppendQuote(nil, strings.ToValidUTF8(said, "\uFFFD"))
	if err != nil {
		return `"` + Redacted + `"`
	}
	return string(quoted)
}

// unquote decodes a JSON string, also one that ends in the middle.
func unquote(quoted string) (string, bool) {
	plain, err := jsontext.AppendUnquote(nil, quoted)
	if err == nil {
		return string(plain), true
	}
	const longest = len(`\u12345`)
	for cut := range min(longest, len(quoted)) {
		if plain, err = jsontext.AppendUnquote(nil, quoted[:len(quoted)-cut]+`"`); err == nil {
			return string(plain), true
		}
	}
	return "", false
}

// stringEnd returns how long the JSON string is that a text begins with. It ends with
// its line at the latest, so that a quote too many does no harm to the next one.
func stringEnd(text string) int { return quotedEnd(text) }

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
