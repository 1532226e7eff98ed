package core

import (
	"cmp"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"unicode"

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

// removalBy fills the path parameters of an operation from an object that the
// API made, or else from the one object in it that many APIs wrap theirs in.
func removalBy(s Subscription, op *connectorv1.Operation, made []byte) *Removal {
	if r := removalFrom(s, op, members(made)); r != nil {
		return r
	}
	return removalFrom(s, op, members(wrapped(made)))
}

// wrapped returns the only member of an object that is an object; nil if there is
// none, or several.
func wrapped(data []byte) (inner []byte) {
	var raw object
	_ = json.Unmarshal(data, &raw) // what is no object wraps nothing
	for _, value := range raw {
		var o object
		if json.Unmarshal(value, &o) != nil || o == nil {
			continue
		}
		if inner != nil {
			return nil
		}
		inner = value
	}
	return inner
}

// removalFrom fills the parameters of an operation: from the member of the same
// name, however it is spelled, or, for the only one that nothing else fills, from
// "id". It is nil if something that the operation requires is missing.
func removalFrom(s Subscription, op *connectorv1.Operation, made map[string]string) *Removal {
	values, query, input := map[string]string{}, url.Values{}, members([]byte(s.Input))
	var open []string
	for _, p := range op.GetParameters() {
		name := p.GetName()
		if p.GetLocation() != connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH {
			if !p.GetRequired() || input[name] != "" || schemaOf(p).hasDefault() {
				continue
			}
			value := spelled(made, name)
			if value == "" || p.GetLocation() != connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY {
				return nil
			}
			query.Set(name, value)
			continue
		}
		value := cmp.Or(made[name], input[name], spelled(made, name), spelled(input, name))
		if value == "" {
			open = append(open, name)
			continue
		}
		values[name] = value
	}
	if id := spelled(made, "id"); len(open) == 1 && id != "" {
		values[open[0]], open = id, nil
	}
	if len(open) > 0 {
		return nil
	}
	return removalWith(s, op, values, query)
}

// spelled returns the member whose name has the letters and digits of a name: what a
// path calls {webhook_id}, answers call webhookId. It is empty where several have.
func spelled(in map[string]string, name string) (value string) {
	for member, text := range in {
		if bare(member) != bare(name) {
			continue
		}
		if value != "" {
			return ""
		}
		value = text
	}
	return value
}

func bare(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, name))
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

// object is a JSON object whose members are not looked into.
type object = map[string]json.RawMessage

// members returns the strings and numbers of a JSON object as text; none if it
// is something else.
func members(data []byte) map[string]string {
	var raw object
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	return texts(raw)
}

func texts(raw object) map[string]string {
	out := map[string]string{}
	for name, value := range raw {
		var text string
		var number json.Number
		switch {
		case json.Unmarshal(value, &text) == nil:
			out[name] = text
		case json.Unmarshal(value, &number) == nil:
			out[name] = number.String()
		}
	}
	return out
}
