package infer_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/registry/internal/infer"
)

// Each file has a sentence, a command, and what is inferred from it, with lines
// of three dashes between. The last lines are the codes of the findings.
func TestTheCommandsInFiles(t *testing.T) {
	paths, err := filepath.Glob("testdata/curl/*.txt")
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
			if len(parts) != 3 {
				t.Fatalf("the file has %d parts, not 3", len(parts))
			}
			out := inferred(t, infer.Sample{Curl: parts[1], Response: &infer.Response{}})
			got := outline(out)
			for _, e := range out.Operation.GetRequestBody().GetContents() {
				for _, one := range e.GetEncodings() {
					got = append(got, strings.TrimSpace(fmt.Sprintf("encoding %s file=%v %s", one.GetProperty(), one.GetFile(), one.GetContentType())))
				}
			}
			for _, f := range out.Findings {
				got = append(got, "finding "+f.Code)
			}
			if diff := cmp.Diff(strings.Split(strings.TrimSpace(parts[2]), "\n"), got); diff != "" {
				t.Errorf("%s\ninferred (-want +got):\n%s", parts[0], diff)
			}
		})
	}
}
