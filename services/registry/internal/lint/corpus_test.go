package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/lint"
)

// corpus returns the files of every connector package of the corpus by the name
// of its directory. It lies in "shared/corpus" beside the repository or one of
// the directories around it.
func corpus(tb testing.TB) (names []string, packages [][]format.File) {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		found, err := filepath.Glob(filepath.Join(dir, "shared", "corpus", "powerplatform", "*", "*", "apiDefinition.swagger.json"))
		if err != nil {
			tb.Fatal(err)
		}
		for _, f := range found {
			names = append(names, filepath.Base(filepath.Dir(f)))
			packages = append(packages, read(tb, filepath.Dir(f)))
		}
		if len(found) > 0 {
			return names, packages
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Skip("the corpus of connector packages is not there: no directory shared/corpus/powerplatform around this one")
		}
		dir = parent
	}
}

func read(tb testing.TB, dir string) []format.File {
	tb.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		tb.Fatal(err)
	}
	var files []format.File
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, format.File{Path: e.Name(), Content: content})
	}
	return files
}

// check imports files and applies all rules. It fails the test if the import
// does.
func check(tb testing.TB, files []format.File, sets ...lint.Set) []format.Finding {
	tb.Helper()
	src, err := format.NewSource(files)
	if err != nil {
		tb.Fatal(err)
	}
	result, err := importer.All().Import(tb.Context(), src, "")
	if err != nil {
		tb.Fatal(err)
	}
	return lint.Check(tb.Context(), lint.Input{Source: src, Result: result, Sets: sets})
}

func TestTheCorpusIsCheckedByAllRules(t *testing.T) {
	names, packages := corpus(t)
	type tally struct {
		severity           format.Severity
		findings, packages int
		example            string
	}
	tallies := map[string]*tally{}
	for i, files := range packages {
		seen := map[string]bool{}
		for _, f := range check(t, files, lint.Certification) {
			if f.Code == "" || f.Message == "" || strings.Contains(f.Message, "%!") {
				t.Errorf("%s: the finding %+v is incomplete", names[i], f)
			}
			if f.Code != "FindingsOmitted" && (f.Path == "" || f.Line == 0 || f.Column == 0) {
				t.Errorf("%s: the finding %+v has no place", names[i], f)
			}
			if tallies[f.Code] == nil {
				tallies[f.Code] = &tally{severity: f.Severity, example: names[i] + " " + f.Pointer + ": " + f.Message}
			}
			tallies[f.Code].findings++
			if !seen[f.Code] {
				tallies[f.Code].packages++
			}
			seen[f.Code] = true
		}
	}
	// What these connectors are known for.
	for _, known := range []struct {
		code     string
		packages int
	}{
		{"OperationIdSanitized", 50},
		{"PathParameterMissingEncoding", 50},
		{"StackOwnerMissing", 20},
		{"ConnectorMetadataPropertiesMissing", 10},
		{"SummaryEqualsDescription", 50},
		{"RedirectModeNotPerConnector", 50},
		{"PartialDuplicateOperationPath", 10},
		{"FileTooLarge", 1},
	} {
		if n := tallies[known.code]; n == nil || n.packages < known.packages {
			t.Errorf("%s is found in %+v packages, want %d or more", known.code, n, known.packages)
		}
	}
	// They are published: what refuses most of them would be a wrong rule.
	for code, n := range tallies {
		if n.severity == format.Error && n.packages > len(packages)/10 {
			t.Errorf("%s is an error in %d of %d packages", code, n.packages, len(packages))
		}
	}
	var rows []string
	for code, n := range tallies {
		rows = append(rows, fmt.Sprintf("%d %5d in %3d  %-60s %s", n.severity, n.findings, n.packages, code, n.example))
	}
	slices.Sort(rows)
	slices.Reverse(rows)
	t.Logf("%d packages\n%s", len(packages), strings.Join(rows, "\n"))
}

func BenchmarkCertificationOfTheCorpus(b *testing.B) {
	_, packages := corpus(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, files := range packages {
			check(b, files, lint.Certification)
		}
	}
}

func BenchmarkImportOfTheCorpus(b *testing.B) {
	_, packages := corpus(b)
	b.ReportAllocs()
	for b.Loop() {
		for _, files := range packages {
			src, err := format.NewSource(files)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := importer.All().Import(b.Context(), src, ""); err != nil {
				b.Fatal(err)
			}
		}
	}
}
