package importer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// slowest is the longest that one package may take, with a race detector and
// busy neighbours.
const slowest = 2 * time.Second

// corpusPackages returns the directories of all connector packages of the
// corpus, which lies in "shared/corpus" beside the repository or one of the
// directories around it.
func corpusPackages(tb testing.TB) []string {
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
		if len(found) > 0 {
			for i := range found {
				found[i] = filepath.Dir(found[i])
			}
			return found
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Skip("the corpus of connector packages is not there: no directory shared/corpus/powerplatform around this one")
		}
		dir = parent
	}
}

func readPackage(tb testing.TB, dir string) []format.File {
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

func importPackage(ctx context.Context, files []format.File) (*format.Result, error) {
	src, err := format.NewSource(files)
	if err != nil {
		return nil, err
	}
	return importer.All().Import(ctx, src, "")
}

// methodLine is the line that starts an operation in a definition that people
// indent.
var methodLine = regexp.MustCompile(`(?m)^\s*"(get|put|post|delete|options|head|patch)"\s*:\s*\{`)

// rawOperations counts the operations of a package without any of our code: over
// the decoded definition, or over the lines of one that is no strict JSON.
func rawOperations(tb testing.TB, files []format.File) (count int, strict bool) {
	tb.Helper()
	for _, f := range files {
		if f.Path != "apiDefinition.swagger.json" {
			continue
		}
		content := bytes.TrimPrefix(f.Content, []byte("\ufeff"))
		if !json.Valid(content) || !utf8.Valid(content) {
			return len(methodLine.FindAll(content, -1)), false
		}
		var doc struct {
			Paths map[string]map[string]json.RawMessage `json:"paths"`
		}
		if err := json.Unmarshal(content, &doc); err != nil {
			tb.Fatal(err)
		}
		for _, item := range doc.Paths {
			for method := range item {
				if slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch"}, method) {
					count++
				}
			}
		}
	}
	return count, true
}

// tally is what the packages hold together.
type tally struct {
	packages, repaired, operations, polling, webhooks, policies, scripted, dynamics int
	findings                                                                        map[string]int
}

func (n *tally) add(result *format.Result) {
	n.packages++
	n.operations += len(result.Definition.GetOperations())
	n.policies += len(result.Definition.GetPolicies())
	for _, op := range result.Definition.GetOperations() {
		n.dynamics += len(op.GetDynamics())
		if op.GetTrigger().GetPolling() != nil {
			n.polling++
		}
		if op.GetTrigger().GetWebhook() != nil {
			n.webhooks++
		}
		if op.GetRequiresScript() {
			n.scripted++
		}
	}
	for _, f := range result.Findings {
		n.findings[fmt.Sprintf("%d %s", f.Severity, f.Code)]++
	}
}

func TestEveryPackageOfTheCorpusIsImported(t *testing.T) {
	packages := corpusPackages(t)
	n := tally{findings: map[string]int{}}
	for _, dir := range packages {
		files := readPackage(t, dir)
		want, strict := rawOperations(t, files)
		start := time.Now()
		result, err := importPackage(t.Context(), files)
		if took := time.Since(start); took > slowest {
			t.Errorf("%s took %s", dir, took)
		}
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		n.add(result)
		if !strict {
			n.repaired++
			checkRepaired(t, dir, result)
		}
		checkDefinition(t, dir, result, want)
	}
	t.Logf("%d of %d packages imported, %d of them repaired: %d operations, of which %d polling and %d webhook triggers, %d in custom code; %d policies, %d dynamic features",
		n.packages, len(packages), n.repaired, n.operations, n.polling, n.webhooks, n.scripted, n.policies, n.dynamics)
	for _, code := range slices.Sorted(maps.Keys(n.findings)) {
		t.Logf("%6d  %s", n.findings[code], code)
	}
}

// checkRepaired checks that what was repaired is reported with its place.
func checkRepaired(t *testing.T, dir string, result *format.Result) {
	t.Helper()
	for _, f := range result.Findings {
		if (strings.HasPrefix(f.Code, "JSON") || f.Code == "EncodingConverted") && f.Line > 0 && f.Column > 0 && f.Path == "apiDefinition.swagger.json" && f.Remedy != "" {
			return
		}
	}
	t.Errorf("%s is no JSON, and no finding says so", dir)
}

// checkDefinition checks what is true of every definition.
func checkDefinition(t *testing.T, dir string, result *format.Result, want int) {
	t.Helper()
	def := result.Definition
	if got := len(def.GetOperations()); got != want {
		t.Errorf("%s: %d operations, the file has %d", dir, got, want)
	}
	if result.Format != format.ConnectorPackage || def.GetInfo().GetTitle() == "" || len(def.GetParameterSets()) == 0 {
		t.Errorf("%s: format %s, title %q, %d parameter sets", dir, result.Format, def.GetInfo().GetTitle(), len(def.GetParameterSets()))
	}
	ids := map[string]bool{}
	for _, op := range def.GetOperations() {
		if ids[op.GetOperationId()] || op.GetOperationId() == "" {
			t.Errorf("%s: the operation id %q is not unique", dir, op.GetOperationId())
		}
		ids[op.GetOperationId()] = true
		for _, p := range op.GetParameters() {
			if !json.Valid(p.GetSchema()) {
				t.Errorf("%s: the schema of %s.%s is %q", dir, op.GetOperationId(), p.GetName(), p.GetSchema())
			}
		}
	}
	for _, s := range def.GetSchemas() {
		if !json.Valid(s.GetJson()) {
			t.Errorf("%s: the schema %q is not JSON", dir, s.GetName())
		}
	}
	for _, f := range result.Findings {
		if f.Code == "" || f.Message == "" || f.Path == "" || f.Line == 0 && f.Pointer != "" {
			t.Errorf("%s: the finding %+v is incomplete", dir, f)
		}
	}
}

func TestImportsAreDeterministic(t *testing.T) {
	packages := corpusPackages(t)
	for _, dir := range packages[:min(40, len(packages))] {
		files := readPackage(t, dir)
		first, err := importPackage(t.Context(), files)
		if err != nil {
			continue
		}
		second, err := importPackage(t.Context(), files)
		if err != nil || !proto.Equal(first.Definition, second.Definition) {
			t.Errorf("%s is imported differently the second time: %v", dir, err)
		}
	}
}

func BenchmarkImportCorpus(b *testing.B) {
	var packages [][]format.File
	size := 0
	for _, dir := range corpusPackages(b) {
		files := readPackage(b, dir)
		packages = append(packages, files)
		for _, f := range files {
			size += len(f.Content)
		}
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for b.Loop() {
		for _, files := range packages {
			// Files that are broken are part of the work.
			_, _ = importPackage(b.Context(), files)
		}
	}
	b.ReportMetric(float64(b.N*len(packages))/b.Elapsed().Seconds(), "documents/s")
}
