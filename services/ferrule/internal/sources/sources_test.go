package sources_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

func TestReadTakesWhatBelongsToADescription(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"apiDefinition.swagger.json": `{"swagger": "2.0"}`, "apiProperties.JSON": "\xef\xbb\xbf{}", "script.csx": "//", "script.js": "//", "jest.config.js": "//",
		"icon.png": "PNG", "readme.md": "#",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range map[string]string{
		"schemas/item.yaml": "type: object", "schemas/deep/tag.yml": "{}", ".git/config.json": "{}", ".hidden.json": "{}", "schemas/photo.png": "PNG",
	} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/hosts", filepath.Join(dir, "link.json")); err != nil {
		t.Fatal(err)
	}
	files, err := sources.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range files.GetFiles() {
		got[f.GetPath()] = string(f.GetContent())
	}
	want := map[string]string{
		"apiDefinition.swagger.json": `{"swagger": "2.0"}`, "apiProperties.JSON": "\xef\xbb\xbf{}", "script.csx": "//", "script.js": "//",
		"icon.png": "PNG", "schemas/item.yaml": "type: object", "schemas/deep/tag.yml": "{}",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	one, err := sources.Read(filepath.Join(dir, "apiDefinition.swagger.json"))
	if err != nil || len(one.GetFiles()) != 1 || one.GetFiles()[0].GetPath() != "apiDefinition.swagger.json" {
		t.Errorf("read %v, %v", one, err)
	}
}

func TestReadRefusesWhatCannotBeADescription(t *testing.T) {
	dir := t.TempDir()
	huge := filepath.Join(dir, "huge.json")
	f, err := os.Create(huge)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(sources.MaxFile + 1); err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	empty := t.TempDir()
	for _, row := range []struct{ name, path, want string }{
		{"a file that is too large", huge, "64 MiB"},
		{"a directory that holds one", dir, "64 MiB"},
		{"a directory without any", empty, "holds no"},
		{"a path that does not exist", filepath.Join(dir, "none"), "no such file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if _, err := sources.Read(row.path); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Read() = %v, want an error with %q", err, row.want)
			}
		})
	}
	if _, err := sources.Read(huge); fault.ReasonOf(err) != fault.ReasonDocumentTooLarge {
		t.Errorf("reason = %s", fault.ReasonOf(err))
	}
}

func TestFilesComeAlongWithADocument(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"collection.json", "environment.json"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files, err := sources.Read(filepath.Join(dir, "collection.json"), filepath.Join(dir, "environment.json"))
	if err != nil || len(files.GetFiles()) != 2 || files.GetFiles()[1].GetPath() != "environment.json" {
		t.Errorf("read %v, %v", files, err)
	}
	if _, err := sources.Read(filepath.Join(dir, "collection.json"), filepath.Join(dir, "none.json")); err == nil {
		t.Error("a file that is missing was no error")
	}
}

func TestWriteStaysInItsDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "dir")
	if err := sources.Write(dir, []*registryv1.SourceFile{{Path: "a.json", Content: []byte("1")}, {Path: "b/c.yaml", Content: []byte("2")}}); err != nil {
		t.Fatal(err)
	}
	files, err := sources.Read(dir)
	if err != nil || len(files.GetFiles()) != 2 || files.GetFiles()[1].GetPath() != "b/c.yaml" {
		t.Errorf("read back %v, %v", files, err)
	}
	for _, path := range []string{"../evil.json", "/tmp/evil.json", "b/../../evil.json"} {
		if err := sources.Write(dir, []*registryv1.SourceFile{{Path: path, Content: []byte("x")}}); err == nil {
			t.Errorf("%s was written", path)
		}
	}
}
