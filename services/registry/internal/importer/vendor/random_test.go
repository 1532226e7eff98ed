package vendor_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// known are extensions that mean something, some of them for operations alone.
var known = []string{
	"x-ms-summary", "x-ms-visibility", "x-ms-trigger", "x-ms-trigger-hint", "x-ms-trigger-metadata", "x-ms-notification", "x-ms-notification-url",
	"x-ms-notification-content", "x-ms-api-annotation", "x-ms-capabilities", "x-ms-pageable", "x-ms-safe-operation", "x-ms-openai-data",
	"x-ms-require-user-confirmation", "x-ms-no-generic-test", "x-ms-agentic-protocol", "x-ms-name-for-model", "x-ms-test-value", "x-ms-keywords",
	"x-ms-dynamic-values", "x-ms-dynamic-list", "x-ms-dynamic-schema", "x-ms-dynamic-properties", "x-ms-dynamic-tree", "x-ms-smmary", "x-own",
}

// odd makes a value up that an extension might have, and more often not.
func odd(r *rand.Rand, depth int) any {
	switch n := r.IntN(10); {
	case n < 5 || depth == 0:
		list := []any{nil, true, false, 0, -1, 1.5, "", "X", "Y", "Nobody", "batch", "single", "true", "a/b", "a.b", "@odata.nextLink", "2030-01-02", "soon", "\x00", "é"}
		return list[r.IntN(len(list))]
	case n < 7:
		return []any{odd(r, depth-1), odd(r, depth-1)}
	}
	o := map[string]any{}
	for _, key := range []string{
		"operationId", "parameters", "value-path", "value-collection", "value-title", "itemsPath", "itemValuePath", "open", "browse", "settings",
		"chunkTransfer", "nextLinkName", "family", "revision", "expires", "testConnection", "file-picker", "parameter", "parameterReference",
		"value", "capability", "builtInOperation", "operations", "schema", "required", "$ref",
	} {
		if r.IntN(4) == 0 {
			o[key] = odd(r, depth-1)
		}
	}
	return o
}

// extend puts extensions into an object.
func extend(r *rand.Rand, o map[string]any) map[string]any {
	for range r.IntN(4) {
		o[known[r.IntN(len(known))]] = odd(r, 4)
	}
	return o
}

