package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// propertyRules are about the members of objects, and the values that schemas
// list.
var propertyRules = []rule{
	{
		"AdditionalPropertyNotAllowedAdjacentToRef", warns,
		"%q stands beside a reference and is ignored", "move it to what is referred to", onSchema(besideRef),
	},
	{
		"ExtensionNameNotValid", warns,
		"%q is no keyword and no extension", "check its spelling, or let it start with \"x-\"", onSchema(func(s *schema, hit report) {
			if s.unknown != nil {
				hit(s.unknown, s.unknown.Key())
			}
		}),
	},
	{
		"ExtensionNameNotValid", warns,
		"%q is no keyword and no extension", "check its spelling, or let it start with \"x-\"", onOperation(func(o *operation, hit report) {
			unknownMembers(o.node, ofOperation, hit)
		}),
	},
	{
		"AdditionalPropertyNotAllowed", warns,
		"%q has no meaning here", "remove it", onDocument(func(d *swagger, hit report) {
			unknownMembers(d.root, ofDocument, hit)
			unknownMembers(d.root.Get("info"), ofInfo, hit)
			for _, p := range d.paths {
				unknownMembers(p.node, ofPath, hit)
			}
		}),
	},
	{
		"DefaultValueMustMatchType", fails,
		"the default is of type %s and should be of type %s", "write a value of that type", onSchema(badDefault),
	},
	{
		"InvalidEnumValue", fails,
		"the value %s is of type %s and should be of type %s", "write a value of that type", onSchema(badEnum),
	},
	{
		"InvalidEnumValuesExtensionValue", fails,
		"the value %s is not in \"enum\"", "add it there, or remove it here", onSchema(enumValues(unlistedValue)),
	},
	{
		"DuplicateEnumValuesInExtension", fails,
		"the value %s has two names", "remove one", onSchema(enumValues(repeatedValue)),
	},
	{
		"MissingEnumValuesDisplayName", fails,
		"a value has no name to show", "add \"displayName\"", onSchema(enumValues(unnamedValue)),
	},
	{
		"InternalPropertyWithDefaultOptional", warns,
		"an internal property has a default and is optional: it may not be sent", "require it", onSchema(optionalInternal),
	},
	{
		"PropertyMustBeRequired", fails,
		"the internal parameter %q has a default and is optional: it is never sent", "write \"required\": true", onParameter(optionalParameter),
	},
	{
		"RequiredPropertyDefinitionMissing", fails,
		"the property %q is required and not defined", "define it, or do not require it", onSchema(undefinedRequired),
	},
	{
		"RequiredPropertyNotOnObject", fails,
		"the schema is of type %q and requires properties", "remove \"required\"", onSchema(func(s *schema, hit report) {
			if s.requires.Is(document.Array) && s.typ != "" && s.typ != "object" {
				hit(s.requires, s.typ)
			}
		}),
	},
	{
		"RequiredReadOnlyPropertyNotAllowedAsInput", warns,
		"the property %q is read only and required in a request", "do not require it, or let it be written", onSchema(func(s *schema, hit report) {
			if s.required && s.property != "" && s.readOnly != nil && s.readOnly.Text() == "true" {
				node, name := s.node, s.property
				s.inInput(func() { hit(node, name) })
			}
		}),
	},
	{
		"OneOfPropertiesRequired", fails,
		"the parameter has none of \"type\", \"schema\" and \"$ref\"", "say what it is", onParameter(func(p *parameter, hit report) {
			if !p.isReference() && p.node.Get("$ref") == nil && p.node.Get("type") == nil && p.node.Get("schema") == nil {
				hit(p.node)
			}
		}),
	},
	{
		"FilterFunctionsPropertyEmpty", fails,
		"the list \"filterFunctions\" is empty", "remove it", onSchema(filterFunctions(func(_ *schema, list *document.Node, hit report) {
			if len(list.Children()) == 0 {
				hit(list)
			}
		})),
	},
	{
		"FilterFunctionsPropertyHasDuplicates", fails,
		"the function %s is there twice", "remove one", onSchema(filterFunctions(func(_ *schema, list *document.Node, hit report) {
			duplicates(list, hit)
		})),
	},
	{
		"FilterFunctionsPropertyInInputSchema", fails,
		"\"filterFunctions\" stands in a request", "move it to the response", onSchema(filterFunctions(func(s *schema, list *document.Node, hit report) {
			s.inInput(func() { hit(list) })
		})),
	},
	{
		"FilterFunctionsPropertyInvalidValue", fails,
		"%q is no filter function", "use those of OData", onSchema(filterFunctions(unknownFunction)),
	},
}

// The members of objects that Swagger 2.0 defines.
var (
	ofOperation = []string{
		"tags", "summary", "description", "externalDocs", "operationId", "consumes", "produces", "parameters", "responses", "schemes",
		"deprecated", "security",
	}
	ofDocument = []string{
		"swagger", "info", "host", "basePath", "schemes", "consumes", "produces", "paths", "definitions", "parameters", "responses",
		"securityDefinitions", "security", "tags", "externalDocs",
	}
	ofInfo = []string{"title", "description", "termsOfService", "contact", "license", "version"}
	ofPath = append([]string{"$ref", "parameters"}, methods...)
)

