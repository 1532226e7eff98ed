package openapi_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	importer "github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

// versions are the versions by the end of their golden files' names.
var versions = map[string]openapi.Version{"3.1": openapi.V31, "3.0": openapi.V30, "2.0": openapi.V2}

// readDefinition reads a definition in the native format.
func readDefinition(t *testing.T, path string) *connectorv1.Definition {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	def, err := definition.Unmarshal(content)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return def
}

func export(t *testing.T, version openapi.Version, def *connectorv1.Definition) *target.Output {
	t.Helper()
	out, err := openapi.Exporter{Version: version}.Export(t.Context(), target.Input{Definition: def})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	return out
}

// again imports an exported document.
func again(t *testing.T, out *target.Output) *connectorv1.Definition {
	t.Helper()
	src, err := format.NewSource(out.Files)
	if err != nil {
		t.Fatal(err)
	}
	var with format.Importer = importer.V3{}
	if (importer.V2{}).Detect(src) {
		with = importer.V2{}
	}
	result, err := with.Import(t.Context(), src)
	if err != nil {
		t.Fatalf("import the export: %v", err)
	}
	for _, op := range result.Definition.GetOperations() {
		op.SourcePointer = ""
	}
	return result.Definition
}

// golden compares a text with a file, or writes the file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(string(got), "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// lines returns findings one per line.
func lines(findings []format.Finding) []byte {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Code, f.Pointer, f.Message)
	}
	return []byte(b.String())
}

// TestFeatures exports each definition of testdata in all versions, compares with
// the golden files, and imports the export again.
func TestFeatures(t *testing.T) {
	inputs, err := filepath.Glob("testdata/*.definition.json")
	if err != nil || len(inputs) == 0 {
		t.Fatalf("no definitions: %v", err)
	}
	for _, path := range inputs {
		name := strings.TrimSuffix(path, ".definition.json")
		for suffix, version := range versions {
			t.Run(filepath.Base(name)+" "+suffix, func(t *testing.T) {
				def := readDefinition(t, path)
				out := export(t, version, def)
				golden(t, name+"."+suffix+".json", out.Files[0].Content)
				golden(t, name+"."+suffix+".findings.txt", lines(out.Findings))
				if diff := cmp.Diff(def, again(t, out), protocmp.Transform()); diff != "" {
					t.Errorf("the definition is another one after a round trip (-want +got):\n%s", diff)
				}
			})
		}
	}
}

func TestFormatsAndNames(t *testing.T) {
	for version, want := range map[openapi.Version]string{
		openapi.V31: "openapi3.1 OpenAPI 3.1", openapi.V30: "openapi3.0 OpenAPI 3.0", openapi.V2: "openapi2 Swagger 2.0",
	} {
		if got := string(openapi.Exporter{Version: version}.Format()) + " " + version.String(); got != want {
			t.Errorf("the version %d is %q, want %q", version, got, want)
		}
	}
}

func TestAnEmptyDefinitionIsExported(t *testing.T) {
	for suffix, version := range versions {
		out := export(t, version, &connectorv1.Definition{})
		doc, err := document.Parse(out.Files[0].Path, out.Files[0].Content)
		if err != nil || !doc.Root().Get("paths").Is(document.Object) {
			t.Errorf("%s: %v\n%s", suffix, err, out.Files[0].Content)
		}
	}
}

func TestTextThatIsNoJSONIsNeverPartOfADocument(t *testing.T) {
	bad := []byte(`{"a"`)
	def := readDefinition(t, "testdata/parameters.definition.json")
	def.Schemas = append(def.Schemas, &connectorv1.Schema{Name: "Bad", Json: bad})
	def.Extensions = append(def.Extensions, &connectorv1.Extension{Name: "x-bad", Json: bad})
	op := def.GetOperations()[0]
	op.Parameters[0].Schema = bad
	op.Parameters[0].Examples = [][]byte{bad}
	for suffix, version := range versions {
		out, err := openapi.Exporter{Version: version}.Export(t.Context(), target.Input{Definition: def})
		if err != nil {
			continue // refusing is as good
		}
		if _, err := document.Parse("openapi.json", out.Files[0].Content); err != nil {
			t.Errorf("%s is no JSON: %v", suffix, err)
		}
	}
}

func TestTheDefinitionIsNotChanged(t *testing.T) {
	def := readDefinition(t, "testdata/security.definition.json")
	for _, version := range versions {
		export(t, version, def)
	}
	if diff := cmp.Diff(readDefinition(t, "testdata/security.definition.json"), def, protocmp.Transform()); diff != "" {
		t.Errorf("the definition was changed (-before +after):\n%s", diff)
	}
}

