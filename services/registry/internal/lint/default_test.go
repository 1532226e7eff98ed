package lint_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/lint"
)

// definition is one that keeps all default rules, after a change.
func definition(change func(*connectorv1.Definition)) *connectorv1.Definition {
	def := &connectorv1.Definition{
		Info:            &connectorv1.Info{Title: "Parcels", Description: "Find parcels and learn where they are."},
		Servers:         []*connectorv1.Server{{UrlTemplate: "https://api.parcels.net"}},
		SecuritySchemes: []*connectorv1.SecurityScheme{{Id: "key"}},
		Schemas:         []*connectorv1.Schema{{Name: "Item", Json: []byte(`{"type":"object"}`)}},
		Operations: []*connectorv1.Operation{
			{
				OperationId: "GetItem", Summary: "Get a parcel", Description: "Returns a parcel.", Method: "GET", Path: "/items/{id}",
				Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, SourcePointer: "/paths/~1items~1{id}/get",
				Responses: []*connectorv1.Response{{Status: "200", Contents: []*connectorv1.MediaType{{Schema: []byte(`{"$ref":"#/$defs/Item"}`)}}}},
			},
			{
				OperationId: "Watch", Summary: "When a parcel moves", Method: "POST", Path: "/hooks",
				Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER,
				Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
					NotificationSchema: []byte(`{"type":"object"}`),
				}}},
			},
		},
	}
	if change != nil {
		change(def)
	}
	return def
}

const document = `{"openapi": "3.1.0", "info": {"title": "T"}, "servers": [],
  "paths": {"/items/{id}": {"get": {}}}, "components": {"schemas": {"Spare": {}}}}`

// lintDefinition applies rules to a definition that came from the document.
func lintDefinition(t *testing.T, def *connectorv1.Definition, sets ...lint.Set) []format.Finding {
	t.Helper()
	src, err := format.NewSource([]format.File{{Path: "a.json", Content: []byte(document)}})
	if err != nil {
		t.Fatal(err)
	}
	return lint.Check(t.Context(), lint.Input{Source: src, Result: &format.Result{Format: format.OpenAPI3, Definition: def}, Sets: sets})
}

func schema(name, text string) *connectorv1.Schema {
	return &connectorv1.Schema{Name: name, Json: []byte(text)}
}

// codes are those of findings, with their places, once each.
func codes(findings []format.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, strings.TrimSpace(f.Code+" "+f.Pointer))
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func first(def *connectorv1.Definition) *connectorv1.Operation { return def.GetOperations()[0] }

// secretText is what looks like a token of a well known service; it is put
// together here so that nobody takes this file for a leak.
var secretText = "gh" + "p_" + strings.Repeat("a1B2", 9)