// oddDocument is a document with extensions everywhere.
func oddDocument(seed uint64) string {
	r := rand.New(rand.NewPCG(seed, 9))
	property := func() map[string]any { return extend(r, map[string]any{"type": "string"}) }
	schema := extend(r, map[string]any{"properties": map[string]any{
		"a": property(), "b": map[string]any{"items": property()}, "self": map[string]any{"$ref": "#/definitions/S"},
	}})
	paths := map[string]any{}
	for _, id := range []string{"X", "Y"} {
		op := extend(r, map[string]any{
			"operationId": id,
			"parameters":  []any{extend(r, map[string]any{"in": "query", "name": "q"}), map[string]any{"in": "body", "name": "body", "schema": map[string]any{"$ref": "#/definitions/S"}}},
			"responses":   map[string]any{"200": map[string]any{"schema": schema}},
		})
		paths["/"+id] = extend(r, map[string]any{"get": op})
	}
	root := extend(r, map[string]any{"info": extend(r, map[string]any{}), "paths": paths, "definitions": map[string]any{"S": schema}})
	text, err := json.Marshal(root)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestOddExtensionsAreReadOrReported(t *testing.T) {
	for seed := range uint64(600) {
		text := oddDocument(seed)
		first, second := read(t, text), read(t, text)
		if diff := cmp.Diff(first.def, second.def, protocmp.Transform()); diff != "" || !slices.Equal(first.findings, second.findings) {
			t.Fatalf("seed %d: two readings differ:\n%s\n%s", seed, diff, text)
		}
		doc, err := document.Parse("a.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range first.findings {
			if _, pointer, _ := strings.Cut(f, " "); doc.Root().At(pointer) == nil {
				t.Errorf("seed %d: %q is about something that is not there\n%s", seed, f, text)
			}
		}
		for id, keys := range first.interpreted {
			for _, key := range keys {
				if !strings.Contains(text, fmt.Sprintf("%q", key)) || !vendor.Known(key) {
					t.Errorf("seed %d: %s: %q was interpreted and is not there", seed, id, key)
				}
			}
		}
		isText(t, seed, text, first)
	}
}

// isText checks that whatever the reader made can be written, and refers to
// operations by names that stand in the document.
func isText(t *testing.T, seed uint64, text string, r *reading) {
	t.Helper()
	if _, err := definition.Marshal(r.def); err != nil {
		t.Errorf("seed %d: the definition cannot be written: %v\n%s", seed, err, text)
	}
	for _, op := range r.def.GetOperations() {
		for _, d := range op.GetDynamics() {
			if d.GetKind() == nil || d.GetPointer() != "" && !strings.HasPrefix(d.GetPointer(), "/") {
				t.Errorf("seed %d: %s has the dynamic feature %v", seed, op.GetOperationId(), d)
			}
		}
	}
}

// edits are the names that one slip makes of a name.
func edits(name string) []string {
	var list []string
	for i := len("x-ms-"); i < len(name); i++ {
		list = append(list, name[:i]+name[i+1:], name[:i]+"q"+name[i:], name[:i]+"q"+name[i+1:])
		if i+1 < len(name) {
			list = append(list, name[:i]+name[i+1:i+2]+name[i:i+1]+name[i+2:])
		}
	}
	return append(list, strings.ToUpper(name), strings.Replace(name, "x-ms-", "x_ms_", 1), strings.Replace(name, "x-ms-", "xms-", 1), name+" title")
}

func TestEverySlipOfThePenIsUnderstood(t *testing.T) {
	for _, name := range []string{
		"x-ms-summary", "x-ms-visibility", "x-ms-trigger-hint", "x-ms-dynamic-values", "x-ms-dynamic-properties", "x-ms-notification-content",
		"x-ms-url-encoding", "x-ms-api-annotation", "x-ms-capabilities", "x-ms-test-value", "x-ms-no-generic-test", "x-ms-pageable",
	} {
		if !vendor.Known(name) {
			t.Errorf("%s is not known", name)
		}
		for _, slip := range edits(name) {
			if vendor.Known(slip) {
				continue // another name, and right
			}
			if got := vendor.Nearest(slip); got != name {
				t.Errorf("%q means %q, not %q", slip, got, name)
			}
		}
	}
}

func TestNamesThatMeanNothingStayAsTheyAre(t *testing.T) {
	for _, name := range []string{
		"", "x-ms-", "x-ms", "x-own", "summary", "x-ms-completely-different", "x-msft-summary", "X", "x-ms-" + strings.Repeat("a", 100), "x-amazon-apigateway-integration",
	} {
		if got := vendor.Nearest(name); got != "" || vendor.Known(name) {
			t.Errorf("%q means %q", name, got)
		}
	}
	for _, name := range []string{"x-ms-summary", "x-ms-trigger"} {
		if got := vendor.Nearest(name); got != "" {
			t.Errorf("%q is right, and means %q", name, got)
		}
	}
}

func TestTheRootSaysHowConnectionsAreTestedAndFilesAreChosen(t *testing.T) {
	const operations = `, "paths": {"/x": {"get": {"operationId": "X"}}, "/y": {"get": {"operationId": "Y", "parameters": [{"in": "path", "name": "id"}]}}}}`
	for _, row := range []struct{ name, capabilities, test, picker, interpreted, findings string }{
		{"nothing", `{}`, "", "", "x-ms-capabilities", ""},
		{"a test", `{"testConnection": {"operationId": "X", "parameters": {"a": 1}}}`, `X {"a":1}`, "", "x-ms-capabilities", ""},
		{"a test without parameters", `{"testConnection": {"operationId": "X"}}`, `X {}`, "", "x-ms-capabilities", ""},
		{"a test that nobody knows", `{"testConnection": {"operationId": "Z"}}`, "", "", "", "TestOperationUnknown /x-ms-capabilities/testConnection"},
		{"a test and more", `{"testConnection": {"operationId": "X", "own": 1}}`, `X {}`, "", "", ""},
		{"a test that is no object", `{"testConnection": "X"}`, "", "", "", "TestOperationUnknown /x-ms-capabilities/testConnection"},
		{"files", `{"file-picker": {"open": {"operationId": "X"}, "browse": {"operationId": "Y", "parameters": {"id": {"value-property": "Id"}}}, "value-collection": "a/b", "value-title": "t"}}`, "", "X Y a.b t", "x-ms-capabilities", ""},
		{"files without a way to look into folders", `{"file-picker": {"open": {"operationId": "X"}}}`, "", "", "", "FilePickerInvalid /x-ms-capabilities/file-picker"},
		{"something else", `{"other": {}}`, "", "", "", ""},
		{"no object", `[]`, "", "", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := read(t, `{"x-ms-capabilities": `+row.capabilities+operations)
			test, picker := "", ""
			if c := r.def.GetConnectionTest(); c != nil {
				test = c.GetOperationId() + " " + string(c.GetInput())
			}
			if p := r.def.GetFilePicker(); p != nil {
				picker = strings.Join([]string{p.GetOpen().GetOperationId(), p.GetBrowse().GetOperationId(), p.GetItemsPath(), p.GetTitlePath()}, " ")
			}
			got := []string{test, picker, strings.Join(r.interpreted["root"], ","), strings.Join(r.findings, ", ")}
			if diff := cmp.Diff([]string{row.test, row.picker, row.interpreted, row.findings}, got); diff != "" {
				t.Errorf("test, picker, interpreted, findings (-want +got):\n%s", diff)
			}
		})
	}
}
