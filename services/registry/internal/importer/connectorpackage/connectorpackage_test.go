package connectorpackage_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

const (
	secret = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET
	plain  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
	oauth  = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH
	header = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
)

// swagger is a definition with two actions and a polling trigger; rest are more
// members of its root.
func swagger(rest string) string {
	return `{"swagger":"2.0","info":{"title":"T"},"host":"api.example.com","schemes":["https"],` + rest + `
		"paths":{"/a":{"get":{"operationId":"A","responses":{}},"post":{"operationId":"B","responses":{}}},
		"/t":{"get":{"operationId":"T","x-ms-trigger":"batch","responses":{}}}}}`
}

// files is a package of a definition and properties.
func files(definition, properties string) []format.File {
	return []format.File{
		{Path: "apiDefinition.swagger.json", Content: []byte(definition)},
		{Path: "apiProperties.json", Content: []byte(properties)},
	}
}

// importFiles imports a package. Most of these tests have secrets that nothing takes, of
// which another one tells.
func importFiles(t *testing.T, list []format.File) (*connectorv1.Definition, []string) {
	t.Helper()
	def, codes := importWhole(t, list)
	var others []string
	for _, code := range codes {
		if !isUnused(code) {
			others = append(others, code)
		}
	}
	return def, others
}

func isUnused(code string) bool { return strings.HasPrefix(code, "SecretUnused ") }

// importWhole imports a package and returns all findings.
func importWhole(t *testing.T, list []format.File) (*connectorv1.Definition, []string) {
	t.Helper()
	src, err := format.NewSource(list)
	if err != nil {
		t.Fatal(err)
	}
	if !(connectorpackage.Importer{}).Detect(src) {
		t.Fatal("the package is not detected")
	}
	result, err := connectorpackage.Importer{}.Import(t.Context(), src)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	var codes []string
	for _, f := range result.Findings {
		codes = append(codes, strings.TrimSpace(f.Code+" "+f.Path+" "+f.Pointer))
	}
	return result.Definition, codes
}

// importProperties imports a package whose properties have these members.
func importProperties(t *testing.T, rest, members string) (*connectorv1.Definition, []string) {
	t.Helper()
	return importFiles(t, files(swagger(rest), `{"properties":{`+members+`}}`))
}

const keyScheme = `"securityDefinitions":{"API Key":{"type":"apiKey","in":"header","name":"X-Key"}},"security":[{"API Key":[]}],`