func TestDefaultRules(t *testing.T) {
	const get = " /paths/~1items~1{id}/get"
	for _, row := range []struct {
		name   string
		change func(*connectorv1.Definition)
		want   []string
	}{
		{"a connector that keeps them", nil, nil},
		{"no text", func(d *connectorv1.Definition) { first(d).Summary, first(d).Description = "", "" }, []string{"OperationUndescribed" + get}},
		{"a summary is enough", func(d *connectorv1.Definition) { first(d).Description = "" }, nil},
		{"only errors are described", func(d *connectorv1.Definition) { first(d).Responses[0].Status = "404" }, []string{"OperationWithoutSuccess" + get}},
		{"a range of statuses", func(d *connectorv1.Definition) { first(d).Responses[0].Status = "2XX" }, nil},
		{"a default response", func(d *connectorv1.Definition) { first(d).Responses[0].Status = "default" }, nil},
		{"an id of 101 characters", func(d *connectorv1.Definition) { first(d).OperationId = strings.Repeat("a", 101) }, []string{"OperationIdLong" + get}},
		{"an id of 100 characters", func(d *connectorv1.Definition) { first(d).OperationId = strings.Repeat("a", 100) }, nil},
		{"a body in a GET", func(d *connectorv1.Definition) { first(d).RequestBody = &connectorv1.RequestBody{} }, []string{"BodyInGet" + get}},
		{"a body in a POST", func(d *connectorv1.Definition) {
			first(d).Method, first(d).RequestBody = "POST", &connectorv1.RequestBody{}
		}, nil},
		{"deprecated for nothing", func(d *connectorv1.Definition) { first(d).Deprecated = true }, []string{"DeprecatedWithoutReplacement" + get}},
		{"deprecated for another operation", func(d *connectorv1.Definition) {
			first(d).Deprecated = true
			first(d).Family = &connectorv1.OperationFamily{ReplacementOperationId: "Watch"}
		}, nil},
		{"deprecated, with advice", func(d *connectorv1.Definition) {
			first(d).Deprecated, first(d).Description = true, "Please use Watch instead."
		}, nil},
		{"notifications of unknown content", func(d *connectorv1.Definition) {
			d.GetOperations()[1].GetTrigger().GetWebhook().NotificationSchema = nil
		}, []string{"NotificationUndescribed"}},
		{"a token in a default", func(d *connectorv1.Definition) {
			first(d).Parameters = []*connectorv1.Parameter{{Name: "auth", Schema: []byte(`{"default":"` + secretText + `"}`)}}
		}, []string{"SecretInDescription" + get}},
		{"a token in an example", func(d *connectorv1.Definition) {
			first(d).Responses[0].Contents[0].Examples = [][]byte{[]byte(`"` + secretText + `"`)}
		}, []string{"SecretInDescription" + get}},
		{"a word that starts like a token", func(d *connectorv1.Definition) {
			first(d).Parameters = []*connectorv1.Parameter{{Name: "auth", Schema: []byte(`{"default":"ghp_short"}`)}}
		}, nil},
		{"paths that differ in case, which the import reports", func(d *connectorv1.Definition) { d.GetOperations()[1].Path = "/ITEMS/{id}" }, nil},
		{"the same path twice", func(d *connectorv1.Definition) { d.GetOperations()[1].Path = "/items/{id}" }, nil},
		{"plain http", func(d *connectorv1.Definition) { d.GetServers()[0].UrlTemplate = "HTTP://api.parcels.net" }, []string{"ServerNotEncrypted /servers"}},
		{"a placeholder host", func(d *connectorv1.Definition) { d.GetServers()[0].UrlTemplate = "https://api.example.com" }, []string{"ServerPlaceholder /servers"}},
		{"a placeholder that a policy replaces", func(d *connectorv1.Definition) {
			d.GetServers()[0].UrlTemplate = "https://api.example.com"
			d.Policies = []*connectorv1.Policy{{}}
		}, nil},
		{"a placeholder with variables", func(d *connectorv1.Definition) {
			d.GetServers()[0].UrlTemplate = "https://{host}.example.com"
			d.GetServers()[0].Variables = []*connectorv1.ServerVariable{{Name: "host"}}
		}, nil},
		{"no credentials", func(d *connectorv1.Definition) { d.SecuritySchemes = nil }, []string{"NoAuthentication"}},
		{"credentials without a scheme", func(d *connectorv1.Definition) {
			d.SecuritySchemes = nil
			d.ParameterSets = []*connectorv1.ParameterSet{{Parameters: []*connectorv1.ConnectionParameter{{Name: "key"}}}}
		}, nil},
		{"a schema that nobody uses", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, &connectorv1.Schema{Name: "Spare", Json: []byte(`{}`)})
		}, []string{"SchemaUnused /components/schemas/Spare"}},
		{"a schema that another uses, with an odd name", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, &connectorv1.Schema{Name: `a/b"c`, Json: []byte(`{}`)})
			d.Schemas[0].Json = []byte(`{"items":{"$ref":"#/$defs/a~1b\"c"}}`)
		}, nil},
		{"a schema of which only a part is used", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, &connectorv1.Schema{Name: "Other", Json: []byte(`{"properties":{"a":{}}}`)})
			d.Schemas[0].Json = []byte(`{"items":{"$ref":"#/$defs/Other/properties/a"}}`)
		}, nil},
		{"kinds of a schema that is used, and their kinds", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Spare", `{"allOf":[{"$ref":"#/$defs/Middle"}]}`), schema("Middle", `{"allOf":[{"type":"object"},{"$ref":"#/$defs/Item"}]}`))
			d.Schemas[0].Json = []byte(`{"type":"object","discriminator":{"propertyName":"kind"}}`)
		}, nil},
		{"a kind of a schema that nobody uses", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Spare", `{"allOf":[{"$ref":"#/$defs/Base"}]}`), schema("Base", `{}`))
		}, []string{"SchemaUnused /components/schemas/Spare"}},
		{"what only a kind of a used schema uses", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Middle", `{"allOf":[{"$ref":"#/$defs/Item"},{"properties":{"base":{"$ref":"#/$defs/Base"}}}]}`),
				schema("Base", `{}`), schema("Spare", `{"allOf":[{"$ref":"#/$defs/Base"}]}`))
		}, nil},
		{"a schema that is itself", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Spare", `{"allOf":[{"$ref":"#/$defs/Spare"}]}`))
		}, []string{"SchemaNeverEnds /components/schemas/Spare"}},
		{"a schema that is another, which is the first", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Spare", `{"$ref":"#/$defs/Base"}`), schema("Base", `{"allOf":[{"allOf":[{"$ref":"#/$defs/Spare"}]}]}`))
		}, []string{"SchemaNeverEnds /components/schemas/Spare"}},
		{"a schema that leads into a circle", func(d *connectorv1.Definition) {
			d.Schemas[0].Json = []byte(`{"$ref":"#/$defs/Spare"}`)
			d.Schemas = append(d.Schemas, schema("Spare", `{"$ref":"#/$defs/Base"}`), schema("Base", `{"$ref":"#/$defs/Spare"}`))
		}, []string{"SchemaNeverEnds /components/schemas/Spare"}},
		{"a schema inside itself", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Spare", `{"properties":{"next":{"$ref":"#/$defs/Spare"}},"anyOf":[{"$ref":"#/$defs/Spare"},{}]}`))
		}, nil},
		{"two schemas that are both the same third", func(d *connectorv1.Definition) {
			d.Schemas = append(d.Schemas, schema("Spare", `{"allOf":[{"$ref":"#/$defs/Item"},{"$ref":"#/$defs/Base"}]}`), schema("Base", `{"$ref":"#/$defs/Item"}`))
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			findings := lintDefinition(t, definition(row.change))
			if got := codes(findings); !slices.Equal(got, row.want) {
				t.Errorf("findings %q, want %q", got, row.want)
			}
			for _, f := range findings {
				if f.Severity == format.Error || f.Message == "" || f.Remedy == "" || strings.Contains(f.Message, "%!") || f.Line == 0 {
					t.Errorf("finding %+v", f)
				}
				if strings.Contains(f.Message, secretText) {
					t.Error("the secret is in the message")
				}
			}
		})
	}
}

