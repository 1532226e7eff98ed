package derive_test

import (
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/derive"
)

const (
	query  = connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
	header = connectorv1.ParameterLocation_PARAMETER_LOCATION_HEADER
)

// operation is a GET that answers with a schema; its inputs are query parameters.
func operation(schema string, inputs ...string) *connectorv1.Operation {
	op := &connectorv1.Operation{
		OperationId: "A", Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "/a", Safety: &connectorv1.Safety{Safe: true},
		Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{
			MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(schema),
		}}}},
	}
	for _, name := range inputs {
		op.Parameters = append(op.Parameters, &connectorv1.Parameter{
			Name: strings.TrimSuffix(name, "!"), Location: query, Required: strings.HasSuffix(name, "!"),
		})
	}
	return op
}

func derived(op *connectorv1.Operation) string {
	def := &connectorv1.Definition{
		Operations: []*connectorv1.Operation{op},
		Schemas: []*connectorv1.Schema{
			{Name: "Page", Json: []byte(`{"type":"object","properties":{"next_cursor":{"type":["string","null"]}}}`)},
			{Name: "Loop", Json: []byte(`{"allOf":[{"$ref":"#/$defs/Loop"}]}`)},
			{Name: "a/b", Json: []byte(`{"type":"array"}`)},
		},
	}
	derive.Operations(def)
	c := op.GetPagination().GetCursor()
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s <- %s of %s", c.GetCursorInput(), c.GetCursorPath(), op.GetPagination().GetItemsPath())
}

func TestPagingByATokenIsDerivedWhereItIsSure(t *testing.T) {
	page := func(members string) string { return `{"type":"object","properties":{` + members + `}}` }
	const list = `"items":{"type":"array","items":{"type":"object"}}`
	for _, row := range []struct {
		name, schema string
		inputs       []string
		want         string
	}{
		{"Google's way", page(list + `,"nextPageToken":{"type":"string"}`), []string{"pageSize", "pageToken"}, "pageToken <- nextPageToken of items"},
		{"with underscores", page(list + `,"next_page_token":{"type":"string"}`), []string{"page_token"}, "page_token <- next_page_token of items"},
		{"a cursor", page(list + `,"nextCursor":{"type":["string","null"]}`), []string{"cursor", "limit"}, "cursor <- nextCursor of items"},
		{"a cursor that is a number", page(list + `,"next_cursor":{"type":"integer"}`), []string{"cursor"}, "cursor <- next_cursor of items"},
		{"Amazon's way", page(list + `,"NextToken":{"type":"string"}`), []string{"nextToken"}, "nextToken <- NextToken of items"},
		{"a cursor in an object", page(list + `,"response_metadata":` + page(`"next_cursor":{"type":"string"}`)), []string{"cursor"}, "cursor <- response_metadata.next_cursor of items"},
		{"a cursor in a named schema", page(list + `,"meta":{"$ref":"#/$defs/Page"}`), []string{"cursor"}, "cursor <- meta.next_cursor of items"},
		{"a list in a named schema", page(`"items":{"$ref":"#/$defs/a~1b"},"next_cursor":{"type":"string"}`), []string{"cursor"}, "cursor <- next_cursor of items"},
		{"parts of all", `{"allOf":[{"$ref":"#/$defs/Page"},` + page(list) + `]}`, []string{"cursor"}, "cursor <- next_cursor of items"},

		{"no input", page(list + `,"nextPageToken":{"type":"string"}`), []string{"page"}, ""},
		{"an input that must be given", page(list + `,"nextPageToken":{"type":"string"}`), []string{"pageToken!"}, ""},
		{"two inputs", page(list + `,"nextPageToken":{"type":"string"}`), []string{"pageToken", "cursor"}, ""},
		{"an answer without a token", page(list), []string{"pageToken"}, ""},
		{"a token of another kind", page(list + `,"nextPageToken":{"type":"string"}`), []string{"cursor"}, ""},
		{"a token that tells of this page", page(list + `,"cursor":{"type":"string"}`), []string{"cursor"}, ""},
		{"a token that is an object", page(list + `,"nextCursor":{"type":"object"}`), []string{"cursor"}, ""},
		{"two tokens", page(list + `,"next_cursor":{"type":"string"},"meta":{"$ref":"#/$defs/Page"}`), []string{"cursor"}, ""},
		{"two lists", page(list + `,"errors":{"type":"array"},"nextCursor":{"type":"string"}`), []string{"cursor"}, ""},
		{"no list", page(`"nextCursor":{"type":"string"}`), []string{"cursor"}, ""},
		{"a list with dots in its name", page(`"a.b":{"type":"array"},"nextCursor":{"type":"string"}`), []string{"cursor"}, ""},
		{"alternatives", `{"oneOf":[` + page(list+`,"nextCursor":{"type":"string"}`) + `]}`, []string{"cursor"}, ""},
		{"alternatives beside members", `{"anyOf":[{}],"properties":{` + list + `,"nextCursor":{"type":"string"}}}`, []string{"cursor"}, ""},
		{"a schema without an end", `{"$ref":"#/$defs/Loop","properties":{` + list + `,"nextCursor":{"type":"string"}}}`, []string{"cursor"}, ""},
		{"a reference to nothing", `{"$ref":"#/$defs/None","properties":{` + list + `,"nextCursor":{"type":"string"}}}`, []string{"cursor"}, ""},
		{"a schema that is true", `true`, []string{"cursor"}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := derived(operation(row.schema, row.inputs...)); got != row.want {
				t.Errorf("derived %q, want %q", got, row.want)
			}
		})
	}
}

