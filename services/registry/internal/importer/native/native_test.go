package native_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/native"
)

const small = `{
  "ferrule": "1",
  "info": {"title": "Items"},
  "operations": [
    {"operationId": "List", "kind": "action", "method": "GET", "path": "/items"}
  ],
  "parameterSets": [{"name": "default"}]
}`

func source(t *testing.T, files map[string]string) *format.Source {
	t.Helper()
	var list []format.File
	for path, content := range files {
		list = append(list, format.File{Path: path, Content: []byte(content)})
	}
	src, err := format.NewSource(list)
	if err != nil {
		t.Fatal(err)
	}
	return src
}

func TestDetection(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		want  bool
	}{
		{"a definition", map[string]string{"items.json": small}, true},
		{"a definition without a name", map[string]string{"items": small}, true},
		{"a definition beside its icon", map[string]string{"items.json": small, "icon.png": "\x89PNG"}, true},
		{"a definition beside another document", map[string]string{"a.json": "{}", "b.json": small}, true},
		{"a definition of a version to come", map[string]string{"a.json": `{"ferrule": "99"}`}, true},
		{"an OpenAPI document", map[string]string{"a.json": `{"openapi": "3.1.0"}`}, false},
		{"the member deeper down", map[string]string{"a.json": `{"info": {"ferrule": "1"}}`}, false},
		{"YAML", map[string]string{"a.yaml": "ferrule: '1'"}, false},
		{"text that can be repaired", map[string]string{"a.json": `{"ferrule": "1",}`}, true},
		{"text that is no object", map[string]string{"a.json": `ferrule`}, false},
		{"a list", map[string]string{"a.json": `["ferrule"]`}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (native.Importer{}).Detect(source(t, row.files)); got != row.want {
				t.Errorf("Detect = %v", got)
			}
		})
	}
}

func TestADefinitionIsImportedAsItIs(t *testing.T) {
	result, err := native.Importer{}.Import(t.Context(), source(t, map[string]string{"icon.svg": "<svg/>", "items.json": "\ufeff" + small}))
	if err != nil {
		t.Fatal(err)
	}
	if result.Format != "ferrule" || len(result.Findings) != 0 || result.Definition.GetOperations()[0].GetOperationId() != "List" {
		t.Errorf("result %v", result)
	}
	if got := (native.Importer{}).Format(); got != native.Format {
		t.Errorf("Format = %q", got)
	}
}

func TestRefusalsSayWhere(t *testing.T) {
	for _, row := range []struct {
		name, text string
		reason     fault.Reason
		want       map[string]string
	}{
		{
			"an unknown member", "{\"ferrule\": \"1\",\n \"inof\": {}}", fault.ReasonDefinitionInvalid,
			map[string]string{
				"path": "x.json", "pointer": "/inof", "line": "2", "column": "10", "given": "inof",
				"known": "connectionTest, errorRules, extensions, filePicker, info, operations, parameterSets, policies, rateLimits, schemas, scripts, securitySchemes, servers, tags",
			},
		},
		{
			"a contradiction", "{\"ferrule\": \"1\", \"info\": {\"title\": \"x\"},\n\"parameterSets\": [{\"name\": \"\"}]}", fault.ReasonDefinitionInvalid,
			map[string]string{"path": "x.json", "pointer": "/parameterSets/0/name", "line": "2", "column": "28"},
		},
		{
			"something that is missing", "{\"ferrule\": \"1\",\n\"info\": {}}", fault.ReasonDefinitionInvalid,
			map[string]string{"path": "x.json", "pointer": "/info/title", "line": "2", "column": "9"},
		},
		{
			"text that is not JSON", "{\"ferrule\": \"1\",\n\"info\": {},}", fault.ReasonDocumentSyntax,
			map[string]string{"path": "x.json", "pointer": "", "line": "2", "column": "11"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := native.Importer{}.Import(t.Context(), source(t, map[string]string{"x.json": row.text}))
			if fault.ReasonOf(err) != row.reason {
				t.Fatalf("the error is %v", err)
			}
			if diff := cmp.Diff(row.want, fault.From(err).Meta()); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOtherFilesAreNotImported(t *testing.T) {
	_, err := native.Importer{}.Import(t.Context(), source(t, map[string]string{"x.json": "{}"}))
	if fault.ReasonOf(err) != fault.ReasonDocumentFormatUnknown {
		t.Errorf("the error is %v", err)
	}
}

func TestTheEndOfTheContextStopsAnImport(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (native.Importer{}).Import(ctx, source(t, map[string]string{"x.json": small})); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func FuzzImport(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte(`{"ferrule":"1","info":{"title":"x"},"parameterSets":[{"name":""}]}`))
	f.Add([]byte(`{"ferrule":"1","a~b/c":1}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		src, err := format.NewSource([]format.File{{Path: "x.json", Content: text}})
		if err != nil {
			return
		}
		result, err := native.Importer{}.Import(t.Context(), src)
		if (result == nil) == (err == nil) {
			t.Errorf("result %v and error %v", result, err)
		}
		if err != nil && fault.CodeOf(err) != fault.CodeInvalidArgument {
			t.Errorf("the error is %v", err)
		}
	})
}

func TestASetThatNobodyCanUseIsSaid(t *testing.T) {
	text := strings.Replace(small, `{"name": "default"}`, `{"name": "key"}, {"name": "windows", "unsupported": {"kind": "NTLM", "remedy": "use a proxy"}}`, 1)
	got, err := (native.Importer{}).Import(t.Context(), source(t, map[string]string{"items.json": text}))
	if err != nil {
		t.Fatal(err)
	}
	want := []format.Finding{{
		Severity: format.Warning, Code: "AuthKindNotSupported", Remedy: "use a proxy", Pointer: "/parameterSets/1/unsupported", Line: 7, Column: 73,
		Message: `NTLM authentication, of the parameter set "windows", is not supported; no connection can be made with it`,
	}}
	if diff := cmp.Diff(want, got.Findings); diff != "" {
		t.Error(diff)
	}
}
