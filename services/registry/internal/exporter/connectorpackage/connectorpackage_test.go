package connectorpackage_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter/target"
	importer "github.com/ferrule-dev/ferrule/services/registry/internal/importer/connectorpackage"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

var update = flag.Bool("update", false, "write the golden files instead of comparing with them")

func readDefinition(t *testing.T, path string) *connectorv1.Definition {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	def, err := definition.Unmarshal(content)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return def
}

func export(t *testing.T, def *connectorv1.Definition, files ...format.File) *target.Output {
	t.Helper()
	out, err := connectorpackage.Exporter{}.Export(t.Context(), target.Input{Definition: def, Files: files})
	if err != nil {
		t.Fatalf("export: %v", err)
	}
	return out
}

// again imports an exported package.
func again(t *testing.T, out *target.Output) *connectorv1.Definition {
	t.Helper()
	src, err := format.NewSource(out.Files)
	if err != nil {
		t.Fatal(err)
	}
	result, err := importer.Importer{}.Import(t.Context(), src)
	if err != nil {
		t.Fatalf("import the export: %v", err)
	}
	for _, op := range result.Definition.GetOperations() {
		op.SourcePointer = ""
	}
	return result.Definition
}

// properties returns the object "properties" of the exported package.
func properties(t *testing.T, out *target.Output) *document.Node {
	t.Helper()
	i := slices.IndexFunc(out.Files, func(f format.File) bool { return f.Path == "apiProperties.json" })
	doc, err := document.Parse("apiProperties.json", out.Files[i].Content)
	if err != nil {
		t.Fatal(err)
	}
	return doc.Root().Get("properties")
}

func lines(findings []format.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s: %s\n", f.Code, f.Pointer, f.Message)
	}
	return b.String()
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

var assets = []format.File{
	{Path: "icon.png", Content: []byte("\x89PNG")},
	{Path: "code/script.csx", Content: []byte("public class Script {}")},
	{Path: "readme.md", Content: []byte("# Read me")},
}

