package policy

import (
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// settings are the parameters of one policy.
type settings struct {
	section   connectorv1.PolicySection
	template  string // lower case
	operation string
	values    map[string]string // by lower-case name; strings unquoted
	body      *bool             // set when an expression or a path needs the body
	route     *string           // see Program.Method
}

func newSettings(operation string, p *connectorv1.Policy) settings {
	return settings{
		section: p.GetSection(), template: strings.ToLower(p.GetTemplateId()),
		operation: operation, values: readParameters(p), body: new(bool), route: new(string),
	}
}

// readParameters reads the parameters.
func readParameters(p *connectorv1.Policy) map[string]string {
	values := map[string]string{}
	for _, parameter := range p.GetParameters() {
		raw := jsontext.Value(parameter.GetJson())
		value := string(raw)
		if raw.Kind() == '"' {
			if plain, err := jsontext.AppendUnquote(nil, raw); err == nil {
				value = string(plain)
			}
		}
		values[strings.ToLower(parameter.GetName())] = value
	}
	return values
}

func (s settings) get(name string) string { return s.values[strings.ToLower(name)] }

// flag reads a parameter that is "true" or "false".
func (s settings) flag(name string, otherwise bool) (bool, error) {
	switch strings.ToLower(strings.TrimSpace(s.get(name))) {
	case "":
		return otherwise, nil
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, problem(name + " must be true or false")
}

// expression compiles a parameter that is text with calls.
func (s settings) expression(name string, d dialect) *expression {
	x := parse(s.get(name), d)
	*s.body = *s.body || x.readsBody()
	return x
}

// scope is where expressions of this policy look.
func (s *settings) scope(e *Exchange) scope {
	return scope{e: e, by: s, section: s.section}
}

// failed is the fault of a policy that could not be applied to a call.
func (s *settings) failed(format string, args ...any) *fault.Error {
	return fault.Precondition(fault.ReasonPolicyFailed, "the policy %q of operation %q could not be applied: %s",
		s.template, s.operation, fmt.Sprintf(format, args...)).
		With("operation", s.operation).With("policy", s.template)
}

// explain names the policy in an error that does not know where it happened.
func (s *settings) explain(err error) error {
	if p, ok := err.(problem); ok { //nolint:errorlint // problems are never wrapped
		return s.failed("%s", string(p))
	}
	return err
}

// problem is a sentence about a policy.
type problem string

func (p problem) Error() string { return string(p) }

// action is what happens to a value that is there already.
type action int

const (
	override action = iota
	skip
	appendTo
)

func existsAction(s settings) (action, error) {
	switch strings.ToLower(strings.TrimSpace(s.get("existsAction"))) {
	case "", "override":
		return override, nil
	case "skip":
		return skip, nil
	case "append":
		return appendTo, nil
	}
	return override, problem("existsAction must be override, skip or append")
}