func unknownMembers(n *document.Node, known []string, hit report) {
	for _, m := range n.Children() {
		if !slices.Contains(known, m.Key()) && !strings.HasPrefix(m.Key(), "x-") {
			hit(m, m.Key())
		}
	}
}

func besideRef(s *schema, hit report) {
	if s.ref == "" || s.kind != asSchema || len(s.node.Children()) < 2 {
		return
	}
	for _, m := range s.node.Children() {
		if m.Key() != "$ref" {
			hit(m, m.Key())
			return
		}
	}
}

func badDefault(s *schema, hit report) {
	if s.def == nil || s.typ == "" || s.typ == "file" || s.def.Is(document.Null) {
		return
	}
	if got := jsonType(s.def); !fits(got, s.typ) && !isWhole(s.def, s.typ) {
		hit(s.def, got, s.typ)
	}
}

// isWhole reports whether a number is an integer written with a fraction of 0.
func isWhole(n *document.Node, typ string) bool {
	whole, ok := strings.CutSuffix(n.Text(), ".0")
	return ok && typ == "integer" && n.Is(document.Number) && !strings.ContainsAny(whole, ".eE")
}

func badEnum(s *schema, hit report) {
	if s.typ == "" || s.typ == "array" {
		return
	}
	for _, n := range s.enum.Children() {
		if got := jsonType(n); !n.Is(document.Null) && !fits(got, s.typ) {
			hit(n, quoted(n), got, s.typ)
			return
		}
	}
}

// enumValues makes a check of the entries of "x-ms-enum-values".
func enumValues(f func(s *schema, entry, value *document.Node, seen map[string]bool, hit report)) func(*schema, report) {
	return func(s *schema, hit report) {
		if !s.enumValues.Is(document.Array) {
			return
		}
		seen := map[string]bool{}
		for _, entry := range s.enumValues.Children() {
			f(s, entry, entry.Get("value"), seen, hit)
		}
	}
}

func unlistedValue(s *schema, entry, value *document.Node, seen map[string]bool, hit report) {
	if len(seen) == 0 {
		for _, n := range s.enum.Children() {
			seen[n.Text()] = true
		}
	}
	if s.enum != nil && !seen[value.Text()] {
		hit(entry, quoted(value))
	}
}

func repeatedValue(_ *schema, entry, value *document.Node, seen map[string]bool, hit report) {
	if seen[value.Text()] {
		hit(entry, quoted(value))
	}
	seen[value.Text()] = true
}

func unnamedValue(_ *schema, entry, _ *document.Node, _ map[string]bool, hit report) {
	if entry.Str("displayName") == "" {
		hit(entry)
	}
}

func optionalInternal(s *schema, hit report) {
	if s.kind == asSchema && s.property != "" && s.def != nil && !s.required && isInternal(s.node) {
		node := s.node
		s.inInput(func() { hit(node) })
	}
}

func optionalParameter(p *parameter, hit report) {
	if !p.isReference() && p.internal && !p.required && p.in != "body" && p.node.Get("default") != nil {
		hit(p.node, p.name)
	}
}

func undefinedRequired(s *schema, hit report) {
	if s.allOf != nil || s.ref != "" || s.kind != asSchema || inAllOf(s) {
		return
	}
	if s.properties == nil && s.additional != nil || s.propertiesOf != nil || s.schemaOf != nil {
		return
	}
	for _, r := range s.requires.Children() {
		if r.Is(document.String) && s.properties.Get(r.Text()) == nil {
			hit(r, r.Text())
		}
	}
}

// inAllOf reports whether the schema is a part of another, which may define what
// it requires.
func inAllOf(s *schema) bool { return s.parent != nil && s.parent.allOf != nil && s.property == "" }

func filterFunctions(f func(s *schema, list *document.Node, hit report)) func(*schema, report) {
	return func(s *schema, hit report) {
		if list := s.capabilities.Get("filterFunctions"); list.Is(document.Array) {
			f(s, list, hit)
		}
	}
}

// filters are the functions that a column can be filtered by.
var filters = []string{
	"eq", "ne", "gt", "ge", "lt", "le", "and", "or", "not", "contains", "startswith", "endswith", "length", "indexof", "replace",
	"substring", "substringof", "tolower", "toupper", "trim", "concat", "year", "month", "day", "hour", "minute", "second", "date",
	"time", "now", "totaloffsetminutes", "totalseconds", "round", "floor", "ceiling", "add", "sub", "mul", "div", "mod", "negate",
	"sum", "min", "max", "average", "countdistinct", "null", "fractionalseconds",
}

func unknownFunction(_ *schema, list *document.Node, hit report) {
	for _, n := range list.Children() {
		if !slices.Contains(filters, strings.ToLower(n.Text())) {
			hit(n, n.Text())
		}
	}
}
