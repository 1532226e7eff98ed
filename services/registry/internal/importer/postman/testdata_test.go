package postman_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

var update = flag.Bool("update", false, "write the expected results instead of comparing with them")

// TestCollections imports each collection of testdata, with the environment of the
// same name if there is one, and compares the definition and the findings with
// the files beside it.
func TestCollections(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.collection.json")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no collections: %v", err)
	}
	for _, path := range paths {
		base := strings.TrimSuffix(path, ".collection.json")
		t.Run(filepath.Base(base), func(t *testing.T) {
			files := []format.File{file("collection.json", fileText(t, path))}
			if _, err := os.Stat(base + ".environment.json"); err == nil {
				files = append(files, file("environment.json", fileText(t, base+".environment.json")))
			}
			result := load(t, files...)
			if err := definition.Validate(result.Definition); err != nil {
				t.Errorf("the definition contradicts itself: %v", err)
			}
			text, err := definition.Marshal(result.Definition)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, base+".definition.json", string(text))
			var findings strings.Builder
			for _, f := range result.Findings {
				fmt.Fprintf(&findings, "%s %s%s: %s\n", f.Code, f.Path, f.Pointer, f.Message)
			}
			golden(t, base+".findings.txt", findings.String())
			for _, secret := range []string{"s3cret", "c2VjcmV0", "sk_live_"} {
				if strings.Contains(string(text)+findings.String(), secret) {
					t.Errorf("the secret %q of the collection got out", secret)
				}
			}
		})
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(fileText(t, path), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}