func TestAPackageInItsOwnWords(t *testing.T) {
	def := readDefinition(t, "testdata/package.definition.json")
	out := export(t, def, assets...)
	var names []string
	for _, f := range out.Files {
		names = append(names, f.Path)
		if strings.HasSuffix(f.Path, ".json") {
			golden(t, "testdata/package."+f.Path, string(f.Content))
		}
		if strings.Contains(string(f.Content), "x-ferrule") {
			t.Errorf("%s has extensions of this platform", f.Path)
		}
	}
	want := []string{"apiDefinition.swagger.json", "apiProperties.json", "icon.png", "script.csx"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	// The script moves to where packages have it, which the definition says.
	if text := lines(out.Findings); !strings.Contains(text, "ExportLost /scripts: ") {
		t.Errorf("the path of the script is not reported:\n%s", text)
	}
}

func TestAnImportedPackageIsEqualAfterARoundTrip(t *testing.T) {
	first := again(t, export(t, readDefinition(t, "testdata/package.definition.json"), assets...))
	out := export(t, first, format.File{Path: "icon.png", Content: []byte("\x89PNG")}, format.File{Path: "script.csx", Content: []byte("public class Script {}")})
	if diff := cmp.Diff(first, again(t, out), protocmp.Transform()); diff != "" {
		t.Errorf("(-first +second):\n%s\n%s", diff, lines(out.Findings))
	}
}

func TestCodeThatRunsIsWrittenBesideTheVendors(t *testing.T) {
	const code = "export function before(request) {}\n"
	def := readDefinition(t, "testdata/package.definition.json")
	js := &connectorv1.Script{Language: "javascript", Path: "script.js", Source: code, OperationIds: def.GetScripts()[0].GetOperationIds()}
	def.Scripts = append([]*connectorv1.Script{js}, def.GetScripts()...)
	def.Scripts[1].Path = "script.csx"
	for _, op := range def.GetOperations() {
		op.RequiresScript = false
	}
	out := export(t, def, format.File{Path: "icon.png", Content: []byte("\x89PNG")}, format.File{Path: "script.csx", Content: []byte("class Script {}")})
	content := map[string]string{}
	for _, f := range out.Files {
		content[f.Path] = string(f.Content)
	}
	if content["script.js"] != code || content["script.csx"] != "class Script {}" {
		t.Errorf("the files are %v", content)
	}
	got := again(t, out)
	if diff := cmp.Diff(def.GetScripts(), got.GetScripts(), protocmp.Transform()); diff != "" {
		t.Errorf("scripts (-want +got):\n%s\n%s", diff, lines(out.Findings))
	}
}

func TestAPackageHasOneListOfOperationsForItsCode(t *testing.T) {
	def := readDefinition(t, "testdata/package.definition.json")
	def.Scripts = []*connectorv1.Script{
		{Language: "javascript", Path: "a.js", Source: "function before() {}", OperationIds: []string{"A"}},
		{Language: "javascript", Path: "b.js", Source: "function after() {}"},
		{Language: "csharp", Path: "code/script.csx"},
	}
	text := lines(export(t, def, assets...).Findings)
	for _, want := range []string{"ExportLost /scripts/1: ", "ExportLost /scripts/2/operationIds: "} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestWaysToAuthenticateThatAPackageDoesNotHave(t *testing.T) {
	parameter := func(name string) []*connectorv1.ConnectionParameter {
		return []*connectorv1.ConnectionParameter{{
			Name: name, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET, Required: true,
		}}
	}
	for _, row := range []struct {
		name      string
		placement *connectorv1.CredentialPlacement
		header    string
		value     string
		code      string
	}{
		{
			name: "a bearer token is a header", header: "Authorization", value: "Bearer @connectionParameters('x','')", code: target.CodeApproximated,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "x"}}},
		},
		{
			name: "another scheme is a header", header: "Authorization", value: "Token @connectionParameters('x','')", code: target.CodeApproximated,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Authorization{
				Authorization: &connectorv1.AuthorizationPlacement{Scheme: "Token", Parameter: "x"},
			}},
		},
		{
			name: "a key in a cookie is a header", header: "Cookie", value: "sid=@connectionParameters('x','')", code: target.CodeApproximated,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
				Parameter: "x", Name: "sid", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE,
			}}},
		},
		{
			name: "a key with text around it is a header", header: "X-Key", value: "Token token=@connectionParameters('x','')", code: target.CodeApproximated,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
				Parameter: "x", Name: "X-Key", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER, Template: "Token token={value}",
			}}},
		},
		{
			name: "text around a key in the query is lost", code: target.CodeLost,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{
				Parameter: "x", Name: "k", Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY, Template: "v1:{value}",
			}}},
		},
		{
			name: "a signature of AWS is lost", code: target.CodeLost,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_AwsSignature{AwsSignature: &connectorv1.AwsSignaturePlacement{AccessKeyParameter: "x", SecretKeyParameter: "x"}}},
		},
		{
			name: "a signature is lost", code: target.CodeLost,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "x"}}},
		},
		{
			name: "digest authentication is lost", code: target.CodeLost,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Digest{Digest: &connectorv1.DigestPlacement{UsernameParameter: "x", PasswordParameter: "x"}}},
		},
		{
			name: "a client certificate is lost", code: target.CodeLost,
			placement: &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Certificate{Certificate: &connectorv1.CertificatePlacement{Parameter: "x"}}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := &connectorv1.Definition{
				Info: &connectorv1.Info{Title: "T", Version: "1"},
				ParameterSets: []*connectorv1.ParameterSet{{
					Name: "default", Parameters: parameter("x"), Placements: []*connectorv1.CredentialPlacement{row.placement},
				}},
			}
			out := export(t, def)
			policy := properties(t, out).Get("policyTemplateInstances").At("/0/parameters")
			if got := policy.Str("x-ms-apimTemplateParameter.name"); got != row.header {
				t.Errorf("the header is %q, want %q", got, row.header)
			}
			if got := policy.Str("x-ms-apimTemplateParameter.value"); got != row.value {
				t.Errorf("the value is %q, want %q", got, row.value)
			}
			reported := slices.ContainsFunc(out.Findings, func(f format.Finding) bool {
				return f.Code == row.code && f.Pointer == "/parameterSets/0/placements/0"
			})
			if !reported {
				t.Errorf("nothing is reported:\n%s", lines(out.Findings))
			}
		})
	}
}

