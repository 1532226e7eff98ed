package sources_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
	"github.com/ferrule-dev/ferrule/services/registry"
)

// tree writes files and returns the directory that they are in.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// document is an OpenAPI document whose paths stand in other files.
func document(refs ...string) string {
	text := "openapi: 3.1.0\ninfo: {title: T, version: '1'}\npaths:\n"
	for i, ref := range refs {
		text += fmt.Sprintf("  /p%d: {$ref: '%s'}\n", i, ref)
	}
	return text
}

const item = "get: {responses: {200: {description: A}}}\n"

func TestADocumentBringsAlongWhatItRefersTo(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		want  []string
		above string
	}{
		{
			name:  "files, and those that they refer to",
			files: map[string]string{"api.yaml": document("paths/a.yaml"), "paths/a.yaml": "get: {responses: {200: {$ref: '../shared/r.json#/A'}}}", "shared/r.json": `{"A":{"description":"A"}}`, "other.yaml": item},
			want:  []string{"api.yaml", "paths/a.yaml", "shared/r.json"},
		},
		{
			name:  "circles end",
			files: map[string]string{"api.yaml": document("a.yaml"), "a.yaml": "$ref: 'b.yaml'", "b.yaml": "a: {$ref: 'a.yaml'}\nb: {$ref: 'api.yaml#/paths'}"},
			want:  []string{"api.yaml", "a.yaml", "b.yaml"},
		},
		{
			name:  "names that are escaped, and separators of Windows",
			files: map[string]string{"api.yaml": document("my%20item.yaml", `paths\b.yaml`), "my item.yaml": item, "paths/b.yaml": item},
			want:  []string{"api.yaml", "my item.yaml", "paths/b.yaml"},
		},
		{
			name:  "what is above the directory stays there",
			files: map[string]string{"v1/api.yaml": document("a.yaml", "../shared.yaml"), "v1/a.yaml": item, "shared.yaml": item},
			want:  []string{"api.yaml", "a.yaml"}, above: "../shared.yaml",
		},
		{
			name:  "so does what is hidden, missing, elsewhere, or no document",
			files: map[string]string{"api.yaml": document(".env.json", ".git/a.json", "none.yaml", "/etc/hosts.json", "https://api.example.com/a.yaml", "file:///etc/a.json", "key.pem", "dir.json"), ".env.json": "{}", ".git/a.json": "{}", "key.pem": "", "dir.json/a.json": "{}"},
			want:  []string{"api.yaml"},
		},
		{
			name:  "a part does not bring along the whole",
			files: map[string]string{"api.yaml": "type: object\nproperties: {a: {$ref: 'whole.yaml'}}", "whole.yaml": document()},
			want:  []string{"api.yaml"},
		},
		{
			name:  "another whole document that is referred to",
			files: map[string]string{"api.yaml": document("lib.yaml#/paths/~1a"), "lib.yaml": document("a.yaml"), "a.yaml": item},
			want:  []string{"api.yaml", "lib.yaml", "a.yaml"},
		},
		{
			name:  "one that refers back could be what is meant, and stays",
			files: map[string]string{"api.yaml": document("lib.yaml#/paths/~1a", "a.yaml"), "lib.yaml": document("api.yaml#/paths/~1p1"), "a.yaml": item},
			want:  []string{"api.yaml", "a.yaml"},
		},
		{
			name:  "so does one that only a part refers to",
			files: map[string]string{"api.yaml": document("a.yaml"), "a.yaml": "$ref: 'lib.yaml#/paths/~1p0'", "lib.yaml": document("a.yaml")},
			want:  []string{"api.yaml", "a.yaml"},
		},
		{
			name:  "and one of another format",
			files: map[string]string{"api.yaml": "swagger: '2.0'\ninfo: {title: T}\npaths:\n  /a: {$ref: 'lib.yaml#/paths/~1p0'}\n", "lib.yaml": document("a.yaml"), "a.yaml": item},
			want:  []string{"api.yaml", "a.yaml"},
		},
		{
			name:  "a file that cannot be parsed comes along, and refers to nothing",
			files: map[string]string{"api.yaml": document("a.yaml"), "a.yaml": "a: [\n$ref: 'b.yaml'"},
			want:  []string{"api.yaml", "a.yaml"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := tree(t, row.files)
			named := filepath.Join(dir, "api.yaml")
			if _, err := os.Stat(named); err != nil {
				named = filepath.Join(dir, "v1", "api.yaml")
			}
			files, err := sources.Read(named)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			var sent []registry.File
			for _, f := range files.GetFiles() {
				got = append(got, f.GetPath())
				sent = append(sent, registry.File{Path: f.GetPath(), Content: f.GetContent()})
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("read %q, want %q", got, row.want)
			}
			if above := sources.Above(files); above != row.above {
				t.Errorf("above is %q, want %q", above, row.above)
			}
			if _, err := registry.Validate(t.Context(), sent); err != nil && row.name != "a part does not bring along the whole" {
				t.Errorf("the named document is not what would be imported: %v", err)
			}
		})
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	outside := tree(t, map[string]string{"a.yaml": item, "deep/b.yaml": item})
	dir := tree(t, map[string]string{"api.yaml": document("a.yaml", "deep/b.yaml", "loop.yaml"), "real.yaml": item})
	for link, to := range map[string]string{"a.yaml": filepath.Join(outside, "a.yaml"), "deep": filepath.Join(outside, "deep"), "loop.yaml": "real.yaml"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Skipf("links cannot be made here: %v", err)
		}
	}
	files, err := sources.Read(filepath.Join(dir, "api.yaml"))
	if err != nil || len(files.GetFiles()) != 1 {
		t.Errorf("read %d files, %v", len(files.GetFiles()), err)
	}
}