func TestBranding(t *testing.T) {
	def, codes := importProperties(t, "", `"iconBrandColor":"#DA3B01","capabilities":["actions",1],"publisher":" P ","stackowner":"S","script":"x"`)
	got := []string{def.GetInfo().GetBrandColor(), strings.Join(def.GetInfo().GetCapabilities(), ","), def.GetInfo().GetPublisher(), def.GetInfo().GetStackOwner()}
	if diff := cmp.Diff([]string{"#da3b01", "actions", "P", "S"}, got); diff != "" {
		t.Errorf("branding (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"PropertyUnknown apiProperties.json /properties/script"}, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if def, codes := importProperties(t, "", `"iconBrandColor":"blue"`); def.GetInfo().GetBrandColor() != "" || len(codes) != 1 {
		t.Errorf("colour %q, findings %v", def.GetInfo().GetBrandColor(), codes)
	}
}

func TestConnectionParameters(t *testing.T) {
	for _, row := range []struct {
		name, in string
		want     *connectorv1.ConnectionParameter
		codes    []string
	}{
		{
			"all that a parameter may say", `{"type":"string","defaultValue":"eu","allowedValues":[{"value":"eu","uiDefinition":{"displayName":"Europe"}}],"uiDefinition":{"displayName":"Region","description":"D","tooltip":"T","constraints":{"required":"true","hidden":"true","tabIndex":2}}}`,
			&connectorv1.ConnectionParameter{Type: plain, Title: "Region", Description: "D", Required: true, Hidden: true, DefaultValue: "eu", Order: 2, AllowedValues: []*connectorv1.AllowedValue{{Value: "eu", Title: "Europe"}}}, nil,
		},
		{
			"other spellings", `{"Type":"SecureString","uiDefinition":{"displayname":"Key","tooltip":"T","constraints":{"required":true,"default":"x","allowedValues":[{"text":"X","value":"x"},"y"]}}}`,
			&connectorv1.ConnectionParameter{Type: secret, Title: "Key", Description: "T", Required: true, DefaultValue: "x", AllowedValues: []*connectorv1.AllowedValue{{Value: "x", Title: "X"}, {Value: "y"}}}, nil,
		},
		{"the help text of newer packages", `{"type":"string","uiDefinition":{"schema":{"type":"string","description":"D"}}}`, &connectorv1.ConnectionParameter{Type: plain, Description: "D"}, nil},
		{"a boolean", `{"type":"bool","defaultValue":false}`, &connectorv1.ConnectionParameter{Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_BOOL, DefaultValue: "false"}, nil},
		{"a number", `{"type":"int","defaultValue":7}`, &connectorv1.ConnectionParameter{Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_INTEGER, DefaultValue: "7"}, nil},
		{"an agent", `{"type":"gatewaySetting","gatewaySettings":{"dataSourceType":"CustomConnector"}}`, &connectorv1.ConnectionParameter{Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_AGENT}, nil},
		{"a type that nobody knows is a secret", `{"type":"certificate"}`, &connectorv1.ConnectionParameter{Type: secret}, []string{"ConnectionParameterTypeUnknown apiProperties.json /properties/connectionParameters/p"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importProperties(t, "", `"connectionParameters":{"p":`+row.in+`}`)
			set := def.GetParameterSets()[0]
			row.want.Name, row.want.Source = "p", []byte(row.in)
			if diff := cmp.Diff([]*connectorv1.ConnectionParameter{row.want}, set.GetParameters(), protocmp.Transform()); diff != "" || set.GetName() != "default" {
				t.Errorf("set %q, parameters (-want +got):\n%s", set.GetName(), diff)
			}
			if diff := cmp.Diff(row.codes, codes); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAConnectionParameterWithoutANameIsIgnored(t *testing.T) {
	def, codes := importProperties(t, "", `"connectionParameters":{"":{"type":"string"},"p":{"type":"string"}}`)
	if set := def.GetParameterSets()[0]; len(set.GetParameters()) != 1 || set.GetParameters()[0].GetName() != "p" {
		t.Errorf("parameters %v", set.GetParameters())
	}
	if len(codes) != 1 || !strings.HasPrefix(codes[0], "ConnectionParameterNameMissing ") {
		t.Errorf("findings %v", codes)
	}
}

func TestOAuthParameters(t *testing.T) {
	const scheme = `"securityDefinitions":{"o":{"type":"oauth2","flow":"accessCode"}},`
	def, codes := importProperties(t, scheme, `"connectionParameters":{"token":{"type":"oAuthSetting","oAuthSettings":{
		"identityProvider":"AAD","clientId":"id-1","clientSecret":"hunter2","scopes":["a b","c"],"redirectMode":"GlobalPerConnector","redirectUrl":"https://r.example",
		"properties":{"IsFirstParty":"False","IsOnbehalfofLoginSupported":true},
		"customParameters":{"LoginUri":{"value":"https://l.example"},"tenantId":"common","clientSecret":{"value":"hunter2"}}}},
		"token:TenantId":{"type":"string"}}`)
	want := &connectorv1.OAuthSettings{
		IdentityProvider: "aad", ClientId: "id-1", Scopes: []string{"a", "b", "c"}, RedirectMode: "GlobalPerConnector", RedirectUrl: "https://r.example",
		Properties:       map[string]string{"IsFirstParty": "False", "IsOnbehalfofLoginSupported": "true"},
		CustomParameters: map[string]string{"LoginUri": "https://l.example", "tenantId": "common"},
	}
	set := def.GetParameterSets()[0]
	if diff := cmp.Diff(want, set.GetParameters()[0].GetOauth(), protocmp.Transform()); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	wantPlacement := []*connectorv1.CredentialPlacement{{SchemeId: "o", Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}}}
	if diff := cmp.Diff(wantPlacement, set.GetPlacements(), protocmp.Transform()); diff != "" || !set.GetParameters()[0].GetRequired() || set.GetParameters()[1].GetRequired() {
		t.Errorf("placements (-want +got):\n%s", diff)
	}
	if strings.Contains(def.String(), "hunter2") {
		t.Error("the client secret is part of the definition")
	}
	if len(codes) != 1 || !strings.HasPrefix(codes[0], "ClientSecretInPackage ") {
		t.Errorf("findings %v", codes)
	}
}

func TestOAuthWithoutASecuritySchemeIsStillABearerToken(t *testing.T) {
	def, _ := importProperties(t, "", `"connectionParameters":{"token":{"type":"oauthSetting","oAuthSettings":{"identityProvider":"oauth2"}}}`)
	p := def.GetParameterSets()[0].GetPlacements()
	if len(p) != 1 || p[0].GetSchemeId() != "" || p[0].GetBearer().GetParameter() != "token" {
		t.Errorf("placements %v", p)
	}
}

func TestHowAParameterReachesTheRequest(t *testing.T) {
	const two = `"securityDefinitions":{"client":{"type":"apiKey","in":"header","name":"X-Client"},"api_key":{"type":"apiKey","in":"query","name":"k"}},`
	const basic = `"securityDefinitions":{"b":{"type":"basic"}},`
	for _, row := range []struct{ name, schemes, parameters, want string }{
		{"api_key, whatever the scheme is called", keyScheme, `"other":{"type":"securestring"},"api_key":{"type":"securestring"},"API Key":{"type":"securestring"}`, "API Key<-api_key"},
		{"named like the scheme", keyScheme, `"api key":{"type":"securestring"},"X-Key":{"type":"securestring"}`, "API Key<-api key"},
		{"named like the header", keyScheme, `"a":{"type":"securestring"},"x-key":{"type":"string"}`, "API Key<-x-key"},
		{"the only secret", keyScheme, `"tenant":{"type":"string"},"mine":{"type":"securestring"},"token:clientSecret":{"type":"securestring"}`, "API Key<-mine"},
		{"not one of two secrets", keyScheme, `"a":{"type":"securestring"},"b":{"type":"securestring"}`, ""},
		{"not the password of a user", keyScheme, `"username":{"type":"string"},"password":{"type":"securestring"}`, ""},
		{"several keys go by their names", two, `"api_key":{"type":"securestring"},"client":{"type":"securestring"}`, "client<-client api_key<-api_key"},
		{"several keys may share the parameter", two, `"api_key":{"type":"securestring"}`, "client<-api_key api_key<-api_key"},
		{"user name and password", basic, `"UserName":{"type":"string"},"Password":{"type":"securestring"}`, "b<-UserName:Password"},
		{"no password", basic, `"username":{"type":"string"}`, ""},
		{"no parameters", basic, ``, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importProperties(t, row.schemes, `"connectionParameters":{`+row.parameters+`}`)
			var list []string
			for _, p := range def.GetParameterSets()[0].GetPlacements() {
				from := p.GetApiKey().GetParameter()
				if b := p.GetBasic(); b != nil {
					from = b.GetUsernameParameter() + ":" + b.GetPasswordParameter()
				}
				list = append(list, p.GetSchemeId()+"<-"+from)
			}
			if got := strings.Join(list, " "); got != row.want {
				t.Errorf("placements %q, want %q", got, row.want)
			}
			if (row.want == "") != (len(codes) == 1 && strings.HasPrefix(codes[0], "CredentialParameterMissing ")) {
				t.Errorf("findings %v", codes)
			}
		})
	}
}

func TestWhatNoConnectionCanSatisfyIsNotRequired(t *testing.T) {
	const both = `"securityDefinitions":{"API Key":{"type":"apiKey","in":"header","name":"X-Key"},"b":{"type":"basic"}},"security":[{"API Key":[],"b":[]},{"b":[]},{}],`
	def, _ := importProperties(t, both, `"connectionParameters":{"api_key":{"type":"securestring"}}`)
	want := []*connectorv1.SecurityRequirement{{Schemes: []*connectorv1.SchemeReference{{SchemeId: "API Key"}}}, {}}
	if diff := cmp.Diff(want, def.GetOperations()[0].GetSecurity(), protocmp.Transform()); diff != "" {
		t.Errorf("requirements (-want +got):\n%s", diff)
	}
}

// TestCallsOfAPackageCarryWhatItsConnectionsHave, also where the document asks for
// nothing: some packages that sign in say so.
func TestCallsOfAPackageCarryWhatItsConnectionsHave(t *testing.T) {
	for _, row := range []struct{ name, security string }{
		{"nothing is said", ``},
		{"none is needed", `"security":[],`},
		{"none is needed, in other words", `"security":[{}],`},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, _ := importProperties(t, row.security, `"connectionParameters":{"token":{"type":"oauthSetting"}}`)
			if got := def.GetOperations()[0].GetSecurity(); len(got) != 0 {
				t.Errorf("requirements %v", got)
			}
			if got := def.GetParameterSets()[0].GetPlacements(); len(got) != 1 || got[0].GetBearer() == nil {
				t.Errorf("placements %v", got)
			}
		})
	}
}

// A document may ask for the schemes of all sets together; each connection has those of
// one.
func TestOperationsCanBeCalledWithEverySetOfParameters(t *testing.T) {
	const schemes = `"securityDefinitions":{"key":{"type":"apiKey","in":"header","name":"X-Key"},"b":{"type":"basic"}},`
	const sets = `"connectionParameterSets":{"values":[
		{"name":"by-key","parameters":{"api_key":{"type":"securestring"}}},
		{"name":"by-user","parameters":{"username":{"type":"string"},"password":{"type":"securestring"}}}]}`
	for _, row := range []struct {
		name, security string
		want           [][]string
	}{
		{"both together", `"security":[{"b":[],"key":[]}],`, [][]string{{"b", "key"}, {"key"}, {"b"}}},
		{"either", `"security":[{"b":[]},{"key":[]}],`, [][]string{{"b"}, {"key"}}},
		{"one of them", `"security":[{"b":[]}],`, [][]string{{"b"}, {"key"}}},
		{"nothing is said", ``, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, _ := importProperties(t, schemes+row.security, sets)
			var got [][]string
			for _, r := range def.GetOperations()[0].GetSecurity() {
				var names []string
				for _, s := range r.GetSchemes() {
					names = append(names, s.GetSchemeId())
				}
				slices.Sort(names)
				got = append(got, names)
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("requirements (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatIsPlacedIsRequiredUnlessThePackageSaysOtherwise(t *testing.T) {
	for _, row := range []struct {
		name, ui string
		want     bool
	}{
		{"the package says nothing", `{}`, true},
		{"the package says yes", `{"constraints":{"required":"true"}}`, true},
		{"the package says no", `{"constraints":{"required":"false"}}`, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, _ := importProperties(t, keyScheme, `"connectionParameters":{"api_key":{"type":"securestring","uiDefinition":`+row.ui+`}}`)
			if got := def.GetParameterSets()[0].GetParameters()[0].GetRequired(); got != row.want {
				t.Errorf("required %t, want %t", got, row.want)
			}
		})
	}
}

func TestParameterSets(t *testing.T) {
	const sets = `"connectionParameterSets":{"uiDefinition":{"displayName":"How"},"values":[
		{"name":"key","uiDefinition":{"displayName":"Key","description":"D"},"parameters":{"api_key":{"type":"securestring"}},"metadata":{"allowSharing":false}},
		{"name":"open","parameters":{"api_key":{"type":"string"}},"metadata":{"allowSharing":true}},
		{"name":"key","parameters":{}},
		{"parameters":{}}]}`
	def, codes := importProperties(t, keyScheme, sets+`,"connectionParameters":{"site":{"type":"string"}}`)
	var names []string
	for _, s := range def.GetParameterSets() {
		names = append(names, s.GetName())
	}
	if diff := cmp.Diff([]string{"key", "open", "key_", "default", "default_"}, names); diff != "" {
		t.Errorf("sets (-want +got):\n%s", diff)
	}
	want := &connectorv1.ParameterSet{
		Name: "key", Title: "Key", Description: "D", SharingForbidden: true, Metadata: []byte(`{"allowSharing":false}`),
		Parameters: []*connectorv1.ConnectionParameter{{Name: "api_key", Type: secret, Required: true, Source: []byte(`{"type":"securestring"}`)}},
		Placements: []*connectorv1.CredentialPlacement{{SchemeId: "API Key", Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "api_key", Location: header, Name: "X-Key"}}}},
	}
	if diff := cmp.Diff(want, def.GetParameterSets()[0], protocmp.Transform()); diff != "" {
		t.Errorf("first set (-want +got):\n%s", diff)
	}
	if def.GetParameterSets()[1].GetSharingForbidden() || len(codes) != 2 {
		t.Errorf("findings %v", codes)
	}
	if def, _ := importProperties(t, keyScheme, sets+`,"connectionParameters":{}`); len(def.GetParameterSets()) != 4 {
		t.Errorf("empty plain parameters are a set: %v", def.GetParameterSets())
	}
	if def, _ := importProperties(t, "", `"connectionParameters":null`); len(def.GetParameterSets()) != 1 {
		t.Errorf("no parameters are no set: %v", def.GetParameterSets())
	}
}

func TestPolicies(t *testing.T) {
	def, codes := importProperties(t, "", `"policyTemplateInstances":[
		{"templateId":"SetHeader","title":"First","parameters":{"x-ms-apimTemplateParameter.value":"v","x-ms-apimTemplateParameter.name":"n","x-ms-apimTemplate-policySection":"Response","x-ms-apimTemplate-operationName":["A","Z"],"other":1}},
		{"templateId":"pollingtrigger","title":"Poll","type":"PollingTrigger","parameters":{"x-ms-apimTemplateParameter.triggerConfig":{"after":"@{triggerBody().x}"},"x-ms-apimTemplate-operationName":["T"]}},
		{"templateId":"magic","parameters":{"x-ms-apimTemplate-policySection":"Both"}},
		{"title":"nameless"}]`)
	want := []*connectorv1.Policy{
		{
			TemplateId: "setheader", Title: "First", Section: connectorv1.PolicySection_POLICY_SECTION_RESPONSE, OperationIds: []string{"A", "Z"},
			Parameters: []*connectorv1.PolicyParameter{{Name: "value", Json: []byte(`"v"`)}, {Name: "name", Json: []byte(`"n"`)}},
			Extensions: []*connectorv1.Extension{{Name: "other", Json: []byte("1")}},
		},
		{
			TemplateId: "pollingtrigger", Title: "Poll", OperationIds: []string{"T"},
			Parameters: []*connectorv1.PolicyParameter{{Name: "triggerConfig", Json: []byte(`{"after":"@{triggerBody().x}"}`)}},
			Extensions: []*connectorv1.Extension{{Name: "type", Json: []byte(`"PollingTrigger"`)}},
		},
		{TemplateId: "magic"},
	}
	if diff := cmp.Diff(want, def.GetPolicies(), protocmp.Transform()); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
	const at = " apiProperties.json /properties/policyTemplateInstances/"
	wantCodes := []string{"PolicySectionUnknown" + at + "2/parameters/x-ms-apimTemplate-policySection", "PolicyTemplateMissing" + at + "3"}
	if diff := cmp.Diff(wantCodes, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestPoliciesThatAreNoListAreAnError(t *testing.T) {
	def, codes := importProperties(t, "", `"policyTemplateInstances":{"templateId":"setheader"}`)
	if diff := cmp.Diff([]string{"PoliciesInvalid apiProperties.json /properties/policyTemplateInstances"}, codes); diff != "" || len(def.GetPolicies()) > 0 {
		t.Errorf("policies %v, findings (-want +got):\n%s", def.GetPolicies(), diff)
	}
	if _, codes := importProperties(t, "", `"policyTemplateInstances":null`); len(codes) > 0 {
		t.Errorf("findings %v", codes)
	}
}

func TestPollingByPolicy(t *testing.T) {
	const policy = connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY
	const native = connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE
	for _, row := range []struct {
		name, operations string
		want             connectorv1.PollingProtocol
	}{
		{"for the operation", `["T"]`, policy}, {"for all operations", `[]`, policy}, {"as text", `"T"`, policy}, {"for another one", `["A"]`, native},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, _ := importProperties(t, "", `"policyTemplateInstances":[{"templateId":"PollingTrigger","parameters":{"x-ms-apimTemplate-operationName":`+row.operations+`}}]`)
			if got := def.GetOperations()[2].GetTrigger().GetPolling().GetProtocol(); got != row.want {
				t.Errorf("protocol %s, want %s", got, row.want)
			}
			if def.GetOperations()[0].GetTrigger() != nil {
				t.Error("an action became a trigger")
			}
		})
	}
}

func TestScripts(t *testing.T) {
	script := format.File{Path: "script.csx", Content: []byte("public class Script {}")}
	for _, row := range []struct {
		name, operations string
		withFile         bool
		want             []*connectorv1.Script
		handled, codes   string
	}{
		{"code for some operations", `,"scriptOperations":["A"]`, true, []*connectorv1.Script{{Language: "csharp", Path: "script.csx", OperationIds: []string{"A"}}}, "A", ""},
		{"code and an empty list is for all", `,"scriptOperations":[]`, true, []*connectorv1.Script{{Language: "csharp", Path: "script.csx"}}, "A B T", ""},
		{"code and null is for all", `,"scriptOperations":null`, true, []*connectorv1.Script{{Language: "csharp", Path: "script.csx"}}, "A B T", ""},
		{"code and no list is for all", ``, true, []*connectorv1.Script{{Language: "csharp", Path: "script.csx"}}, "A B T", ""},
		{"code that is missing", `,"scriptOperations":["A","T"]`, false, []*connectorv1.Script{{Language: "csharp", Path: "script.csx", OperationIds: []string{"A", "T"}}}, "A T", "ScriptMissing"},
		{"no code", `,"scriptOperations":[]`, false, nil, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			list := files(swagger(""), `{"properties":{"iconBrandColor":"#000000"`+row.operations+`}}`)
			if row.withFile {
				list = append(list, script)
			}
			def, codes := importFiles(t, list)
			if diff := cmp.Diff(row.want, def.GetScripts(), protocmp.Transform()); diff != "" {
				t.Errorf("scripts (-want +got):\n%s", diff)
			}
			var handled []string
			for _, op := range def.GetOperations() {
				if op.GetRequiresScript() {
					handled = append(handled, op.GetOperationId())
				}
			}
			if got := strings.Join(handled, " "); got != row.handled || !strings.HasPrefix(strings.Join(codes, ","), row.codes) {
				t.Errorf("handled %q, findings %v", got, codes)
			}
		})
	}
}

func TestPackagesThatCannotBeImported(t *testing.T) {
	good := files(swagger(""), `{"properties":{}}`)
	for _, row := range []struct {
		name         string
		files        []format.File
		reason       fault.Reason
		path, detail string
	}{
		{"no properties", good[:1], fault.ReasonDocumentInvalid, "apiProperties.json", ""},
		{"no definition", good[1:], fault.ReasonDocumentInvalid, "apiDefinition.swagger.json", ""},
		{"two packages", append(good, format.File{Path: "b/apiproperties.json", Content: []byte("{}")}), fault.ReasonDocumentInvalid, "b/apiproperties.json", ""},
		{"a definition that is broken", files(`{"swagger":"2.0", 1}`, `{"properties":{}}`), fault.ReasonDocumentSyntax, "apiDefinition.swagger.json", "19"},
		{"properties that are broken", files(swagger(""), `{"properties": )}`), fault.ReasonDocumentSyntax, "apiProperties.json", "16"},
		{"a definition of another version", files(`{"swagger":"1.2"}`, `{"properties":{}}`), fault.ReasonDocumentInvalid, "apiDefinition.swagger.json", ""},
		{"properties without properties", files(swagger(""), `{"other":{}}`), fault.ReasonDocumentInvalid, "apiProperties.json", ""},
		{"a definition without paths", files(`{"swagger":"2.0"}`, `{"properties":{}}`), fault.ReasonDocumentInvalid, "apiDefinition.swagger.json", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource(row.files)
			if err != nil {
				t.Fatal(err)
			}
			_, err = connectorpackage.Importer{}.Import(t.Context(), src)
			meta := fault.From(err).Meta()
			if fault.ReasonOf(err) != row.reason || meta["path"] != row.path || meta["column"] != row.detail {
				t.Errorf("Import: %v, metadata %v", err, meta)
			}
		})
	}
}

