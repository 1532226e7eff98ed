package policy_test

import (
	"strconv"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/policy"
)

// TestWhatCannotBeAppliedIsFoundBeforeACall, for each policy by itself.
func TestWhatCannotBeAppliedIsFoundBeforeACall(t *testing.T) {
	one := func(template string, section connectorv1.PolicySection, values ...string) *connectorv1.Policy {
		p := &connectorv1.Policy{TemplateId: template, Section: section}
		for i := 0; i < len(values); i += 2 {
			p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: values[i], Json: []byte(strconv.Quote(values[i+1]))})
		}
		return p
	}
	const request, response = connectorv1.PolicySection_POLICY_SECTION_REQUEST, connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	for _, row := range []struct {
		name   string
		policy *connectorv1.Policy
		want   string // a part of the message; "" if nothing is wrong
	}{
		{"a header", one("SetHeader", request, "name", "X-A", "value", "@connectionParameters('a')"), ""},
		{"a template that nobody knows", one("routerequesttocode", request), "the template is not supported"},
		{"a parameter that is missing", one("setheader", request, "value", "a"), "name"},
		{"the wrong side of the call", one("dynamichosturl", response, "urlTemplate", "https://a"), "no place in this section"},
		{"a host of another protocol", one("dynamichosturl", request, "urlTemplate", "ftp://files.example.com"), "urlTemplate must be an http or https address"},
		{"a host of another protocol with calls", one("dynamichosturl", request, "urlTemplate", "ftp://@connectionParameters('host')/a"), "urlTemplate must be an http or https address"},
		{"a host without a scheme", one("dynamichosturl", request, "urlTemplate", "@connectionParameters('host'):@connectionParameters('port')/v1"), ""},
		{"a port of the connection", one("dynamichosturl", request, "urlTemplate", "https://a.example.com:@connectionParameters('port')"), ""},
		{"a route to another protocol", one("routerequesttoendpoint", request, "newPath", "ftp://files.example.com/a"), "newPath must be a path"},
		{"a route with a URL in its query", one("routerequesttoendpoint", request, "newPath", "/a?to=https://b.example.com"), ""},
		{"a value of another protocol", one("setvaluefromurl", request, "parameterTemplate", "@headers('a')", "parameterValuePathTemplate", "@body().a", "parameterValueUrl", "ftp://files.example.com/a"), "parameterValueUrl must be a path"},
		{"a status that is none", one("setconnectionstatustounauthenticated", response, "statusCode", "often"), "statusCode must be a status"},
		{"a path that cannot be read", one("setproperty", request, "newPropertyParentPathTemplate", "@nothing()", "newPropertySubPathTemplate", "a", "propertyValuePathTemplate", "b"), "newPropertyParentPathTemplate"},
	} {
		t.Run(row.name, func(t *testing.T) {
			faults := policy.Check([]*connectorv1.Policy{one("setheader", request, "name", "A", "value", "b"), row.policy})
			switch {
			case row.want == "" && len(faults) == 0:
			case len(faults) != 1 || faults[0].Index != 1 || row.want == "" || !strings.Contains(faults[0].Message, row.want):
				t.Errorf("faults %v, want %q", faults, row.want)
			}
		})
	}
}
