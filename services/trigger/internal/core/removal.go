package core

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// removalOf finds out how the registration that an API has just confirmed is
// removed: by the operation whose path is that of the answer's Location, or by
// the one that the trigger names. It is nil if neither can be used.
func removalOf(s Subscription, at target, answer Answer) *Removal {
	if location := answer.Header.Get("Location"); location != "" {
		if r := removalAt(s, at, location); r != nil {
			return r
		}
	}
	declared := at.op.GetTrigger().GetWebhook()
	op := operationOf(at.def, declared.GetUnsubscribeOperationId())
	if op == nil {
		return nil
	}
	return told(s, op, declared.GetUnsubscribeInputs(), answer.Body)
}

// removalAt is the removal of what a Location (RFC 9110, section 10.2.2) names, with
// what its query says. Only locations of the connection's own API are accepted: the
// removal is called with the connection's credential.
func removalAt(s Subscription, at target, location string) *Removal {
	ref, err := url.Parse(location)
	if err != nil {
		return nil
	}
	for _, path := range pathsOf(at, ref) {
		if op, values := deletionOf(at.def, path); op != nil {
			return removalWith(s, op, values, ref.Query())
		}
	}
	return nil
}

// removalBy fills the parameters of an operation from an object that the API made, or
// else from the one object in it, or only one of a list in it, that has what is needed:
// many APIs wrap theirs.
func removalBy(s Subscription, op *connectorv1.Operation, made []byte) *Removal {
	if r := removalFrom(s, op, members(made)); r != nil {
		return r
	}
	var found *Removal
	for _, inner := range wrapped(made) {
		r := removalFrom(s, op, members(inner))
		switch {
		case r == nil:
		case found != nil:
			return nil
		default:
			found = r
		}
	}
	return found
}

// wrapped returns the members of an object that are objects, or lists of one object.
func wrapped(data []byte) (inner []json.RawMessage) {
	var raw object
	_ = json.Unmarshal(data, &raw) // what is no object wraps nothing
	for _, value := range raw {
		var list []json.RawMessage
		if json.Unmarshal(value, &list) == nil && len(list) == 1 {
			value = list[0]
		}
		var o object
		if json.Unmarshal(value, &o) == nil && o != nil {
			inner = append(inner, value)
		}
	}
	return inner
}

// removalFrom fills the parameters of an operation: from the member of the same
// name, however it is spelled, or, for the only one that nothing else fills, from
// "id" or what is called alike. What is optional in a query is filled where nothing
// else says what is removed. It is nil if something that the operation requires is
// missing.
func removalFrom(s Subscription, op *connectorv1.Operation, made map[string]string) *Removal {
	f := filling{made: made, input: members([]byte(s.Input)), path: map[string]string{}, query: url.Values{}}
	for _, p := range op.GetParameters() {
		fill := f.inQuery
		if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
			fill = f.inPath
		}
		if !fill(p) {
			return nil
		}
	}
	if !f.told && len(f.open) == 0 {
		f.open = identifying(f.optional, made)
	}
	if !f.last() {
		return nil
	}
	return removalWith(s, op, f.path, f.query)
}

// filling is the work at the parameters of a removal.
type filling struct {
	made, input map[string]string // what the API has answered, and what it was asked
	path        map[string]string
	query       url.Values
	told        bool                     // what is removed, by the API
	open        []*connectorv1.Parameter // required, and nothing is called so
	optional    []*connectorv1.Parameter // of the query
}

func (f *filling) inPath(p *connectorv1.Parameter) bool {
	name := p.GetName()
	if value := cmp.Or(f.made[name], f.input[name], spelled(f.made, name), spelled(f.input, name)); value != "" {
		f.path[name] = value
		f.told = f.told || f.made[name] != "" || spelled(f.made, name) == value
	} else {
		f.open = append(f.open, p)
	}
	return true
}

