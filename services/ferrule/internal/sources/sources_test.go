package sources_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/sources"
)

func TestReadTakesWhatBelongsToADescription(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{
		"apiDefinition.swagger.json": `{"swagger": "2.0"}`, "apiProperties.JSON": "\xef\xbb\xbf{}", "script.csx": "//",
		"icon.png": "PNG", "readme.md": "#",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "old.json"), 0o700); err != nil {
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
	if len(got) != 3 || got["apiProperties.JSON"] != "\xef\xbb\xbf{}" {
		t.Errorf("read %v", got)
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
		{"a file that is too large", huge, "20 MiB"},
		{"a directory that holds one", dir, "20 MiB"},
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
