package lint

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// invocationRules are about the operations that dynamic extensions call.
var invocationRules = []rule{
	{
		"OperationIdNotFound", fails,
		"there is no operation %q", "name an operation of this document", onDynamic(targetMissing),
	},
	{
		"OperationParameterNameNotFound", fails,
		"the operation %q has no input %q", "name one of its parameters, or a property of its body", onDynamic(inputMissing),
	},
	{
		"OperationParameterNameIsAmbiguous", warns,
		"%q is a parameter and a property of the body of the operation %q",
		"rename one of them, or write a path", onDynamic(inputAmbiguous),
	},
	{
		"OperationMissingRequiredProperty", fails,
		"the operation %q requires %q, which it does not get", "add it to \"parameters\"", onDynamic(argumentMissing),
	},
	{
		"OperationParameterRequiredMismatch", warns,
		"the operation %q requires %q, but %q is optional: without it the call cannot be made",
		"require it here too, or give a fixed value", onDynamic(optionalSource),
	},
	{
		"OperationParameterStaticTypeMismatch", fails,
		"%q is of type %s and its value here is of type %s", "write a value of its type", onDynamic(literalType),
	},
	{
		"OperationParameterTypeMismatch", warns,
		"%q is of type %s and %q, where its value comes from, of type %s", "let both have one type", onDynamic(sourceType),
	},
	{
		"InvokedOperationShouldProduceArray", warns,
		"the response of the operation %q has no array at %q", "name the path of an array, or describe the response", onDynamic(noArray),
	},
	{
		"InvokedOperationShouldProduceProperty", warns,
		"the response of the operation %q has no %q", "name a property of it, or describe the response", onDynamic(noProperty),
	},
}

func targetMissing(c *dynamic, hit report) {
	if c.id != "" && c.target == nil {
		hit(c.node.Get("operationId"), c.id)
	}
}

// each looks up the inputs that arguments are for.
func (c *dynamic) each(f func(a argument, in found, ok, open bool)) {
	if c.target == nil {
		return
	}
	for _, a := range c.arguments {
		in, ok, open := c.target.input(a.to)
		f(a, in, ok, open)
	}
}

func inputMissing(c *dynamic, hit report) {
	c.each(func(a argument, _ found, ok, open bool) {
		if !ok && !open {
			hit(a.node, c.id, a.to)
		}
	})
	if c.schema.operation == nil {
		return
	}
	for _, a := range c.arguments {
		if a.from == "" {
			continue
		}
		if _, ok, open := c.schema.operation.input(a.from); !ok && !open {
			hit(a.node, c.schema.operation.id, a.from)
		}
	}
}

func inputAmbiguous(c *dynamic, hit report) {
	if c.takesPaths() {
		return
	}
	c.each(func(a argument, in found, ok, _ bool) {
		if ok && in.ambiguous {
			hit(a.node, a.to, c.id)
		}
	})
}

func argumentMissing(c *dynamic, hit report) {
	if c.target == nil {
		return
	}
	for _, p := range c.target.all {
		if !p.required || p.target.Get("default") != nil || p.name == "" || p.name == "connectionId" {
			continue
		}
		given := false
		for _, a := range c.arguments {
			to := strings.Trim(a.to, "/")
			given = given || to == p.name || p.in == "body" // a part of it is enough to know
		}
		if !given {
			hit(c.node, c.id, p.name)
		}
	}
}

// sources looks up what arguments are for and where they come from.
func (c *dynamic) sources(f func(a argument, to, from found)) {
	if c.schema.operation == nil {
		return
	}
	c.each(func(a argument, to found, ok, _ bool) {
		if !ok || a.from == "" {
			return
		}
		if from, ok, _ := c.schema.operation.input(a.from); ok {
			f(a, to, from)
		}
	})
}

func optionalSource(c *dynamic, hit report) {
	c.sources(func(a argument, to, from found) {
		if to.required && !from.required && from.schema.Get("default") == nil {
			hit(a.node, c.id, a.to, a.from)
		}
	})
}

func sourceType(c *dynamic, hit report) {
	c.sources(func(a argument, to, from found) {
		if !fits(from.typ, to.typ) && to.typ != "string" {
			hit(a.node, a.to, to.typ, a.from, from.typ)
		}
	})
}

func literalType(c *dynamic, hit report) {
	c.each(func(a argument, in found, ok, _ bool) {
		if ok && a.literal != nil && !a.literal.Is(document.Null) && !fits(jsonType(a.literal), in.typ) {
			hit(a.literal, a.to, in.typ, jsonType(a.literal))
		}
	})
}

// itemsPath is where the list is in the response; has is whether one is meant.
func (c *dynamic) itemsPath() (path string, has bool) {
	switch c.kind {
	case "values":
		return c.node.Str("value-collection"), true
	case "schema", "properties":
		return "", false
	}
	return c.node.Str("itemsPath"), true
}

func noArray(c *dynamic, hit report) {
	path, has := c.itemsPath()
	if c.target == nil || !has {
		return
	}
	response := c.target.success()
	if response == nil || path == "" && c.kind == "values" {
		return // the first array of the response is taken
	}
	n, open := c.doc.follow(response, path)
	if open || n != nil && c.doc.typeOf(n) == "array" || n != nil && c.doc.isOpen(n) {
		return
	}
	hit(c.node, c.id, path)
}

// itemPaths are the keys of paths inside an item.
var itemPaths = []string{"value-path", "value-title", "itemValuePath", "itemTitlePath"}

func noProperty(c *dynamic, hit report) {
	if c.target == nil || c.target.success() == nil {
		return
	}
	base := c.target.success()
	if path, has := c.itemsPath(); has {
		n, open := c.doc.follow(base, path)
		if open || n.Get("items") == nil {
			return
		}
		base = n.Get("items")
	}
	for _, key := range itemPaths {
		path := c.node.Get(key)
		if !path.Is(document.String) || path.Text() == "" || strings.HasPrefix(path.Text(), "@") {
			continue
		}
		if n, open := c.doc.follow(base, path.Text()); n == nil && !open {
			hit(path, c.id, path.Text())
		}
	}
}