func TestOtherFormatsAreToldWhatTheCertificationCannotSay(t *testing.T) {
	def := definition(func(d *connectorv1.Definition) {
		d.Info.Title = "Parcel API for everybody in the world"
		d.Info.Description = "Short."
		first(d).OperationId = "get-item"
		first(d).Summary = "Get a parcel/letter."
		d.GetOperations()[1].Summary = strings.Repeat("a", 121)
		for i := range 255 {
			d.Operations = append(d.Operations, &connectorv1.Operation{OperationId: fmt.Sprintf("Op%d", i), Description: "d"})
		}
		for _, op := range d.GetOperations()[2:] {
			op.Responses = []*connectorv1.Response{{Status: "204"}}
		}
	})
	want := []string{
		"CertificationNotApplicable", "FieldLengthExceeded /info/title", "FieldLengthNotInRange", "FindingsOmitted",
		"OperationIdSanitized /paths/~1items~1{id}/get", "OperationSummaryTooLong", "RestrictedCharactersInSummary /paths/~1items~1{id}/get",
		"SummaryMissing", "TotalOperationsCountExceedsMaxAllowed", "ValueContainsRestrictedWords /info/title",
		"ValueMustEndWithAlphanumeric /paths/~1items~1{id}/get",
	}
	if got := codes(lintDefinition(t, def, lint.Certification)); !slices.Equal(got, want) {
		t.Errorf("findings\n%q, want\n%q", got, want)
	}
	if got := codes(lintDefinition(t, definition(nil), lint.Certification)); !slices.Equal(got, []string{"CertificationNotApplicable"}) {
		t.Errorf("a good definition: %q", got)
	}
}

