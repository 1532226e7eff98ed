package scriptfile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/scriptfile"
)

func TestTheScriptIsTheOneBesideTheDocument(t *testing.T) {
	const code = "export function before() {}"
	for _, row := range []struct {
		name, beside string
		files        map[string]string
		want         *connectorv1.Script
	}{
		{"there is none", "a.yaml", map[string]string{"a.yaml": "x", "other.js": code}, nil},
		{"at the top", "a.yaml", map[string]string{"a.yaml": "x", "script.js": code}, &connectorv1.Script{Language: "javascript", Path: "script.js", Source: code}},
		{"in a folder", "api/a.yaml", map[string]string{"api/a.yaml": "x", "api/Script.JS": code}, &connectorv1.Script{Language: "javascript", Path: "api/Script.JS", Source: code}},
		{"in another folder", "api/a.yaml", map[string]string{"api/a.yaml": "x", "script.js": code, "api/lib/script.js": code}, nil},
		{"not UTF-8", "a.yaml", map[string]string{"a.yaml": "x", "script.js": "\xff"}, &connectorv1.Script{Language: "javascript", Path: "script.js"}},
		{"too long", "a.yaml", map[string]string{"a.yaml": "x", "script.js": strings.Repeat(" ", sandbox.MaxSource) + "x"}, &connectorv1.Script{Language: "javascript", Path: "script.js"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var files []format.File
			for name, content := range row.files {
				files = append(files, format.File{Path: name, Content: []byte(content)})
			}
			src, err := format.NewSource(files)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, scriptfile.Find(src, row.beside), protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestFilesThatAreNoCode(t *testing.T) {
	for _, row := range []struct{ name, content, want string }{
		{"code", "function before() {}", ""},
		{"as long as may be", strings.Repeat("x", sandbox.MaxSource), ""},
		{"nothing", "", "is empty"},
		{"white space", " \n\t", "is empty"},
		{"not UTF-8", "a\xffb", "is not UTF-8"},
		{"too long", strings.Repeat("x", sandbox.MaxSource+1), "has 1048577 bytes, and at most 1048576 are accepted"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := scriptfile.Fault([]byte(row.content)); got != row.want {
				t.Errorf("Fault = %q, want %q", got, row.want)
			}
		})
	}
}

func TestTheLimitIsThatOfTheSandbox(t *testing.T) {
	if scriptfile.MaxBytes != sandbox.MaxSource {
		t.Errorf("the limit is %d, that of the sandbox %d", scriptfile.MaxBytes, sandbox.MaxSource)
	}
}
