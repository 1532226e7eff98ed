package bundle_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bundle"
)

func TestABundleIsReadAsItWasWritten(t *testing.T) {
	dir := t.TempDir()
	crm := bundle.Connector{ID: "crm", Title: "Example: CRM", Publish: true, Only: []string{"tag:contacts", "GET /**"}, Except: []string{"*Old"}}
	shop := bundle.Connector{ID: "shop"}
	for _, c := range []bundle.Connector{shop, crm} {
		files := []*registryv1.SourceFile{{Path: "api-docs", Content: []byte(c.ID), Url: "https://" + c.ID + ".example/api-docs"}, {Path: "schemas/.hidden/README.md", Content: []byte("x")}}
		if err := bundle.Write(dir, c, files); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, ".git"), 0o700); err != nil { // other directories are none of ours
		t.Fatal(err)
	}
	got, err := bundle.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	crm.URLs = map[string]string{"api-docs": "https://crm.example/api-docs"}
	shop.URLs = map[string]string{"api-docs": "https://shop.example/api-docs"}
	crm.Source, shop.Source = filepath.Join(dir, "crm", "source"), filepath.Join(dir, "shop", "source")
	if diff := cmp.Diff([]bundle.Connector{crm, shop}, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	files, err := got[0].Files()
	want := []*registryv1.SourceFile{{Path: "api-docs", Content: []byte("crm"), Url: "https://crm.example/api-docs"}, {Path: "schemas/.hidden/README.md", Content: []byte("x")}}
	if diff := cmp.Diff(want, files.GetFiles(), protocmp.Transform()); diff != "" || err != nil {
		t.Errorf("files %v (-want +got):\n%s", err, diff)
	}
}

func TestFilesThatAConnectorNoLongerHasAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{"old.yaml", "new.yaml"} {
		if err := bundle.Write(dir, bundle.Connector{ID: "crm"}, []*registryv1.SourceFile{{Path: path, Content: []byte("x")}}); err != nil {
			t.Fatal(err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "crm", "source"))
	if err != nil || len(entries) != 1 || entries[0].Name() != "new.yaml" {
		t.Errorf("there are %v, %v", entries, err)
	}
}

func TestBundlesThatCannotBeRead(t *testing.T) {
	for _, row := range []struct{ name, path, text, want string }{
		{"an empty directory", "readme.md", "", "holds no connector"},
		{"an unknown key", "crm/connector.yaml", "id: crm\npublished: true", "published"},
		{"another id than its directory", "crm/connector.yaml", "id: shop", "must have the same name"},
		{"an id that is none", "CRM/connector.yaml", "id: CRM", "CRM"},
		{"no YAML", "crm/connector.yaml", "id: [", "connector.yaml"},
		{"too much", "crm/connector.yaml", "id: crm\ntitle: " + strings.Repeat("x", 1<<20), "larger than"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(row.path)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, row.path), []byte(row.text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := bundle.Read(dir); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Read: %v, want an error with %q", err, row.want)
			}
		})
	}
	if _, err := bundle.Read(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a directory that does not exist was read")
	}
}

func TestNoConnectorIsWrittenOutsideOfItsBundle(t *testing.T) {
	for _, id := range []string{"../evil", "", "a/b", "."} {
		if err := bundle.Write(t.TempDir(), bundle.Connector{ID: id}, nil); err == nil {
			t.Errorf("connector %q was written", id)
		}
	}
}
