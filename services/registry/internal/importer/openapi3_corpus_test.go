package importer_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// corpusDocuments returns the paths of all OpenAPI 3 documents of the corpus,
// which lies in "shared/corpus" beside the repository or one of the directories
// around it.
func corpusDocuments(tb testing.TB) []string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		root := filepath.Join(dir, "shared", "corpus", "openapi3")
		if info, err := os.Stat(root); err == nil && info.IsDir() {
			return documentsBelow(tb, root)
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			tb.Skip("the corpus of OpenAPI 3 documents is not there: no directory shared/corpus/openapi3 around this one")
		}
		dir = parent
	}
}

func documentsBelow(tb testing.TB, root string) []string {
	tb.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && slices.Contains([]string{".json", ".yaml", ".yml"}, filepath.Ext(path)) {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		tb.Fatal(err)
	}
	return paths
}

// countOperations counts paths by methods and webhooks by methods in the raw
// JSON, without any of our code.
func countOperations(tb testing.TB, content []byte) int {
	tb.Helper()
	var doc struct {
		Paths    map[string]map[string]json.RawMessage `json:"paths"`
		Webhooks map[string]map[string]json.RawMessage `json:"webhooks"`
	}
	if err := json.Unmarshal(content, &doc); err != nil {
		tb.Fatal(err)
	}
	count := 0
	for _, items := range []map[string]map[string]json.RawMessage{doc.Paths, doc.Webhooks} {
		for _, item := range items {
			for method := range item {
				if slices.Contains([]string{"get", "put", "post", "delete", "options", "head", "patch", "trace"}, method) {
					count++
				}
			}
		}
	}
	return count
}

