package importer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/fault"
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

// rawOperations counts the operations of a package without any of our code. It
// is false if one of the files is not strict JSON.
func rawOperations(files []format.File) (count int, strict bool) {
	for _, f := range files {
		if filepath.Ext(f.Path) != ".json" {
			continue
		}
		content := bytes.TrimPrefix(f.Content, []byte("\ufeff"))
		if !json.Valid(content) || !utf8.Valid(content) {
			return 0, false
		}
		if f.Path != "apiDefinition.swagger.json" {
			continue
		}
		var doc struct {
			Paths map[string]map[string]json.RawMessage `json:"paths"`
		}
		if json.Unmarshal(content, &doc) != nil {
			return 0, false
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

func TestEveryPackageOfTheCorpusIsImported(t *testing.T) {
	imported, refused, operations := 0, 0, 0
	for _, dir := range corpusPackages(t) {
		files := readPackage(t, dir)
		want, strict := rawOperations(files)
		start := time.Now()
		result, err := importPackage(t.Context(), files)
		if took := time.Since(start); took > slowest {
			t.Errorf("%s took %s", dir, took)
		}
		if !strict {
			refused++
			if meta := fault.From(err).Meta(); meta["line"] == "" || meta["column"] == "" || meta["path"] == "" {
				t.Errorf("%s: the refusal does not say where: %v", dir, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", dir, err)
			continue
		}
		imported++
		operations += want
		checkDefinition(t, dir, result, want)
	}
	t.Logf("%d packages with %d operations imported, %d refused", imported, operations, refused)
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
