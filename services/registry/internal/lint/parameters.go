package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// parameterRules are about parameters, one at a time and those of one operation.
var parameterRules = []rule{
	{
		"ConnectionIdParameterNotAllowed", fails,
		"the parameter is called \"connectionId\", which the gateway uses itself", "rename it", onParameter(func(p *parameter, hit report) {
			if strings.EqualFold(p.name, "connectionId") && !p.isReference() {
				hit(p.node)
			}
		}),
	},
	{
		"ReservedParameterIsUsed", fails,
		"the parameter %q in %q is set by the gateway", "remove it; a connection has it", onParameter(reserved),
	},
	{
		"FileParameterMustBeInFormData", fails,
		"the file %q is in %q", "write \"in\": \"formData\"", onParameter(func(p *parameter, hit report) {
			if !p.isReference() && p.node.Str("type") == "file" && p.in != "formData" {
				hit(p.node, p.name, p.in)
			}
		}),
	},
	{
		"InvalidFormDataParameterName", fails,
		"the name of the form field %q is not ASCII", "rename it", onParameter(func(p *parameter, hit report) {
			if p.in == "formData" && !p.isReference() && !isASCII(p.name) {
				hit(p.node, p.name)
			}
		}),
	},
	{
		"ParameterListContainsFormDataAndBody", fails,
		"the operation %q has a body and form fields", "use one of them", onOperation(formAndBody),
	},
	{
		"ParameterReferenceNotFound", fails,
		"there is no parameter %q", "declare it, or refer to another", onParameter(func(p *parameter, hit report) {
			if ref := p.node.Str("$ref"); strings.HasPrefix(ref, "#/parameters/") && !p.isReference() {
				hit(p.node.Get("$ref"), ref)
			}
		}),
	},
	{
		"ParameterReferenceNotValid", fails,
		"the reference %q does not lead to a parameter", "write \"#/parameters/\" and its name", onParameter(func(p *parameter, hit report) {
			if ref := p.node.Get("$ref"); ref != nil && !strings.HasPrefix(ref.Text(), "#/parameters/") {
				hit(ref, ref.Text())
			}
		}),
	},
	{
		"ParameterRefLoopNotAllowed", fails,
		"the shared parameter is itself a reference", "write the parameter here", onParameter(func(p *parameter, hit report) {
			if ref := p.node.Get("$ref"); ref != nil && p.item == nil {
				hit(ref)
			}
		}),
	},
	{
		"PathParameterMustBeRequired", fails,
		"the path parameter %q is not required", "write \"required\": true", onParameter(func(p *parameter, hit report) {
			if p.in == "path" && !p.required && !p.isReference() {
				hit(p.node, p.name)
			}
		}),
	},
	{
		"PathParameterNotDefinedInTemplate", fails,
		"the path parameter %q is not in the path %q", "write it into the path, in braces, or remove it", onParameter(notInTemplate),
	},
	{
		"PathParameterMissingEncoding", warns,
		"the path parameter %q does not say how it is encoded", "add \"x-ms-url-encoding\": \"single\"", onParameter(func(p *parameter, hit report) {
			if p.in == "path" && !p.isReference() && p.node.Get("x-ms-url-encoding") == nil {
				hit(p.node, p.name)
			}
		}),
	},
	{
		"QueryParameterEncodingNotSupported", fails,
		"the query parameter %q says how it is encoded", "remove \"x-ms-url-encoding\": queries are encoded once", onParameter(func(p *parameter, hit report) {
			if n := p.node.Get("x-ms-url-encoding"); n != nil && p.in == "query" {
				hit(n, p.name)
			}
		}),
	},
	{
		"OperationParametersAreNotUnique", fails,
		"the operation %q has the name %q for several of its parameters", "rename all but one", onOperation(sameNames),
	},
	{
		"OperationParametersContainDuplicateParameter", fails,
		"the operation %q has the parameter %q in %q twice", "remove one", onOperation(func(o *operation, hit report) {
			repeated(o.own, func(p *parameter) { hit(p.node, o.id, p.name, p.in) })
		}),
	},
	{
		"OperationParametersContainMultipleBodyParameters", fails,
		"the operation %q has several bodies", "make them properties of one", onOperation(func(o *operation, hit report) {
			bodies(o.own, func(p *parameter) { hit(p.node, o.id) })
		}),
	},
	{
		"PathParametersContainDuplicateParameter", fails,
		"the path %q has the parameter %q in %q twice", "remove one", onPath(func(i *pathItem, hit report) {
			repeated(i.parameters, func(p *parameter) { hit(p.node, i.path, p.name, p.in) })
		}),
	},
	{
		"PathParametersContainMultipleBodyParameters", fails,
		"the path %q has several bodies", "make them properties of one", onPath(func(i *pathItem, hit report) {
			bodies(i.parameters, func(p *parameter) { hit(p.node, i.path) })
		}),
	},
	{
		"ParamtersWithSameNameMustHaveSameTypeAndVisibility", fails,
		"the parameter %q is of another type or visibility than in the operation %q that subscribes",
		"let both be the same", onOperation(fetchAndSubscribe),
	},
	{
		"BodyParameterPropertyNotValid", fails,
		"the body has %q beside its schema", "move it into the schema", onParameter(bodyKeyword),
	},
	{
		"BodyParameterSchemaRequired", fails,
		"the body has no schema", "add \"schema\"", onParameter(func(p *parameter, hit report) {
			if p.in == "body" && !p.isReference() && p.node.Get("schema") == nil {
				hit(p.node)
			}
		}),
	},
	{
		"NonBodyParameterSchemaNotValid", fails,
		"the parameter %q in %q has a schema", "write \"type\" instead", onParameter(func(p *parameter, hit report) {
			if n := p.node.Get("schema"); n != nil && p.in != "body" && p.in != "" {
				hit(n, p.name, p.in)
			}
		}),
	},
	{
		"AllowEmptyValueOnlyValidForQueryFormData", fails,
		"the parameter %q in %q allows empty values", "remove \"allowEmptyValue\"", onParameter(func(p *parameter, hit report) {
			if n := p.node.Get("allowEmptyValue"); n != nil && p.in != "query" && p.in != "formData" {
				hit(n, p.name, p.in)
			}
		}),
	},
}

