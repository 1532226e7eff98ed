package openapi_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

func TestSchemesThatNothingRequires(t *testing.T) {
	const (
		one  = "components: {securitySchemes: {a: {type: http, scheme: bearer}}}\n"
		two  = "components: {securitySchemes: {a: {type: http, scheme: bearer}, b: {type: http, scheme: basic}}}\n"
		none = "components: {securitySchemes: {a: {type: http, scheme: bearer}, none: {type: http, scheme: basic}}}\n"
		path = "paths: {/x: {get: {operationId: X}}}\n"
	)
	found := []string{"SecurityNotRequired /components/securitySchemes"}
	for _, row := range []struct {
		name, content string
		sets, codes   []string
	}{
		{"one", path + one, []string{"default", "none"}, found},
		{"two", path + two, []string{"a", "b", "none"}, found},
		{"an empty list says so", "security: []\n" + path + one, []string{"default", "none"}, found},
		{"one that is called none", path + none, []string{"a", "none", "none_2"}, found},
		{"the document requires one", "security: [{a: []}]\n" + path + two, []string{"a", "b"}, nil},
		{"an operation requires one", "paths: {/x: {get: {operationId: X, security: [{a: []}]}}}\n" + two, []string{"a", "b"}, nil},
		{
			"one is enough for one operation, and another wants both",
			"paths: {/x: {get: {operationId: X, security: [{a: []}]}}, /y: {get: {operationId: Y, security: [{a: [], b: []}]}}}\n" + two,
			[]string{"a+b", "a"},
			nil,
		},
		{"it may be left out", "security: [{}, {a: []}]\n" + path + one, []string{"none", "a"}, nil},
		{"there are none", path, []string{"default"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+row.content)
			var sets []string
			for _, s := range got.GetParameterSets() {
				sets = append(sets, s.GetName())
			}
			if diff := cmp.Diff(row.sets, sets); diff != "" {
				t.Errorf("sets (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(row.codes, got.codes()); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			if last := got.GetParameterSets()[len(sets)-1]; row.codes != nil && (len(last.GetParameters()) > 0 || len(last.GetPlacements()) > 0) {
				t.Errorf("the last set is %v", last)
			}
		})
	}
}

func TestPartsOfConnectorPackagesHaveNoSetWithoutCredentials(t *testing.T) {
	doc, err := document.Parse("swagger.yaml", []byte(head+"securityDefinitions: {key: {type: apiKey, in: header, name: X-Key}}\npaths: {/x: {get: {operationId: X, responses: {}}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var findings format.Findings
	def, _, err := openapi.Translate(t.Context(), doc, findings.In(doc, format.OneFile))
	if err != nil {
		t.Fatal(err)
	}
	if sets := def.GetParameterSets(); len(sets) != 1 || sets[0].GetName() != "default" || len(findings.Sorted()) > 0 {
		t.Errorf("sets %v, findings %v", sets, findings.Sorted())
	}
}

func TestAnAPIThatNobodyCanAuthenticateAtHasNoSetThatPretends(t *testing.T) {
	const ntlm = "components: {securitySchemes: {win: {type: http, scheme: ntlm}}}\n"
	for _, row := range []struct {
		name, paths string
		impossible  bool
	}{
		{"every operation wants it", "paths: {/x: {get: {operationId: X, security: [{win: []}]}}}\n", true},
		{"one wants nothing", "paths: {/x: {get: {operationId: X, security: [{win: []}]}}, /y: {get: {operationId: Y, security: []}}}\n", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := import3(t, head3+row.paths+ntlm)
			sets := got.GetParameterSets()
			if len(sets) != 1 || (sets[0].GetUnsupported() != nil) != row.impossible || len(sets[0].GetParameters()) > 0 {
				t.Errorf("sets = %v", sets)
			}
		})
	}
}
