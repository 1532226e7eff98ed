package selection_test

import (
	"os"
	"path/filepath"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/selection"
)

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
		for _, pattern := range []string{"powerplatform/*/*/apiDefinition.swagger.json", "openapi3/*.json"} {
			found, _ := filepath.Glob(filepath.Join(root, "shared/corpus", pattern))
			paths = append(paths, found...)
		}
		for _, path := range paths {
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

func TestEveryOperationOfTheCorpusCanBeTakenOut(t *testing.T) {
	count := 0
	corpus(t, func(path string, def *connectorv1.Definition) {
		for i, op := range def.GetOperations() {
			if i%50 > 0 {
				continue
			}
			s, err := selection.Parse([]string{op.GetOperationId()}, nil)
			if err != nil {
				continue // an id that is too long for an entry
			}
			one, _, err := s.Apply(def)
			if err != nil {
				t.Errorf("%s: %q: %v", path, op.GetOperationId(), err)
				continue
			}
			count++
			if err := definition.Validate(one); err != nil {
				t.Errorf("%s: %q alone contradicts itself: %v", path, op.GetOperationId(), err)
			}
			if len(one.GetSchemas()) > len(def.GetSchemas()) || len(one.GetOperations()) > len(def.GetOperations()) {
				t.Errorf("%s: %q alone has more than all", path, op.GetOperationId())
			}
		}
	})
	t.Logf("%d operations", count)
}

func TestEveryOperationOfTheCorpusCanBeLeftOut(t *testing.T) {
	corpus(t, func(path string, def *connectorv1.Definition) {
		if len(def.GetOperations()) < 2 {
			return
		}
		id := def.GetOperations()[len(def.GetOperations())/2].GetOperationId()
		s, err := selection.Parse(nil, []string{id})
		if err != nil {
			return
		}
		rest, _, err := s.Apply(def)
		if err != nil {
			return // the id is a pattern that chooses all
		}
		if err := definition.Validate(rest); err != nil {
			t.Errorf("%s: without %q it contradicts itself: %v", path, id, err)
		}
		for _, op := range rest.GetOperations() {
			if op.GetOperationId() == id {
				t.Errorf("%s: %q is still there", path, id)
			}
		}
	})
}
