package lint

import (
	"slices"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// How bad it is to break a rule of the certification: the vendor's validator
// refuses what is an error; the rest is advice in its documentation, or
// something that it warns about.
const (
	fails = format.Error
	warns = format.Warning
	tells = format.Info
)

// rule is one line of a table.
type rule struct {
	// name is the code of its findings.
	name string
	// severity is theirs.
	severity format.Severity
	// message is one sentence about what is wrong, with verbs for the arguments
	// of a report.
	message string
	// remedy says how to put it right.
	remedy string
	check  check
}

// report is called by a check with the place that breaks the rule, and what its
// message needs. A nil place is the document as a whole.
type report func(at *document.Node, args ...any)

// check is what a rule looks at: exactly one of the functions is set.
type check struct {
	document   func(*swagger, report)
	end        func(*swagger, report)
	path       func(*pathItem, report)
	operation  func(*operation, report)
	parameter  func(*parameter, report)
	response   func(*response, report)
	schema     func(*schema, report)
	dynamic    func(*dynamic, report)
	properties func(*properties, report)
	definition func(*model, report)
}

func onDefinition(f func(*model, report)) check      { return check{definition: f} }
func onDocument(f func(*swagger, report)) check      { return check{document: f} }
func onEnd(f func(*swagger, report)) check           { return check{end: f} }
func onPath(f func(*pathItem, report)) check         { return check{path: f} }
func onOperation(f func(*operation, report)) check   { return check{operation: f} }
func onParameter(f func(*parameter, report)) check   { return check{parameter: f} }
func onResponse(f func(*response, report)) check     { return check{response: f} }
func onSchema(f func(*schema, report)) check         { return check{schema: f} }
func onDynamic(f func(*dynamic, report)) check       { return check{dynamic: f} }
func onProperties(f func(*properties, report)) check { return check{properties: f} }

// certificationRules is the table of all rules of the certification.
func certificationRules() []rule {
	return slices.Concat(
		annotationRules, arrayRules, dynamicRules, invocationRules, identityRules, metadataRules, operationRules,
		packageRules, parameterRules, pathRules, propertyRules, responseRules, sanityRules, schemaRules,
		securityRules, textRules, unsupportedRules, webhookRules,
	)
}

// bound is the check of a rule together with where its findings go.
type bound[T any] struct {
	check  func(T, report)
	report report
}

// ruleset is a table of rules by what they look at.
type ruleset struct {
	documents []bound[*swagger]
	// ends are those about the document that need to have seen all of it.
	ends       []bound[*swagger]
	paths      []bound[*pathItem]
	operations []bound[*operation]
	parameters []bound[*parameter]
	responses  []bound[*response]
	schemas    []bound[*schema]
	dynamics   []bound[*dynamic]
	properties []bound[*properties]
	models     []bound[*model]
}

// bind sorts rules by kind; to makes the report of each.
func bind(rules []rule, to func(*rule) report) *ruleset {
	set := &ruleset{}
	for i := range rules {
		r := &rules[i]
		set.documents = add(set.documents, r.check.document, r, to)
		set.ends = add(set.ends, r.check.end, r, to)
		set.paths = add(set.paths, r.check.path, r, to)
		set.operations = add(set.operations, r.check.operation, r, to)
		set.parameters = add(set.parameters, r.check.parameter, r, to)
		set.responses = add(set.responses, r.check.response, r, to)
		set.schemas = add(set.schemas, r.check.schema, r, to)
		set.dynamics = add(set.dynamics, r.check.dynamic, r, to)
		set.properties = add(set.properties, r.check.properties, r, to)
		set.models = add(set.models, r.check.definition, r, to)
	}
	return set
}

func add[T any](list []bound[T], check func(T, report), r *rule, to func(*rule) report) []bound[T] {
	if check == nil {
		return list
	}
	return append(list, bound[T]{check, to(r)})
}

// apply hands one object to the rules of its kind.
func apply[T any](rules []bound[T], object T) {
	for i := range rules {
		rules[i].check(object, rules[i].report)
	}
}
