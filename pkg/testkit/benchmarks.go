package testkit

import (
	"bytes"
	"os"
	"os/exec"
	"testing"
)

// Benchmarks runs every benchmark of the test's own package once, and short, so that
// one that is broken fails the tests and not whoever measures the next time. It
// starts the test program a second time.
func Benchmarks(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), self, "-test.run=^$", "-test.bench=.", "-test.benchtime=1x", "-test.short") // #nosec G204 -- itself
	out, err := run.CombinedOutput()
	if err != nil || !bytes.Contains(out, []byte("\nBenchmark")) {
		t.Errorf("a benchmark failed, or there is none: %v\n%s", err, out)
	}
}