// Other platforms have packages with client certificates; such a package stays one.
func TestCertificatesOfAnImportedPackageStay(t *testing.T) {
	const text = `{"properties":{"iconBrandColor":"#123456","capabilities":[],"connectionParameters":{"cert":{"type":"clientCertificate","uiDefinition":{"displayName":"Certificate"}}}}}`
	src, err := format.NewSource([]format.File{
		{Path: "apiDefinition.swagger.json", Content: []byte(`{"swagger":"2.0","info":{"title":"T","version":"1"},"host":"api.example.com","schemes":["https"],"paths":{}}`)},
		{Path: "apiProperties.json", Content: []byte(text)},
	})
	if err != nil {
		t.Fatal(err)
	}
	result, err := importer.Importer{}.Import(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	out := export(t, result.Definition)
	if got := properties(t, out).At("/connectionParameters/cert/type").Text(); got != "clientCertificate" {
		t.Errorf("the type is %q", got)
	}
	if diff := cmp.Diff(result.Definition, again(t, out), protocmp.Transform()); diff != "" {
		t.Errorf("(-first +second):\n%s\n%s", diff, lines(out.Findings))
	}
}

func TestEachOfSeveralKeysStaysWithItsParameter(t *testing.T) {
	type key struct{ scheme, header, parameter string }
	for _, row := range []struct {
		name string
		keys []key
	}{
		{"parameters with numbers, as importers call them", []key{{"first", "X-First", "api_key"}, {"second", "X-Second", "api_key_2"}}},
		{"parameters called like each other's schemes", []key{{"a", "X-A", "b"}, {"b", "X-B", "a"}}},
		{"parameters called like the headers", []key{{"a", "X-A", "X-A"}, {"b", "X-B", "X-B"}}},
		{"parameters called like each other's headers", []key{{"a", "X-A", "X-B"}, {"b", "X-B", "X-A"}}},
		{"parameters called as nothing else", []key{{"a", "X-A", "one"}, {"b", "X-B", "two"}, {"c", "X-C", "three"}}},
		{"one parameter for both", []key{{"a", "X-A", "api_key"}, {"b", "X-B", "api_key"}}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "T", Version: "1"}, ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}}}
			set := def.GetParameterSets()[0]
			want := map[string]string{}
			for _, k := range row.keys {
				want[k.header] = k.parameter
				def.SecuritySchemes = append(def.SecuritySchemes, &connectorv1.SecurityScheme{Id: k.scheme, Kind: &connectorv1.SecurityScheme_ApiKey{
					ApiKey: &connectorv1.ApiKeyScheme{Name: k.header, Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER},
				}})
				if !slices.ContainsFunc(set.GetParameters(), func(p *connectorv1.ConnectionParameter) bool { return p.GetName() == k.parameter }) {
					set.Parameters = append(set.Parameters, &connectorv1.ConnectionParameter{
						Name: k.parameter, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET, Required: true,
					})
				}
				set.Placements = append(set.Placements, &connectorv1.CredentialPlacement{SchemeId: k.scheme, Kind: &connectorv1.CredentialPlacement_ApiKey{
					ApiKey: &connectorv1.ApiKeyPlacement{Parameter: k.parameter, Name: k.header, Location: connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER},
				}})
			}
			out := export(t, def)
			got := map[string]string{}
			for _, p := range again(t, out).GetParameterSets()[0].GetPlacements() {
				got[p.GetApiKey().GetName()] = p.GetApiKey().GetParameter()
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the keys are placed otherwise (-want +got):\n%s\n%s", diff, lines(out.Findings))
			}
		})
	}
}

func TestAParametersOwnObjectIsKept(t *testing.T) {
	source := `{"Type":"securestring","uiDefinition":{"displayname":"Key","tooltip":"Help","constraints":{"required":"true"},"own":1.50}}`
	for _, row := range []struct {
		name   string
		change func(*connectorv1.ConnectionParameter)
		want   string
	}{
		{"nothing was edited", func(*connectorv1.ConnectionParameter) {}, source},
		{"another title", func(c *connectorv1.ConnectionParameter) { c.Title = "New" }, strings.Replace(source, `"Key"`, `"New"`, 1)},
		{"not required any more", func(c *connectorv1.ConnectionParameter) { c.Required = false }, strings.Replace(source, `"required":"true"`, `"required":"false"`, 1)},
		{"another type", func(c *connectorv1.ConnectionParameter) {
			c.Type = connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING
		}, strings.Replace(source, "securestring", "string", 1)},
		{"hidden", func(c *connectorv1.ConnectionParameter) { c.Hidden = true }, strings.Replace(source, `"required":"true"`, `"required":"true","hidden":"true"`, 1)},
	} {
		t.Run(row.name, func(t *testing.T) {
			parameter := &connectorv1.ConnectionParameter{
				Name: "key", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_SECRET,
				Title: "Key", Description: "Help", Required: true, Source: []byte(source),
			}
			row.change(parameter)
			out := export(t, &connectorv1.Definition{
				ParameterSets: []*connectorv1.ParameterSet{{Name: "default", Parameters: []*connectorv1.ConnectionParameter{parameter}}},
			})
			if got := string(properties(t, out).At("/connectionParameters/key").JSON()); got != row.want {
				t.Errorf("the parameter is\n%s, want\n%s", got, row.want)
			}
		})
	}
}

