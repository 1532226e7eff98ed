package lint

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// dynamicRules are about which dynamic extensions a schema needs, and where they
// stand.
var dynamicRules = []rule{
	{
		"DynamicExtensionDefinitionNotAllowedInParameter", fails,
		"%q stands on the body parameter", "move it into the parameter's schema", onParameter(dynamicOnBody),
	},
	{
		"DynamicListExtensionRequiredForAmbiguousReferences", warns,
		"\"x-ms-dynamic-values\" refers to %q, which is a parameter and a property of the body",
		"add \"x-ms-dynamic-list\", whose references are paths", onDynamic(ambiguous("values")),
	},
	{
		"DynamicListExtensionRequiredForNonParameterReferences", warns,
		"\"x-ms-dynamic-values\" refers to %q, which is a property of the body",
		"add \"x-ms-dynamic-list\", whose references are paths", onDynamic(nonParameter("values")),
	},
	{
		"DynamicPropertiesExtensionRequiredForAmbiguousReferences", warns,
		"\"x-ms-dynamic-schema\" refers to %q, which is a parameter and a property of the body",
		"add \"x-ms-dynamic-properties\", whose references are paths", onDynamic(ambiguous("schema")),
	},
	{
		"DynamicPropertiesExtensionRequiredForNonParameterReferences", warns,
		"\"x-ms-dynamic-schema\" refers to %q, which is a property of the body",
		"add \"x-ms-dynamic-properties\", whose references are paths", onDynamic(nonParameter("schema")),
	},
	{
		"DynamicPropertiesExtensionRequiredForPropertiesValuePath", warns,
		"the value-path %q of \"x-ms-dynamic-schema\" leads to properties, not to a schema",
		"add \"x-ms-dynamic-properties\" with the path of the schema", onSchema(propertiesPath),
	},
	{
		"DynamicPropertiesItemValuePathMismatch", fails,
		"the itemValuePath is %q, but \"x-ms-dynamic-schema\" says %q",
		"let both lead to the same schema", onSchema(pathMismatch),
	},
	{
		"DynamicTreeExtensionMissing", warns,
		"values come from the capability \"file-picker\" and \"x-ms-dynamic-tree\" is not there",
		"add \"x-ms-dynamic-tree\"", onDynamic(treeMissing),
	},
	{
		"SelectedItemValuePathNotAllowedInThisPosition", fails,
		"\"selectedItemValuePath\" does not stand in \"browse\" of a tree",
		"remove it: only where a branch is opened an item has been chosen", onDynamic(selectedItem),
	},
	{
		"SourcePropertyInternal", warns,
		"the argument %q comes from %q, which is internal: nobody fills it in",
		"make it visible or give a fixed value", onDynamic(internalSource),
	},
}

func dynamicOnBody(p *parameter, hit report) {
	if p.in != "body" || p.isReference() {
		return
	}
	for _, m := range p.node.Children() {
		if strings.HasPrefix(m.Key(), "x-ms-dynamic-") {
			hit(m, m.Key())
		}
	}
}

// better returns the extension that can say what an older one cannot.
func (c *dynamic) better() *document.Node {
	if c.kind == "values" {
		return c.schema.list
	}
	return c.schema.propertiesOf
}

func ambiguous(kind string) func(*dynamic, report) {
	return func(c *dynamic, hit report) { c.references(kind, func(in found) bool { return in.ambiguous }, hit) }
}

func nonParameter(kind string) func(*dynamic, report) {
	return func(c *dynamic, hit report) {
		c.references(kind, func(in found) bool { return in.property && !in.ambiguous }, hit)
	}
}

func (c *dynamic) references(kind string, wrong func(found) bool, hit report) {
	if c.kind != kind || c.better() != nil || c.schema.operation == nil {
		return
	}
	for _, a := range c.arguments {
		if a.from == "" {
			continue
		}
		if in, ok, _ := c.schema.operation.input(a.from); ok && wrong(in) {
			hit(a.node, a.from)
		}
	}
}

func propertiesPath(s *schema, hit report) {
	path := s.schemaOf.Str("value-path")
	if s.propertiesOf == nil && (path == "properties" || strings.HasSuffix(path, "/properties")) {
		hit(s.schemaOf.Get("value-path"), path)
	}
}

func pathMismatch(s *schema, hit report) {
	if !s.schemaOf.Is(document.Object) || !s.propertiesOf.Is(document.Object) {
		return
	}
	path := s.schemaOf.Str("value-path")
	want := strings.TrimSuffix(strings.TrimSuffix(path, "properties"), "/")
	if got := s.propertiesOf.Str("itemValuePath"); path != "" && got != want && got != path {
		hit(s.propertiesOf, got, want)
	}
}

func treeMissing(c *dynamic, hit report) {
	if c.kind == "values" && c.node.Str("capability") == "file-picker" && c.schema.tree == nil {
		hit(c.node)
	}
}

func selectedItem(c *dynamic, hit report) {
	for _, a := range c.arguments {
		if a.itemPath != nil && c.kind != "browse" {
			hit(a.itemPath)
		}
	}
}

func internalSource(c *dynamic, hit report) {
	if c.schema.operation == nil || c.schema.operation.internal {
		return
	}
	for _, a := range c.arguments {
		if a.from == "" {
			continue
		}
		if in, ok, _ := c.schema.operation.input(a.from); ok && in.internal {
			hit(a.node, a.to, a.from)
		}
	}
}
