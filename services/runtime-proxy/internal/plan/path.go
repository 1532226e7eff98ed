package plan

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// template is a path or a fixed query with placeholders.
type template []piece

// piece is literal text, or the index of a parameter.
type piece struct {
	literal   string
	parameter int // -1 for a literal
}

// usualPath is how long most paths are at most, in bytes.
const usualPath = 128

// legalInPath are the characters besides the unreserved ones that stay as they
// are in the literal parts of a path; "%" because literals may be encoded.
const legalInPath = "/%!$&'()*+,;=:@?"

// addPath compiles the path template and its fixed query.
func (o *Operation) addPath() error {
	path, _, _ := strings.Cut(o.source.GetPath(), "#") // some sources tell operations apart by a fragment
	path, query, _ := strings.Cut(path, "?")
	if path != "" && !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	var err error
	if o.path, err = o.parse(path); err != nil {
		return err
	}
	o.query, err = o.parse(query)
	return err
}

func (o *Operation) parse(text string) (template, error) {
	var out template
	for text != "" {
		literal, rest, open := strings.Cut(text, "{")
		if literal != "" {
			out = append(out, piece{literal: string(request.AppendEscaped(nil, literal, legalInPath)), parameter: -1})
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(rest, "}")
		index := o.pathParameter(name)
		if !closed || index < 0 {
			return nil, fault.Unimplemented(fault.ReasonOperationNotSupported,
				"the path of operation %q has the placeholder %q, for which it declares no parameter", o.ID(), name).
				With("operation", o.ID())
		}
		out = append(out, piece{parameter: index})
		text = after
	}
	return out, nil
}

func (o *Operation) pathParameter(name string) int {
	for i, p := range o.parameters {
		if p.location == inPath && p.name == name {
			return i
		}
	}
	return -1
}

func (t template) expand(o *Operation, args *Arguments) string {
	if len(t) == 1 && t[0].parameter < 0 {
		return t[0].literal
	}
	if len(t) == 0 {
		return ""
	}
	out := make([]byte, 0, usualPath)
	for _, p := range t {
		if p.parameter < 0 {
			out = append(out, p.literal...)
			continue
		}
		if value := args.values[p.parameter]; value != nil {
			out = o.parameters[p.parameter].expand(out, value)
		}
	}
	return string(out)
}

// checkPath refuses values that would lead out of the API. Encoding does not
// help: many servers decode "%2e%2e" before they look at segments.
func (o *Operation) checkPath(args *Arguments, path string, found *violations) {
	const climbs = "must not hold '..' between slashes: it would leave the path of the API"
	if !request.Climbs(path) {
		return
	}
	guilty := o.inPathWhere(args, func(index int) bool { return request.Climbs(o.path.expand(o, args.only(o, index))) })
	if len(guilty) == 0 { // what none does alone, several do together
		guilty = o.inPathWhere(args, func(index int) bool { return strings.ContainsAny(text(args.values[index]), ".%") })
	}
	for _, p := range guilty {
		found.once(p.input, climbs)
	}
	if len(guilty) == 0 {
		found.once("", "would leave the path of the API: its path holds '..' between slashes")
	}
}

// inPathWhere returns the path parameters with a value for which is says so.
func (o *Operation) inPathWhere(args *Arguments, is func(index int) bool) (list []*parameter) {
	for i, p := range o.parameters {
		if p.location == inPath && args.values[i] != nil && is(i) {
			list = append(list, p)
		}
	}
	return list
}

// only returns arguments with nothing but one of their values, and harmless ones for
// the others of the path.
func (a *Arguments) only(o *Operation, index int) *Arguments {
	out := &Arguments{values: make([]jsontext.Value, len(a.values))}
	for i, p := range o.parameters {
		if p.location == inPath {
			out.values[i] = jsontext.Value(`"x"`)
		}
	}
	out.values[index] = a.values[index]
	return out
}
