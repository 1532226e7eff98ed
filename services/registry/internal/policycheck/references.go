package policycheck

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/nearest"
	"github.com/ferrule-dev/ferrule/pkg/policytext"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// known is what policies may refer to.
type known struct {
	operations map[string]*connectorv1.Operation
	// ids are those of the operations in their order.
	ids []string
	// parameters are the names of the parameters of connections, and folded the same
	// in lower case: names are compared without case.
	parameters []string
	folded     map[string]bool
	// inputs are those of the operations that were asked for, queries the names of all
	// query parameters by their names in lower case, and made those that policies make.
	inputs  map[*connectorv1.Operation]inputs
	queries map[string]string
	made    map[string]bool
}

func knownOf(def *connectorv1.Definition) known {
	k := known{
		operations: map[string]*connectorv1.Operation{}, folded: map[string]bool{},
		inputs: map[*connectorv1.Operation]inputs{}, queries: map[string]string{},
	}
	for _, op := range def.GetOperations() {
		k.operations[op.GetOperationId()] = op
		k.ids = append(k.ids, op.GetOperationId())
		k.inputsOf(op)
	}
	for _, set := range def.GetParameterSets() {
		for _, p := range set.GetParameters() {
			if name := strings.ToLower(p.GetName()); !k.folded[name] {
				k.folded[name] = true
				k.parameters = append(k.parameters, p.GetName())
			}
		}
	}
	return k
}

// refer checks what a policy refers to.
func (c *check) refer(i int, p *connectorv1.Policy) {
	for k, id := range p.GetOperationIds() {
		if c.operations[id] == nil {
			c.warn(at(i, "operationIds", k), format.OperationUnknown, c.meant(id, "%s", "name an operation of the connector", c.ids),
				"the operation %q of the policy %q does not exist; the policy is not applied there", id, p.GetTemplateId())
		}
	}
	template, _ := policytext.TemplateOf(strings.ToLower(p.GetTemplateId())) // without one, all is plain text
	for k, parameter := range p.GetParameters() {
		text, instead := valueText(parameter)
		if instead != "" {
			text = string(parameter.GetJson()) // calls may be anywhere in it
		}
		pointer := at(i, "parameters", k, "json")
		accepted, _ := template.Parameter(parameter.GetName())
		parts := policytext.Parse(text, accepted.Dialect)
		for _, part := range parts[:min(len(parts), maxParts)] {
			c.part(i, pointer, p, part)
		}
	}
}

func didYouMean(name string) string { return fmt.Sprintf("did you mean %q?", name) }

// part checks one part of a value.
func (c *check) part(i int, pointer string, p *connectorv1.Policy, part policytext.Part) {
	switch part.Function {
	case policytext.Literal:
		c.misspelt(pointer, part.Literal)
	case policytext.ConnectionParameter:
		if !c.folded[strings.ToLower(part.Name)] {
			c.warn(pointer, format.PolicyPlaceholderUnknown, c.meant(part.Name, "%s", "declare the parameter in a parameter set, or correct the name", c.parameters),
				"connections have no parameter %q; %s", part.Name, standIn(part, "nothing"))
		}
	case policytext.EnvironmentVariable:
		if !c.folded[strings.ToLower(part.Name)] && !part.StandIn {
			c.warn(pointer, format.PolicyPlaceholderUnknown, "declare a connection parameter of that name with a default value, or give the call a second argument",
				"the environment variable %q has no value, and calls without it fail", part.Name)
		}
	case policytext.QueryParameter:
		c.query(pointer, p, part)
	case policytext.Argument:
		c.argument(i, pointer, p, part.Name)
	case policytext.Header, policytext.Body:
		// Anything may be in a header or a body.
	}
}

// standIn says what a call without a value stands for.
func standIn(part policytext.Part, otherwise string) string {
	if part.StandIn && part.Literal != "" {
		return fmt.Sprintf("%q is always used instead", part.Literal)
	}
	return otherwise + " is put in its place"
}

// call is what looks like a call in literal text.
var call = regexp.MustCompile(`@\{?([A-Za-z]+)\(`)

// misspelt reports what is no call and resembles one.
func (c *check) misspelt(pointer, text string) {
	functions := policytext.Functions()
	for _, match := range call.FindAllStringSubmatch(text, maxParts) {
		isName := func(name string) bool { return strings.EqualFold(name, match[1]) }
		if slices.ContainsFunc(functions, isName) {
			c.warn(pointer, format.PolicyPlaceholderUnknown, "write it as in @connectionParameters('name') or @body().name",
				"@%s(…) is not written as a call is, and is taken as plain text", match[1])
			continue
		}
		remedy := "write the text that is meant; policies have no functions but " + strings.Join(functions, ", ")
		if meant := nearest.To(match[1], functions); len(meant) > 0 {
			remedy = didYouMean("@" + meant[0] + "(")
		}
		c.warn(pointer, format.PolicyPlaceholderUnknown, remedy, "there is no function @%s(…); it is taken as plain text", match[1])
	}
}

