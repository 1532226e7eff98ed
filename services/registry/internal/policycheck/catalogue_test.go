package policycheck_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/policycheck"
)

// policyOf is a policy with these parameters; a value that is no text begins with ":".
func policyOf(id, parameters string) *connectorv1.Policy {
	p := &connectorv1.Policy{TemplateId: id}
	for one := range strings.SplitSeq(parameters, " ") {
		name, value, _ := strings.Cut(one, "=")
		if name == "policySection" {
			p.Section = connectorv1.PolicySection(connectorv1.PolicySection_value["POLICY_SECTION_"+strings.ToUpper(value)])
			continue
		}
		json, plain := strings.CutPrefix(value, ":")
		if !plain {
			json = strconv.Quote(value)
		}
		p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: name, Json: []byte(json)})
	}
	return p
}

// about returns the codes of the findings about a definition whose policies nobody tries,
// with the part of a policy that they are about. The summary is left out.
func about(t *testing.T, def *connectorv1.Definition) []string {
	t.Helper()
	found, err := policycheck.Check(t.Context(), nil, format.Trial{Definition: def})
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, f := range found {
		if f.Remedy == "" || f.Message == "" {
			t.Errorf("the finding is incomplete: %+v", f)
		}
		parts := strings.Split(f.Pointer, "/")[1:]
		text := f.Code
		switch {
		case f.Code == format.CallsRefused:
			continue
		case len(parts) > 2 && parts[2] == "parameters":
			i, _ := strconv.Atoi(parts[1])
			k, _ := strconv.Atoi(parts[3])
			text += " " + def.GetPolicies()[i].GetParameters()[k].GetName()
		case len(parts) > 2:
			text += " " + strings.Join(parts[2:], "/")
		}
		list = append(list, text)
	}
	return list
}

