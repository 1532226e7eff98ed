package policy_test

import (
	"fmt"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func many(text string, n int) string { return strings.TrimSuffix(strings.Repeat(text+",", n), ",") }

func TestWhatPoliciesMakeIsBounded(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	double := newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "a", "propertyValuePathTemplate": "[{@body()},{@body()}]"})
	for _, row := range []struct {
		name     string
		body     string
		policies []*connectorv1.Policy
	}{
		{"a long value in many elements", "[" + many("{}", 100) + "]", []*connectorv1.Policy{
			newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "a", "propertyValuePathTemplate": long}),
		}},
		{"a body within itself, again and again", `{"a":"` + strings.Repeat("x", 1000) + `"}`, often(double)},
		{"a body many times in one value", `{"a":"` + long + `"}`, []*connectorv1.Policy{
			newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "b", "propertyValuePathTemplate": strings.Repeat("x{@body().a}", 100)}),
		}},
		{"a body many times in one header", `{"a":"` + long + `"}`, []*connectorv1.Policy{
			newPolicy("setheader", "", map[string]string{"name": "a", "value": strings.Repeat("x@{body().a}", 100)}),
		}},
		{"a letter that becomes a book", `{"a":"` + long + `"}`, []*connectorv1.Policy{
			newPolicy("stringreplace", "", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "a", "newPropertyPath": "@body().a", "sourceString": "x", "replacementString": strings.Repeat("y", 1000)}),
		}},
		{"many tokens with a long name", `{"a":"` + strings.Repeat("a;", 100_000) + `"}`, []*connectorv1.Policy{
			newPolicy("stringtoarray", "", map[string]string{"propertyParentPath": "@body()", "propertySubPath": "a", "newPropertyPath": "@body().a", "delimiterList": ";", "childPropertyName": strings.Repeat("n", 1000)}),
		}},
		{"more values than are looked at", "[" + many("1", 600_000) + "]", []*connectorv1.Policy{
			newPolicy("stringreplace", "", map[string]string{"propertyParentPath": "@body()", "newPropertyPath": "@item()", "sourceString": "a"}),
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			program, err := policy.Compile("Op", row.policies)
			if err != nil {
				t.Fatal(err)
			}
			e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}, Body: []byte(row.body)}}
			err = policy.Run(t.Context(), program.Request, e)
			f := fault.From(err)
			if fault.ReasonOf(err) != fault.ReasonPolicyFailed || f.Meta()["operation"] != "Op" || f.Meta()["policy"] != row.policies[0].GetTemplateId() {
				t.Errorf("error = %.200v, %v", err, f.Meta())
			}
			if string(e.Request.Body) != row.body {
				t.Error("the body was changed although the policy failed")
			}
		})
	}
}

// often repeats a policy often enough for its doubling to pass every bound.
func often(p *connectorv1.Policy) []*connectorv1.Policy {
	var list []*connectorv1.Policy
	for range 40 {
		list = append(list, p)
	}
	return list
}

func TestValuesThatNobodyLooksAtCostNothing(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("setproperty", "", map[string]string{"newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "a", "propertyValuePathTemplate": "1"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	body := `{"items":[` + many(`{"x": [1.0, "\u00e9"]}`, 300_000) + `]`
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}, Body: []byte(body + "}")}}
	if err := policy.Run(t.Context(), program.Request, e); err != nil || string(e.Request.Body) != body+`,"a":1}` {
		t.Errorf("the rest of the body was changed, %v", err)
	}
}

func TestManyPropertiesMoveInGoodTime(t *testing.T) {
	program, err := policy.Compile("Op", []*connectorv1.Policy{
		newPolicy("moveproperties", "", map[string]string{"srcParentPath": "@body()", "srcSubPath": "a", "dstParentPath": "@body()", "copyOnlySubProperties": "true"}),
	})
	if err != nil {
		t.Fatal(err)
	}
	var members strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&members, `"k%d":1,`, i)
	}
	text := strings.TrimSuffix(members.String(), ",")
	e := &policy.Exchange{Request: &request.Request{Header: map[string][]string{}, Body: []byte(`{"a":{` + text + `}}`)}}
	if err := policy.Run(t.Context(), program.Request, e); err != nil || string(e.Request.Body) != "{"+text+"}" {
		t.Error("not all of them have moved, in order", err)
	}
}
