package policycheck_test

import (
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/policycheck"
)

// items is a definition with two operations and one policy.
func items(p *connectorv1.Policy) *connectorv1.Definition {
	parameter := func(name string, in connectorv1.ParameterLocation) *connectorv1.Parameter {
		return &connectorv1.Parameter{Name: name, Location: in}
	}
	const path, query = connectorv1.ParameterLocation_PARAMETER_LOCATION_PATH, connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY
	return &connectorv1.Definition{
		Operations: []*connectorv1.Operation{
			{OperationId: "ListItems", Parameters: []*connectorv1.Parameter{parameter("project", query)}},
			{OperationId: "GetItem", Parameters: []*connectorv1.Parameter{parameter("itemId", path)}},
		},
		ParameterSets: []*connectorv1.ParameterSet{{Name: "key", Parameters: []*connectorv1.ConnectionParameter{{Name: "siteUrl"}, {Name: "token:region"}}}},
		Policies:      []*connectorv1.Policy{p},
	}
}

func TestWhatAPolicyRefersToHasToExist(t *testing.T) {
	for _, row := range []struct {
		name, id, parameters, operations string
		want                             string // severity, code, message and remedy, in parts between "…"; "" for nothing
	}{
		{"an operation", "setheader", "name=n value=v", "GetItem", ""},
		{"an operation that is misspelt", "setheader", "name=n value=v", "GetItems", `2 OperationUnknown …"GetItems" of the policy "setheader" does not exist…did you mean "GetItem"?`},
		{"an operation of nothing", "setheader", "name=n value=v", "Zzzzzzzzzz", "2 OperationUnknown …name an operation of the connector"},
		{"a parameter of connections", "dynamichosturl", "urlTemplate=https://@connectionParameters('SITEURL')", "", ""},
		{"a parameter of a sign-in", "dynamichosturl", "urlTemplate=https://@connectionParameters('token:region').example.com", "", ""},
		{"a parameter that is misspelt", "dynamichosturl", "urlTemplate=https://@connectionParameters('siteUri')", "", `2 PolicyPlaceholderUnknown …connections have no parameter "siteUri"; nothing is put in its place…did you mean "siteUrl"?`},
		{"a parameter with a fallback", "dynamichosturl", "urlTemplate=https://@connectionParameters('zone','eu')", "", `2 PolicyPlaceholderUnknown …no parameter "zone"; "eu" is always used instead`},
		{"a function that is misspelt", "setheader", "name=n value=@queryParamters('project')", "", `2 PolicyPlaceholderUnknown …there is no function @queryParamters(…); it is taken as plain text…did you mean "@queryParameters("?`},
		{"a function of another language", "setheader", "name=n value=@concat('a')", "", "2 PolicyPlaceholderUnknown …no function @concat(…"},
		{"a call without quotes", "setheader", "name=n value=@headers(x)", "", "2 PolicyPlaceholderUnknown …@headers(…) is not written as a call is"},
		{"an address of somebody", "setheader", "name=n value=me@example.com", "", ""},
		{"a query parameter", "routerequesttoendpoint", "newPath=/p/@queryParameters('Project')", "ListItems", ""},
		{"a query parameter that is not there", "routerequesttoendpoint", "newPath=/p/@queryParameters('projects')", "", `2 PolicyPlaceholderUnknown …query parameter "projects"…did you mean "project"?`},
		{"a path parameter", "routerequesttoendpoint", "newPath=/p/{itemId}", "GetItem", ""},
		{"a path parameter that is not there", "routerequesttoendpoint", "newPath=/p/{itemID}", "GetItem", `3 PolicyPlaceholderUnknown …{itemID} is no path parameter of the operation GetItem, whose calls fail…did you mean "{itemId}"?`},
		{"a path parameter of some", "routerequesttoendpoint", "newPath=/p/{itemId}", "", `2 PolicyPlaceholderUnknown …no path parameter of the operation ListItems,`},
		{"a path parameter of another name", "routerequesttoendpoint", "newPath=/p/{x}", "GetItem", `3 PolicyPlaceholderUnknown …use {itemId}`},
		{"braces where they mean nothing", "setheader", "name=n value={id}", "", ""},
		{"a variable that nobody sets", "setheader", `name=n value=@environmentVariables('stage')`, "", `2 PolicyPlaceholderUnknown …the environment variable "stage" has no value`},
		{"a variable with a fallback", "setheader", `name=n value=@environmentVariables('stage','x')`, "", ""},
		{"a header and a body", "setheader", "name=n value=@headers('any')@body().any", "", ""},
		{"a call inside of an object", "pollingtrigger", `triggerConfig=:{"a":"@{queryParamters('x')}"} triggerDataPath=@triggerBody()`, "", "2 PolicyPlaceholderUnknown …@queryParamters(…"},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := policyOf(row.id, row.parameters)
			if row.operations != "" {
				p.OperationIds = []string{row.operations}
			}
			found, err := policycheck.Check(t.Context(), nil, format.Trial{Definition: items(p)})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range found {
				if f.Code != format.CallsRefused {
					got = append(got, string(rune('0'+int(f.Severity)))+" "+f.Code+" "+f.Message+" "+f.Remedy)
				}
			}
			if row.want == "" {
				if len(got) > 0 {
					t.Errorf("found %q", got)
				}
				return
			}
			for part := range strings.SplitSeq(row.want, " …") {
				for part := range strings.SplitSeq(part, "…") {
					if len(got) != 1 || !strings.Contains(got[0], part) {
						t.Errorf("found %q, want %q in it", got, part)
					}
				}
			}
		})
	}
}

