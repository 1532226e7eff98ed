package overlay_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// page is a document in which every kind of object stands once.
const page = `{
  "info": {"title": "T"},
  "paths": {"/a": {"get": {
    "operationId": "A",
    "parameters": [{"name": "q", "in": "query"}],
    "requestBody": {"content": {"application/json": {}}},
    "responses": {"200": {"headers": {"H": {}}, "content": {"application/json": {}}}}
  }}},
  "components": {"schemas": {"S": {"type": "object"}}}
}`

// imported is what an importer would make of the page.
func imported() *connectorv1.Definition {
	return &connectorv1.Definition{
		Info: &connectorv1.Info{Title: "T"},
		Operations: []*connectorv1.Operation{{
			OperationId: "A", Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/a", SourcePointer: "/paths/~1a/get",
			Parameters: []*connectorv1.Parameter{{
				Name: "q", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY, Schema: []byte(`{}`),
			}},
			RequestBody: &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
			}}},
			Responses: []*connectorv1.Response{{
				Status:   "200",
				Headers:  []*connectorv1.ResponseHeader{{Name: "H"}},
				Contents: []*connectorv1.MediaType{{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON}},
			}},
		}},
		Schemas:       []*connectorv1.Schema{{Name: "S", Json: []byte(`{"type":"object"}`)}},
		ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
	}
}

