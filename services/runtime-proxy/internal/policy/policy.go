// Package policy applies the policy templates of connectors to calls.
//
// A template is one file with one constructor, one line in [templates], one in the list
// of what templates accept (package policytext), and one file of cases in testdata. It turns the parameters of a policy into a [Step]
// once; calls only run steps. A template that is not in the list makes [Compile]
// fail: an operation is never called without its policies.
//
//	program, err := policy.Compile(operationID, policies)
//	e := &policy.Exchange{Request: &req, Parameter: handles.Parameter}
//	err = policy.Run(ctx, program.Request, e)
//	e.Response = answer
//	err = policy.Run(ctx, program.Response, e)
//
// Values of policies are expressions (expression.go) over the connection, the
// request and the body. A body is an ordered tree (document.go) that is read
// when the first step asks for it and written back by [Run] if a step changed it;
// numbers, and all else that no step touched, keep their spelling.
//
// # What is secret
//
// What is secret in a connection is a handle here (package inject): policies can
// place and prefix it, and nothing else. Handles are random for each call, so a
// value from a body, a query or an answer cannot be one of another connection or
// of another call. Whatever a policy puts into a URL is encoded or checked for
// the place where it stands: a value never becomes a second path segment, a
// second parameter, another host or a second header line.
//
// # Where the format leaves a choice
//
//   - A source that is missing leaves everything as it is; nothing empty is made.
//   - A body that is not JSON is left alone by body policies, and @body() is
//     missing. JSON is what parses as JSON and is not declared to be something
//     else (see [MayBeJSON]); a byte order mark before it is
//     taken off.
//   - A missing parameter without a default is empty text.
//   - A query parameter that routerequesttoendpoint reads for its path has been
//     moved and is not sent as well; later expressions still see it.
//   - Failure steps run after the response steps, on answers of 400 and more.
package policy