func TestEveryOpenAPI3DocumentOfTheCorpusIsImported(t *testing.T) {
	documents, operations, triggers := 0, 0, 0
	findings := map[string]int{}
	for _, path := range corpusDocuments(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		result, err := importPackage(t.Context(), []format.File{{Path: filepath.Base(path), Content: content}})
		if took := time.Since(start); took > slowest {
			t.Errorf("%s took %s", path, took)
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		def := result.Definition
		if want := countOperations(t, content); len(def.GetOperations()) != want || result.Format != format.OpenAPI3 {
			t.Errorf("%s: %s with %d operations, the file has %d", path, result.Format, len(def.GetOperations()), want)
		}
		checkModel(t, path, def)
		compileSchemas(t, path, def)
		for _, f := range result.Findings {
			findings[f.Code]++
		}
		for _, op := range def.GetOperations() {
			if op.GetTrigger() != nil {
				triggers++
			}
		}
		documents++
		operations += len(def.GetOperations())
	}
	t.Logf("%d documents with %d operations, %d of them triggers", documents, operations, triggers)
	for _, code := range slices.Sorted(maps.Keys(findings)) {
		t.Logf("%6d %s", findings[code], code)
	}
}

// insideSchema is a reference to a part of a named schema, whose name depends on
// where the schema stands.
var insideSchema = regexp.MustCompile(`"#/components/schemas/[^"/]+/`)

// split moves the named schemas of a document into a file of their own. It is
// false for documents without any.
func split(tb testing.TB, content []byte) ([]format.File, bool) {
	tb.Helper()
	var doc, components map[string]json.RawMessage
	if err := json.Unmarshal(content, &doc); err != nil {
		tb.Fatal(err)
	}
	if doc["components"] == nil || insideSchema.Match(content) {
		return nil, false
	}
	if err := json.Unmarshal(doc["components"], &components); err != nil {
		tb.Fatal(err)
	}
	schemas := components["schemas"]
	if schemas == nil {
		return nil, false
	}
	delete(components, "schemas")
	encode := func(v any) []byte {
		text, err := json.Marshal(v)
		if err != nil {
			tb.Fatal(err)
		}
		return text
	}
	doc["components"] = encode(components)
	main := bytes.ReplaceAll(encode(doc), []byte(`:"#/components/schemas/`), []byte(`:"parts/schemas.json#/components/schemas/`))
	return []format.File{
		{Path: "openapi.json", Content: main},
		{Path: "parts/schemas.json", Content: encode(map[string]any{"components": map[string]json.RawMessage{"schemas": schemas}})},
	}, true
}

// asWritten leaves out extensions: references in them are no references.
var asWritten = protocmp.IgnoreMessages(&connectorv1.Extension{})

func TestADocumentInSeveralFilesIsTheSameConnector(t *testing.T) {
	compared := 0
	for _, path := range corpusDocuments(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files, ok := split(t, content)
		if !ok {
			continue
		}
		whole, err := importPackage(t.Context(), []format.File{{Path: "openapi.json", Content: content}})
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		parts, err := importPackage(t.Context(), files)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		compared++
		want := map[string][]byte{}
		for _, s := range whole.Definition.GetSchemas() {
			want[s.GetName()] = s.GetJson()
		}
		for _, s := range parts.Definition.GetSchemas() {
			if !bytes.Equal(s.GetJson(), want[s.GetName()]) {
				t.Errorf("%s: the schema %q is %s in two files and %s in one", path, s.GetName(), s.GetJson(), want[s.GetName()])
			}
		}
		whole.Definition.Schemas, parts.Definition.Schemas = nil, nil
		if proto.Equal(whole.Definition, parts.Definition) {
			continue
		}
		if diff := cmp.Diff(whole.Definition, parts.Definition, protocmp.Transform(), asWritten); diff != "" {
			t.Errorf("%s: the definition (-one file +two files):\n%s", path, diff)
		}
	}
	t.Logf("%d documents were divided", compared)
}

func TestOpenAPI3ImportsAreDeterministic(t *testing.T) {
	documents := corpusDocuments(t)
	for _, path := range documents[:min(40, len(documents))] {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := []format.File{{Path: filepath.Base(path), Content: content}}
		first, err := importPackage(t.Context(), files)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		second, err := importPackage(t.Context(), files)
		if err != nil || !proto.Equal(first.Definition, second.Definition) || !slices.Equal(first.Findings, second.Findings) {
			t.Errorf("%s is imported differently the second time: %v", path, err)
		}
	}
}

// checkModel checks what is true of every definition.
func checkModel(t *testing.T, path string, def *connectorv1.Definition) {
	t.Helper()
	if def.GetInfo().GetTitle() == "" || len(def.GetParameterSets()) == 0 {
		t.Errorf("%s: title %q, %d parameter sets", path, def.GetInfo().GetTitle(), len(def.GetParameterSets()))
	}
	if err := definition.Validate(def); err != nil {
		t.Errorf("%s: the definition contradicts itself: %v", path, err)
	}
	ids := map[string]bool{}
	for _, op := range def.GetOperations() {
		if ids[op.GetOperationId()] || op.GetOperationId() == "" {
			t.Errorf("%s: the operation id %q is not unique", path, op.GetOperationId())
		}
		ids[op.GetOperationId()] = true
		if manual := op.GetTrigger().GetWebhook().GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL; manual != (op.GetPath() == "") {
			t.Errorf("%s: the path of %s is %q", path, op.GetOperationId(), op.GetPath())
		}
		names := map[string]bool{}
		for _, p := range op.GetParameters() {
			key := p.GetLocation().String() + p.GetName()
			if names[key] || p.GetLocation() == 0 {
				t.Errorf("%s: the parameter %s.%s is not unique or nowhere", path, op.GetOperationId(), p.GetName())
			}
			names[key] = true
		}
		if !strings.HasPrefix(op.GetSourcePointer(), "/") {
			t.Errorf("%s: the pointer of %s is %q", path, op.GetOperationId(), op.GetSourcePointer())
		}
	}
}

// compileSchemas checks that all schemas of a definition are valid JSON Schema
// 2020-12 with all of their references.
func compileSchemas(t *testing.T, path string, def *connectorv1.Definition) {
	t.Helper()
	uses := map[string]any{}
	add := func(text []byte, name string, args ...any) {
		if len(text) == 0 {
			return
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			t.Errorf("%s: %s is %s: %v", path, fmt.Sprintf(name, args...), text, err)
			return
		}
		uses[fmt.Sprintf(name, args...)] = v
	}
	for i, op := range def.GetOperations() {
		for j, p := range op.GetParameters() {
			add(p.GetSchema(), "parameter %d.%d", i, j)
		}
		for j, c := range op.GetRequestBody().GetContents() {
			add(c.GetSchema(), "body %d.%d", i, j)
		}
		for j, r := range op.GetResponses() {
			for k, c := range r.GetContents() {
				add(c.GetSchema(), "response %d.%d.%d", i, j, k)
			}
			for k, h := range r.GetHeaders() {
				add(h.GetSchema(), "header %d.%d.%d", i, j, k)
			}
		}
		add(op.GetTrigger().GetWebhook().GetNotificationSchema(), "notification %d", i)
	}
	defs := map[string]any{}
	for _, s := range def.GetSchemas() {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(s.GetJson()))
		if err != nil {
			t.Errorf("%s: the schema %q is %s: %v", path, s.GetName(), s.GetJson(), err)
			continue
		}
		defs[s.GetName()] = v
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	if err := compiler.AddResource("mem:///definition", map[string]any{"$defs": defs, "properties": uses}); err != nil {
		t.Fatal(err)
	}
	if _, err := compiler.Compile("mem:///definition"); err != nil {
		t.Errorf("%s: the schemas do not compile: %v", path, err)
	}
}
