package connectorpackage_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// policyOf is a policy with these parameters, written without their prefix.
func policyOf(id, parameters string) string {
	var b strings.Builder
	for i, p := range strings.Split(parameters, " ") {
		name, value, _ := strings.Cut(p, "=")
		if i > 0 {
			b.WriteString(",")
		}
		prefix := "x-ms-apimTemplateParameter."
		if name == "policySection" {
			prefix = "x-ms-apimTemplate-"
		}
		b.WriteString(`"` + prefix + name + `":"` + value + `"`)
	}
	return `{"templateId":"` + id + `","parameters":{` + b.String() + `}}`
}

func TestPoliciesAreComparedWithTheCatalogue(t *testing.T) {
	const at = "/properties/policyTemplateInstances/0"
	for _, row := range []struct{ name, id, parameters, want string }{
		{"a header", "setheader", "name=n value= existsAction=override policySection=Request", ""},
		{"a header of an answer", "setheader", "name=n value=v policySection=Response", ""},
		{"a header of a failure", "SetHeader", "Name=n Value=v existsAction=Skip policySection=Failure", ""},
		{"a header without a value", "setheader", "name=n", "PolicyParameterMissing " + at},
		{"a header with an odd action", "setheader", "name=n value=v existsAction=replace", "PolicyParameterValueInvalid " + at + "/parameters/x-ms-apimTemplateParameter.existsAction"},
		{"a header with more", "setheader", "name=n value=v prefix=Bearer", "PolicyParameterUnknown " + at + "/parameters/x-ms-apimTemplateParameter.prefix"},
		{"a query parameter", "setqueryparameter", "name=n value=v existsAction=append", ""},
		{"a query parameter of an answer", "setqueryparameter", "name=n value=v policySection=Response", "PolicySectionInvalid " + at + "/parameters/x-ms-apimTemplate-policySection"},
		{"a host", "dynamichosturl", "urlTemplate=https://@connectionParameters('host')", ""},
		{"a host under its other name", "dynamicsubdomain", "urlTemplate=x", ""},
		{"a host of nothing", "dynamichosturl", "url=x", "PolicyParameterUnknown " + at + "/parameters/x-ms-apimTemplateParameter.url, PolicyParameterMissing " + at},
		{"a route", "routerequesttoendpoint", "newPath=/a httpMethod=@Request.OriginalHTTPMethod", ""},
		{"a route with an odd method", "routerequesttoendpoint", "newPath=/a httpMethod=FETCH", "PolicyParameterValueInvalid " + at + "/parameters/x-ms-apimTemplateParameter.httpMethod"},
		{"a value from elsewhere", "setvaluefromurl", "parameterTemplate=@headers('a') parameterValueUrl=/b parameterValuePathTemplate=@body().c httpMethod=POST", ""},
		{"a value from elsewhere with an odd method", "setvaluefromurl", "parameterTemplate=@headers('a') parameterValueUrl=/b parameterValuePathTemplate=@body().c httpMethod=PATCH", "PolicyParameterValueInvalid " + at + "/parameters/x-ms-apimTemplateParameter.httpMethod"},
		{"a next link", "updatenextlink", "nextLinkPropertyName=nextLink", ""},
		{"polling", "pollingtrigger", "triggerConfig={} triggerDataPath=@triggerBody()", ""},
		{"a property", "setproperty", "newPropertyParentPathTemplate=@body() newPropertySubPathTemplate=a propertyValuePathTemplate=1 policySection=Response", ""},
		{"a property of a failure", "setproperty", "newPropertyParentPathTemplate=@body() newPropertySubPathTemplate=a propertyValuePathTemplate=1 policySection=Failure", "PolicySectionInvalid " + at + "/parameters/x-ms-apimTemplate-policySection"},
		{"a list that becomes an object", "convertarraytoobject", "propertyParentPath=@body() propertySubPath=a keyWithinCollectionPath=k newPropertyPath=@body().b retainKey=false", ""},
		{"a list that becomes an object, oddly", "convertarraytoobject", "propertyParentPath=@body() keyWithinCollectionPath=k newPropertyPath=@body().b retainKey=maybe", "PolicyParameterValueInvalid " + at + "/parameters/x-ms-apimTemplateParameter.retainKey"},
		{"an expression instead of a value", "convertarraytoobject", "propertyParentPath=@body() keyWithinCollectionPath=k newPropertyPath=@body().b retainKey=@queryParameters('r')", ""},
		{"an object that becomes a list", "convertobjecttoarray", "propertyParentPath=@body() newPropertyPath=@body().b keyName=k valueName=v", ""},
		{"text that becomes a list", "stringtoarray", "propertyParentPath=@body() delimiterList=; childPropertyName=c newPropertyPath=@body().b", ""},
		{"text that is replaced", "stringreplace", "propertyParentPath=@body() sourceString=a replacementString= newPropertyPath=@body().b", ""},
		{"text that is encoded", "encodepropertyvalue", "propertyParentPath=@body() newPropertyPath=@body().b", ""},
		{"properties that move", "moveproperties", "srcParentPath=@body() srcSubPath=a dstParentPath=@body() copyOnlySubProperties=true", ""},
		{"code", "routeRequestToCode", "anything=goes", ""},
		{"nothing known", "magic", "a=b", "PolicyTemplateUnknown " + at},
		{"a status without a test", "setconnectionstatustounauthenticated", "statusCode=401", "PolicyWithoutConnectionTest " + at},
		{"a status that is none", "setconnectionstatustounauthenticated", "statusCode=no", "PolicyParameterValueInvalid " + at + "/parameters/x-ms-apimTemplateParameter.statusCode, PolicyWithoutConnectionTest " + at},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importProperties(t, "", `"policyTemplateInstances":[`+policyOf(row.id, row.parameters)+`]`)
			if len(def.GetPolicies()) != 1 {
				t.Fatalf("%d policies", len(def.GetPolicies()))
			}
			got := strings.ReplaceAll(strings.Join(codes, ", "), " apiProperties.json", "")
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAStatusPolicyWorksOnTheConnectionTest(t *testing.T) {
	_, codes := importProperties(t, `"x-ms-capabilities":{"testConnection":{"operationId":"A"}},`, `"policyTemplateInstances":[`+policyOf("setconnectionstatustounauthenticated", "statusCode=401")+`]`)
	if len(codes) != 0 {
		t.Errorf("findings %v", codes)
	}
}

func TestAPollingPolicyNeedsAPollingTrigger(t *testing.T) {
	policy := strings.Replace(policyOf("pollingtrigger", "triggerConfig={} triggerDataPath=@triggerBody()"), `"parameters":{`, `"parameters":{"x-ms-apimTemplate-operationName":["A","T"],`, 1)
	_, codes := importProperties(t, "", `"policyTemplateInstances":[`+policy+`]`)
	if diff := cmp.Diff([]string{"PollingPolicyWithoutTrigger apiProperties.json /properties/policyTemplateInstances/0"}, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
