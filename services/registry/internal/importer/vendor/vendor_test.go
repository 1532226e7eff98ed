package vendor_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/vendor"
)

// reading is one document that is read for its extensions alone.
type reading struct {
	def         *connectorv1.Definition
	interpreted map[string][]string
	findings    []string
}

// read makes the least that is needed of a document: operations with their
// parameters, bodies and triggers. The rest is the reader's work.
func read(t testing.TB, content string) *reading {
	t.Helper()
	doc, err := document.Parse("a.yaml", []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	r := vendor.New(findings.In(doc, format.OneFile), vendor.Local(doc.Root()))
	result := &reading{
		def: &connectorv1.Definition{Info: &connectorv1.Info{}}, interpreted: map[string][]string{},
	}
	result.interpreted["info"] = r.Info(result.def.GetInfo(), doc.Root().Get("info"))
	for _, item := range doc.Root().Get("paths").Children() {
		for _, n := range item.Children() {
			if n.Get("operationId") == nil {
				continue
			}
			op := operation(n, r, result)
			result.interpreted[op.GetOperationId()] = r.Operation(op, item, n)
			result.def.Operations = append(result.def.Operations, op)
		}
	}
	result.interpreted["root"] = r.Finish(result.def, doc.Root())
	for _, f := range findings.Sorted() {
		result.findings = append(result.findings, f.Code+" "+f.Pointer)
	}
	return result
}

func operation(n *document.Node, r *vendor.Reader, result *reading) *connectorv1.Operation {
	op := &connectorv1.Operation{
		OperationId: n.Str("operationId"), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION,
		Method: strings.ToUpper(n.Key()), Safety: &connectorv1.Safety{},
	}
	for _, p := range n.Get("parameters").Children() {
		switch p.Str("in") {
		case "body":
			op.RequestBody = &connectorv1.RequestBody{Name: p.Str("name")}
		case "formData":
			op.RequestBody = &connectorv1.RequestBody{Name: "body"}
		default:
			parameter := &connectorv1.Parameter{Name: p.Str("name"), Required: p.True("required")}
			result.interpreted[op.GetOperationId()+"."+p.Str("name")] = r.Parameter(parameter, p)
			op.Parameters = append(op.Parameters, parameter)
		}
	}
	if n.Get("requestBody") != nil {
		op.RequestBody = &connectorv1.RequestBody{}
	}
	switch n.Str("x-ms-trigger") {
	case "batch":
		op.Kind = connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER
		op.Trigger = &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Polling{Polling: &connectorv1.PollingTrigger{}}}
	case "single":
		op.Kind = connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER
		op.Trigger = &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{}}}
	}
	return op
}

func (r *reading) operation(t testing.TB, id string) *connectorv1.Operation {
	t.Helper()
	for _, op := range r.def.GetOperations() {
		if op.GetOperationId() == id {
			return op
		}
	}
	t.Fatalf("no operation %q", id)
	return nil
}

