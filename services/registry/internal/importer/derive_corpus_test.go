package importer_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// gains counts what operations say about repeating and paging, and complains
// about paging that the answer's own words do not bear out.
func gains(t *testing.T, where string, source []byte, def *connectorv1.Definition) (keys, cursors int) {
	t.Helper()
	for _, op := range def.GetOperations() {
		if name := op.GetIdempotencyKeyHeader(); name != "" {
			keys++
			if !bytes.Contains(source, []byte(name)) {
				t.Errorf("%s: %s: nothing is called %q", where, op.GetOperationId(), name)
			}
		}
		cursor := op.GetPagination().GetCursor()
		if cursor == nil {
			continue
		}
		cursors++
		t.Logf("%s: %s: %s <- %s of %s", where, op.GetOperationId(), cursor.GetCursorInput(), cursor.GetCursorPath(), op.GetPagination().GetItemsPath())
	}
	return keys, cursors
}

// What is derived of public descriptions: see the log for the list.
func TestTheCorpusTellsHowItIsRepeatedAndPaged(t *testing.T) {
	keys, cursors := 0, 0
	count := func(k, c int) { keys, cursors = keys+k, cursors+c }
	for _, dir := range corpusPackages(t) {
		files := readPackage(t, dir)
		result, err := importPackage(t.Context(), files)
		if err != nil {
			continue // other tests say which, and why
		}
		var all []byte
		for _, f := range files {
			all = append(all, f.Content...)
		}
		count(gains(t, filepath.Base(dir), all, result.Definition))
	}
	packageKeys, packageCursors := keys, cursors
	for _, path := range corpusDocuments(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		result, err := importPackage(t.Context(), []format.File{{Path: filepath.Base(path), Content: content}})
		if err != nil {
			continue
		}
		count(gains(t, filepath.Base(path), content, result.Definition))
	}
	t.Logf("packages: %d keys, %d cursors; documents: %d keys, %d cursors", packageKeys, packageCursors, keys-packageKeys, cursors-packageCursors)
	if cursors == 0 {
		t.Error("no operation is paged by a token")
	}
}
