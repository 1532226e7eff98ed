package diff_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

// Each file has a sentence, two definitions, and all changes between them, with
// lines of three dashes between.
func TestTheDefinitionsInFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			parts := strings.Split(string(content), "\n---\n")
			if len(parts) != 4 {
				t.Fatalf("the file has %d parts, not 4", len(parts))
			}
			old, fresh := parse(t, parts[1]), parse(t, parts[2])
			var got []string
			d := compare(t, old, fresh)
			for _, c := range d.Changes {
				got = append(got, strings.TrimSpace(fmt.Sprintf("%s %s | %s | %s", impactName(c.Impact), c.Code, c.OperationID, c.Subject)))
			}
			if diff := cmp.Diff(strings.Split(strings.TrimSpace(parts[3]), "\n"), got); diff != "" {
				t.Errorf("%s\nchanges (-want +got):\n%s", parts[0], diff)
			}
			if back := compare(t, fresh, old); back.Total == 0 || d.Total == 0 {
				t.Errorf("%d changes there, %d back", d.Total, back.Total)
			}
			for _, same := range []*diff.Diff{compare(t, old, old), compare(t, fresh, fresh)} {
				if same.Total != 0 {
					t.Errorf("a definition differs from itself: %+v", same)
				}
			}
		})
	}
}
