package postman_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
	importing "github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// every is how many packages and documents of the corpus stand for one that is tried.
const every = 5

// corpus returns what the pattern finds in "shared/corpus" beside the repository
// or one of the directories around it.
func corpus(tb testing.TB, pattern ...string) []string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		found, err := filepath.Glob(filepath.Join(append([]string{dir, "shared", "corpus"}, pattern...)...))
		if err != nil {
			tb.Fatal(err)
		}
		if len(found) > 0 {
			return found
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Skipf("the corpus is not there: no directory shared/corpus/%s around this one", pattern[0])
		}
		dir = parent
	}
}

func read(tb testing.TB, paths ...string) []format.File {
	tb.Helper()
	var files []format.File
	for _, p := range paths {
		content, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		files = append(files, format.File{Path: filepath.Base(p), Content: content})
	}
	return files
}

func TestCollectionsOfTheCorpusComeBack(t *testing.T) {
	for _, path := range corpus(t, "postman", "v*", "*.json") {
		def := imported(t, importing.Importer{}, read(t, path)...)
		comesBack(t, path, def)
	}
}

func TestPackagesOfTheCorpusComeBack(t *testing.T) {
	tried, operations := 0, 0
	for i, path := range corpus(t, "powerplatform", "*", "*", "apiDefinition.swagger.json") {
		if i%every != 0 {
			continue
		}
		src, err := format.NewSource(read(t, path, filepath.Join(filepath.Dir(path), "apiProperties.json")))
		if err != nil {
			t.Fatal(err)
		}
		result, err := importer.Set{connectorpackage.Importer{}}.Import(t.Context(), src, "")
		if err != nil {
			continue // whether packages are imported is tested where they are
		}
		tried++
		operations += len(result.Definition.GetOperations())
		comesBack(t, path, result.Definition)
	}
	if tried < 40 {
		t.Errorf("only %d packages were tried", tried)
	}
	t.Logf("%d packages with %d operations", tried, operations)
}

func TestOpenAPIDocumentsOfTheCorpusComeBack(t *testing.T) {
	tried, operations := 0, 0
	for i, path := range documents(t) {
		if i%every != 0 {
			continue
		}
		src, err := format.NewSource(read(t, path))
		if err != nil {
			t.Fatal(err)
		}
		result, err := importer.Set{openapi.V3{}}.Import(t.Context(), src, "")
		if err != nil {
			continue // whether documents are imported is tested where they are
		}
		tried++
		operations += len(result.Definition.GetOperations())
		comesBack(t, path, result.Definition)
	}
	t.Logf("%d documents with %d operations", tried, operations)
}

// documents returns the OpenAPI documents of the corpus of at most 1 MB.
func documents(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, root := range corpus(t, "openapi3") {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil && info.Size() <= 1<<20 && slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(path)) {
				found = append(found, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}

// summary is what must come back of an operation.
type summary struct {
	ID, Method, Path string
	Parameters       []string
}

func summaries(def *connectorv1.Definition) []summary {
	var list []summary
	for _, op := range def.GetOperations() {
		if op.GetPath() == "" {
			continue // nobody can call it
		}
		s := summary{ID: op.GetOperationId(), Method: op.GetMethod(), Path: op.GetPath()}
		for _, p := range op.GetParameters() {
			s.Parameters = append(s.Parameters, p.GetLocation().String()+" "+p.GetName())
		}
		slices.Sort(s.Parameters)
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b summary) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// comesBack exports a definition, imports what comes out, and compares.
func comesBack(t *testing.T, name string, def *connectorv1.Definition) {
	t.Helper()
	out := exported(t, def)
	if !json.Valid(out.Files[0].Content) {
		t.Fatalf("%s: the collection is not JSON", name)
	}
	again := imported(t, importing.Importer{}, out.Files...)
	if diff := cmp.Diff(summaries(def), summaries(again)); diff != "" {
		t.Errorf("%s (-defined +imported):\n%s", name, diff)
	}
}
