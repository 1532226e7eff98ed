package main

import (
	"fmt"
	"go/ast"
	"path"
	"strings"
)

// documented checks that every package and every exported identifier says what
// it promises. A comment on a group counts for each of its members.
func documented(t *tree) []finding {
	var found []finding
	for _, p := range t.packages {
		hasDoc, shown := false, false
		for _, f := range p.files {
			if f.test || f.generated {
				continue
			}
			shown = true
			hasDoc = hasDoc || f.ast.Doc != nil
			if f.ast.Name.Name == "main" {
				continue
			}
			for _, d := range f.ast.Decls {
				for _, id := range undocumented(d) {
					found = append(found, finding{
						t.at(id), id.Name + " is exported and has no comment",
						"say what it promises (units, order, limits, errors, who may call it when), or unexport it",
					})
				}
			}
		}
		if shown && !hasDoc {
			found = append(found, finding{
				p.files[0].name, "package " + p.path + " has no doc comment",
				"begin one file with a comment on its job, its types and how they fit",
			})
		}
	}
	return found
}

// undocumented lists the exported names of a declaration that have no comment.
func undocumented(d ast.Decl) []*ast.Ident {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
			return []*ast.Ident{d.Name}
		}
	case *ast.GenDecl:
		if d.Doc == nil {
			return undocumentedSpecs(d)
		}
	}
	return nil
}

func undocumentedSpecs(d *ast.GenDecl) []*ast.Ident {
	var found []*ast.Ident
	for _, spec := range d.Specs {
		var names []*ast.Ident
		switch s := spec.(type) {
		case *ast.TypeSpec:
			if s.Doc == nil && s.Comment == nil {
				names = []*ast.Ident{s.Name}
			}
		case *ast.ValueSpec:
			if s.Doc == nil && s.Comment == nil {
				names = s.Names
			}
		}
		for _, id := range names {
			if id.IsExported() {
				found = append(found, id)
			}
		}
	}
	return found
}

// exportedReceiver tells whether d is a function, or a method of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return true
	}
	e := d.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// short checks the length of files and functions.
func short(t *tree) []finding {
	var found []finding
	t.production(func(p *pkg, f *file) {
		if f.lines > maxFileLines {
			found = append(found, finding{
				f.name, fmt.Sprintf("the file has %d lines, the limit is %d", f.lines, maxFileLines),
				"split it along its types, or move a part with a name of its own into a package",
			})
		}
		for _, d := range f.ast.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil || longFunctions[p.path+"."+fn.Name.Name] != "" {
				continue
			}
			lines := t.fset.Position(fn.End()).Line - t.fset.Position(fn.Pos()).Line + 1
			if lines > maxFunctionLines {
				found = append(found, finding{
					t.at(fn), fmt.Sprintf("%s has %d lines, the limit is %d", fn.Name.Name, lines, maxFunctionLines),
					"give its steps names of their own",
				})
			}
		}
	})
	return found
}

// named checks that no package is a drawer for everything.
func named(t *tree) []finding {
	var found []finding
	for _, p := range t.packages {
		switch last := path.Base(p.path); last {
		case "util", "utils", "common", "types", "helpers", "misc", "shared":
			if !strings.HasPrefix(p.path, "gen/") {
				found = append(found, finding{
					p.files[0].name, "the name of package " + p.path + " does not say what it is for",
					"name it after its one purpose",
				})
			}
		}
	}
	return found
}

// oneVersion checks that every module asks for the same version of a
// dependency and of the language, so that a service behaves the same alone and
// in the workspace.
func oneVersion(t *tree) []finding {
	type choice struct{ module, version string }
	first := map[string]choice{}
	var found []finding
	compare := func(m module, dependency, version string) {
		known, ok := first[dependency]
		if !ok {
			first[dependency] = choice{m.name, version}
			return
		}
		if known.version != version {
			found = append(found, finding{
				m.name + "/go.mod",
				fmt.Sprintf("%s is %s here and %s in %s", dependency, version, known.version, known.module),
				"require the same version everywhere and run go mod tidy in each module",
			})
		}
	}
	for _, m := range t.modules {
		compare(m, "the go line", m.goVersion)
		for dependency, version := range m.requires {
			compare(m, dependency, version)
		}
	}
	return found
}