func TestWhatASourceSaysIsNotReplaced(t *testing.T) {
	schema := `{"properties":{"items":{"type":"array"},"nextCursor":{"type":"string"}}}`
	for _, row := range []struct {
		name   string
		change func(*connectorv1.Operation)
	}{
		{"paging by a link", func(op *connectorv1.Operation) { op.Pagination = &connectorv1.Pagination{NextLinkProperty: "next"} }},
		{"a POST", func(op *connectorv1.Operation) { op.Method = "POST" }},
		{"a trigger", func(op *connectorv1.Operation) { op.Kind = connectorv1.OperationKind_OPERATION_KIND_POLLING_TRIGGER }},
		{"a header", func(op *connectorv1.Operation) { op.Parameters[0].Location = header }},
		{"another status", func(op *connectorv1.Operation) { op.Responses[0].Status = "default" }},
		{"an answer that is no JSON", func(op *connectorv1.Operation) {
			op.Responses[0].Contents[0].Kind = connectorv1.BodyKind_BODY_KIND_TEXT
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := operation(schema, "cursor")
			row.change(op)
			if got := derived(op); got != "" {
				t.Errorf("derived %q", got)
			}
		})
	}
}

func TestTheHeaderOfAKeyIsDerived(t *testing.T) {
	for _, row := range []struct {
		name, parameter string
		in              connectorv1.ParameterLocation
		safe            bool
		given, want     string
	}{
		{"as it is written", "idempotency-KEY", header, false, "", "idempotency-KEY"},
		{"with an X", "X-Idempotency-Key", header, false, "", "X-Idempotency-Key"},
		{"in the query", "Idempotency-Key", query, false, "", ""},
		{"another header", "X-Request-Id", header, false, "", ""},
		{"of a call that may be repeated anyway", "Idempotency-Key", header, true, "", ""},
		{"that the source says", "Idempotency-Key", header, false, "X-Key", "X-Key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := operation(`{}`)
			op.Method, op.Safety.Safe, op.IdempotencyKeyHeader = "POST", row.safe, row.given
			op.Parameters = []*connectorv1.Parameter{{Name: row.parameter, Location: row.in}}
			derive.Operations(&connectorv1.Definition{Operations: []*connectorv1.Operation{op}})
			if op.GetIdempotencyKeyHeader() != row.want {
				t.Errorf("the header is %q, want %q", op.GetIdempotencyKeyHeader(), row.want)
			}
		})
	}
}

// Schemas that refer to each other in every way cost no more than the limit.
func TestSchemasThatMultiplyAreGivenUp(t *testing.T) {
	def := &connectorv1.Definition{}
	for i := range 20 {
		ref := fmt.Sprintf(`{"$ref":"#/$defs/S%d"}`, i+1)
		def.Schemas = append(def.Schemas, &connectorv1.Schema{
			Name: fmt.Sprintf("S%d", i), Json: []byte(`{"allOf":[` + strings.Repeat(ref+",", 19) + ref + `]}`),
		})
	}
	for range 100 {
		def.Operations = append(def.Operations, operation(`{"$ref":"#/$defs/S0"}`, "cursor"))
	}
	derive.Operations(def)
	for _, op := range def.GetOperations() {
		if op.GetPagination() != nil {
			t.Fatalf("derived %v", op.GetPagination())
		}
	}
}
