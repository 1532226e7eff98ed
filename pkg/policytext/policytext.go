// Package policytext says how policies are written: which templates there are, with
// which parameters (templates.go), and what stands in these, a little language of text
// with calls such as @connectionParameters('region','eu'), @queryParameters('x'),
// @headers('x'), @environmentVariables("x"), and with paths such as @body().a[0]. Calls
// may stand in braces, @{…}, and in some templates {@…}. Names of functions are compared
// without case. A literal "@" is written %40.
//
// The runtime works the parts out for each call; the registry asks them what a policy
// needs, and compares it with its template; the vault asks them where it leads.
//
//	template, known := policytext.TemplateOf("setheader")
//	parts := policytext.Parse("https://@connectionParameters('host')/v1", policytext.URL)
package policytext

import "strings"

// Dialect is what the text of one parameter may hold beside calls.
type Dialect int

// The dialects.
const (
	// Text is plain text.
	Text Dialect = iota
	// URL is a part of a URL.
	URL
	// Route is a URL in which {name} is a path argument of the operation.
	Route
	// Value is the value of a property: {@call} is a call.
	Value
)

// HostParameter is the parameter of the templates of [ReplacesHost] that says which
// host, without the vendor's prefix. Names of parameters are compared without case.
const HostParameter = "urlTemplate"

// ReplacesHost reports whether policies of a template put another host in the place of
// the server's. Names of templates are compared without case.
func ReplacesHost(template string) bool {
	return strings.EqualFold(template, "dynamichosturl") || strings.EqualFold(template, "dynamicsubdomain")
}

// Function is what a part reads.
type Function int

// The functions.
const (
	// Literal is text that stands for itself.
	Literal Function = iota
	// ConnectionParameter is a parameter of the connection.
	ConnectionParameter
	// QueryParameter is a query parameter of the request.
	QueryParameter
	// Header is a header of the request, or of the answer.
	Header
	// EnvironmentVariable is a variable of the environment.
	EnvironmentVariable
	// Body is a path into a body.
	Body
	// Argument is {name}: a path argument of the operation.
	Argument
)

// Part is literal text or a call.
type Part struct {
	// Function is what it reads.
	Function Function
	// Literal is the text, or what a call's value is if it has none.
	Literal string
	// StandIn reports whether the call says what to do without a value.
	StandIn bool
	// Name is the first argument of a call that takes names.
	Name string
	// Path is that of [Body].
	Path Path
}

// named are the functions that take names, by their names in lower case.
func named(name string) (Function, bool) {
	switch strings.ToLower(name) {
	case "connectionparameters":
		return ConnectionParameter, true
	case "queryparameters":
		return QueryParameter, true
	case "headers", "header":
		return Header, true
	case "environmentvariables":
		return EnvironmentVariable, true
	}
	return Literal, false
}

// Functions returns how the functions of the language are written, without "@".
func Functions() []string {
	return []string{"connectionParameters", "queryParameters", "headers", "header", "environmentVariables", "body", "item", "triggerBody"}
}

// Parse reads a text. Whatever is no call is literal text, also what looks like a
// call of a function that does not exist: such texts are in use. No literal follows
// another one, and none is empty.
func Parse(text string, d Dialect) []Part {
	var list parts
	for text != "" {
		at := strings.IndexAny(text, "@{%")
		if at < 0 {
			break
		}
		list.add(text[:at])
		text = text[at:]
		p, rest, ok := parseSpecial(text, d)
		switch {
		case !ok:
			list.add(text[:1])
			text = text[1:]
		case p.Function == Literal:
			list.add(p.Literal)
			text = rest
		default:
			list = append(list, p)
			text = rest
		}
	}
	list.add(text)
	return list
}

type parts []Part

// add appends literal text.
func (list *parts) add(text string) {
	if text == "" {
		return
	}
	if n := len(*list); n > 0 && (*list)[n-1].Function == Literal {
		(*list)[n-1].Literal += text
		return
	}
	*list = append(*list, Part{Literal: text})
}

// parseSpecial reads what begins with "@", "{" or "%".
func parseSpecial(text string, d Dialect) (Part, string, bool) {
	switch {
	case strings.HasPrefix(text, "%40"):
		return Part{Literal: "@"}, text[3:], true
	case strings.HasPrefix(text, "@{"):
		return inBraces(text[2:])
	case text[0] == '@':
		return parseCall(text[1:], narrow)
	case strings.HasPrefix(text, "{@") && d == Value:
		return inBraces(text[2:])
	case text[0] == '{' && d == Route:
		name, rest, closed := strings.Cut(text[1:], "}")
		if !closed || name == "" || strings.ContainsAny(name, "{/?@") {
			return Part{}, "", false
		}
		return Part{Function: Argument, Name: name}, rest, true
	}
	return Part{}, "", false
}

func inBraces(text string) (Part, string, bool) {
	p, rest, ok := parseCall(text, wide)
	if !ok {
		return Part{}, "", false
	}
	rest, ok = strings.CutPrefix(strings.TrimLeft(rest, " \t"), "}")
	return p, rest, ok
}

// parseCall reads "name('a', 'b')" or a path, and returns what follows.
func parseCall(text string, in identifier) (Part, string, bool) {
	if p, rest, ok := parsePath(text, in); ok {
		return Part{Function: Body, Path: p}, rest, true
	}
	name, rest := word(text)
	f, known := named(name)
	if !known || !strings.HasPrefix(rest, "(") {
		return Part{}, "", false
	}
	p := Part{Function: f}
	var more, ok bool
	if p.Name, rest, more, ok = parseArgument(rest[1:]); ok && more {
		p.StandIn = true
		p.Literal, rest, more, ok = parseArgument(rest)
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
