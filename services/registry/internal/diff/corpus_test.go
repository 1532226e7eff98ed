package diff_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// slowest is the longest that one comparison may take, with a race detector and
// busy neighbours.
const slowest = 30 * time.Second

// corpus yields the definitions of the corpus, which lies in "shared/corpus"
// beside the repository or one of the directories around it.
func corpus(t *testing.T, f func(path string, def *connectorv1.Definition)) {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		var paths []string
		for _, pattern := range []string{"powerplatform/*/*/apiDefinition.swagger.json", "openapi3/*.json", "openapi3/*/*.json"} {
			found, _ := filepath.Glob(filepath.Join(root, "shared/corpus", pattern))
			paths = append(paths, found...)
		}
		for i, path := range paths {
			if i%2 > 0 {
				continue // half of them, so that the tests take seconds
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			src, err := format.NewSource([]format.File{{Path: filepath.Base(path), Content: content}})
			if err != nil {
				continue
			}
			if result, err := importer.All().Import(t.Context(), src, ""); err == nil {
				f(path, result.Definition)
			}
		}
		if len(paths) > 0 {
			return
		}
		if root == filepath.Dir(root) {
			t.Skip("the corpus is not there: no directory shared/corpus around this one")
		}
		root = filepath.Dir(root)
	}
}

// Every tenth operation answers with something more; nothing that is new in an
// answer breaks, and every operation must be comparable.
func TestTheDefinitionsOfTheCorpusCanBeCompared(t *testing.T) {
	compared, refused := 0, 0
	corpus(t, func(path string, def *connectorv1.Definition) {
		fresh := proto.CloneOf(def)
		for i, op := range fresh.GetOperations() {
			for _, r := range op.GetResponses() {
				for _, m := range r.GetContents() {
					if i%10 == 0 && bytes.HasPrefix(m.GetSchema(), []byte("{")) {
						m.Schema = append(append([]byte(`{"properties":{"zzz":{"type":"string"}},"allOf":[`), m.GetSchema()...), "]}"...)
					}
				}
			}
		}
		start := time.Now()
		d := compare(t, def, fresh)
		if took := time.Since(start); took > slowest {
			t.Errorf("%s took %s", path, took)
		}
		compared++
		for _, c := range d.Changes {
			if c.Code == "operation-not-compared" {
				refused++
				t.Logf("%s: %s", path, c.OperationID)
			}
		}
	})
	t.Logf("%d definitions compared, %d operations refused", compared, refused)
	if refused > compared/50 {
		t.Errorf("%d operations of %d definitions could not be compared", refused, compared)
	}
}

func TestAnOperationOfTheCorpusThatIsRemovedBreaks(t *testing.T) {
	corpus(t, func(path string, def *connectorv1.Definition) {
		if len(def.GetOperations()) == 0 {
			return
		}
		fresh := proto.CloneOf(def)
		gone := fresh.GetOperations()[0]
		fresh.Operations = fresh.GetOperations()[1:]
		d := compare(t, def, fresh)
		if d.Breaking != 1 || d.Total != 1 || d.Changes[0].OperationID != gone.GetOperationId() {
			t.Errorf("%s without %q: %+v", path, gone.GetOperationId(), d)
		}
	})
}