func TestCallersAreToldWhatIsRefused(t *testing.T) {
	def := items(policyOf("routerequesttoendpoint", "newPath=/p/{itemNumber}"))
	def.Policies = append(def.Policies, policyOf("nosuch", ""))
	for _, row := range []struct {
		name  string
		taken []string
		want  string
	}{
		{"of all operations", nil, "2 policies cannot be applied; calls of 2 of 2 operations will be refused: ListItems, GetItem"},
		{"of those that were selected", []string{"GetItem"}, "2 policies cannot be applied; calls of 1 of 1 operation will be refused: GetItem"},
	} {
		t.Run(row.name, func(t *testing.T) {
			trial := format.Trial{Definition: def}
			if row.taken != nil {
				trial.Taken = &connectorv1.Definition{Operations: def.GetOperations()[1:]}
			}
			found, err := policycheck.Check(t.Context(), nil, trial)
			if err != nil || len(found) == 0 || found[0].Code != format.CallsRefused || found[0].Message != row.want {
				t.Errorf("found %v, %v", found, err)
			}
		})
	}
}

func TestPoliciesOfOperationsThatWereNotSelectedDoNotCount(t *testing.T) {
	p := policyOf("setheader", "name=n")
	p.OperationIds = []string{"ListItems", "Nothing"}
	def := items(p)
	c := &compiler{faults: []policycheck.Fault{{Index: 0, Message: "wrong"}}}
	found, err := policycheck.Check(t.Context(), c, format.Trial{Definition: def, Taken: &connectorv1.Definition{Operations: def.GetOperations()[1:]}})
	if err != nil || len(found) > 0 {
		t.Errorf("found %v, %v", found, err)
	}
}

// Ten thousand policies that are all wrong in the same definition cost what they are.
func TestManyPoliciesAreCheckedInTime(t *testing.T) {
	def := items(policyOf("routerequesttoendpoint", "newPath=/p/{x}/@queryParameters('zzz')/@connectionParameters('qqq')"))
	for n := range 10_000 {
		def.Operations = append(def.Operations, &connectorv1.Operation{OperationId: "Operation" + strings.Repeat("x", n%40) + string(rune('a'+n%26))})
	}
	for n := range policycheck.MaxPolicies {
		p := policyOf("setheader", "name=n value=@queryParameters('zzz')@connectionParameters('qqq')")
		if n%2 == 0 {
			p.OperationIds = []string{"Operatoin", "GetItem"}
		}
		def.Policies = append(def.Policies, p)
	}
	start := time.Now()
	found, err := policycheck.Check(t.Context(), nil, format.Trial{Definition: def})
	if took := time.Since(start); err != nil || took > 20*time.Second || len(found) < 200 {
		t.Errorf("found %d in %s, %v", len(found), took, err)
	}
}
