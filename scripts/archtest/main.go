// Command archtest checks the rules that the repository's shape rests on and that
// no compiler checks:
//
//   - imports point downwards (services → pkg → gen), services never meet, and
//     core packages reach no transport and no storage engine;
//   - only the named packages can read secret values, read the wall clock or make
//     connections past the guarded dialer;
//   - every package and exported identifier is documented; files and functions
//     are short; package names say something;
//   - every module asks for the same version of a dependency.
//
// It reads the Go workspace that the working directory is in and prints one line
// per broken rule, each with its remedy. The exit status is 1 when there is one,
// 2 when the workspace cannot be read. The limits and the lists of exceptions are
// in house.go; every exception has its reason beside it.
package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Stdout, os.Stderr)) }

// run checks the workspace around the working directory.
func run(out, problems io.Writer) int {
	root, err := workspaceRoot()
	if err != nil {
		fmt.Fprintln(problems, "archtest:", err)
		return 2
	}
	t, err := load(root)
	if err != nil {
		fmt.Fprintln(problems, "archtest:", err)
		return 2
	}
	found := check(t)
	for _, f := range found {
		fmt.Fprintln(out, f)
	}
	fmt.Fprintf(problems, "archtest: %d packages, %d broken rules\n", len(t.packages), len(found))
	if len(found) > 0 {
		return 1
	}
	return 0
}

// check applies every rule; what it finds is in the order of the files.
func check(t *tree) []finding {
	var found []finding
	for _, rule := range []func(*tree) []finding{
		layering, coreIsPure, secretsStayShut, oneClock, oneDialer, documented, short, named, oneVersion,
	} {
		found = append(found, rule(t)...)
	}
	slices.SortStableFunc(found, func(a, b finding) int { return strings.Compare(a.where, b.where) })
	return found
}

// workspaceRoot is the folder of the go.work file in force.
func workspaceRoot() (string, error) {
	out, err := command(".", "go", "env", "GOWORK")
	if err != nil {
		return "", fmt.Errorf("find the workspace: %w", err)
	}
	file := strings.TrimSpace(string(out))
	if file == "" || file == "off" {
		return "", fmt.Errorf("no go.work file is in force; run it inside the repository")
	}
	return filepath.Dir(file), nil
}
