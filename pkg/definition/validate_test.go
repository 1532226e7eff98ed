package definition_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// pointers are the places of the violations of an error.
func pointers(t *testing.T, err error) []string {
	t.Helper()
	if err == nil {
		return nil
	}
	f := fault.From(err)
	if f.Reason() != fault.ReasonDefinitionInvalid || f.Code() != fault.CodeInvalidArgument {
		t.Errorf("the error is %s: %v", f.Reason(), err)
	}
	var all []string
	for _, v := range f.Violations() {
		if v.Description == "" {
			t.Errorf("the violation of %s says nothing", v.Field)
		}
		all = append(all, v.Field)
	}
	if len(all) == 0 || f.Meta()["pointer"] != all[0] {
		t.Errorf("the pointer is %q, the first violation %v", f.Meta()["pointer"], all)
	}
	return all
}

func TestContradictions(t *testing.T) {
	operation := `"operations": [
    {`
	for _, row := range []struct {
		name, from, to string
		want           []string
	}{
		{"no title", `"Items"`, `" "`, []string{"/info/title"}},
		{"a relative server", `"https://{region}.example.com"`, `"/v1"`, []string{"/servers/0/urlTemplate"}},
		{"a server with an open brace", `"https://{region}.example.com"`, `"https://{region.example.com"`, []string{"/servers/0/urlTemplate"}},
		{"a server with a closed brace", `"https://{region}.example.com"`, `"https://region}.example.com"`, []string{"/servers/0/urlTemplate"}},
		{"a server with nothing in braces", `"https://{region}.example.com"`, `"https://{}.example.com"`, []string{"/servers/0/urlTemplate"}},
		{"a variable that is not declared", `"name": "region"`, `"name": "zone"`, []string{"/servers/0/variables"}},
		{"a variable without a name", `"name": "region"`, `"name": ""`, []string{"/servers/0/variables/0/name", "/servers/0/variables"}},
		{"no operation id", `"operationId": "GetItem"`, `"operationId": ""`, []string{"/operations/0/operationId"}},
		{"no kind", `"kind": "ACTION",`, ``, []string{"/operations/0/kind"}},
		{"a method in lower case", `"GET"`, `"get"`, []string{"/operations/0/method"}},
		{"a method with a space", `"GET"`, `"G T"`, []string{"/operations/0/method"}},
		{"no method", `"GET"`, `""`, []string{"/operations/0/method"}},
		{"a path without a slash", `"/items/{id}"`, `"items/{id}"`, []string{"/operations/0/path"}},
		{"a path with an open brace", `"/items/{id}"`, `"/items/{id"`, []string{"/operations/0/path"}},
		{"a path with braces in braces", `"/items/{id}"`, `"/items/{{id}}"`, []string{"/operations/0/path"}},
		{"a placeholder that is not declared", `"/items/{id}"`, `"/items/{id}/{part}"`, []string{"/operations/0/path"}},
		{"a parameter that is not in the path", `"/items/{id}"`, `"/items"`, []string{"/operations/0/parameters/0/name"}},
		{"a parameter without a name", `"name": "id"`, `"name": ""`, []string{"/operations/0/parameters/0/name", "/operations/0/path", "/operations/0/parameters/0/name"}},
		{"a parameter without a location", `"location": "PATH",`, ``, []string{"/operations/0/parameters/0/location", "/operations/0/path"}},
		{"a parameter twice", `"parameters": [`, `"parameters": [{"name": "id", "location": "PATH"},`, []string{"/operations/0/parameters/1/name"}},
		{"a body without a media type", `"mediaType": "application/json"`, `"mediaType": ""`, []string{"/operations/0/responses/0/contents/0/mediaType"}},
		{"a body without a kind", `"kind": "JSON",`, ``, []string{"/operations/0/responses/0/contents/0/kind"}},
		{"a reference to no schema", `"$ref": "#/$defs/Item"`, `"$ref": "#/$defs/Itme"`, []string{"/operations/0/responses/0/contents/0/schema"}},
		{"a reference into no schema", `"$ref": "#/$defs/Item"`, `"$ref": "#/$defs/Itme/properties/a"`, []string{"/operations/0/responses/0/contents/0/schema"}},
		{"a reference inside of schemas", `"zeta": {}`, `"zeta": {"items": {"anyOf": [{"$ref": "#/$defs/none"}]}}`, []string{"/schemas/0/json"}},
		{"security without a scheme", `"schemeId": "key"
            }`, `"schemeId": "kye"}`, []string{"/operations/0/security/0/schemes/0/schemeId"}},
		{"a schema without a name", `"name": "Item"`, `"name": ""`, []string{"/operations/0/responses/0/contents/0/schema", "/schemas/0/json", "/schemas/0/name"}},
		{"a scheme without a kind", `"apiKey": {
        "name": "X-Key",
        "location": "HEADER"
      }`, `"description": "x"`, []string{"/securitySchemes/0"}},
		{"a parameter of a connection without a type", `,
          "type": "SECRET"`, ``, []string{"/parameterSets/0/parameters/0/type"}},
		{"a placement of no parameter", `"parameter": "api_key"`, `"parameter": "apikey"`, []string{"/parameterSets/0/placements/0"}},
		{"a placement of no scheme", `"placements": [
        {
          "schemeId": "key"`, `"placements": [{"schemeId": "other"`, []string{"/parameterSets/0/placements/0/schemeId"}},
		{"a placement without a kind", `"placements": [`, `"placements": [{},`, []string{"/parameterSets/0/placements/0"}},
		{"a policy without a template", `"schemas": [`, `"policies": [{}], "schemas": [`, []string{"/policies/0/templateId"}},
		{"a test of no operation", `"schemas": [`, `"connectionTest": {"operationId": "x"}, "schemas": [`, []string{"/connectionTest/operationId"}},
		{"a file picker of no operation", `"schemas": [`, `"filePicker": {"open": {"operationId": ""}, "browse": {"operationId": "GetItem"}}, "schemas": [`, []string{"/filePicker/open/operationId"}},
		{"a tag twice", `"schemas": [`, `"tags": [{"name": "a"}, {"name": "a"}], "schemas": [`, []string{"/tags/1/name"}},
		{"an action with a trigger", operation, operation + `"trigger": {"polling": {}},`, []string{"/operations/0/trigger"}},
		{"a link to no operation", `"status": "200",`, `"status": "200", "links": [{"name": "a", "operationId": "x"}],`, []string{"/operations/0/responses/0/links/0/operationId"}},
		{"a dynamic feature without a kind", operation, operation + `"dynamics": [{"side": "INPUT"}],`, []string{"/operations/0/dynamics/0"}},
		{"values of no operation", operation, operation + `"dynamics": [{"values": {"call": {"operationId": ""}}}],`, []string{"/operations/0/dynamics/0/values/call/operationId"}},
		{"a schema of no operation", operation, operation + `"dynamics": [{"schema": {"call": {"operationId": ""}}}],`, []string{"/operations/0/dynamics/0/schema/call/operationId"}},
		{"a tree of no operation", operation, operation + `"dynamics": [{"tree": {"open": {"call": {"operationId": ""}}, "browse": {"call": {"operationId": ""}}}}],`, []string{"/operations/0/dynamics/0/tree/open/call/operationId", "/operations/0/dynamics/0/tree/browse/call/operationId"}},
		{"a polling trigger that does not say how", `"kind": "ACTION"`, `"kind": "POLLING_TRIGGER"`, []string{"/operations/0/trigger/polling"}},
		{"a webhook that does not say how", `"kind": "ACTION"`, `"kind": "WEBHOOK_TRIGGER"`, []string{"/operations/0/trigger/webhook"}},
		{"a webhook removed by no operation", `"kind": "ACTION"`, `"kind": "WEBHOOK_TRIGGER", "trigger": {"webhook": {"unsubscribeOperationId": "x"}}`, []string{"/operations/0/trigger/webhook/unsubscribeOperationId"}},
		{"a poll woken by no operation", `"kind": "ACTION"`, `"kind": "POLLING_TRIGGER", "trigger": {"polling": {"notificationOperationId": "x"}, "simulation": {"operationId": ""}}`, []string{"/operations/0/trigger/polling/notificationOperationId", "/operations/0/trigger/simulation/operationId"}},
		{"a webhook by hand with a path", `"kind": "ACTION"`, `"kind": "WEBHOOK_TRIGGER", "trigger": {"webhook": {"registration": "MANUAL"}}`, []string{"/operations/0/path"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := pointers(t, definition.Validate(parse(t, edited(t, row.from, row.to))))
			if !slices.Equal(got, row.want) {
				t.Errorf("violations at %q, want %q", got, row.want)
			}
		})
	}
}

