package importer_test

import (
	"archive/zip"
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// TestPackagesOfTheCorpusMayBeZipped packs packages with a folder around them:
// the definitions and findings are those of the files.
func TestPackagesOfTheCorpusMayBeZipped(t *testing.T) {
	packages := corpusPackages(t)
	for _, dir := range packages[:min(25, len(packages))] {
		files := readPackage(t, dir)
		want, err := importPackage(t.Context(), files)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range append(files, format.File{Path: ".DS_Store"}) {
			entry, err := w.Create("Some API/" + f.Path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := entry.Write(f.Content); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := importPackage(t.Context(), []format.File{{Path: "api.zip", Content: b.Bytes()}})
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		if !proto.Equal(want.Definition, got.Definition) {
			t.Errorf("%s: the definitions differ", dir)
		}
		if diff := cmp.Diff(want.Findings, got.Findings); diff != "" {
			t.Errorf("%s: findings (-files +archive):\n%s", dir, diff)
		}
	}
}
