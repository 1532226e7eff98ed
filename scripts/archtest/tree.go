package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"strconv"
	"strings"
)

// tree is the parsed source of the repository and what it imports.
type tree struct {
	fset     *token.FileSet
	packages []*pkg
	// byPath finds a package of the repository by its full import path.
	byPath map[string]*pkg
	// outside holds the direct imports of packages of other modules.
	outside map[string][]string
	modules []module
}

// pkg is one folder of the repository: its package and the tests beside it.
type pkg struct {
	// path is the import path within the repository, such as "pkg/kv".
	path  string
	files []*file
}

// file is one parsed Go file.
type file struct {
	// name is relative to the root of the repository.
	name      string
	ast       *ast.File
	lines     int
	test      bool
	generated bool
}

// finding is one broken rule: where, what is wrong, and what to do about it.
type finding struct {
	where, fault, remedy string
}

// String is the finding as one line for a terminal.
func (f finding) String() string { return f.where + ": " + f.fault + "; " + f.remedy }

func newTree() *tree {
	return &tree{fset: token.NewFileSet(), byPath: map[string]*pkg{}, outside: map[string][]string{}}
}

// add parses one file into the package p.
func (t *tree) add(p *pkg, name string, src []byte) error {
	parsed, err := parser.ParseFile(t.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	p.files = append(p.files, &file{
		name:      name,
		ast:       parsed,
		lines:     strings.Count(string(src), "\n"),
		test:      strings.HasSuffix(name, "_test.go"),
		generated: ast.IsGenerated(parsed),
	})
	return nil
}

// register makes p known under its full import path.
func (t *tree) register(p *pkg) {
	t.packages = append(t.packages, p)
	t.byPath[repository+p.path] = p
}

// production calls visit for each hand-written file that ships, in order.
func (t *tree) production(visit func(*pkg, *file)) {
	for _, p := range t.packages {
		if p.supportsTests() {
			continue
		}
		for _, f := range p.files {
			if !f.test && !f.generated {
				visit(p, f)
			}
		}
	}
}

// at is the place of a node as file:line.
func (t *tree) at(n ast.Node) string {
	place := t.fset.Position(n.Pos())
	return place.Filename + ":" + strconv.Itoa(place.Line)
}

// supportsTests tells whether only tests import the package: kvtest, clocktest,
// testkit and the like.
func (p *pkg) supportsTests() bool {
	last := path.Base(p.path)
	return strings.HasSuffix(last, "test") && last != "archtest" || last == "testkit"
}

// imports lists the full import paths of the package with the first place of
// each; tests tells whether those of test files are wanted too.
func (p *pkg) imports(tests bool) []*ast.ImportSpec {
	var all []*ast.ImportSpec
	seen := map[string]bool{}
	for _, f := range p.files {
		if f.test && !tests {
			continue
		}
		for _, spec := range f.ast.Imports {
			if name := importPath(spec); !seen[name] {
				seen[name] = true
				all = append(all, spec)
			}
		}
	}
	return all
}

// importPath is the path of an import without its quotes.
func importPath(spec *ast.ImportSpec) string { return strings.Trim(spec.Path.Value, "\"`") }

// localName is the name under which a file uses the package imported, or "".
func (f *file) localName(imported string) string {
	for _, spec := range f.ast.Imports {
		if importPath(spec) != imported {
			continue
		}
		if spec.Name != nil {
			return spec.Name.Name
		}
		return path.Base(imported)
	}
	return ""
}

// uses calls visit for every use of a name of the imported package in f.
func (f *file) uses(imported string, visit func(*ast.SelectorExpr)) {
	local := f.localName(imported)
	if local == "" || local == "_" {
		return
	}
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == local {
				visit(sel)
			}
		}
		return true
	})
}