func TestWhatIsNoContradiction(t *testing.T) {
	for _, row := range []struct{ name, from, to string }{
		{"no servers", `"https://{region}.example.com"`, `"{region}/v1"`},
		{"a reference in an example", `"zeta": {}`, `"zeta": {"example": {"$ref": "#/$defs/none"}, "x-a": {"$ref": "#/$defs/none"}}`},
		{"a property that is called like a reference", `"zeta": {}`, `"$ref": {"type": "string"}`},
		{"a property that is called like a keyword", `"zeta": {}`, `"default": {"$ref": "#/$defs/Item"}`},
		{"a reference that leads elsewhere", `"zeta": {}`, `"zeta": {"$ref": "https://example.com/schema.json"}`},
		{"a policy for no operation", `"schemas": [`, `"policies": [{"templateId": "setheader", "operationIds": ["x"]}], "schemas": [`},
		{"a script for no operation", `"schemas": [`, `"scripts": [{"operationIds": ["x"]}], "schemas": [`},
		{"a schema that is true", `"zeta": {}`, `"zeta": true`},
		{"a platform's own values", `"kind": "ACTION"`, `"kind": "ACTION", "dynamics": [{"values": {"call": {"capability": "file-picker"}}}]`},
		{"a header of the same name", `"parameters": [`, `"parameters": [{"name": "id", "location": "HEADER"},`},
		{"security that is not needed", `"security": [`, `"security": [{},`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if err := definition.Validate(parse(t, edited(t, row.from, row.to))); err != nil {
				t.Errorf("%v: %v", err, fault.From(err).Violations())
			}
		})
	}
}