func TestPackagesMayLieInADirectory(t *testing.T) {
	def, _ := importFiles(t, []format.File{
		{Path: "My API/APIDEFINITION.swagger.JSON", Content: []byte(swagger(""))},
		{Path: "My API/apiProperties.json", Content: []byte(`{"Properties":{"iconBrandColor":"#010203"}}`)},
		{Path: "My API/icon.png", Content: []byte("\x89PNG\xff")},
		{Path: "My API/Script.csx", Content: []byte("x")},
	})
	if def.GetInfo().GetBrandColor() != "#010203" || def.GetScripts()[0].GetPath() != "My API/Script.csx" {
		t.Errorf("info %v, scripts %v", def.GetInfo(), def.GetScripts())
	}
}

func TestMoreThanAnybodyHasIsCut(t *testing.T) {
	many := func(n int, item string) string { return strings.Repeat(item+",", n-1) + item }
	parameters := strings.Builder{}
	for i := range 300 {
		parameters.WriteString(`"p` + strings.Repeat("x", i) + `":{"type":"string"},`)
	}
	def, codes := importProperties(t, "",
		`"connectionParameters":{`+parameters.String()+`"z":{"type":"string"}},"connectionParameterSets":{"values":[`+many(100, `{"parameters":{}}`)+`]},"policyTemplateInstances":[`+many(2000, `{"templateId":"setheader"}`)+`]`)
	if n := len(def.GetParameterSets()); n != 33 {
		t.Errorf("%d sets", n)
	}
	if n := len(def.GetParameterSets()[32].GetParameters()); n != 100 {
		t.Errorf("%d parameters", n)
	}
	if n := len(def.GetPolicies()); n != 1000 {
		t.Errorf("%d policies", n)
	}
	for _, code := range []string{"ParameterSetsTooMany", "ConnectionParametersTooMany", "PoliciesTooMany"} {
		if !strings.Contains(strings.Join(codes, "\n"), code) {
			t.Errorf("%s is not reported", code)
		}
	}
}