// scope returns the operations that a policy applies to.
func (c *check) scope(p *connectorv1.Policy) []*connectorv1.Operation {
	if len(p.GetOperationIds()) == 0 {
		return c.trial.Definition.GetOperations()
	}
	var list []*connectorv1.Operation
	for _, id := range p.GetOperationIds() {
		if op := c.operations[id]; op != nil {
			list = append(list, op)
		}
	}
	return list
}

// inputs are the names of an operation's parameters by where they go. Those of the query
// are in lower case.
type inputs struct {
	query map[string]bool
	path  map[string]bool
}

// inputsOf returns those of an operation, made once.
func (k *known) inputsOf(op *connectorv1.Operation) inputs {
	if have, ok := k.inputs[op]; ok {
		return have
	}
	in := inputs{query: map[string]bool{}, path: map[string]bool{}}
	for _, p := range op.GetParameters() {
		switch p.GetLocation() { //nolint:exhaustive // policies read no others
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY:
			in.query[strings.ToLower(p.GetName())] = true
			k.queries[strings.ToLower(p.GetName())] = p.GetName()
		case connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH:
			in.path[p.GetName()] = true
		}
	}
	k.inputs[op] = in
	return in
}

// inQuery is what looks like a query parameter in a value.
var inQuery = regexp.MustCompile(`[?&]([^=&?]+)=`)

// made returns the query parameters, in lower case, that some policy makes.
func made(list []*connectorv1.Policy) map[string]bool {
	names := map[string]bool{}
	for _, p := range list {
		for _, parameter := range p.GetParameters() {
			text, _ := valueText(parameter)
			if strings.EqualFold(parameter.GetName(), "name") && strings.EqualFold(p.GetTemplateId(), "setqueryparameter") {
				names[strings.ToLower(strings.TrimSpace(text))] = true
			}
			for _, match := range inQuery.FindAllStringSubmatch(text, maxParts) {
				names[strings.ToLower(match[1])] = true
			}
		}
	}
	return names
}

// query reports a query parameter that no operation of the policy has.
func (c *check) query(pointer string, p *connectorv1.Policy, part policytext.Part) {
	name := strings.ToLower(part.Name)
	if c.made == nil {
		c.made = made(c.list)
	}
	scope := c.scope(p)
	if len(scope) == 0 || c.made[name] || len(p.GetOperationIds()) == 0 && c.queries[name] != "" {
		return
	}
	if len(p.GetOperationIds()) > 0 && slices.ContainsFunc(scope, func(op *connectorv1.Operation) bool { return c.inputsOf(op).query[name] }) {
		return
	}
	remedy := c.meant(part.Name, "%s", "add the query parameter to the operations, or correct the name", slices.Sorted(maps.Values(c.queries)))
	c.warn(pointer, format.PolicyPlaceholderUnknown, remedy,
		"no operation of the policy has a query parameter %q; %s", part.Name, standIn(part, "nothing"))
}

// argument reports a path argument that operations of the policy do not have: their
// calls fail. A policy that works for some of them is no error: it can be applied.
func (c *check) argument(i int, pointer string, p *connectorv1.Policy, name string) {
	var without []string
	scope := c.scope(p)
	have := map[string]bool{}
	for _, op := range scope {
		if in := c.inputsOf(op); !in.path[name] {
			without = append(without, op.GetOperationId())
			if len(have) < maxListed {
				maps.Copy(have, in.path)
			}
		}
	}
	if len(without) == 0 {
		return
	}
	names := slices.Sorted(maps.Keys(have))
	remedy := "give the operation a path parameter of that name"
	if len(names) > 0 {
		remedy = "use {" + strings.Join(names[:min(len(names), maxListed)], "} or {") + "}"
	}
	remedy = c.meant(name, "{%s}", remedy, names)
	const message = "{%s} is no path parameter of %s, whose calls fail"
	if len(without) < len(scope) {
		c.warn(pointer, format.PolicyPlaceholderUnknown, remedy, message, name, listed("operation", without))
		return
	}
	c.fails(pointer, format.PolicyPlaceholderUnknown, remedy, message, name, listed("operation", without))
	c.fail(i)
}

// meant asks whether one of some names was meant, which stands in a form; it returns the
// other remedy if none resembles it.
func (c *check) meant(wanted, form, otherwise string, names []string) string {
	if c.suggestions++; c.suggestions > maxSuggestions {
		return otherwise
	}
	if meant := nearest.To(wanted, names); len(meant) > 0 {
		return didYouMean(fmt.Sprintf(form, meant[0]))
	}
	return otherwise
}
