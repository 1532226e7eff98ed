package lint

import (
	"slices"
	"strings"
)

// pathRules are about paths and their variables.
var pathRules = []rule{
	{
		"DuplicateOperationPath", fails,
		"the operations %q and %q have paths that differ in the names of variables only",
		"let them differ in a fixed part", onDocument(duplicatePaths),
	},
	{
		"PartialDuplicateOperationPath", warns,
		"a value of a variable of %q can make it the path %q", "let them differ in a fixed part", onDocument(similarPaths),
	},
	{
		"PathRedefined", fails,
		"the path %q differs from %q in case only", "rename one of them", onDocument(redefinedPaths),
	},
	{
		"PathItemRefNotSuppored", fails,
		"the path is a reference", "write its operations here", onPath(func(p *pathItem, hit report) {
			if n := p.node.Get("$ref"); n != nil {
				hit(n)
			}
		}),
	},
	{
		"OperationPathContainsUnsupportedCharacters", fails,
		"the path %q has the character \"*\"", "use a variable", onPath(func(p *pathItem, hit report) {
			if strings.Contains(p.path, "*") {
				hit(p.node, p.path)
			}
		}),
	},
	{
		"OperationPathMayNotContainQueryOrFragment", fails,
		"the path %q has a query or a fragment", "describe query parameters as parameters", onPath(func(p *pathItem, hit report) {
			if strings.ContainsAny(p.path, "?#") {
				hit(p.node, p.path)
			}
		}),
	},
	{
		"OperationPathMustStartWithSlash", fails,
		"the path %q does not start with \"/\"", "write \"/\" in front of it", onPath(func(p *pathItem, hit report) {
			if !strings.HasPrefix(p.path, "/") {
				hit(p.node, p.path)
			}
		}),
	},
	{
		"OperationPathTemplateNotValid", fails,
		"the braces in the path %q do not enclose one variable inside one segment", "write variables as \"{name}\"",
		onPath(func(p *pathItem, hit report) {
			if !validTemplate(p.path) {
				hit(p.node, p.path)
			}
		}),
	},
	{
		"OperationPathVariablesContainDefaults", fails,
		"a variable in the path %q has a default", "remove \"=\" and what follows, and give the parameter a default",
		onPath(func(p *pathItem, hit report) {
			if slices.ContainsFunc(variables(p.path), func(v string) bool { return strings.Contains(v, "=") }) {
				hit(p.node, p.path)
			}
		}),
	},
	{
		"OperationMissingPathParameter", fails,
		"the operation %q does not declare the variable %q of its path", "add a parameter in \"path\"", onOperation(missingVariable),
	},
}

// variables are the names between the braces of a path.
func variables(path string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(path, "{")
		if !ok {
			return names
		}
		name, rest, ok := strings.Cut(rest, "}")
		if !ok {
			return names
		}
		names = append(names, name)
		path = rest
	}
}

func validTemplate(path string) bool {
	for segment := range strings.SplitSeq(path, "/") {
		open := false
		for i := range len(segment) {
			switch segment[i] {
			case '{':
				if open || strings.HasPrefix(segment[i:], "{}") {
					return false
				}
				open = true
			case '}':
				if !open {
					return false
				}
				open = false
			}
		}
		if open {
			return false
		}
	}
	return true
}

// shape is a path without the names of its variables.
func shape(path string) string {
	var b strings.Builder
	depth := 0
	for _, r := range strings.ToLower(path) {
		switch {
		case r == '{':
			depth++
			b.WriteString("{}")
		case r == '}':
			depth--
		case depth <= 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func duplicatePaths(d *swagger, hit report) {
	first := map[string]*operation{}
	for _, o := range d.operations {
		key := o.method + " " + shape(o.item.path)
		other := first[key]
		if other == nil {
			first[key] = o
			continue
		}
		if !strings.EqualFold(other.item.path, o.item.path) {
			hit(o.node, o.id, other.id)
		}
	}
}

func redefinedPaths(d *swagger, hit report) {
	first := map[string]*pathItem{}
	for _, p := range d.paths {
		key := strings.ToLower(p.path)
		if other := first[key]; other != nil {
			hit(p.node, p.path, other.path)
			continue
		}
		first[key] = p
	}
}

// maxCompared bounds the paths that are compared with each other.
const maxCompared = 600

// similarPaths compares paths with as many segments, of one method.
func similarPaths(d *swagger, hit report) {
	groups := map[string][]*operation{}
	var order []string
	for _, o := range d.operations[:min(len(d.operations), maxCompared)] {
		key := o.method + strings.Repeat("/", strings.Count(o.item.path, "/"))
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], o)
	}
	for _, key := range order {
		for _, o := range groups[key] {
			if !strings.Contains(o.item.path, "{") {
				continue
			}
			if other := shadowed(o, groups[key]); other != nil {
				hit(o.item.node, o.item.path, other.item.path)
			}
		}
	}
}

// shadowed returns the first operation whose fixed path a variable can produce.
func shadowed(o *operation, others []*operation) *operation {
	mine := strings.Split(strings.ToLower(o.item.path), "/")
	for _, other := range others {
		if other == o {
			continue
		}
		if shape(other.item.path) != shape(o.item.path) && covers(mine, other.item.path) {
			return other
		}
	}
	return nil
}

// covers reports whether each segment is a variable or the same as in the path.
func covers(mine []string, path string) bool {
	for i, theirs := range strings.Split(strings.ToLower(path), "/") {
		if mine[i] != theirs && !(strings.HasPrefix(mine[i], "{") && strings.HasSuffix(mine[i], "}")) {
			return false
		}
	}
	return true
}

func missingVariable(o *operation, hit report) {
	for _, name := range variables(o.item.path) {
		if !slices.ContainsFunc(o.all, func(p *parameter) bool { return p.in == "path" && p.name == name }) {
			hit(o.node, o.id, name)
		}
	}
}
