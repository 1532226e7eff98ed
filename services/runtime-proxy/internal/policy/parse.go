package policy

import "strings"

// dialect is what the text of one parameter may hold beside calls.
type dialect int

const (
	// dialectText is plain text.
	dialectText dialect = iota
	// dialectURL is a part of a URL: a literal "@" is written %40.
	dialectURL
	// dialectRoute is a URL in which {name} is a path argument of the operation.
	dialectRoute
	// dialectValue is the value of a property: {@call} is a call.
	dialectValue
)

// parse compiles a text. Whatever is no call is literal text, also what looks
// like a call of a function that does not exist: such texts are in use.
func parse(text string, d dialect) *expression {
	x := &expression{}
	for text != "" {
		at := strings.IndexAny(text, "@{%")
		if at < 0 {
			break
		}
		x.add(text[:at])
		text = text[at:]
		p, rest, ok := parseSpecial(text, d)
		switch {
		case !ok:
			x.add(text[:1])
			text = text[1:]
		case p.function == literal:
			x.add(p.literal)
			text = rest
		default:
			x.parts = append(x.parts, p)
			text = rest
		}
	}
	x.add(text)
	return x
}

// add appends literal text.
func (x *expression) add(text string) {
	if text == "" {
		return
	}
	if n := len(x.parts); n > 0 && x.parts[n-1].function == literal {
		x.parts[n-1].literal += text
		return
	}
	x.parts = append(x.parts, part{literal: text})
}

// parseSpecial reads what begins with "@", "{" or "%".
func parseSpecial(text string, d dialect) (part, string, bool) {
	switch {
	case strings.HasPrefix(text, "%40") && (d == dialectURL || d == dialectRoute):
		return part{literal: "@"}, text[3:], true
	case strings.HasPrefix(text, "@{"):
		return inBraces(text[2:])
	case text[0] == '@':
		return parseCall(text[1:], narrow)
	case strings.HasPrefix(text, "{@") && d == dialectValue:
		return inBraces(text[2:])
	case text[0] == '{' && d == dialectRoute:
		name, rest, closed := strings.Cut(text[1:], "}")
		if !closed || name == "" || strings.ContainsAny(name, "{/?@") {
			return part{}, "", false
		}
		return part{function: argument, name: name}, rest, true
	}
	return part{}, "", false
}

func inBraces(text string) (part, string, bool) {
	p, rest, ok := parseCall(text, wide)
	if !ok {
		return part{}, "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), "}")
	return p, rest, ok
}

// parseCall reads "name('a', 'b')" or a path, and returns what follows.
func parseCall(text string, in identifier) (part, string, bool) {
	if p, rest, ok := parsePathCall(text, in); ok {
		return part{function: bodyPath, path: p}, rest, true
	}
	name, rest := word(text)
	f, known := functionNamed(name)
	if !known || !strings.HasPrefix(rest, "(") {
		return part{}, "", false
	}
	p := part{function: f}
	var more, ok bool
	if p.name, rest, more, ok = parseArgument(rest[1:]); ok && more {
		p.standIn = true
		p.literal, rest, more, ok = parseArgument(rest)
	}
	return p, rest, ok && !more
}

// parseArgument reads a quoted text and what ends it: ")", or "," if there is
// more.
func parseArgument(text string) (value, rest string, more, ok bool) {
	text = strings.TrimLeft(text, " \t")
	if text == "" || (text[0] != '\'' && text[0] != '"') {
		return "", "", false, false
	}
	value, rest, ok = strings.Cut(text[1:], text[:1])
	rest = strings.TrimLeft(rest, " \t")
	if !ok || rest == "" || (rest[0] != ')' && rest[0] != ',') {
		return "", "", false, false
	}
	return value, rest[1:], rest[0] == ',', true
}

// word cuts the letters at the beginning of a text.
func word(text string) (name, rest string) {
	end := 0
	for end < len(text) && ('a' <= text[end] && text[end] <= 'z' || 'A' <= text[end] && text[end] <= 'Z') {
		end++
	}
	return text[:end], text[end:]
}