func TestSetsKeepTheirNames(t *testing.T) {
	one := []*connectorv1.ConnectionParameter{{Name: "a", Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_STRING}}
	for _, row := range []struct {
		name  string
		sets  []*connectorv1.ParameterSet
		plain int
		named string
	}{
		{"one set needs no name", []*connectorv1.ParameterSet{{Name: "default", Parameters: one}}, 1, ""},
		{"one set without parameters", []*connectorv1.ParameterSet{{Name: "default"}}, 0, ""},
		{"one set with a name", []*connectorv1.ParameterSet{{Name: "key", Parameters: one}}, 0, "key"},
		{"a set that must not be shared", []*connectorv1.ParameterSet{{Name: "default", SharingForbidden: true}}, 0, "default"},
		{"a named and a plain set", []*connectorv1.ParameterSet{{Name: "key", Parameters: one}, {Name: "default", Parameters: one}}, 1, "key"},
		{"the empty set among others", []*connectorv1.ParameterSet{{Name: "key", Parameters: one}, {Name: "default"}}, 0, "key,default"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out := export(t, &connectorv1.Definition{ParameterSets: row.sets})
			p := properties(t, out)
			var named []string
			for _, v := range p.Get("connectionParameterSets").Get("values").Children() {
				named = append(named, v.Str("name"))
			}
			if got := strings.Join(named, ","); got != row.named || len(p.Get("connectionParameters").Children()) != row.plain {
				t.Errorf("the named sets are %q, want %q; %d plain parameters, want %d",
					got, row.named, len(p.Get("connectionParameters").Children()), row.plain)
			}
			var names []string
			for _, s := range again(t, out).GetParameterSets() {
				names = append(names, s.GetName())
			}
			if len(names) != len(row.sets) || names[0] != row.sets[0].GetName() {
				t.Errorf("the imported sets are %q", names)
			}
		})
	}
}

func TestFilesThatAreMissingAreReported(t *testing.T) {
	def := readDefinition(t, "testdata/package.definition.json")
	text := lines(export(t, def).Findings)
	for _, want := range []string{"ExportLost /scripts/0", "ExportLost /info/icon"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestAnExportEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := connectorpackage.Exporter{}.Export(ctx, target.Input{Definition: readDefinition(t, "testdata/package.definition.json")})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnEmptyDefinitionIsExported(t *testing.T) {
	out := export(t, &connectorv1.Definition{})
	if len(out.Files) != 2 || properties(t, out).Str("iconBrandColor") == "" {
		t.Errorf("%+v", out.Files)
	}
}

func TestKeywordsThatTheVendorIgnoresAreReportedOnce(t *testing.T) {
	def := &connectorv1.Definition{
		Info: &connectorv1.Info{Title: "T"},
		Schemas: []*connectorv1.Schema{
			{Name: "A", Json: []byte(`{"oneOf":[{"type":"string","writeOnly":true},{"not":{"oneOf":[{}]}}]}`)},
			{Name: "B", Json: []byte(`{"oneOf":[{"type":"string"}],"prefixItems":[{}],"title":"T","properties":{"anyOf":{"type":"string"}}}`)},
		},
	}
	out := export(t, def)
	var kept []string
	for _, f := range out.Findings {
		if f.Code == target.CodeApproximated && strings.HasPrefix(f.Pointer, "/schemas/") {
			kept = append(kept, f.Pointer+" "+f.Message)
		}
	}
	slices.Sort(kept)
	sentence := func(pointer, schema, key string) string {
		return pointer + fmt.Sprintf(" schema %q: a connector package has no keyword %q; it is kept, and the vendor's tools ignore it", schema, key)
	}
	want := []string{
		sentence("/schemas/0", "A", "not"), sentence("/schemas/0", "A", "oneOf"),
		sentence("/schemas/0", "A", "writeOnly"), sentence("/schemas/1", "B", "prefixItems"),
	}
	if diff := cmp.Diff(want, kept); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if got := again(t, out); string(got.GetSchemas()[0].GetJson()) != string(def.GetSchemas()[0].GetJson()) {
		t.Errorf("the schema came back as %s", got.GetSchemas()[0].GetJson())
	}
}

func TestAPackageCannotSayThatNobodyCanConnect(t *testing.T) {
	def := &connectorv1.Definition{Info: &connectorv1.Info{Title: "x"}, ParameterSets: []*connectorv1.ParameterSet{{
		Name: "default", Unsupported: &connectorv1.UnsupportedAuthentication{Kind: "NTLM", Remedy: "use a proxy"},
	}}}
	if text := lines(export(t, def).Findings); !strings.Contains(text, "ExportLost /parameterSets/0/unsupported: ") || !strings.Contains(text, "NTLM") {
		t.Errorf("findings %s", text)
	}
}
