package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// module is one module of the workspace and what its go.mod asks for.
type module struct {
	name, goVersion string
	// requires maps the path of each module that go.mod names to its version.
	requires map[string]string
}

// listed is the part of `go list -json` that is read.
type listed struct {
	ImportPath                                   string
	Dir                                          string
	GoFiles, CgoFiles, TestGoFiles, XTestGoFiles []string
	Imports                                      []string
}

// load reads every package of the workspace under root.
func load(root string) (*tree, error) {
	t := newTree()
	out, err := command(root, "go", "list", "-e", "-deps",
		"-json=ImportPath,Dir,GoFiles,CgoFiles,TestGoFiles,XTestGoFiles,Imports", "work")
	if err != nil {
		return nil, fmt.Errorf("list the packages of the workspace: %w", err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var l listed
		if err := dec.Decode(&l); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read the list of packages: %w", err)
		}
		if err := t.take(root, l); err != nil {
			return nil, err
		}
	}
	t.modules, err = loadModules(root)
	return t, err
}

// take adds one listed package: parsed when it is ours, by its imports otherwise.
func (t *tree) take(root string, l listed) error {
	path, ours := strings.CutPrefix(l.ImportPath, repository)
	if !ours {
		t.outside[l.ImportPath] = l.Imports
		return nil
	}
	if l.Dir == "" {
		return nil // imported and absent: the compiler says so better
	}
	p := &pkg{path: path}
	t.register(p)
	for _, names := range [][]string{l.GoFiles, l.CgoFiles, l.TestGoFiles, l.XTestGoFiles} {
		for _, name := range names {
			full := filepath.Join(l.Dir, name)
			src, err := os.ReadFile(full)
			if err != nil {
				return fmt.Errorf("read a file of package %s: %w", path, err)
			}
			rel, err := filepath.Rel(root, full)
			if err != nil {
				return fmt.Errorf("place a file of package %s: %w", path, err)
			}
			if err := t.add(p, filepath.ToSlash(rel), src); err != nil {
				return fmt.Errorf("parse package %s: %w", path, err)
			}
		}
	}
	return nil
}

// loadModules reads the go.mod files of the workspace.
func loadModules(root string) ([]module, error) {
	dirs, err := command(root, "go", "list", "-m", "-f", "{{.Dir}}")
	if err != nil {
		return nil, fmt.Errorf("list the modules of the workspace: %w", err)
	}
	var all []module
	for dir := range strings.FieldsSeq(string(dirs)) {
		out, err := command(dir, "go", "mod", "edit", "-json")
		if err != nil {
			return nil, fmt.Errorf("read go.mod in %s: %w", dir, err)
		}
		m, err := parseModule(out)
		if err != nil {
			return nil, fmt.Errorf("read go.mod in %s: %w", dir, err)
		}
		all = append(all, m)
	}
	return all, nil
}

// parseModule reads the output of `go mod edit -json`.
func parseModule(out []byte) (module, error) {
	var mod struct {
		Module  struct{ Path string }
		Go      string
		Require []struct{ Path, Version string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return module{}, err
	}
	m := module{name: strings.TrimPrefix(mod.Module.Path, repository), goVersion: mod.Go, requires: map[string]string{}}
	for _, r := range mod.Require {
		if !strings.HasPrefix(r.Path, repository) {
			m.requires[r.Path] = r.Version
		}
	}
	return m, nil
}

// command runs a program in dir and returns what it printed; what it said about
// a failure is part of the error.
func command(dir, name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(exit.Stderr))
	}
	return out, err
}
