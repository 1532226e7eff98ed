package main

import (
	"fmt"
	"go/ast"
	"slices"
	"strings"
)

// layering checks that imports point downwards: services to pkg to gen, and
// never from one service to another.
func layering(t *tree) []finding {
	var found []finding
	for _, p := range t.packages {
		for _, spec := range p.imports(true) {
			target, ours := strings.CutPrefix(importPath(spec), repository)
			if !ours || mayImport(p.path, target) {
				continue
			}
			found = append(found, finding{t.at(spec), p.path + " imports " + target, layeringRemedy(p.path)})
		}
	}
	return found
}

// mayImport tells whether a package of the repository may import another.
func mayImport(from, to string) bool {
	area := func(path string) string {
		parts := strings.SplitN(path, "/", 3)
		if parts[0] == "services" && len(parts) > 1 {
			return parts[0] + "/" + parts[1]
		}
		return parts[0]
	}
	source, target := area(from), area(to)
	switch {
	case source == target, target == "gen":
		return true
	case target == "pkg":
		return source != "gen"
	case source == "services/ferrule":
		// The process that holds the whole suite sees each service from the
		// outside: its root package.
		return target == to && strings.HasPrefix(to, "services/")
	default:
		return false
	}
}

func layeringRemedy(from string) string {
	switch {
	case strings.HasPrefix(from, "gen/"):
		return "generated code imports generated code only: change proto/ or buf.gen.yaml"
	case strings.HasPrefix(from, "pkg/"):
		return "pkg imports gen only: move what you need into pkg, or declare an interface here and pass it in"
	case strings.HasPrefix(from, "services/ferrule"):
		return "import the service's root package, services/<name>, and nothing inside it"
	default:
		return "talk to the other service through its generated client, or move what both need into pkg"
	}
}

// coreIsPure checks that no core package reaches a transport or a storage
// engine, be it through other packages of this repository.
func coreIsPure(t *tree) []finding {
	var found []finding
	for _, p := range t.packages {
		if !corePackage.MatchString(p.path) {
			continue
		}
		for _, spec := range p.imports(false) {
			if chain := t.chain(importPath(spec), map[string]bool{}); chain != nil {
				found = append(found, finding{
					t.at(spec),
					fmt.Sprintf("%s reaches a transport or a storage engine: %s", p.path, strings.Join(chain, " → ")),
					"declare the interface that is needed in this package and implement it in api, store or cmd",
				})
			}
		}
		found = append(found, coreServes(t, p)...)
	}
	return found
}

// chain is the way from an import to a forbidden module, or nil. Only packages
// of this repository are searched: what a library uses inside is its own affair.
func (t *tree) chain(imported string, seen map[string]bool) []string {
	forbidden := func(module string) bool {
		return imported == module || strings.HasPrefix(imported, module+"/")
	}
	if slices.ContainsFunc(transports, forbidden) {
		return []string{imported}
	}
	p := t.byPath[imported]
	if p == nil || seen[imported] {
		return nil
	}
	seen[imported] = true
	for _, spec := range p.imports(false) {
		if rest := t.chain(importPath(spec), seen); rest != nil {
			return append([]string{p.path}, rest...)
		}
	}
	return nil
}

// coreServes finds the parts of net/http that serve or call.
func coreServes(t *tree, p *pkg) []finding {
	var found []finding
	for _, f := range p.files {
		if f.test {
			continue
		}
		f.uses("net/http", func(sel *ast.SelectorExpr) {
			if serverNames[sel.Sel.Name] {
				found = append(found, finding{
					t.at(sel),
					"core package " + p.path + " uses http." + sel.Sel.Name,
					"keep to the data of net/http (Header, methods, status codes) and serve or call elsewhere",
				})
			}
		})
	}
	return found
}

// secretsStayShut checks that only the named packages may read secret values.
func secretsStayShut(t *tree) []finding {
	var found []finding
	for _, p := range t.packages {
		if revealers[p.path] != "" {
			continue
		}
		for _, spec := range p.imports(testRevealers[p.path] == "") {
			if importPath(spec) == repository+revealPackage {
				found = append(found, finding{
					t.at(spec),
					p.path + " can read secret values",
					"pass the secret.Text on unread; if this package truly is a place where plaintext must be, " +
						"name it with its reason in revealers (scripts/archtest/house.go)",
				})
			}
		}
	}
	return found
}