func TestAWebhookByHandHasNoPath(t *testing.T) {
	def := parse(t, small)
	def.Operations = []*connectorv1.Operation{{
		OperationId: "Fired", Method: "POST", Kind: connectorv1.OperationKind_OPERATION_KIND_WEBHOOK_TRIGGER,
		Trigger: &connectorv1.Trigger{Protocol: &connectorv1.Trigger_Webhook{Webhook: &connectorv1.WebhookTrigger{
			Registration: connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL,
		}}},
	}}
	if err := definition.Validate(def); err != nil {
		t.Error(err)
	}
}

func TestTextsThatAreNotJSONAreContradictions(t *testing.T) {
	for _, text := range []string{"{", "{}x", "\"\xff\"", `{"a":1,"a":2}`, " ", strings.Repeat("[", definition.MaxDepth+1)} {
		def := parse(t, small)
		def.Operations[0].Parameters[0].Schema = []byte(text)
		def.Operations[0].Responses[0].Contents[0].Examples = [][]byte{[]byte("1"), []byte(text)}
		got := pointers(t, definition.Validate(def))
		want := []string{"/operations/0/parameters/0/schema", "/operations/0/responses/0/contents/0/examples/1"}
		if !slices.Equal(got, want) {
			t.Errorf("%.10q: violations at %q, want %q", text, got, want)
		}
	}
}