// reservedHeaders are those that the gateway sets.
var reservedHeaders = []string{"authorization", "host", "content-length", "transfer-encoding"}

func reserved(p *parameter, hit report) {
	if p.in == "header" && !p.isReference() && slices.Contains(reservedHeaders, strings.ToLower(p.name)) {
		hit(p.node, p.name, p.in)
	}
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r > 126 || r < 32 })
}

func formAndBody(o *operation, hit report) {
	if form, _ := o.hasForm(); form && o.body != nil {
		hit(o.body.node, o.id)
	}
}

func notInTemplate(p *parameter, hit report) {
	if p.in == "path" && p.item != nil && !slices.Contains(variables(p.item.path), p.name) {
		hit(p.node, p.name, p.item.path)
	}
}

// sameNames reports names in several places. A header and a path variable may
// share one as far as HTTP goes; designers show inputs by their name alone.
func sameNames(o *operation, hit report) {
	first := map[string]string{}
	for _, p := range o.all {
		if in, taken := first[p.name]; taken && in != p.in && p.name != "" {
			hit(p.node, o.id, p.name)
			return
		}
		first[p.name] = p.in
	}
}

func repeated(list []*parameter, f func(*parameter)) {
	type key struct{ name, in string }
	seen := map[key]bool{}
	for _, p := range list {
		k := key{p.name, p.in}
		if seen[k] && p.name != "" && p.in != "body" {
			f(p)
		}
		seen[k] = true
	}
}

func bodies(list []*parameter, f func(*parameter)) {
	seen := false
	for _, p := range list {
		if p.in != "body" {
			continue
		}
		if seen {
			f(p)
		}
		seen = true
	}
}

// fetchAndSubscribe compares a polling trigger with the webhook that wakes it.
func fetchAndSubscribe(o *operation, hit report) {
	subscribe := o.doc.byID[o.node.Get("x-ms-notification").Str("operationId")]
	if subscribe == nil {
		return
	}
	for _, p := range o.all {
		for _, other := range subscribe.all {
			if p.name == other.name && (p.typ() != other.typ() || p.internal != other.internal) {
				hit(p.node, p.name, subscribe.id)
			}
		}
	}
}

// ofBody are the members of a body parameter.
var ofBody = []string{"name", "in", "description", "required", "schema", "$ref"}

func bodyKeyword(p *parameter, hit report) {
	if p.in != "body" || p.isReference() || !p.node.Is(document.Object) {
		return
	}
	for _, m := range p.node.Children() {
		if !slices.Contains(ofBody, m.Key()) && !strings.HasPrefix(m.Key(), "x-") {
			hit(m, m.Key())
		}
	}
}