func TestWhatComesAlongIsLimited(t *testing.T) {
	huge := func(t *testing.T, dir, name string, size int64) {
		t.Helper()
		f, err := os.Create(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(size); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	t.Run("one file", func(t *testing.T) {
		dir := tree(t, map[string]string{"api.yaml": document("a.yaml")})
		huge(t, dir, "a.yaml", sources.MaxFile+1)
		if _, err := sources.Read(filepath.Join(dir, "api.yaml")); fault.ReasonOf(err) != fault.ReasonDocumentTooLarge || !strings.Contains(err.Error(), "64 MiB") {
			t.Errorf("Read() = %v", err)
		}
	})
	t.Run("all together", func(t *testing.T) {
		dir := tree(t, map[string]string{"api.yaml": document("a.yaml", "b.yaml")})
		for _, name := range []string{"a.yaml", "b.yaml"} {
			huge(t, dir, name, sources.MaxFile)
		}
		if _, err := sources.Read(filepath.Join(dir, "api.yaml")); fault.ReasonOf(err) != fault.ReasonDocumentTooLarge || !strings.Contains(err.Error(), "128 MiB") {
			t.Errorf("Read() = %v", err)
		}
	})
	t.Run("their number", func(t *testing.T) {
		all := map[string]string{}
		var refs []string
		for i := range sources.MaxFiles {
			refs = append(refs, fmt.Sprintf("p%d.yaml", i))
			all[refs[i]] = item
		}
		all["api.yaml"] = document(refs...)
		dir := tree(t, all)
		if _, err := sources.Read(filepath.Join(dir, "api.yaml")); fault.ReasonOf(err) != fault.ReasonDocumentTooLarge || !strings.Contains(err.Error(), "4095 files") {
			t.Errorf("Read() = %v", err)
		}
	})
}

func TestAFileThatCameAlongIsNamedOnceMore(t *testing.T) {
	dir := tree(t, map[string]string{"api.yaml": document("a.yaml"), "a.yaml": item, "b.yaml": item})
	files, err := sources.Read(filepath.Join(dir, "api.yaml"), filepath.Join(dir, "a.yaml"), filepath.Join(dir, "b.yaml"))
	if err != nil || len(files.GetFiles()) != 3 {
		t.Errorf("read %d files, %v", len(files.GetFiles()), err)
	}
}

func TestAFileOfADirectoryIsNamedOnceMore(t *testing.T) {
	dir := tree(t, map[string]string{"api.yaml": document("a.yaml"), "a.yaml": item})
	files, err := sources.Read(dir, filepath.Join(dir, "a.yaml"))
	if err != nil || len(files.GetFiles()) != 2 {
		t.Errorf("read %d files, %v", len(files.GetFiles()), err)
	}
}