// expect compares a message with JSON.
func expect[M proto.Message](t *testing.T, got M, want string) {
	t.Helper()
	message := got.ProtoReflect().New().Interface()
	if err := protojson.Unmarshal([]byte(want), message); err != nil {
		t.Fatalf("%s: %v", want, err)
	}
	if diff := cmp.Diff(message, proto.Message(got), protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// one is a document with one operation X that has these members.
func one(members string) string {
	return "paths: {/x: {get: {operationId: X, " + members + "}}}\n"
}

func TestExtensionsOfOperations(t *testing.T) {
	for _, row := range []struct{ name, members, want, interpreted, findings string }{
		{"nothing", "summary: s", `{}`, "", ""},
		{"safe", "x-ms-safe-operation: true", `{"safety":{"safe":true,"idempotent":true}}`, "x-ms-safe-operation", ""},
		{"confirmed", "x-ms-require-user-confirmation: 'true'", `{"safety":{"needsConfirmation":true}}`, "x-ms-require-user-confirmation", ""},
		{"confirmed for assistants", "x-ms-openai-data: {operations: [{operationId: Y, x-ms-require-user-confirmation: true}, {operationId: X, x-ms-require-user-confirmation: true}]}", `{"safety":{"needsConfirmation":true}}`, "", ""},
		{"confirmed for an assistant elsewhere", "x-ms-openai-data: {operations: [{operationId: Y, x-ms-require-user-confirmation: true}]}", `{}`, "", ""},
		{"pages", "x-ms-pageable: {nextLinkName: '@odata.nextLink'}", `{"pagination":{"nextLinkProperty":"@odata.nextLink"}}`, "x-ms-pageable", ""},
		{"pages, and more", "x-ms-pageable: {nextLinkName: next, itemName: value}", `{"pagination":{"nextLinkProperty":"next"}}`, "", ""},
		{"no pages, said so", "x-ms-pageable: {nextLinkName: null}", `{}`, "", ""},
		{"pages that are not described", "x-ms-pageable: true", `{}`, "", "PageableInvalid /paths/~1x/get/x-ms-pageable"},
		{"chunks", "x-ms-capabilities: {chunkTransfer: true, maximumUploadChunkSizeInMB: 50, acceptDownloadChunkSizeInMB: '4'}", `{"chunkTransfer":{"maximumUploadMib":50,"acceptDownloadMib":4}}`, "x-ms-capabilities", ""},
		{"chunks without sizes", "x-ms-capabilities: {chunkTransfer: true}", `{"chunkTransfer":{}}`, "x-ms-capabilities", ""},
		{"chunks with a wrong size", "x-ms-capabilities: {chunkTransfer: true, minimumUploadChunkSizeInMB: -1}", `{"chunkTransfer":{}}`, "", "ChunkSizeInvalid /paths/~1x/get/x-ms-capabilities/minimumUploadChunkSizeInMB"},
		{"no chunks", "x-ms-capabilities: {chunkTransfer: false}", `{}`, "", ""},
		{"not tested", "x-ms-no-generic-test: true", `{"untested":true}`, "x-ms-no-generic-test", ""},
		{"tested, said so", "x-ms-no-generic-test: false", `{}`, "", ""},
		{"an agent protocol", "x-ms-agentic-protocol: mcp-streamable-1.0", `{"agentProtocol":"mcp-streamable-1.0"}`, "x-ms-agentic-protocol", ""},
		{"words for models", "x-ms-name-for-model: n, x-ms-description-for-model: d", `{"modelName":"n","modelDescription":"d"}`, "x-ms-description-for-model x-ms-name-for-model", ""},
		{"a family", "x-ms-api-annotation: {family: F, revision: 3, status: Preview, expires: 2030-01-02}", `{"family":{"name":"F","revision":3,"status":"Preview","expires":"2030-01-02"}}`, "x-ms-api-annotation", ""},
		{"a family of one", "x-ms-api-annotation: {status: Production}", `{"family":{"name":"X","revision":1,"status":"Production"}}`, "x-ms-api-annotation", ""},
		{"an end with a time", "x-ms-api-annotation: {expires: '2030-01-02T03:04:05Z'}", `{"family":{"name":"X","revision":1,"expires":"2030-01-02"}}`, "", ""},
		{"an end that is none", "x-ms-api-annotation: {expires: soon}", `{"family":{"name":"X","revision":1}}`, "", "ExpiryInvalid /paths/~1x/get/x-ms-api-annotation/expires"},
		{"a revision that is none", "x-ms-api-annotation: {family: F, revision: new}", `{"family":{"name":"F"}}`, "", "RevisionInvalid /paths/~1x/get/x-ms-api-annotation/revision"},
		{"a replacement", "x-ms-api-annotation: {family: F, revision: 1, replacement: {api: A, operationId: B}}", `{"family":{"name":"F","revision":1,"replacementApi":"A","replacementOperationId":"B"}}`, "x-ms-api-annotation", ""},
		{"a replacement in this document that does not exist", "x-ms-api-annotation: {replacement: {operationId: B}}", `{"family":{"name":"X","revision":1,"replacementOperationId":"B"}}`, "x-ms-api-annotation", "ReplacementOperationUnknown /paths/~1x/get/x-ms-api-annotation/replacement"},
		{"an annotation that is empty", "x-ms-api-annotation: {}", `{}`, "", ""},
		{"an annotation with more", "x-ms-api-annotation: {family: F, other: 1}", `{"family":{"name":"F","revision":1}}`, "", ""},
		{"a notification for something that does not poll", "x-ms-notification: {operationId: X}", `{}`, "", "NotificationInvalid /paths/~1x/get/x-ms-notification"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := read(t, one(row.members))
			got := proto.CloneOf(r.operation(t, "X"))
			if proto.Size(got.GetSafety()) == 0 {
				got.Safety = nil
			}
			got.OperationId, got.Kind, got.Method = "", 0, ""
			expect(t, got, row.want)
			slices.Sort(r.interpreted["X"])
			if keys := strings.Join(r.interpreted["X"], " "); keys != row.interpreted {
				t.Errorf("interpreted %q, want %q", keys, row.interpreted)
			}
			if findings := strings.Join(r.findings, ", "); findings != row.findings {
				t.Errorf("findings %q, want %q", findings, row.findings)
			}
		})
	}
}

func TestExtensionsOfTriggers(t *testing.T) {
	r := read(t, `
paths:
  /poll:
    get:
      operationId: Poll
      x-ms-trigger: batch
      x-ms-notification: {operationId: Hook}
      x-ms-operation-context: {simulate: {operationId: List, parameters: {top: 1, body/a: {value: [2]}}}}
      parameters:
      - {in: query, name: since, x-ms-trigger-value: {value-collection: data/items, value-path: seqn}}
  /lost:
    get:
      operationId: Lost
      x-ms-trigger: batch
      x-ms-notification: {operationId: List}
      x-ms-operation-context: {simulate: {operationId: Nobody}}
  /hook:
    x-ms-notification-content:
      description: D
      schema: {type: object}
      headers: {X-Id: {description: I, type: string, format: uuid}, X-Old: {required: true, schema: {type: integer}}}
      parameters: [{in: header, name: X-Kind, type: string, x-ms-summary: K}, {in: path, name: connectionId, type: string}]
    post: {operationId: Hook, x-ms-trigger: single}
  /list:
    post: {operationId: List, parameters: [{in: query, name: top}, {in: body, name: b}]}
`)
	expect(t, r.operation(t, "Poll").GetTrigger(), `{
		"polling":{"notificationOperationId":"Hook","cursors":[{"parameter":"since","itemsPath":"data.items","valuePath":"seqn"}]},
		"simulation":{"operationId":"List","arguments":[{"pointer":"/top","json":"MQ=="},{"pointer":"/body/a","json":"WzJd"}]}}`)
	expect(t, r.operation(t, "Hook").GetTrigger().GetWebhook(), `{"notificationDescription":"D","notificationHeaders":[
		{"name":"X-Id","description":"I","schema":"eyJ0eXBlIjoic3RyaW5nIiwiZm9ybWF0IjoidXVpZCJ9"},
		{"name":"X-Old","required":true,"schema":"eyJ0eXBlIjoiaW50ZWdlciJ9"},
		{"name":"X-Kind","summary":"K","schema":"eyJ0eXBlIjoic3RyaW5nIn0="}]}`)
	want := []string{
		"DynamicOperationUnknown /paths/~1lost/get/x-ms-operation-context/simulate",
		"NotificationOperationUnknown /paths/~1lost/get/x-ms-notification",
		"NotificationParameterIgnored /paths/~1hook/x-ms-notification-content/parameters/1",
	}
	if diff := cmp.Diff(want, r.findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestExtensionsOfInfoAndParameters(t *testing.T) {
	r := read(t, "info: {x-ms-keywords: [a, b]}\n"+one("parameters: [{in: query, name: p, x-ms-test-value: {a: 1}}]"))
	if diff := cmp.Diff([]string{"a", "b"}, r.def.GetInfo().GetKeywords()); diff != "" || len(r.interpreted["info"]) != 1 {
		t.Errorf("keywords (-want +got):\n%s", diff)
	}
	p := r.operation(t, "X").GetParameters()[0]
	if diff := cmp.Diff([][]byte{[]byte(`{"a":1}`)}, p.GetExamples()); diff != "" || len(r.interpreted["X.p"]) != 1 {
		t.Errorf("examples (-want +got):\n%s", diff)
	}
	if r := read(t, "info: {x-ms-keywords: [a, 1]}\n"+one("summary: s")); len(r.interpreted["info"]) != 0 {
		t.Error("a keyword that was not read is taken for read")
	}
}

func TestCapabilitiesOfTheRoot(t *testing.T) {
	const paths = "paths: {/x: {get: {operationId: X}}, '/y/{id}': {get: {operationId: Y, parameters: [{in: path, name: id, required: true}]}}}\n"
	for _, row := range []struct {
		name, members, want string
		interpreted         bool
		findings            string
	}{
		{"a test", "testConnection: {operationId: X}", `{"connectionTest":{"operationId":"X","input":"e30="}}`, true, ""},
		{"a test with input", "testConnection: {operationId: Y, parameters: {id: 1}}", `{"connectionTest":{"operationId":"Y","input":"eyJpZCI6MX0="}}`, true, ""},
		{"a test that does not exist", "testConnection: {operationId: Z}", `{}`, false, "TestOperationUnknown /x-ms-capabilities/testConnection"},
		{"something else", "testConnection: {operationId: X}, other: 1", `{"connectionTest":{"operationId":"X","input":"e30="}}`, false, ""},
		{
			"a file picker", "file-picker: {open: {operationId: X}, browse: {operationId: Y, parameters: {id: {value-property: Id}}}, value-title: Name, value-collection: value, value-folder-property: IsFolder, value-media-property: Type}",
			`{"filePicker":{"open":{"operationId":"X"},"browse":{"operationId":"Y","arguments":[{"pointer":"/id","itemPath":"Id"}]},"itemsPath":"value","titlePath":"Name","folderPath":"IsFolder","mediaTypePath":"Type"}}`, true, "",
		},
		{"half a file picker", "file-picker: {open: {operationId: X}}", `{}`, false, "FilePickerInvalid /x-ms-capabilities/file-picker"},
		{"a file picker that asks nobody", "file-picker: {open: {}, browse: {operationId: Y}}", `{}`, false, "DynamicOperationMissing /x-ms-capabilities/file-picker/open"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := read(t, paths+"x-ms-capabilities: {"+row.members+"}\n")
			expect(t, &connectorv1.Definition{ConnectionTest: r.def.GetConnectionTest(), FilePicker: r.def.GetFilePicker()}, row.want)
			if got := len(r.interpreted["root"]) == 1; got != row.interpreted {
				t.Errorf("interpreted %t, want %t", got, row.interpreted)
			}
			if findings := strings.Join(r.findings, ", "); findings != row.findings {
				t.Errorf("findings %q, want %q", findings, row.findings)
			}
		})
	}
}

func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"x-ms-visibilty": "x-ms-visibility", "x-ms-visbility": "x-ms-visibility", "x-ms-visib" + "iltiy": "x-ms-visibility",
		"x-ms-summmary": "x-ms-summary", "x-ms-sumamry": "x-ms-summary", "x-ms-summary title": "x-ms-summary",
		"x-ms-api-annotations": "x-ms-api-annotation", "x-ms-Dynamic-Values": "x-ms-dynamic-values", "x_ms_summary": "x-ms-summary",
		"x-ms-dynamic-value": "x-ms-dynamic-values", "x-ms-something-else": "", "x-ms-visibility": "", "x-nullable": "", "summary": "",
		"x-ms-" + strings.Repeat("y", 100): "",
	} {
		if got := vendor.Nearest(name); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if !vendor.Known("x-ms-summary") || vendor.Known("x-ms-summmary") || vendor.Known("") {
		t.Error("known names are not told from others")
	}
}

func TestUnknownNamesAreReportedUpToALimit(t *testing.T) {
	var b strings.Builder
	for i := range 500 {
		fmt.Fprintf(&b, "x-ms-unknown-%d: 1\n", i)
	}
	doc, err := document.Parse("a.yaml", []byte("x-ms-summry: 1\nx-other: 1\nx-ms-summary: 1\n"+b.String()))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	r := vendor.New(findings.In(doc, format.OneFile), vendor.Local(doc.Root()))
	for _, c := range doc.Root().Children() {
		r.Name(c)
	}
	list := findings.Sorted()
	if len(list) != 200 || list[0].Severity != format.Warning || list[0].Remedy != `write "x-ms-summary"` || list[1].Severity != format.Info {
		t.Errorf("%d findings, the first is %+v", len(list), list[0])
	}
}

func TestSchemasThatReferToEachOtherEnd(t *testing.T) {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "  D%d: {properties: {a: {$ref: '#/definitions/D%d'}, b: {$ref: '#/definitions/D%d'}}}\n", i, i+1, i+1)
	}
	content := one("parameters: [{in: body, name: b, schema: {$ref: '#/definitions/D0'}}]") +
		"definitions:\n" + b.String() + "  D40: {x-ms-dynamic-values: {operationId: X, value-path: a}, properties: {self: {$ref: '#/definitions/D40'}, back: {$ref: '#/definitions/D0'}}}\n"
	began := time.Now()
	r := read(t, content)
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %s", took)
	}
	if !slices.ContainsFunc(r.findings, func(f string) bool { return strings.HasPrefix(f, "DynamicFeaturesTooMany") }) {
		t.Errorf("findings %v", r.findings)
	}
	if n := len(r.operation(t, "X").GetDynamics()); n > 20_000 {
		t.Errorf("%d features", n)
	}
}

