package target_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

func TestFindingsAreSortedAndSaidOnce(t *testing.T) {
	var f target.Findings
	f.Extension("/info", "", "%q is kept", "a")
	f.Lost("/operations/1", "Get", "gone")
	f.Lost("/operations/1", "Get", "gone")
	f.Approximated("/operations/2", "", "similar")
	want := []format.Finding{
		{Severity: format.Warning, Code: target.CodeLost, Message: `operation "Get": gone`, Pointer: "/operations/1"},
		{Severity: format.Warning, Code: target.CodeApproximated, Message: "similar", Pointer: "/operations/2"},
		{Severity: format.Info, Code: target.CodeExtension, Message: `"a" is kept`, Pointer: "/info"},
	}
	if diff := cmp.Diff(want, f.Sorted()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestTooManyFindingsKeepTheWorst(t *testing.T) {
	var f target.Findings
	for i := range 2 * format.MaxFindings {
		f.Extension(fmt.Sprint(i), "", "kept")
	}
	for i := range 10 {
		f.Lost(fmt.Sprint(i), "", "gone")
	}
	sorted := f.Sorted()
	last := sorted[len(sorted)-1]
	if len(sorted) != format.MaxFindings || sorted[9].Code != target.CodeLost || sorted[10].Code != target.CodeExtension {
		t.Errorf("%d findings, the tenth is %s", len(sorted), sorted[9].Code)
	}
	if want := fmt.Sprintf("%d more findings are not listed", 2*format.MaxFindings+10-(format.MaxFindings-1)); last.Message != want {
		t.Errorf("the last finding says %q, want %q", last.Message, want)
	}
}

func TestWhatAFindingCovers(t *testing.T) {
	var f target.Findings
	f.Lost("/operations/1/parameters/2", "", "gone")
	for pointer, want := range map[string]bool{
		"/operations/1/parameters/2":        true,
		"/operations/1/parameters/2/schema": true,
		"/operations/1/parameters":          true,
		"/operations/1":                     true,
		"/operations/1/parameters/20":       false,
		"/operations/1/parameters/2/a/b":    false,
		"/operations/1/responses":           false,
		"/info":                             false,
	} {
		if got := f.Covers(pointer); got != want {
			t.Errorf("Covers(%s) = %v", pointer, got)
		}
	}
}