func TestIndentationIsLookedAt(t *testing.T) {
	files := pack(t, nil)
	files[0].Content = []byte(strings.ReplaceAll(string(files[0].Content), "    ", "  "))
	if got := codes(check(t, files, lint.Certification)); !slices.Equal(got, []string{"IndentationNotFourSpaces"}) {
		t.Errorf("findings %q", got)
	}
}

func TestRulesThatAreBrokenOftenAreCut(t *testing.T) {
	files := pack(t, map[string]any{"def/(250 times)": map[string]any{"type": "array"}})
	findings := check(t, files, lint.Certification)
	if n := len(where(findings, "ArrayHasNoItems")); n != 100 {
		t.Errorf("%d findings, want 100", n)
	}
	i := slices.IndexFunc(findings, func(f format.Finding) bool { return f.Code == "FindingsOmitted" })
	if i < 0 || findings[i].Message != "150 more ArrayHasNoItems findings are not listed" {
		t.Errorf("what is left out is not said: %s", summary(findings))
	}
}

func TestAllFindingsTogetherAreLimitedAndSorted(t *testing.T) {
	src, err := format.NewSource([]format.File{{Path: "a.json", Content: []byte(document)}})
	if err != nil {
		t.Fatal(err)
	}
	imported := make([]format.Finding, format.MaxFindings)
	for i := range imported {
		imported[i] = format.Finding{Severity: format.Info, Code: "Old"}
	}
	def := definition(func(d *connectorv1.Definition) { d.GetServers()[0].UrlTemplate = "http://api.parcels.net" })
	result := &format.Result{Format: format.OpenAPI3, Definition: def, Findings: imported}
	findings := lint.Check(t.Context(), lint.Input{Source: src, Result: result})
	if len(findings) != format.MaxFindings || findings[0].Code != "ServerNotEncrypted" || findings[len(findings)-1].Message != "2 more findings are not listed" {
		t.Errorf("%d findings, first %s, last %+v", len(findings), findings[0].Code, findings[len(findings)-1])
	}
	if len(result.Findings) != format.MaxFindings || result.Findings[0].Code != "Old" {
		t.Error("the result was changed")
	}
}

func TestOnlySelectedOperationsAreChecked(t *testing.T) {
	files := pack(t, map[string]any{"get/summary": "(remove)", "list/summary": "(remove)"})
	src, err := format.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	result, err := importer.All().Import(t.Context(), src, "")
	if err != nil {
		t.Fatal(err)
	}
	result.Definition.Operations = slices.DeleteFunc(result.Definition.GetOperations(), func(op *connectorv1.Operation) bool {
		return op.GetOperationId() != "ListItems"
	})
	findings := lint.Check(t.Context(), lint.Input{Source: src, Result: result, Sets: []lint.Set{lint.Certification}})
	if got := where(findings, "SummaryMissing"); !slices.Equal(got, []string{"/paths/~1items/get"}) {
		t.Errorf("found at %q", got)
	}
}

func TestSchemasThatGrowWithoutEndAreMeasuredInTime(t *testing.T) {
	changes := map[string]any{
		"get/responses/200/schema":       map[string]any{"$ref": "#/definitions/L0"},
		"post/parameters/0/schema":       map[string]any{"$ref": "#/definitions/L0"},
		"hook/parameters/0/schema/allOf": []any{map[string]any{"$ref": "#/definitions/L1"}},
	}
	const levels = 400
	for i := range levels {
		changes[fmt.Sprintf("/definitions/L%d", i)] = map[string]any{"type": "object", "required": []any{"/p0"}, "properties": map[string]any{
			"(20 times)": map[string]any{"$ref": fmt.Sprintf("#/definitions/L%d", (i+1)%levels)},
		}}
	}
	findings := check(t, pack(t, changes), lint.Certification)
	for _, code := range []string{"SchemaTooDeep", "BodySchemaCountExceedsMaxAllowed", "OperationSchemaCountExceedsMaxAllowed", "RequiredLoopInSchemaNotAllowed"} {
		if len(where(findings, code)) == 0 {
			t.Errorf("%s is not found", code)
		}
	}
}

