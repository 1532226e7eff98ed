package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// seed makes the random moments of a run repeatable.
var seed = flag.Int64("seed", 0, "seed of the moments at which the process is killed; 0 takes a new one")

// binaries are the real programs, built once for all tests.
type binaries struct{ dir, ferrule, inventory string }

var build = sync.OnceValues(func() (binaries, error) {
	dir, err := os.MkdirTemp("", "ferrule-e2e-")
	if err != nil {
		return binaries{}, err
	}
	b := binaries{dir: dir, ferrule: filepath.Join(dir, "ferrule"), inventory: filepath.Join(dir, "inventory")}
	return b, errors.Join(
		compile("..", b.ferrule, "./cmd/ferrule"),
		compile(filepath.Join("..", "..", "..", "deploy", "demo"), b.inventory, "./inventory"),
	)
})

// compile builds one program the way scripts/build does.
func compile(module, program, pkg string) error {
	return compileWith(module, program, pkg, "CGO_ENABLED=0")
}

// compileAlone builds a program of a module that is not part of the workspace.
func compileAlone(module, program, pkg string) error {
	return compileWith(module, program, pkg, "CGO_ENABLED=0", "GOWORK=off")
}

func compileWith(module, program, pkg string, env ...string) error {
	cmd := exec.Command("go", "build", "-buildvcs=false", "-trimpath", "-o", program, pkg)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return nil
}

// programs returns the built programs.
func programs(t *testing.T) binaries {
	t.Helper()
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if b, err := build(); err == nil {
		_ = os.RemoveAll(b.dir)
	}
	os.Exit(code)
}
