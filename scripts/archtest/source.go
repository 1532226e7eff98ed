package main

import (
	"go/ast"
	"slices"
)

// oneClock checks that the wall clock is read in one place, so that every test
// can tell the time.
func oneClock(t *tree) []finding {
	var found []finding
	t.production(func(p *pkg, f *file) {
		if clocks[p.path] != "" {
			return
		}
		f.uses("time", func(sel *ast.SelectorExpr) {
			if clockReaders[sel.Sel.Name] {
				found = append(found, finding{
					t.at(sel),
					p.path + " uses time." + sel.Sel.Name,
					"take a clock.Clock in the constructor and ask it",
				})
			}
		})
	})
	return found
}

// oneDialer checks that nothing connects outwards past the guarded dialer.
func oneDialer(t *tree) []finding {
	var found []finding
	t.production(func(p *pkg, f *file) {
		if dialers[p.path] != "" {
			return
		}
		report := func(n ast.Node, what string) {
			found = append(found, finding{
				t.at(n),
				p.path + " uses " + what,
				"take a client, transport or dialer of pkg/egress, or name the package with its reason in dialers (scripts/archtest/house.go)",
			})
		}
		httpName, netName := f.localName("net/http"), f.localName("net")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			if what := dials(n, httpName, netName); what != "" {
				report(n, what)
			}
			return true
		})
	})
	return found
}

// dials names what a node makes or calls that opens connections of its own.
func dials(n ast.Node, httpName, netName string) string {
	switch n := n.(type) {
	case *ast.CompositeLit:
		switch {
		case isName(n.Type, httpName, "Transport"), isName(n.Type, netName, "Dialer"):
			return "a literal " + name(n.Type)
		case isName(n.Type, httpName, "Client") && !hasKey(n, "Transport"):
			return "an http.Client on the default transport"
		}
	case *ast.CallExpr:
		fn, ok := n.Fun.(*ast.Ident)
		if ok && fn.Name == "new" && len(n.Args) == 1 &&
			(isName(n.Args[0], httpName, "Transport", "Client") || isName(n.Args[0], netName, "Dialer")) {
			return "new(" + name(n.Args[0]) + ")"
		}
	case *ast.ValueSpec:
		if isName(n.Type, httpName, "Transport", "Client") || isName(n.Type, netName, "Dialer") {
			return "a variable of type " + name(n.Type)
		}
	case *ast.SelectorExpr:
		if isName(n, httpName, "DefaultTransport", "DefaultClient", "Get", "Head", "Post", "PostForm") ||
			isName(n, netName, "Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP") {
			return name(n)
		}
	}
	return ""
}

// isName tells whether e is one of the names of the package known as local.
func isName(e ast.Expr, local string, names ...string) bool {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok || local == "" {
		return false
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok || x.Name != local {
		return false
	}
	return slices.Contains(names, sel.Sel.Name)
}

// name is a qualified name as it stands in the source.
func name(e ast.Expr) string {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return sel.Sel.Name
	}
	return x.Name + "." + sel.Sel.Name
}

// hasKey tells whether a struct literal sets the field key.
func hasKey(lit *ast.CompositeLit, key string) bool {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok && id.Name == key {
				return true
			}
		}
	}
	return false
}