func TestNothingIsCheckedAfterTheEnd(t *testing.T) {
	src, err := format.NewSource([]format.File{{Path: "a.json", Content: []byte(document)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	result := &format.Result{Format: format.OpenAPI3, Definition: definition(func(d *connectorv1.Definition) { d.SecuritySchemes = nil })}
	if findings := lint.Check(ctx, lint.Input{Source: src, Result: result, Sets: []lint.Set{lint.Certification}}); len(findings) > 0 {
		t.Errorf("findings %q", codes(findings))
	}
}

func TestNamesOfSets(t *testing.T) {
	for name, want := range map[string]lint.Set{"default": lint.Default, " Certification ": lint.Certification} {
		if got, err := lint.ParseSet(name); err != nil || got != want {
			t.Errorf("ParseSet(%q) = %q, %v", name, got, err)
		}
	}
	if _, err := lint.ParseSet("strict"); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("ParseSet: %v", err)
	}
}

// hostile are documents in which nothing is what it should be.
var hostile = []string{
	`{"swagger":"2.0"}`,
	`{"swagger":"2.0","info":[],"paths":{"/a":{"get":{"parameters":{"a":1},"responses":[1,2],"x-ms-trigger":5}}}}`,
	`{"swagger":"2.0","info":{"title":5,"contact":"x"},"host":{},"schemes":"https","paths":{"":{"get":{"responses":{"":{"$ref":5}}}},"{":{"post":{}},"}{":{"put":{}}}}`,
	`{"swagger":"2.0","info":{"title":"T"},"paths":{"/a":{"get":{"operationId":"","parameters":[null,5,{"$ref":"#/parameters/A"},{"in":"body"}]}}},"parameters":{"A":{"$ref":"#/parameters/A"}}}`,
	`{"swagger":"2.0","info":{"title":"T"},"paths":{},"definitions":{"A":{"$ref":"#/definitions/A"},"B":{"allOf":[{"$ref":"#/definitions/B"}],"required":[5],"enum":{}},"C":5,"D":{"type":[],"items":[],"properties":[],"x-ms-dynamic-values":[]}}}`,
	`{"swagger":"2.0","info":{"title":"T"},"paths":{"/a":{"get":{"operationId":"A","responses":{"200":{"description":"","schema":{"$ref":"#/definitions/A"}}},"parameters":[{"name":"x","in":"query","type":"string","x-ms-dynamic-tree":{"open":{"operationId":"A","itemsPath":"////","parameters":{"":{"parameterReference":"/"}}},"browse":5},"x-ms-dynamic-values":{"operationId":"A","value-collection":"a/b","value-path":"c"}}]}}},"definitions":{"A":{"type":"array","items":{"$ref":"#/definitions/A"}}}}`,
}

func FuzzCheck(f *testing.F) {
	for _, text := range hostile {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		src, err := format.NewSource([]format.File{
			{Path: "apiDefinition.swagger.json", Content: []byte(text)}, {Path: "apiProperties.json", Content: []byte(`{"properties":{}}`)},
		})
		if err != nil {
			return
		}
		if _, err := src.Document("apiDefinition.swagger.json"); err != nil {
			return
		}
		// Rules must stand whatever importers let pass.
		result := &format.Result{Format: format.ConnectorPackage, Definition: &connectorv1.Definition{}}
		if imported, err := importer.All().Import(t.Context(), src, ""); err == nil {
			result = imported
		}
		for _, finding := range lint.Check(t.Context(), lint.Input{Source: src, Result: result, Sets: []lint.Set{lint.Certification}}) {
			if strings.Contains(finding.Message, "%!") {
				t.Errorf("the message is broken: %s", finding.Message)
			}
		}
	})
}
