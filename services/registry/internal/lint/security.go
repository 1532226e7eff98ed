package lint

import (
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// securityRules are about security definitions and what refers to them.
var securityRules = []rule{
	{
		"SecuritySchemePropertyNotValid", fails,
		"a definition of type %[2]q has no member %[1]q", "remove it", onDocument(schemeExtra),
	},
	{
		"SecuritySchemePropertyRequired", fails,
		"a definition of type %[2]q needs the member %[1]q", "add it", onDocument(schemeLacks),
	},
	{
		"SecurityRequirementMustBeDefined", fails,
		"there is no security definition %q", "define it, or name another", onDocument(requirements(func(r requirement, hit report) {
			if r.scheme == nil {
				hit(r.node, r.node.Key())
			}
		})),
	},
	{
		"SecurityRequirementMustHaveEmptyValue", fails,
		"%q is no OAuth and names scopes", "write []", onDocument(requirements(func(r requirement, hit report) {
			if r.scheme != nil && r.scheme.Str("type") != "oauth2" && len(r.node.Children()) > 0 {
				hit(r.node, r.node.Key())
			}
		})),
	},
	{
		"SecurityRequirementMustHaveValue", fails,
		"%q has no list of scopes", "write [] if it needs none", onDocument(requirements(func(r requirement, hit report) {
			if !r.node.Is(document.Array) {
				hit(r.node, r.node.Key())
			}
		})),
	},
	{
		"OAuthSecurityRequirementValueMustBeScopeName", fails,
		"%q has no scope %q", "add it to \"scopes\" of the definition, or name another", onDocument(requirements(unknownScope)),
	},
}

// ofScheme are the members that a type of definition needs; "oauth2" needs more,
// by flow.
var ofScheme = map[string][]string{"basic": {}, "apiKey": {"name", "in"}, "oauth2": {"flow", "scopes"}}

// ofFlow are the members that a flow needs.
var ofFlow = map[string][]string{
	"implicit": {"authorizationUrl"}, "password": {"tokenUrl"}, "application": {"tokenUrl"}, "accessCode": {"authorizationUrl", "tokenUrl"},
}

func needed(scheme *document.Node) (names []string, known bool) {
	names, known = ofScheme[scheme.Str("type")]
	return slices.Concat(names, ofFlow[scheme.Str("flow")]), known
}

func schemeLacks(d *swagger, hit report) {
	for _, s := range d.root.Get("securityDefinitions").Children() {
		if s.Str("type") == "" {
			hit(s, "type", "")
			continue
		}
		names, _ := needed(s)
		for _, name := range names {
			if s.Get(name) == nil {
				hit(s, name, s.Str("type"))
			}
		}
	}
}

func schemeExtra(d *swagger, hit report) {
	for _, s := range d.root.Get("securityDefinitions").Children() {
		names, known := needed(s)
		if !known {
			continue
		}
		for _, m := range s.Children() {
			key := m.Key()
			if key != "type" && key != "description" && !strings.HasPrefix(key, "x-") && !slices.Contains(names, key) {
				hit(m, key, s.Str("type"))
			}
		}
	}
}

// requirement is one scheme of one alternative.
type requirement struct {
	node *document.Node
	// scheme is nil if it is not defined.
	scheme *document.Node
}

// requirements hands the requirements of document and operations to a check.
func requirements(f func(requirement, report)) func(*swagger, report) {
	return func(d *swagger, hit report) {
		schemes := d.root.Get("securityDefinitions")
		each := func(list *document.Node) {
			for _, alternative := range list.Children() {
				for _, n := range alternative.Children() {
					f(requirement{n, schemes.Get(n.Key())}, hit)
				}
			}
		}
		each(d.root.Get("security"))
		for _, o := range d.operations {
			each(o.node.Get("security"))
		}
	}
}

func unknownScope(r requirement, hit report) {
	if r.scheme.Str("type") != "oauth2" {
		return
	}
	for _, scope := range r.node.Children() {
		if r.scheme.Get("scopes").Get(scope.Text()) == nil {
			hit(scope, r.node.Key(), scope.Text())
		}
	}
}
