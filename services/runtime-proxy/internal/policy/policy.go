// Package policy applies the policy templates of connectors to calls.
//
// A template is one file with one constructor, and one line in [templates]. It
// turns the parameters of a policy into a [Step] once; calls only run steps. A
// template that is not in the list makes [Compile] fail: an operation is never
// called without its policies.
//
//	program, err := policy.Compile(operationID, policies)
//	err = policy.Run(ctx, program.Request, &policy.Exchange{Request: &req, Parameter: handles.Parameter})
//
// What is secret in a connection is a handle here (package inject): policies can
// place and prefix it, and nothing else.
package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// templates is the list of what can be applied.
func templates() map[string]constructor {
	return map[string]constructor{
		"setheader":         setHeader,
		"setqueryparameter": setQueryParameter,
		"dynamichosturl":    dynamicHostURL,
		"dynamicsubdomain":  dynamicHostURL, // an alias in old packages
	}
}

// Exchange is the call that a step works on.
type Exchange struct {
	// Request is the request; during the response section it has been sent and
	// changing it has no effect.
	Request *request.Request
	// Response is the answer; nil before there is one. Of a pass-through call it
	// has no body.
	Response *upstream.Response
	// Parameter returns a parameter of the connection, secrets as handles.
	Parameter func(name string) (string, bool)
}

// Step is one policy, ready to be applied. It is safe for concurrent use.
type Step func(context.Context, *Exchange) error

// Program is what the policies of one operation do.
type Program struct {
	// Request are the steps before the request is sent, in order.
	Request []Step
	// Response are the steps after the answer has arrived, in order.
	Response []Step
}

// constructor makes a step of a policy's parameters. The error says in one
// sentence what is wrong with them.
type constructor func(settings settings) (Step, error)

// settings are the parameters of one policy.
type settings struct {
	section connectorv1.PolicySection
	values  map[string]string // by lower-case name; strings unquoted
}

func (s settings) get(name string) string { return s.values[strings.ToLower(name)] }

// Compile makes a program of policies, in order. If any of them cannot be
// applied the error, OPERATION_NOT_SUPPORTED, names all that cannot.
func Compile(operationID string, list []*connectorv1.Policy) (Program, error) {
	var program Program
	var missing []string
	known := templates()
	for _, p := range list {
		step, err := compileOne(known, p)
		if err != nil {
			missing = append(missing, p.GetTemplateId()+" ("+err.Error()+")")
			continue
		}
		if p.GetSection() == connectorv1.PolicySection_POLICY_SECTION_RESPONSE {
			program.Response = append(program.Response, step)
		} else {
			program.Request = append(program.Request, step)
		}
	}
	if len(missing) > 0 {
		missing = slices.Compact(missing)
		return Program{}, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"operation %q has policies that cannot be applied, and is not called without them: %s",
			operationID, strings.Join(missing, ", ")).
			With("operation", operationID).With("policies", strings.Join(missing, ","))
	}
	return program, nil
}

func compileOne(known map[string]constructor, p *connectorv1.Policy) (Step, error) {
	construct, ok := known[strings.ToLower(p.GetTemplateId())]
	if !ok {
		return nil, problem("the template is not supported")
	}
	if p.GetSection() == connectorv1.PolicySection_POLICY_SECTION_FAILURE {
		return nil, problem("the section Failure is not supported")
	}
	s := settings{section: p.GetSection(), values: readParameters(p)}
	return construct(s)
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

// Run applies steps in order and stops at the first failure.
func Run(ctx context.Context, steps []Step, e *Exchange) error {
	for _, step := range steps {
		if err := step(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// problem is a sentence about a policy.
type problem string

func (p problem) Error() string { return string(p) }
