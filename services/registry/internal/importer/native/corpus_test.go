package native_test

import (
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/native"
)

// corpus returns the sources of all descriptions of the corpus, which lies in
// "shared/corpus" beside the repository or one of the directories around it: each
// directory with files is one source, except that documents that stand alone are
// one each.
func corpus(t *testing.T) map[string][]string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for root := dir; ; root = filepath.Dir(root) {
		sources := map[string][]string{}
		packages, _ := filepath.Glob(filepath.Join(root, "shared/corpus/powerplatform/*/*/*"))
		for _, f := range packages {
			sources[filepath.Dir(f)] = append(sources[filepath.Dir(f)], f)
		}
		for _, pattern := range []string{"openapi3/*.json", "openapi3/*/*.json", "openapi3/*/*.yaml", "postman/v2.1*/*.json"} {
			documents, _ := filepath.Glob(filepath.Join(root, "shared/corpus", pattern))
			for _, f := range documents {
				sources[f] = []string{f}
			}
		}
		if len(sources) > 0 {
			return sources
		}
		if root == filepath.Dir(root) {
			t.Skip("the corpus is not there: no directory shared/corpus around this one")
		}
	}
}

// imported is the definition of a source, nil if it is refused.
func imported(t *testing.T, paths []string) *format.Result {
	t.Helper()
	var files []format.File
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, format.File{Path: filepath.Base(path), Content: content})
	}
	src, err := format.NewSource(files)
	if err != nil {
		return nil
	}
	result, err := importer.All().Import(t.Context(), src, "")
	if err != nil {
		return nil
	}
	return result
}

func TestEveryDefinitionOfTheCorpusSurvivesItsJSON(t *testing.T) {
	count := 0
	for name, paths := range corpus(t) {
		result := imported(t, paths)
		if result == nil {
			continue
		}
		count++
		if err := definition.Validate(result.Definition); err != nil {
			t.Errorf("%s: %v %v", name, err, fault.From(err).Violations())
			continue
		}
		text, err := definition.Marshal(result.Definition)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		src, err := format.NewSource([]format.File{{Path: "definition.json", Content: text}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		again, err := native.Importer{}.Import(t.Context(), src)
		if err != nil || !proto.Equal(result.Definition, again.Definition) {
			t.Errorf("%s is different after a round: %v", name, err)
		}
	}
	t.Logf("%d definitions", count)
}