import (
	"context"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

const (
	sectionRequest  = connectorv1.PolicySection_POLICY_SECTION_REQUEST
	sectionResponse = connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	sectionFailure  = connectorv1.PolicySection_POLICY_SECTION_FAILURE
)

// routing is the only template that changes the method.
const routing = "routerequesttoendpoint"

// failureStatus is the first status of an answer that is a failure.
const failureStatus = 400

// template is how a policy is applied: a constructor of steps, or of a trigger. What it
// accepts is in [policytext.TemplateOf].
type template struct {
	step    constructor
	trigger func(settings) (*Trigger, error)
	calls   bool // asks or tells more of the call than parameters and arguments
}

// constructor makes a step of a policy's parameters. The error says in one
// sentence what is wrong with them.
type constructor func(settings settings) (Step, error)

// templates is the list of what can be applied.
func templates() map[string]template {
	return map[string]template{
		"setheader":                            {step: setHeader},
		"setqueryparameter":                    {step: setQueryParameter},
		"dynamichosturl":                       {step: dynamicHostURL},
		"dynamicsubdomain":                     {step: dynamicHostURL}, // an alias in old packages
		routing:                                {step: routeRequestToEndpoint},
		"setvaluefromurl":                      {step: setValueFromURL, calls: true},
		"updatenextlink":                       {step: updateNextLink, calls: true},
		"setconnectionstatustounauthenticated": {step: setConnectionStatusToUnauthenticated, calls: true},
		"setproperty":                          {step: setProperty},
		"convertarraytoobject":                 {step: convertArrayToObject},
		"convertobjecttoarray":                 {step: convertObjectToArray},
		"stringtoarray":                        {step: stringToArray},
		"stringreplace":                        {step: stringReplace},
		"encodepropertyvalue":                  {step: encodePropertyValue},
		"moveproperties":                       {step: moveProperties},
		"pollingtrigger":                       {trigger: pollingTrigger, calls: true},
	}
}

// Step is one policy, ready to be applied. It is safe for concurrent use, each
// exchange by one goroutine.
type Step func(context.Context, *Exchange) error

// Program is what the policies of one operation do. It is immutable.
type Program struct {
	// Request are the steps before the request is sent, in order.
	Request []Step
	// Response are the steps after the answer has arrived, in order; those of the
	// section Failure come last and do nothing to an answer below 400.
	Response []Step
	// NeedsRequestBody reports whether a request step reads or changes the body:
	// then Request.Body has to be all of it.
	NeedsRequestBody bool
	// NeedsResponseBody reports the same of response steps: then Response.Body has
	// to be all of it, decompressed.
	NeedsResponseBody bool
	// Calls reports whether a step asks for [Exchange.Fetch] or [Exchange.Link], or
	// tells [Exchange.Unauthenticated].
	Calls bool
	// Method is the method that request steps send the request with, whatever it was
	// called with; empty if they leave it alone.
	Method string
	// Trigger polls; nil if the operation has no such policy. A policy for all
	// operations gives all of them one: it is for those that are polling triggers.
	Trigger *Trigger
}

// Polling reports whether a call of the operation may be a poll (see [Trigger]).
func (p *Program) Polling() bool { return p.Trigger != nil }

// Compile makes a program of policies, in order. If any of them cannot be
// applied the error, OPERATION_NOT_SUPPORTED, names all that cannot.
func Compile(operationID string, list []*connectorv1.Policy) (Program, error) {
	var program Program
	var failure []Step
	var missing []string
	known := templates()
	for _, p := range list {
		s := newSettings(operationID, p)
		if err := program.add(known, s, &failure); err != nil {
			missing = append(missing, p.GetTemplateId()+" ("+err.Error()+")")
		}
	}
	if len(missing) > 0 {
		missing = slices.Compact(missing)
		return Program{}, fault.Unimplemented(fault.ReasonOperationNotSupported,
			"operation %q has policies that cannot be applied, and is not called without them: %s",
			operationID, strings.Join(missing, ", ")).
			With("operation", operationID).With("policies", strings.Join(missing, ","))
	}
	program.Response = append(program.Response, failure...)
	if t := program.Trigger; t != nil {
		t.response = program.Response
		program.Request = append(program.Request, t.remember)
		program.Response = append([]Step{t.findNextPage}, program.Response...)
	}
	return program, nil
}

// Fault is why a policy cannot be applied.
type Fault struct {
	// Index is that of the policy in its list.
	Index int
	// Message says what is wrong.
	Message string
}

// Check returns what is wrong with each policy of a connector, in their order.
func Check(list []*connectorv1.Policy) (faults []Fault) {
	known := templates()
	for i, p := range list {
		operation := ""
		if ids := p.GetOperationIds(); len(ids) > 0 {
			operation = ids[0]
		}
		var failure []Step
		if err := new(Program).add(known, newSettings(operation, p), &failure); err != nil {
			faults = append(faults, Fault{Index: i, Message: err.Error()})
		}
	}
	return faults
}

// add compiles one policy into the program.
func (p *Program) add(known map[string]template, s settings, failure *[]Step) error {
	t, ok := known[s.template]
	accepts, described := policytext.TemplateOf(s.template)
	if !ok || !described {
		return problem("the template is not supported")
	}
	if s.section == connectorv1.PolicySection_POLICY_SECTION_UNSPECIFIED {
		s.section = accepts.Sections[0]
	}
	if !slices.Contains(accepts.Sections, s.section) {
		return problem("it has no place in this section of the call")
	}
	p.Calls = p.Calls || t.calls
	if t.trigger != nil {
		trigger, err := t.trigger(s)
		p.Trigger = trigger
		return err
	}
	step, err := t.step(s)
	if err != nil {
		return err
	}
	switch s.section {
	case sectionResponse:
		p.Response = append(p.Response, step)
	case sectionFailure:
		*failure = append(*failure, onFailure(step))
	default:
		p.Request = append(p.Request, step)
		p.NeedsRequestBody = p.NeedsRequestBody || *s.body
		if s.template == routing {
			p.Method = *s.route // the last one decides
		}
		return nil
	}
	p.NeedsResponseBody = p.NeedsResponseBody || *s.body
	return nil
}

// onFailure applies a step to answers that are failures.
func onFailure(step Step) Step {
	return func(ctx context.Context, e *Exchange) error {
		if e.Response.Status < failureStatus {
			return nil
		}
		return step(ctx, e)
	}
}

// Run applies steps in order, stops at the first failure, and writes a body that
// was changed back into the exchange. Response steps need e.Response. A failure
// is POLICY_FAILED, naming template and operation, or
// CONNECTION_PARAMETERS_INVALID if the connection's parameters are the reason;
// what was changed until then stays, so the request must not be sent.
func Run(ctx context.Context, steps []Step, e *Exchange) error {
	for _, step := range steps {
		if err := step(ctx, e); err != nil {
			return err
		}
	}
	return e.writeBack()
}
