package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/plan"
)

func answering(t *testing.T) *plan.Operation {
	t.Helper()
	json := func(text string) *connectorv1.MediaType {
		return &connectorv1.MediaType{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(text)}
	}
	operation, err := plan.New(&connectorv1.Definition{
		Schemas: []*connectorv1.Schema{{Name: "Item", Json: []byte(`{"type":"object","required":["id","secret","a/b"],"properties":{
			"id":{"type":"string","readOnly":true},"secret":{"type":"string","writeOnly":true},"price":{"type":"number"},
			"note":{"type":"string","nullable":true},"a/b":{"type":"object","required":["~"]},"parts":{"type":"array","items":{"$ref":"#/$defs/Item"}}}}`)}},
		Operations: []*connectorv1.Operation{{OperationId: "Get", Method: "GET", Path: "/", Responses: []*connectorv1.Response{
			{Status: "200", Contents: []*connectorv1.MediaType{json(`{"$ref":"#/$defs/Item"}`), {MediaType: "text/*", Kind: connectorv1.BodyKind_BODY_KIND_TEXT}}},
			{Status: "4XX", Contents: []*connectorv1.MediaType{json(`{"type":"object","required":["message"]}`)}},
			{Status: "204"},
		}}},
	}).Operation("Get")
	if err != nil {
		t.Fatal(err)
	}
	return operation
}

func TestAnswersAreComparedWithTheirDescription(t *testing.T) {
	for _, row := range []struct {
		name        string
		status      int
		contentType string
		body        string
		want        []plan.Finding
	}{
		{"what is described", 200, "application/json; charset=utf-8", `{"id":"1","a/b":{"~":1}}`, nil},
		{"null where that is allowed", 200, "application/json", `{"id":"1","note":null,"a/b":{"~":1}}`, nil},
		{
			"a number that is a text, and something missing", 200, "application/json", `{"price":"1.50","a/b":{"~":1}}`,
			[]plan.Finding{{"/id", "is required"}, {"/price", "must be a number, not a string"}},
		},
		{
			"deep down, with names that are escaped", 200, "application/json", `{"id":"1","a/b":{"~":1},"parts":[{"id":"2","a/b":{}}]}`,
			[]plan.Finding{{"/parts/0/a~1b/~0", "is required"}},
		},
		{"no JSON, though it says so", 200, "application/json", `<html>`, []plan.Finding{{"", "the body is not JSON, and its media type says that it is"}}},
		{"a range of media types", 200, "text/csv", "a,b", nil},
		{"a media type that is not described", 200, "application/pdf", "%PDF", []plan.Finding{{"", `the media type "application/pdf" is not described`}}},
		{"no media type", 200, "", `{"id":1,"a/b":{"~":1}}`, []plan.Finding{{"/id", "must be a string, not a number"}}},
		{"a class of statuses", 404, "application/json", `{}`, []plan.Finding{{"/message", "is required"}}},
		{"nothing where nothing is described", 204, "", "", nil},
		{"something where nothing is described", 204, "application/json", "{}", nil},
		{"a status that is not described", 302, "", "", []plan.Finding{{"", "the status 302 is not described"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := answering(t).CheckAnswer(row.status, row.contentType, []byte(row.body))
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindingsAreBounded(t *testing.T) {
	var parts []string
	for n := range 200 {
		parts = append(parts, fmt.Sprintf(`{"id":%d}`, n))
	}
	body := `{"id":"1","a/b":{"~":1},"parts":[` + strings.Join(parts, ",") + `]}`
	if got := answering(t).CheckAnswer(200, "application/json", []byte(body)); len(got) != 50 {
		t.Errorf("%d findings", len(got))
	}
}

// TestFindingsComeInTheOrderOfTheirPlaces: equal answers are told alike, also
// when there are more faults than are told.
func TestFindingsComeInTheOrderOfTheirPlaces(t *testing.T) {
	var parts []string
	for range 30 {
		parts = append(parts, `{"id":1,"price":"2","a/b":{"~":1}}`)
	}
	body := `{"price":"1","id":1,"note":2,"a/b":{"~":1},"parts":[` + strings.Join(parts, ",") + `]}`
	var want []string
	want = append(want, "/id", "/note")
	for n := range 24 {
		want = append(want, fmt.Sprintf("/parts/%d/id", n), fmt.Sprintf("/parts/%d/price", n))
	}
	for range 20 {
		var got []string
		for _, one := range answering(t).CheckAnswer(200, "application/json", []byte(body)) {
			got = append(got, one.Pointer)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestAnOperationWithoutAnswersHasNoFindings(t *testing.T) {
	operation, err := plan.New(&connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: "Get", Method: "GET", Path: "/"}}}).Operation("Get")
	if err != nil {
		t.Fatal(err)
	}
	if got := operation.CheckAnswer(500, "text/html", []byte("<p>")); got != nil {
		t.Errorf("got %v", got)
	}
}