func parse(t *testing.T, text string) *document.Node {
	t.Helper()
	doc, err := document.Parse("page.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root()
}

// with returns the page with one more member in the object at pointer.
func with(t *testing.T, text string, d overlay.Difference) string {
	t.Helper()
	root := parse(t, text)
	at := root.At(d.Pointer)
	if at == nil {
		t.Fatalf("nothing stands at %q", d.Pointer)
	}
	var write func(n *document.Node) string
	write = func(n *document.Node) string {
		if !n.Is(document.Object) && !n.Is(document.Array) {
			return string(n.JSON())
		}
		var parts []string
		for _, c := range n.Children() {
			part := write(c)
			if n.Is(document.Object) {
				part = fmt.Sprintf("%q:%s", c.Key(), part)
			}
			parts = append(parts, part)
		}
		if n == at {
			parts = append(parts, fmt.Sprintf("%q:%s", d.Key, d.JSON))
			if d.Was != "" {
				parts = append(parts, fmt.Sprintf("%q:{%q:%q}", overlay.Was, strings.TrimPrefix(d.Key, overlay.Prefix), d.Was))
			}
		}
		if n.Is(document.Array) {
			return "[" + strings.Join(parts, ",") + "]"
		}
		return "{" + strings.Join(parts, ",") + "}"
	}
	return write(root)
}

func TestADifferenceIsSaidBesideItsObjectAndReadBack(t *testing.T) {
	op := func(d *connectorv1.Definition) *connectorv1.Operation { return d.GetOperations()[0] }
	for _, row := range []struct {
		name   string
		change func(*connectorv1.Definition)
		want   string
	}{
		{"the root", func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{{Name: "a", Json: []byte("1.50")}}}}
		}, ` x-ferrule-policies [{"templateId":"setheader","parameters":[{"name":"a","json":1.50}]}]`},
		{"info", func(d *connectorv1.Definition) { d.Info.BrandColor = "#000000" }, `/info x-ferrule-brand-color "#000000"`},
		{"custom code", func(d *connectorv1.Definition) {
			d.Scripts = []*connectorv1.Script{{Language: "javascript", Path: "script.js", Source: "function before() {\n}", OperationIds: []string{"A"}}}
		}, ` x-ferrule-scripts [{"language":"javascript","path":"script.js","operationIds":["A"],"source":"function before() {\n}"}]`},
		{"rate limits", func(d *connectorv1.Definition) {
			d.RateLimits = []*connectorv1.RateLimit{{Scope: connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTION, Calls: 5, PeriodSeconds: 60}}
		}, ` x-ferrule-rate-limits [{"scope":"CONNECTION","calls":5,"periodSeconds":60}]`},
		{"rules about failures", func(d *connectorv1.Definition) {
			d.ErrorRules = []*connectorv1.ErrorRule{{Statuses: []string{"4XX"}, Path: "error", Reason: "UPSTREAM_X", Retry: connectorv1.ErrorRule_RETRY_NO}}
		}, ` x-ferrule-error-rules [{"statuses":["4XX"],"path":"error","reason":"UPSTREAM_X","retry":"NO"}]`},
		{"what a call costs", func(d *connectorv1.Definition) { op(d).Cost = 3 }, `/paths/~1a/get x-ferrule-cost 3`},
		{"the header of a key", func(d *connectorv1.Definition) { op(d).IdempotencyKeyHeader = "Idempotency-Key" }, `/paths/~1a/get x-ferrule-idempotency-key-header "Idempotency-Key"`},
		{"pages by offset", func(d *connectorv1.Definition) {
			op(d).Pagination = &connectorv1.Pagination{ItemsPath: "data", Style: &connectorv1.Pagination_Offset{Offset: &connectorv1.OffsetPagination{OffsetInput: "q", TotalPath: "n"}}}
		}, `/paths/~1a/get x-ferrule-pagination {"itemsPath":"data","offset":{"offsetInput":"q","totalPath":"n"}}`},
		{"pages by number", func(d *connectorv1.Definition) {
			op(d).Pagination = &connectorv1.Pagination{Style: &connectorv1.Pagination_PageNumber{PageNumber: &connectorv1.PageNumberPagination{PageInput: "q", FirstPage: 1}}}
		}, `/paths/~1a/get x-ferrule-pagination {"pageNumber":{"pageInput":"q","firstPage":1}}`},
		{"pages by a token", func(d *connectorv1.Definition) {
			op(d).Pagination = &connectorv1.Pagination{Style: &connectorv1.Pagination_Cursor{Cursor: &connectorv1.CursorPagination{CursorInput: "/body/after", CursorPath: "next"}}}
		}, `/paths/~1a/get x-ferrule-pagination {"cursor":{"cursorInput":"/body/after","cursorPath":"next"}}`},
		{"an operation", func(d *connectorv1.Definition) { op(d).RequiresScript = true }, `/paths/~1a/get x-ferrule-requires-script true`},
		{"a parameter", func(d *connectorv1.Definition) {
			op(d).Parameters[0].Style = connectorv1.ParameterStyle_PARAMETER_STYLE_SIMPLE
		}, `/paths/~1a/get/parameters/0 x-ferrule-style "SIMPLE"`},
		{"a parameter without a schema", func(d *connectorv1.Definition) { op(d).Parameters[0].Schema = nil }, `/paths/~1a/get/parameters/0 x-ferrule-schema null`},
		{"a parameter that the document does not have", func(d *connectorv1.Definition) { op(d).Parameters = nil }, `/paths/~1a/get x-ferrule-parameters null`},
		{"a body", func(d *connectorv1.Definition) { op(d).RequestBody.Name = "item" }, `/paths/~1a/get/requestBody x-ferrule-name "item"`},
		{"a media type of a body", func(d *connectorv1.Definition) {
			op(d).RequestBody.Contents[0].Kind = connectorv1.BodyKind_BODY_KIND_BINARY
		}, `/paths/~1a/get/requestBody/content/application~1json x-ferrule-kind "BINARY"`},
		{"a response", func(d *connectorv1.Definition) { op(d).Responses[0].Description = "D" }, `/paths/~1a/get/responses/200 x-ferrule-description "D"`},
		{"a header", func(d *connectorv1.Definition) { op(d).Responses[0].Headers[0].Required = true }, `/paths/~1a/get/responses/200/headers/H x-ferrule-required true`},
		{"a schema", func(d *connectorv1.Definition) { d.Schemas[0].Json = []byte(`{"const":1e2}`) }, `/components/schemas/S x-ferrule-schema {"const":1e2}`},
		{"another operation", func(d *connectorv1.Definition) {
			d.Operations = append(d.Operations, &connectorv1.Operation{
				OperationId: "B", Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "FETCH", Path: "/b", SourcePointer: "/x",
			})
		}, ` x-ferrule-operations [{"operationId":"B","kind":"ACTION","method":"FETCH","path":"/b"}]`},
	} {
		t.Run(row.name, func(t *testing.T) {
			want := imported()
			row.change(want)
			found, err := overlay.Compare(want, imported(), parse(t, page))
			if err != nil || len(found) != 1 {
				t.Fatalf("Compare: %+v, %v", found, err)
			}
			if got := fmt.Sprintf("%s %s %s", found[0].Pointer, found[0].Key, found[0].JSON); got != row.want {
				t.Errorf("the difference is\n%s, want\n%s", got, row.want)
			}
			got := imported()
			overlay.Apply(parse(t, with(t, page, found[0])), got, func(at *document.Node, err error) {
				t.Errorf("%s: %v", at.Pointer(), err)
			})
			for _, d := range []*connectorv1.Definition{want, got} {
				for _, op := range d.GetOperations() {
					op.SourcePointer = ""
				}
			}
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEqualDefinitionsNeedNothing(t *testing.T) {
	want := imported()
	want.Operations[0].SourcePointer = "/elsewhere"
	if found, err := overlay.Compare(want, imported(), parse(t, page)); err != nil || len(found) > 0 {
		t.Errorf("Compare: %+v, %v", found, err)
	}
}

func TestTheOrderOfOperationsIsKept(t *testing.T) {
	b := &connectorv1.Operation{
		OperationId: "B", Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/b", SourcePointer: "/paths/~1b/get",
	}
	text := strings.Replace(page, `"paths": {`, `"paths": {"/b": {"get": {}}, `, 1)
	got, want := imported(), imported()
	got.Operations = append(got.Operations, proto.CloneOf(b))
	want.Operations = append([]*connectorv1.Operation{b}, want.Operations...)
	found, err := overlay.Compare(want, got, parse(t, text))
	if err != nil || len(found) != 1 || found[0].Key != overlay.Order || string(found[0].JSON) != `["B","A"]` {
		t.Fatalf("Compare: %+v, %v", found, err)
	}
	overlay.Apply(parse(t, with(t, text, found[0])), got, func(_ *document.Node, err error) { t.Error(err) })
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSecuritySchemesGetTheirIDsBack(t *testing.T) {
	def := imported()
	def.SecuritySchemes = []*connectorv1.SecurityScheme{{Id: "API_Key", Kind: &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}}, {Id: "b", Kind: &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}}}
	def.Operations[0].Security = []*connectorv1.SecurityRequirement{{Schemes: []*connectorv1.SchemeReference{{SchemeId: "API_Key"}}}}
	root := parse(t, strings.Replace(page, `{`, `{"x-ferrule-scheme-ids": {"API_Key": "API Key", "b": "API Key", "c": "d"},`, 1))
	overlay.RenameSchemes(root, def)
	if got := def.GetSecuritySchemes()[0].GetId() + "," + def.GetSecuritySchemes()[1].GetId(); got != "API Key,b" {
		t.Errorf("the ids are %q", got)
	}
	if got := def.GetOperations()[0].GetSecurity()[0].GetSchemes()[0].GetSchemeId(); got != "API Key" {
		t.Errorf("the operation requires %q", got)
	}
}

func TestExtensionsThatCannotBeReadAreReportedAndLeftOut(t *testing.T) {
	for _, row := range []struct {
		name, from, to, at string
	}{
		{"a value of another type", `"operationId": "A"`, `"x-ferrule-deprecated": "yes"`, "/paths/~1a/get/x-ferrule-deprecated"},
		{"an unknown member", `"title": "T"`, `"x-ferrule-contact": {"phone": "1"}`, "/info/x-ferrule-contact"},
		{"operations that are no list", `"info": {`, `"x-ferrule-operations": 1, "info": {`, "/x-ferrule-operations"},
		{"an operation whose id is taken", `"info": {`, `"x-ferrule-operations": [{"operationId": "A"}], "info": {`, "/x-ferrule-operations/0"},
		{"a contradiction", `"operationId": "A"`, `"x-ferrule-path": "/a/{id}"`, "/paths/~1a/get/x-ferrule-path"},
		{"a contradiction of a part", `"title": "T"`, `"x-ferrule-title": null`, ""},
		{"pages by an input that is not there", `"operationId": "A"`, `"x-ferrule-pagination": {"offset": {"offsetInput": "skip"}}`, "/paths/~1a/get/x-ferrule-pagination"},
		{"a rate limit that is none", `"info": {`, `"x-ferrule-rate-limits": [{"scope": "CONNECTION"}], "info": {`, "/x-ferrule-rate-limits"},
		{"two styles of pages", `"operationId": "A"`, `"x-ferrule-pagination": {"offset": {"offsetInput": "q"}, "cursor": {"cursorInput": "q"}}`, "/paths/~1a/get/x-ferrule-pagination"},
	} {
		t.Run(row.name, func(t *testing.T) {
			var reported []string
			got := imported()
			overlay.Apply(parse(t, strings.Replace(page, row.from, row.to, 1)), got, func(at *document.Node, _ error) {
				reported = append(reported, at.Pointer())
			})
			if len(reported) != 1 || reported[0] != row.at {
				t.Errorf("reported %q, want %q", reported, row.at)
			}
			if diff := cmp.Diff(imported(), got, protocmp.Transform()); diff != "" {
				t.Errorf("the definition was changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestWhatWasReadIsNoExtensionAnyMore(t *testing.T) {
	got := imported()
	extension := func(name string) *connectorv1.Extension {
		return &connectorv1.Extension{Name: name, Json: []byte("true")}
	}
	got.Operations[0].Extensions = []*connectorv1.Extension{extension("x-own"), extension("x-ferrule-untested"), extension("x-ferrule-unknown")}
	text := strings.Replace(page, `"operationId": "A"`, `"x-own": true, "x-ferrule-untested": true, "x-ferrule-unknown": true`, 1)
	overlay.Apply(parse(t, text), got, func(_ *document.Node, err error) { t.Error(err) })
	var names []string
	for _, e := range got.GetOperations()[0].GetExtensions() {
		names = append(names, e.GetName())
	}
	if diff := cmp.Diff([]string{"x-own", "x-ferrule-unknown"}, names); diff != "" || !got.GetOperations()[0].GetUntested() {
		t.Errorf("extensions (-want +got):\n%s", diff)
	}
}

func TestADocumentWithoutExtensionsChangesNothing(t *testing.T) {
	got := imported()
	overlay.Apply(parse(t, page), got, func(_ *document.Node, err error) { t.Error(err) })
	if diff := cmp.Diff(imported(), got, protocmp.Transform()); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	if err := definition.Validate(got); err != nil {
		t.Errorf("the page of these tests is wrong itself: %v", err)
	}
}

func TestExtensionsOfWhatWasEditedSinceAreStale(t *testing.T) {
	summary := func(d *connectorv1.Definition) *string { return &d.Operations[0].Summary }
	want := imported()
	*summary(want) = "model"
	want.Schemas[0].Json = []byte(`{"const":1}`)
	found, err := overlay.Compare(want, imported(), parse(t, page))
	if err != nil || len(found) != 2 {
		t.Fatalf("Compare: %+v, %v", found, err)
	}
	text := page
	for _, d := range found {
		text = with(t, text, d)
	}
	extended := func(edit func(*connectorv1.Definition)) *connectorv1.Definition {
		d := imported()
		d.Operations[0].Extensions = []*connectorv1.Extension{{Name: "x-ferrule-summary", Json: []byte(`"model"`)}, {Name: overlay.Was, Json: []byte(`{}`)}}
		d.Schemas[0].Json = []byte(`{"type":"object","x-ferrule-schema":{"const":1},"x-ferrule-was":{}}`)
		edit(d)
		return d
	}
	for _, row := range []struct {
		name            string
		edit            func(*connectorv1.Definition)
		summary, schema string
		stale           []string
	}{
		{"nothing was edited", func(*connectorv1.Definition) {}, "model", `{"const":1}`, nil},
		{"the summary was", func(d *connectorv1.Definition) { *summary(d) = "edited" }, "edited", `{"const":1}`, []string{"/paths/~1a/get/x-ferrule-summary"}},
		{"the schema was", func(d *connectorv1.Definition) {
			d.Schemas[0].Json = []byte(`{"type":"string","x-ferrule-schema":{"const":1},"x-ferrule-was":{}}`)
		}, "model", `{"type":"string"}`, []string{"/components/schemas/S/x-ferrule-schema"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := extended(row.edit)
			var stale []string
			overlay.Apply(parse(t, text), got, func(at *document.Node, err error) {
				if !errors.Is(err, overlay.ErrStale) {
					t.Error(err)
				}
				stale = append(stale, at.Pointer())
			})
			if diff := cmp.Diff(row.stale, stale); diff != "" {
				t.Errorf("stale (-want +got):\n%s", diff)
			}
			if *summary(got) != row.summary || string(got.GetSchemas()[0].GetJson()) != row.schema {
				t.Errorf("summary %q, schema %s", *summary(got), got.GetSchemas()[0].GetJson())
			}
			if e := got.GetOperations()[0].GetExtensions(); len(e) > 0 {
				t.Errorf("extensions %v", e)
			}
		})
	}
}

func TestReferencesInExtensionsAreNoneOfTheDocument(t *testing.T) {
	want := imported()
	want.Schemas[0].Json = []byte(`{"const":{"$ref":"elsewhere"},"allOf":[{"$ref":"#/$defs/S"},1],"properties":{"$ref":{"$ref":"#/$defs/S"}},"x-note":{"$ref":"#/components/schemas/S"}}`)
	found, err := overlay.Compare(want, imported(), parse(t, page))
	if err != nil || len(found) != 1 {
		t.Fatalf("Compare: %+v, %v", found, err)
	}
	const written = `{"const":{"$ref":"elsewhere"},"allOf":[{"x-ferrule-ref":"#/$defs/S"},1],"properties":{"$ref":{"x-ferrule-ref":"#/$defs/S"}},"x-note":{"x-ferrule-ref":"#/components/schemas/S"}}`
	if string(found[0].JSON) != written {
		t.Errorf("written %s", found[0].JSON)
	}
	got := imported()
	overlay.Apply(parse(t, with(t, page, found[0])), got, func(_ *document.Node, err error) { t.Error(err) })
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
