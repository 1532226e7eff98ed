package policy

import (
	"strings"
)

// expression is a compiled value of a policy: text with calls such as
// @connectionParameters('region','eu'). After a call everything is literal text
// again, a dot too. What looks like a call of a function that does not exist is
// literal text, as it is in the wild.
type expression []part

// part is literal text or a call.
type part struct {
	literal  string
	function function
	name     string
	fallback string
}

// function is what a call reads.
type function int

const (
	literal function = iota
	connectionParameter
	queryParameter
	header
)

// functions by lower-case name: names are compared without case.
func functions() map[string]function {
	return map[string]function{
		"connectionparameters": connectionParameter,
		"queryparameters":      queryParameter,
		"headers":              header,
		"header":               header,
	}
}

// unsupported are functions of the language that need a body, or settings of an
// environment. A policy that uses one cannot be applied yet.
func unsupported() []string {
	return []string{"body", "item", "triggerbody", "environmentvariables"}
}

// parse compiles a value.
func parse(text string) (expression, error) {
	var out expression
	add := func(t string) {
		if n := len(out); n > 0 && out[n-1].function == literal {
			out[n-1].literal += t
		} else if t != "" {
			out = append(out, part{literal: t})
		}
	}
	known := functions()
	for text != "" {
		before, rest, found := strings.Cut(text, "@")
		add(before)
		if !found {
			break
		}
		name, arguments, after, ok := call(rest)
		f, exists := known[strings.ToLower(name)]
		switch {
		case ok && exists && len(arguments) > 0:
			p := part{function: f, name: arguments[0]}
			if len(arguments) > 1 {
				p.fallback = arguments[1]
			}
			out = append(out, p)
			text = after
			continue
		case isUnsupported(name, rest):
			return nil, problem("@" + name + "() is not supported")
		}
		add("@")
		text = rest
	}
	return out, nil
}

func isUnsupported(name, rest string) bool {
	for _, one := range unsupported() {
		if strings.EqualFold(one, name) && strings.HasPrefix(rest[len(name):], "(") {
			return true
		}
	}
	return false
}

// call reads "name('a', 'b')" and returns what follows it. The name is returned
// even if the rest is no call.
func call(text string) (name string, arguments []string, after string, ok bool) {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') })
	if end <= 0 {
		return "", nil, "", false
	}
	name, text = text[:end], text[end:]
	if !strings.HasPrefix(text, "(") {
		return name, nil, "", false
	}
	text = strings.TrimLeft(text[1:], " \t")
	for {
		if text == "" || (text[0] != '\'' && text[0] != '"') {
			return name, nil, "", false
		}
		argument, rest, closed := strings.Cut(text[1:], text[:1])
		if !closed {
			return name, nil, "", false
		}
		arguments = append(arguments, argument)
		text = strings.TrimLeft(rest, " \t")
		if strings.HasPrefix(text, ")") {
			return name, arguments, text[1:], true
		}
		if !strings.HasPrefix(text, ",") {
			return name, nil, "", false
		}
		text = strings.TrimLeft(text[1:], " \t")
	}
}

// eval returns the text for a call. What is missing or empty becomes the
// fallback, and without one nothing.
func (x expression) eval(e *Exchange) string {
	if len(x) == 1 && x[0].function == literal {
		return x[0].literal
	}
	var out strings.Builder
	for _, p := range x {
		value := ""
		switch p.function {
		case literal:
			out.WriteString(p.literal)
			continue
		case connectionParameter:
			value, _ = e.Parameter(p.name)
		case queryParameter:
			value, _ = e.Request.QueryValue(p.name)
		case header:
			value = e.Request.HeaderValue(p.name)
		}
		if value == "" {
			value = p.fallback
		}
		out.WriteString(value)
	}
	return out.String()
}