// FuzzReader looks for documents on which the reader panics or does not end.
func FuzzReader(f *testing.F) {
	f.Add(callers("parameters: [{in: body, name: b, schema: {$ref: '#/definitions/Shared'}}], x-ms-pageable: {nextLinkName: n}, x-ms-api-annotation: {family: F}"))
	f.Add("paths: {/x: {get: {operationId: X, x-ms-trigger: batch, x-ms-operation-context: {simulate: {operationId: X}}, x-ms-notification: {}, parameters: [{$ref: '#/paths'}]}}}\nx-ms-capabilities: {file-picker: {open: {operationId: X}, browse: {capability: c}}}\n")
	f.Add("paths: {/x: {get: {operationId: X, responses: {200: {schema: {x-ms-dynamic-tree: {open: [], browse: {}}, allOf: [{$ref: '#'}], items: {$ref: '#/paths'}}}}}}}\n")
	f.Fuzz(func(t *testing.T, content string) {
		if doc, err := document.Parse("a.yaml", []byte(content)); err != nil || doc.Root().Get("paths") == nil {
			return
		}
		for _, op := range read(t, content).def.GetOperations() {
			for _, d := range op.GetDynamics() {
				if d.GetKind() == nil || d.GetSide() == 0 || (d.GetPointer() != "" && d.GetPointer()[0] != '/') {
					t.Fatalf("%q: the feature %v is incomplete", content, d)
				}
			}
		}
	})
}