func TestPoliciesAreComparedWithTheCatalogue(t *testing.T) {
	operation := []*connectorv1.Operation{{OperationId: "A", Parameters: []*connectorv1.Parameter{{Name: "r", Location: connectorv1.ParameterLocation_PARAMETER_LOCATION_QUERY}}}}
	sets := []*connectorv1.ParameterSet{{Parameters: []*connectorv1.ConnectionParameter{{Name: "host"}}}}
	for _, row := range []struct{ name, id, parameters, want string }{
		{"a header", "setheader", "name=n value= existsAction=override policySection=Request", ""},
		{"a header of an answer", "setheader", "name=n value=v policySection=Response", ""},
		{"a header of a failure", "SetHeader", "Name=n Value=v existsAction=Skip policySection=Failure", ""},
		{"a header without a value", "setheader", "name=n", "PolicyParameterMissing"},
		{"a header with an odd action", "setheader", "name=n value=v existsAction=replace", "PolicyParameterValueInvalid existsAction"},
		{"a header that is an object", "setheader", "name=n value=:{}", "PolicyParameterValueInvalid value"},
		{"a header that is nothing", "setheader", "name=n value=:null", "PolicyParameterValueInvalid value"},
		{"a header that is a list", "setheader", "name=:[] value=v", "PolicyParameterValueInvalid name"},
		{"a header that is a number", "setheader", "name=n value=:1", ""},
		{"polling with an object", "pollingtrigger", "triggerConfig=:{} triggerDataPath=@triggerBody()", ""},
		{"a header with more", "setheader", "name=n value=v prefix=Bearer", "PolicyParameterUnknown prefix"},
		{"a query parameter", "setqueryparameter", "name=n value=v existsAction=append", ""},
		{"a query parameter of an answer", "setqueryparameter", "name=n value=v policySection=Response", "PolicySectionInvalid section"},
		{"a host", "dynamichosturl", "urlTemplate=https://@connectionParameters('host')", ""},
		{"a host under its other name", "dynamicsubdomain", "urlTemplate=x", ""},
		{"a host of nothing", "dynamichosturl", "url=x", "PolicyParameterUnknown url, PolicyParameterMissing"},
		{"a route", "routerequesttoendpoint", "newPath=/a httpMethod=@Request.OriginalHTTPMethod", ""},
		{"a route with an odd method", "routerequesttoendpoint", "newPath=/a httpMethod=FETCH", "PolicyParameterValueInvalid httpMethod"},
		{"a value from elsewhere", "setvaluefromurl", "parameterTemplate=@headers('a') parameterValueUrl=/b parameterValuePathTemplate=@body().c httpMethod=POST", ""},
		{"a value from elsewhere with an odd method", "setvaluefromurl", "parameterTemplate=@headers('a') parameterValueUrl=/b parameterValuePathTemplate=@body().c httpMethod=PATCH", "PolicyParameterValueInvalid httpMethod"},
		{"a next link", "updatenextlink", "nextLinkPropertyName=nextLink", ""},
		{"polling", "pollingtrigger", "triggerConfig={} triggerDataPath=@triggerBody()", ""},
		{"a property", "setproperty", "newPropertyParentPathTemplate=@body() newPropertySubPathTemplate=a propertyValuePathTemplate=1 policySection=Response", ""},
		{"a property of a failure", "setproperty", "newPropertyParentPathTemplate=@body() newPropertySubPathTemplate=a propertyValuePathTemplate=1 policySection=Failure", "PolicySectionInvalid section"},
		{"a list that becomes an object", "convertarraytoobject", "propertyParentPath=@body() propertySubPath=a keyWithinCollectionPath=k newPropertyPath=@body().b retainKey=false", ""},
		{"a list that becomes an object, oddly", "convertarraytoobject", "propertyParentPath=@body() keyWithinCollectionPath=k newPropertyPath=@body().b retainKey=maybe", "PolicyParameterValueInvalid retainKey"},
		{"an expression instead of a value", "convertarraytoobject", "propertyParentPath=@body() keyWithinCollectionPath=k newPropertyPath=@body().b retainKey=@queryParameters('r')", ""},
		{"an object that becomes a list", "convertobjecttoarray", "propertyParentPath=@body() newPropertyPath=@body().b keyName=k valueName=v", ""},
		{"text that becomes a list", "stringtoarray", "propertyParentPath=@body() delimiterList=; childPropertyName=c newPropertyPath=@body().b", ""},
		{"text that is replaced", "stringreplace", "propertyParentPath=@body() sourceString=a replacementString= newPropertyPath=@body().b", ""},
		{"text that is encoded", "encodepropertyvalue", "propertyParentPath=@body() newPropertyPath=@body().b", ""},
		{"properties that move", "moveproperties", "srcParentPath=@body() srcSubPath=a dstParentPath=@body() copyOnlySubProperties=true", ""},
		{"code", "routeRequestToCode", "anything=goes", "PolicyTemplateUnknown templateId"},
		{"nothing known", "magic", "a=b", "PolicyTemplateUnknown templateId"},
		{"a status without a test", "setconnectionstatustounauthenticated", "statusCode=401", "PolicyWithoutConnectionTest"},
		{"a status that is none", "setconnectionstatustounauthenticated", "statusCode=no", "PolicyParameterValueInvalid statusCode, PolicyWithoutConnectionTest"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := &connectorv1.Definition{Operations: operation, ParameterSets: sets, Policies: []*connectorv1.Policy{policyOf(row.id, row.parameters)}}
			if diff := cmp.Diff(row.want, strings.Join(about(t, def), ", ")); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStatusPolicyWorksOnTheConnectionTest(t *testing.T) {
	def := &connectorv1.Definition{ConnectionTest: &connectorv1.ConnectionTest{OperationId: "A"}, Policies: []*connectorv1.Policy{policyOf("setconnectionstatustounauthenticated", "statusCode=401")}}
	if found := about(t, def); len(found) != 0 {
		t.Errorf("findings %v", found)
	}
}

func TestAPollingPolicyNeedsAPollingTrigger(t *testing.T) {
	policy := policyOf("pollingtrigger", "triggerConfig=:{} triggerDataPath=@triggerBody()")
	policy.OperationIds = []string{"A", "T"}
	def := &connectorv1.Definition{Policies: []*connectorv1.Policy{policy}, Operations: []*connectorv1.Operation{
		{OperationId: "A"},
		{OperationId: "T", Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Polling{Polling: &connectorv1.PollingTrigger{}}}},
	}}
	if diff := cmp.Diff([]string{"PollingPolicyWithoutTrigger operationIds/0"}, about(t, def)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestNamesWithoutWhatTheyBeginWithInPackagesAreKnown(t *testing.T) {
	p := &connectorv1.Policy{TemplateId: "setqueryparameter", Extensions: []*connectorv1.Extension{{Name: "Value", Json: []byte(`"v"`)}}}
	found, err := policycheck.Check(t.Context(), nil, format.Trial{Definition: &connectorv1.Definition{Policies: []*connectorv1.Policy{p}}})
	if err != nil || len(found) != 2 || found[1].Remedy != `write "x-ms-apimTemplateParameter.value" instead of "value"` {
		t.Errorf("found %v, %v", found, err)
	}
}
