package exporter_test

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// corpus returns the files of the corpus that match a pattern. It lies in
// "shared/corpus" beside the repository or one of the directories around it.
func corpus(tb testing.TB, pattern string) []string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		found, err := filepath.Glob(filepath.Join(dir, "shared", "corpus", pattern))
		if err != nil {
			tb.Fatal(err)
		}
		if len(found) > 0 {
			return found
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Skipf("the corpus is not there: nothing matches shared/corpus/%s around this directory", pattern)
		}
		dir = parent
	}
}

// imported is a description of the corpus.
type imported struct {
	name       string
	definition *connectorv1.Definition
	files      []format.File
}

// importers are those of the formats that the round trip is tested with.
var importers = []format.Importer{connectorpackage.Importer{}, openapi.V2{}, openapi.V3{}}

func importFiles(tb testing.TB, files []format.File) (*connectorv1.Definition, error) {
	tb.Helper()
	src, err := format.NewSource(files)
	if err != nil {
		return nil, err
	}
	for _, imp := range importers {
		if !imp.Detect(src) {
			continue
		}
		result, err := imp.Import(tb.Context(), src)
		if err != nil {
			return nil, err
		}
		for _, op := range result.Definition.GetOperations() {
			op.SourcePointer = "" // where it stood in its source is no part of what it is
		}
		return result.Definition, nil
	}
	return nil, os.ErrNotExist
}

// packages returns all packages of the corpus that can be imported.
func packages(tb testing.TB) []imported {
	tb.Helper()
	var list []imported
	for _, path := range corpus(tb, "powerplatform/*/*/apiDefinition.swagger.json") {
		dir := filepath.Dir(path)
		entries, err := os.ReadDir(dir)
		if err != nil {
			tb.Fatal(err)
		}
		var files []format.File
		for _, e := range entries {
			files = append(files, format.File{Path: e.Name(), Content: read(tb, filepath.Join(dir, e.Name()))})
		}
		if def, err := importFiles(tb, files); err == nil {
			list = append(list, imported{filepath.Base(dir), def, files})
		}
	}
	return list
}

// documents returns all OpenAPI 3 documents of the corpus that can be imported.
func documents(tb testing.TB) []imported {
	tb.Helper()
	var list []imported
	root := corpus(tb, "openapi3")[0]
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files := []format.File{{Path: filepath.Base(path), Content: read(tb, path)}}
		if def, err := importFiles(tb, files); err == nil {
			list = append(list, imported{strings.TrimPrefix(path, root), def, files})
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return list
}

func read(tb testing.TB, path string) []byte {
	tb.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return content
}

// tally is what became of many exports in one format.
type tally struct {
	t                          *testing.T
	total, equal, lossy, shown int
	counts                     map[string]int
	// valid are the exports that an independent reader accepts, faults those
	// that it does not, by a fault of their source.
	valid  int
	faults map[string]int
}

// check exports a description, imports the export, and compares.
func (y *tally) check(id exporter.ID, d imported) {
	y.t.Helper()
	y.total++
	out, err := exporter.All().Export(y.t.Context(), id, exporter.Input{Definition: d.definition, Files: d.files})
	if err != nil {
		y.t.Errorf("%s: %v", d.name, err)
		return
	}
	lossy := y.count(out)
	if id == exporter.OpenAPI30 && y.total%sample == 0 {
		y.judge(d.name, out)
	}
	got, err := importFiles(y.t, out.Files)
	if err != nil {
		y.t.Errorf("%s: import the export: %v", d.name, err)
		return
	}
	if proto.Equal(d.definition, got) {
		y.equal++
		return
	}
	if id == exporter.ConnectorPackage && lossy {
		return // that is what the findings are for
	}
	if y.shown++; y.shown <= 3 {
		y.t.Errorf("%s (-definition +imported again):\n%s", d.name, cmp.Diff(d.definition, got, protocmp.Transform()))
	}
}

// count counts findings by what they say, without the names in them.
func (y *tally) count(out *exporter.Output) (lossy bool) {
	for _, f := range out.Findings {
		about := f.Message
		if strings.HasPrefix(about, "operation ") {
			_, about, _ = strings.Cut(about, ": ")
		}
		if f.Code != target.CodeExtension {
			lossy = true
		}
		y.counts[f.Code+" "+about]++
	}
	if lossy {
		y.lossy++
	}
	return lossy
}

// log says how many definitions were equal, and what the most frequent findings
// are.
func (y *tally) log(id exporter.ID) {
	y.t.Helper()
	y.t.Logf("%s: %d of %d definitions are equal after the round trip; %d mean something else to other tools", id, y.equal, y.total, y.lossy)
	if id == exporter.OpenAPI30 {
		y.t.Logf("%d exports are valid to an independent reader; faults that the others have from their sources: %v", y.valid, y.faults)
	}
	keys := slices.SortedFunc(maps.Keys(y.counts), func(a, b string) int { return y.counts[b] - y.counts[a] })
	for _, k := range keys[:min(25, len(keys))] {
		y.t.Logf("%6d %s", y.counts[k], k)
	}
}

// formats are those that importers read.
var formats = []exporter.ID{exporter.OpenAPI31, exporter.OpenAPI30, exporter.OpenAPI2, exporter.ConnectorPackage}

func survive(t *testing.T, list []imported) {
	t.Helper()
	for _, id := range formats {
		t.Run(string(id), func(t *testing.T) {
			y := &tally{t: t, counts: map[string]int{}, faults: map[string]int{}}
			for _, d := range list {
				y.check(id, d)
			}
			y.log(id)
		})
	}
}

func TestPackagesSurviveTheRoundTrip(t *testing.T) { survive(t, packages(t)) }

func TestDocumentsSurviveTheRoundTrip(t *testing.T) { survive(t, documents(t)) }
