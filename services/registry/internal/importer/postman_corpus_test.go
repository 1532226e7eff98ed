package importer_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// postmanVersions are the folders of the corpus. The same collection has the
// same file name in each.
var postmanVersions = []string{"v1.0.0", "v2.0.0", "v2.1.0"}

// corpusCollections returns the collections of the corpus by "version/file".
func corpusCollections(tb testing.TB) map[string][]byte {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		found, err := filepath.Glob(filepath.Join(dir, "shared", "corpus", "postman", "v*", "*.json"))
		if err != nil {
			tb.Fatal(err)
		}
		if len(found) > 0 {
			return readCollections(tb, found)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Skip("the corpus of Postman collections is not there: no directory shared/corpus/postman around this one")
		}
		dir = parent
	}
}

func readCollections(tb testing.TB, paths []string) map[string][]byte {
	tb.Helper()
	all := map[string][]byte{}
	for _, p := range paths {
		content, err := os.ReadFile(p)
		if err != nil {
			tb.Fatal(err)
		}
		all[filepath.Base(filepath.Dir(p))+"/"+filepath.Base(p)] = content
	}
	return all
}

func importCollection(tb testing.TB, name string, content []byte) *format.Result {
	tb.Helper()
	src, err := format.NewSource([]format.File{{Path: filepath.Base(name), Content: content}})
	if err != nil {
		tb.Fatal(err)
	}
	result, err := importer.Set{postman.Importer{}}.Import(tb.Context(), src, "")
	if err != nil {
		tb.Fatalf("%s: %v", name, err)
	}
	return result
}

// rawRequests counts the requests of a collection without any of our code.
func rawRequests(tb testing.TB, content []byte) int {
	tb.Helper()
	type item struct {
		Request json.RawMessage `json:"request"`
		Item    json.RawMessage `json:"item"`
	}
	var doc struct {
		Requests []json.RawMessage `json:"requests"`
		Item     json.RawMessage   `json:"item"`
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		tb.Fatal(err)
	}
	count := len(doc.Requests)
	for queue := []json.RawMessage{doc.Item}; len(queue) > 0; queue = queue[1:] {
		var items []item
		if len(queue[0]) == 0 {
			continue
		}
		if err := json.Unmarshal(queue[0], &items); err != nil {
			tb.Fatal(err)
		}
		for _, i := range items {
			if len(i.Request) > 0 {
				count++
			}
			queue = append(queue, i.Item)
		}
	}
	return count
}

func TestEveryCollectionOfTheCorpusIsImported(t *testing.T) {
	operations, codes := 0, map[string]int{}
	collections := corpusCollections(t)
	for name, content := range collections {
		result := importCollection(t, name, content)
		want := rawRequests(t, content)
		operations += want
		checkCollection(t, name, result, want)
		for _, f := range result.Findings {
			codes[f.Code]++
		}
	}
	t.Logf("%d collections with %d operations imported, findings %v", len(collections), operations, codes)
}

func checkCollection(t *testing.T, name string, result *format.Result, want int) {
	t.Helper()
	def := result.Definition
	if got := len(def.GetOperations()); got != want {
		t.Errorf("%s: %d operations, the file has %d requests", name, got, want)
	}
	if result.Format != postman.Format || def.GetInfo().GetTitle() == "" || len(def.GetParameterSets()) == 0 {
		t.Errorf("%s: format %s, title %q, %d parameter sets", name, result.Format, def.GetInfo().GetTitle(), len(def.GetParameterSets()))
	}
	ids := map[string]bool{}
	for _, op := range def.GetOperations() {
		if id := strings.ToLower(op.GetOperationId()); ids[id] || id == "" {
			t.Errorf("%s: the operation id %q is not unique", name, id)
		}
		ids[strings.ToLower(op.GetOperationId())] = true
		for _, p := range op.GetParameters() {
			if !json.Valid(p.GetSchema()) {
				t.Errorf("%s: the schema of %s.%s is %q", name, op.GetOperationId(), p.GetName(), p.GetSchema())
			}
		}
	}
	for _, secret := range []string{"D+EdQ-gs$-%@2Nu7", "160113786-lJUEMP", "88952001-03Jc", "h2vIYOZC"} {
		if strings.Contains(def.String(), secret) {
			t.Errorf("%s: the secret %q is in the definition", name, secret)
		}
	}
	for _, f := range result.Findings {
		if f.Code == "" || f.Message == "" || f.Line == 0 && f.Pointer != "" {
			t.Errorf("%s: the finding %+v is incomplete", name, f)
		}
	}
}

// exceptions are the collections whose description of themselves is another one
// in another version. Nothing else of any collection differs.
var exceptions = map[string]map[string]string{
	"twitter.json":             {"v1.0.0": "", "v2.0.0": "Description", "v2.1.0": "Description"},
	"multi-level-folders.json": {"v1.0.0": "A simple V1 collection to test out multi level folder flows", "v2.0.0": "A simple V2 collection to test out multi level folder flows"},
}

func TestTheSameCollectionInEveryVersionIsTheSameConnector(t *testing.T) {
	collections := corpusCollections(t)
	compared := 0
	for name := range collections {
		version, file, _ := strings.Cut(name, "/")
		base := comparison(t, collections, version, file)
		for _, other := range postmanVersions[slices.Index(postmanVersions, version)+1:] {
			if _, ok := collections[other+"/"+file]; ok {
				compared++
				def := comparison(t, collections, other, file)
				if diff := cmp.Diff(base, def, protocmp.Transform()); diff != "" {
					t.Errorf("%s in %s and %s (-%s +%s):\n%s", file, version, other, version, other, diff)
				}
			}
		}
	}
	if compared < 12 {
		t.Errorf("only %d pairs were compared", compared)
	}
}

// comparison takes away where operations stood, and what is an exception, after
// checking that the file really says so.
func comparison(t *testing.T, collections map[string][]byte, version, file string) *connectorv1.Definition {
	t.Helper()
	content := collections[version+"/"+file]
	def := proto.CloneOf(importCollection(t, file, content).Definition)
	for _, op := range def.GetOperations() {
		op.SourcePointer = ""
	}
	except, ok := exceptions[file]
	if !ok {
		return def
	}
	var doc struct {
		Description string `json:"description"`
		Info        struct {
			Description string `json:"description"`
		} `json:"info"`
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		t.Fatal(err)
	}
	if said := doc.Description + doc.Info.Description; said != except[version] || def.GetInfo().GetDescription() != said {
		t.Errorf("%s/%s: no exception: the file says %q, the connector %q", version, file, said, def.GetInfo().GetDescription())
	}
	def.Info.Description = ""
	return def
}