func TestViolationsAreBounded(t *testing.T) {
	def := parse(t, small)
	for i := range 500 {
		def.Operations = append(def.Operations, &connectorv1.Operation{
			OperationId: fmt.Sprint(i), Kind: connectorv1.OperationKind_OPERATION_KIND_ACTION, Method: "GET", Path: "x",
		})
	}
	err := definition.Validate(def)
	if got := len(pointers(t, err)); got != 100 {
		t.Errorf("%d violations", got)
	}
	if more := fault.From(err).Meta()["more"]; more != "400" {
		t.Errorf("%s more", more)
	}
}

func TestAnEmptyDefinitionIsInvalid(t *testing.T) {
	for _, def := range []*connectorv1.Definition{nil, {}} {
		if got := pointers(t, definition.Validate(def)); !slices.Equal(got, []string{"/info/title", "/parameterSets"}) {
			t.Errorf("violations at %q", got)
		}
	}
}

func TestAPlacementKnowsItsParameters(t *testing.T) {
	for want, p := range map[string]*connectorv1.CredentialPlacement{
		"":    {},
		"k":   {Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "k"}}},
		"u,p": {Kind: &connectorv1.CredentialPlacement_Basic{Basic: &connectorv1.BasicPlacement{UsernameParameter: "u", PasswordParameter: "p"}}},
		"t":   {Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "t"}}},
		"v,q": {Kind: &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{UsernameParameter: "v", PasswordParameter: "q"}}},
		"a":   {Kind: &connectorv1.CredentialPlacement_Authorization{Authorization: &connectorv1.AuthorizationPlacement{Parameter: "a"}}},
		"c":   {Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: "c"}}},
	} {
		if got := strings.Join(definition.ParametersOf(p), ","); got != want {
			t.Errorf("ParametersOf(%v) = %q, want %q", p, got, want)
		}
	}
}

func TestWhatHasNoEffectMayNameWhatIsNotThere(t *testing.T) {
	for name, change := range map[string][2]string{
		"a dynamic call of an unknown operation":     {`"kind": "ACTION",`, `"kind": "ACTION", "dynamics": [{"values": {"call": {"operationId": "gone"}}}],`},
		"a reference in a keyword that nobody knows": {`"type": "object"`, `"type": "object", "unknown": {"$ref": "#/$defs/Nope"}`},
	} {
		t.Run(name, func(t *testing.T) {
			if err := definition.Validate(parse(t, edited(t, change[0], change[1]))); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestASetThatNobodyCanUse(t *testing.T) {
	set := func(rest string) string {
		return `{"ferrule": "1", "info": {"title": "T"}, "parameterSets": [{"name": "default", ` + rest + `}]}`
	}
	for _, row := range []struct {
		name, text string
		want       []string
	}{
		{"as it should be", set(`"unsupported": {"kind": "NTLM", "remedy": "use a proxy"}`), nil},
		{"without its kind and remedy", set(`"unsupported": {}`), []string{"/parameterSets/0/unsupported/kind", "/parameterSets/0/unsupported/remedy"}},
		{"with too much text", set(`"unsupported": {"kind": "` + strings.Repeat("k", 201) + `", "remedy": "` + strings.Repeat("r", 401) + `"}`), []string{"/parameterSets/0/unsupported/kind", "/parameterSets/0/unsupported/remedy"}},
		{"that asks for something", set(`"unsupported": {"kind": "NTLM", "remedy": "use a proxy"}, "parameters": [{"name": "p", "type": "STRING"}]`), []string{"/parameterSets/0/unsupported"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, err := definition.Unmarshal([]byte(row.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			if err := definition.Validate(def); err != nil {
				for _, v := range fault.From(err).Violations() {
					got = append(got, v.Field)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("violations %q, want %q", got, row.want)
			}
		})
	}
}