func TestExportsAreDeterministic(t *testing.T) {
	def := readDefinition(t, "testdata/triggers.definition.json")
	for suffix, version := range versions {
		first, second := export(t, version, def), export(t, version, def)
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("%s (-first +second):\n%s", suffix, diff)
		}
	}
}

func TestAnExportEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	def := readDefinition(t, "testdata/parameters.definition.json")
	_, err := openapi.Exporter{Version: openapi.V31}.Export(ctx, target.Input{Definition: def})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestSchemasOfOtherVersionsAreTranslated(t *testing.T) {
	for _, row := range []struct {
		name, schema, want30, want20 string
		lossy                        bool
	}{
		{name: "null is a keyword of its own", schema: `{"type":["string","null"]}`, want30: `{"type":"string","nullable":true}`, want20: `{"type":"string","x-nullable":true}`},
		{name: "an exclusive bound is a flag", schema: `{"exclusiveMinimum":1.50}`, want30: `{"minimum":1.50,"exclusiveMinimum":true}`, want20: `{"minimum":1.50,"exclusiveMinimum":true}`},
		{name: "two bounds on one side", schema: `{"minimum":1,"exclusiveMinimum":2}`, want30: `{"minimum":2,"exclusiveMinimum":true}`, want20: `{"minimum":2,"exclusiveMinimum":true}`, lossy: true},
		{name: "a constant is an enumeration", schema: `{"const":"a"}`, want30: `{"enum":["a"]}`, want20: `{"enum":["a"]}`},
		{name: "one example", schema: `{"examples":[1]}`, want30: `{"example":1}`, want20: `{"example":1}`},
		{name: "several examples", schema: `{"examples":[1,2]}`, want30: `{"example":1}`, want20: `{"example":1}`, lossy: true},
		{name: "several types", schema: `{"type":["string","integer"]}`, want30: `{}`, want20: `{}`, lossy: true},
		{name: "keywords of JSON Schema alone", schema: `{"prefixItems":[{}],"title":"T"}`, want30: `{"title":"T"}`, want20: `{"title":"T"}`, lossy: true},
		{name: "alternatives", schema: `{"oneOf":[{"type":"string"}]}`, want30: `{"oneOf":[{"type":"string"}]}`, want20: `{}`},
		{name: "a schema that accepts everything", schema: `true`, want30: `{}`, want20: `{}`},
		{name: "references", schema: `{"$ref":"#/$defs/A b~1c"}`, want30: `{"$ref":"#/components/schemas/A%20b~1c"}`, want20: `{"$ref":"#/definitions/A%20b~1c"}`},
		{name: "what looks like a reference", schema: `{"enum":["#/$defs/A"],"x-y":{"$ref":"#/$defs/A"}}`, want30: `{"enum":["#/$defs/A"],"x-y":{"$ref":"#/$defs/A"}}`, want20: `{"enum":["#/$defs/A"],"x-y":{"$ref":"#/$defs/A"}}`},
		{name: "restrictions beside a reference", schema: `{"$ref":"#/$defs/A","maxLength":3}`, want30: `{"allOf":[{"$ref":"#/components/schemas/A"}],"maxLength":3}`, want20: `{"$ref":"#/definitions/A","maxLength":3}`},
		{name: "lists need items", schema: `{"type":"array"}`, want30: `{"type":"array","items":{}}`, want20: `{"type":"array"}`},
		{name: "a discriminator", schema: `{"discriminator":{"propertyName":"t"}}`, want30: `{"discriminator":{"propertyName":"t"}}`, want20: `{"discriminator":"t"}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := &connectorv1.Definition{Schemas: []*connectorv1.Schema{{Name: "S", Json: []byte(row.schema)}}}
			for version, want := range map[openapi.Version]string{openapi.V30: row.want30, openapi.V2: row.want20} {
				out := export(t, version, def)
				if got := schemaIn(t, out); got != want {
					t.Errorf("%s: %s, want %s", version, got, want)
				}
				isLossy := func(f format.Finding) bool { return f.Code == target.CodeApproximated }
				if lossy := slices.ContainsFunc(out.Findings, isLossy); row.lossy && !lossy {
					t.Errorf("%s: nothing is reported: %s", version, lines(out.Findings))
				}
			}
		})
	}
}

// schemaIn returns the schema S without the extensions that keep the exact one.
func schemaIn(t *testing.T, out *target.Output) string {
	t.Helper()
	doc, err := document.Parse("openapi.json", out.Files[0].Content)
	if err != nil {
		t.Fatal(err)
	}
	n := doc.Root().At("/components/schemas/S")
	if n == nil {
		n = doc.Root().At("/definitions/S")
	}
	text := string(n.JSON())
	if exact := n.Get(overlay.Prefix + "schema"); exact != nil {
		text = strings.Replace(text, `"x-ferrule-schema":`+string(exact.JSON()), "", 1)
		text = strings.Replace(text, `,"x-ferrule-was":`+string(n.Get(overlay.Was).JSON()), "", 1)
		text = strings.Replace(text, ",}", "}", 1)
	}
	return text
}

func TestWhatPeopleEditInAnExportedDocumentCounts(t *testing.T) {
	def := &connectorv1.Definition{
		Info: &connectorv1.Info{Title: "T"}, ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
		Schemas: []*connectorv1.Schema{{Name: "S", Json: []byte(`{"const":"a"}`)}, {Name: "R", Json: []byte(`{"prefixItems":[{"$ref":"#/$defs/S"}]}`)}},
	}
	out := export(t, openapi.V30, def)
	text := string(out.Files[0].Content)
	if strings.Contains(text, modelReference) {
		t.Errorf("a reference leads nowhere:\n%s", text)
	}
	edited := strings.Replace(text, `"a"`, `"b"`, 1)
	for _, row := range []struct{ name, text, schema, stale string }{
		{"nothing was edited", text, `{"const":"a"}`, ""},
		{"the schema was", edited, `{"enum":["b"]}`, "/components/schemas/S/x-ferrule-schema"},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource([]format.File{{Path: "openapi.json", Content: []byte(row.text)}})
			if err != nil {
				t.Fatal(err)
			}
			result, err := importer.V3{}.Import(t.Context(), src)
			if err != nil {
				t.Fatal(err)
			}
			stale := ""
			for _, f := range result.Findings {
				if f.Code == "ExtensionStale" {
					stale += f.Pointer
				}
			}
			if s := result.Definition.GetSchemas(); string(s[0].GetJson()) != row.schema || string(s[1].GetJson()) != `{"prefixItems":[{"$ref":"#/$defs/S"}]}` || stale != row.stale {
				t.Errorf("schemas %v, stale %q", s, stale)
			}
		})
	}
}

// modelReference is what a reference of the model looks like in a document.
const modelReference = `"$ref": "#/$defs/`

func TestNotationThatWasImportedIsNotWrittenTwice(t *testing.T) {
	def := readDefinition(t, "testdata/dynamics.definition.json")
	op := def.GetOperations()[2]
	op.Parameters[1].Extensions = []*connectorv1.Extension{{Name: "x-ms-dynamic-tree", Json: []byte(`{"open":{"operationId":"Lists"}}`)}}
	for suffix, version := range versions {
		text := string(export(t, version, def).Files[0].Content)
		if got := strings.Count(text, `"x-ms-dynamic-`); got != 1 {
			t.Errorf("%s has the notation %d times, want once:\n%s", suffix, got, text)
		}
	}
}

func TestReferencesInForeignExtensionsLeadToTheSchema(t *testing.T) {
	const note = `{"a":[{"$ref":"#/components/schemas/A b"},{"$ref":"#/definitions/A b"},{"$ref":"#/components/schemas/gone"},{"$ref":"#/components/schemas/A b/title"}]}`
	def := &connectorv1.Definition{
		Info:          &connectorv1.Info{Title: "T"},
		ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
		Extensions:    []*connectorv1.Extension{{Name: "x-note", Json: []byte(note)}},
		Schemas:       []*connectorv1.Schema{{Name: "A b", Json: []byte(`{"default":{"$ref":"#/definitions/A b"},"x-note":` + note + `}`)}},
	}
	for _, row := range []struct {
		version    openapi.Version
		path, want string
	}{
		{openapi.V30, "/components/schemas/A b", "#/components/schemas/A b #/components/schemas/A%20b #/components/schemas/gone #/components/schemas/A b/title"},
		{openapi.V2, "/definitions/A b", "#/definitions/A%20b #/definitions/A b #/components/schemas/gone #/components/schemas/A b/title"},
	} {
		t.Run(row.version.String(), func(t *testing.T) {
			out := export(t, row.version, def)
			doc, err := document.Parse("openapi.json", out.Files[0].Content)
			if err != nil {
				t.Fatal(err)
			}
			if ref := doc.Root().At(row.path).Get("default").Str("$ref"); ref != "#/definitions/A b" {
				t.Errorf("data was changed to %q", ref)
			}
			for _, at := range []string{"", row.path} {
				var refs []string
				for _, c := range doc.Root().At(at).Get("x-note").Get("a").Children() {
					refs = append(refs, c.Str("$ref"))
				}
				if diff := cmp.Diff(row.want, strings.Join(refs, " ")); diff != "" {
					t.Errorf("references at %q (-want +got):\n%s", at, diff)
				}
			}
		})
	}
}