func TestCodeThatRunsTakesThePlaceOfTheVendors(t *testing.T) {
	const code = "export function before(request) {}"
	js := func(ids ...string) *connectorv1.Script {
		return &connectorv1.Script{Language: "javascript", Path: "script.js", Source: code, OperationIds: ids}
	}
	cs := func(ids ...string) *connectorv1.Script {
		return &connectorv1.Script{Language: "csharp", Path: "script.csx", OperationIds: ids}
	}
	for _, row := range []struct {
		name, operations string
		files            map[string]string
		want             []*connectorv1.Script
		handled, codes   string
	}{
		{"for all operations", ``, map[string]string{"script.js": code}, []*connectorv1.Script{js()}, "", ""},
		{"for some operations", `,"scriptOperations":["A"]`, map[string]string{"script.js": code}, []*connectorv1.Script{js("A")}, "", ""},
		{"for an operation that is not there", `,"scriptOperations":["A","Z"]`, map[string]string{"script.js": code}, []*connectorv1.Script{js("A", "Z")}, "", ""},
		{"beside the vendor's", `,"scriptOperations":["A"]`, map[string]string{"script.js": code, "script.csx": "class Script {}"}, []*connectorv1.Script{js("A"), cs("A")}, "", "ScriptReplaced apiProperties.json /properties/scriptOperations"},
		{"beside the vendor's for all", ``, map[string]string{"script.js": code, "script.csx": "class Script {}"}, []*connectorv1.Script{js(), cs()}, "", "ScriptReplaced apiProperties.json"},
		{"that cannot be read", ``, map[string]string{"script.js": "\xff", "script.csx": "class Script {}"}, []*connectorv1.Script{{Language: "javascript", Path: "script.js"}, cs()}, "A B T", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			list := files(swagger(""), `{"properties":{"iconBrandColor":"#000000"`+row.operations+`}}`)
			for name, content := range row.files {
				list = append(list, format.File{Path: name, Content: []byte(content)})
			}
			def, codes := importFiles(t, list)
			if diff := cmp.Diff(row.want, def.GetScripts(), protocmp.Transform()); diff != "" {
				t.Errorf("scripts (-want +got):\n%s", diff)
			}
			var handled []string
			for _, op := range def.GetOperations() {
				if op.GetRequiresScript() {
					handled = append(handled, op.GetOperationId())
				}
			}
			if got := strings.Join(handled, " "); got != row.handled || strings.Join(codes, ",") != row.codes {
				t.Errorf("handled %q, findings %v", got, codes)
			}
		})
	}
}

func TestAPackageThatAsksForNothingCannotDoWhatItsDescriptionWants(t *testing.T) {
	const old = `"securityDefinitions":{"s":{"type":"apiKey","in":"header","name":"Authorization","x-amazon-apigateway-authtype":"awsSigv2"}},"security":[{"s":[]}],`
	for properties, want := range map[string]string{
		`"connectionParameters":{}`:                              "AWS Signature Version 2",
		`"connectionParameters":{"key":{"type":"securestring"}}`: "", // whoever asks for it knows what to do with it
	} {
		def, _ := importProperties(t, old, properties)
		if sets := def.GetParameterSets(); len(sets) != 1 || sets[0].GetUnsupported().GetKind() != want {
			t.Errorf("%s: sets %v", properties, sets)
		}
	}
}