// inQuery is about all parameters that are not in the path; false if one cannot be
// filled.
func (f *filling) inQuery(p *connectorv1.Parameter) bool {
	name, query := p.GetName(), p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
	value := spelled(f.made, name)
	switch {
	case !p.GetRequired():
		if query {
			f.optional = append(f.optional, p)
		}
	case f.input[name] != "" || schemaOf(p).hasDefault(): // it is shared, or nobody has to say it
	case query && value != "":
		f.query.Set(name, value)
		f.told = true
	case query && idLike(name):
		f.open = append(f.open, p)
	default:
		return false
	}
	return true
}

// last fills what is still open; false if that is more than one, or nothing fits.
func (f *filling) last() bool {
	if len(f.open) == 0 {
		return true
	}
	p := f.open[0]
	value := called(f.made, p.GetName())
	if len(f.open) > 1 || value == "" {
		return false
	}
	if p.GetLocation() == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
		f.path[p.GetName()] = value
	} else {
		f.query.Set(p.GetName(), value)
	}
	return true
}

// identifying returns the only parameter that holds an id which the API has made, if
// there is one.
func identifying(optional []*connectorv1.Parameter, made map[string]string) (only []*connectorv1.Parameter) {
	for _, p := range optional {
		if !idLike(p.GetName()) || called(made, p.GetName()) == "" {
			continue
		}
		if only != nil {
			return nil
		}
		only = []*connectorv1.Parameter{p}
	}
	return only
}

// removalWith is a call of an operation with path parameters, with what a query says,
// and with those other parameters that it shares with the subscription's own input:
// tenants, versions and the like. Of what a query could say, but does not, only what is
// required is shared.
func removalWith(s Subscription, op *connectorv1.Operation, path map[string]string, query url.Values) *Removal {
	given, err := parseInput(s.Input)
	if err != nil {
		return nil
	}
	input := map[string]any{}
	for _, p := range op.GetParameters() {
		name := p.GetName()
		var value any
		ok := true
		switch in := p.GetLocation(); {
		case in == connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:
			value = typed(p, path[name])
		case in == connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY && query.Has(name):
			value = typed(p, query.Get(name))
		case in == connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY && len(query) > 0 && !p.GetRequired():
			ok = false
		default:
			value, ok = given[name]
		}
		if !ok {
			continue
		}
		if shared(op, name) {
			name = locationName(p.GetLocation()) + "." + name
		}
		input[name] = value
	}
	text, err := encodeInput(input)
	if err != nil {
		return nil
	}
	return &Removal{Operation: op.GetOperationId(), Input: text}
}

// schema is what counts here of the schema of a parameter.
type schema struct {
	Type    any             `json:"type"`
	Default json.RawMessage `json:"default"`
}

func (s schema) hasDefault() bool { return s.Default != nil }

func schemaOf(p *connectorv1.Parameter) (s schema) {
	_ = json.Unmarshal(p.GetSchema(), &s) // whatever is no schema takes a text
	return s
}

// typed returns a text that stood in a path as the type that its parameter asks
// for: an id may be a number.
func typed(p *connectorv1.Parameter, text string) any {
	kind := schemaOf(p).Type
	types, several := kind.([]any)
	if !several {
		types = []any{kind}
	}
	var value any
	if slices.Contains(types, any("string")) || json.Unmarshal([]byte(text), &value) != nil {
		return text
	}
	switch value.(type) {
	case float64:
		if slices.Contains(types, any("integer")) || slices.Contains(types, any("number")) {
			return json.Number(text)
		}
	case bool:
		if slices.Contains(types, any("boolean")) {
			return value
		}
	}
	return text
}

// shared reports whether two parameters of an operation have a name.
func shared(op *connectorv1.Operation, name string) bool {
	n := 0
	for _, p := range op.GetParameters() {
		if p.GetName() == name {
			n++
		}
	}
	return n > 1
}

func locationName(l connectorv1.ParameterLocation) string {
	return strings.ToLower(strings.TrimPrefix(l.String(), "PARAMETER_LOCATION_"))
}
