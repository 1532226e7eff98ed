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

const png = "\x89PNG\r\n\x1a\n"

func TestConnectorsOfSolutionsAreReadLikePackages(t *testing.T) {
	const (
		parameters = `{"api_key":{"type":"securestring"}}`
		policies   = `[{"templateId":"setheader","parameters":{"x-ms-apimTemplateParameter.name":"n","x-ms-apimTemplateParameter.value":"v"}}]`
		sets       = `{"values":[{"name":"s","parameters":` + parameters + `}]}`
	)
	name := "Connector/new_5Fdemo"
	solution := []format.File{
		{Path: "solution.xml", Content: []byte("<x/>")},
		{Path: "customizations.xml", Content: []byte(`<?xml version="1.0" encoding="utf-8"?><ImportExportXml><Connectors><Connector><name>new_demo</name><iconbrandcolor>#DA3B01</iconbrandcolor></Connector></Connectors></ImportExportXml>`)},
		{Path: name + "_openapidefinition.json", Content: []byte("\ufeff" + swagger(keyScheme))},
		{Path: name + "_connectionparameters.json", Content: []byte(parameters)},
		{Path: name + "_ConnectionParameterSets.json", Content: []byte(sets)},
		{Path: name + "_policytemplateinstances.json", Content: []byte(policies)},
		{Path: name + "_scriptoperations.json", Content: []byte(`["A"]`)},
		{Path: name + "_capabilities.json", Content: nil},
		{Path: name + "_iconblob.Png", Content: []byte(png)},
		{Path: name + "_customcodeblobcontent.csx", Content: []byte("x")},
	}
	got, codes := importFiles(t, solution)
	pack := files(swagger(keyScheme), `{"properties":{"iconBrandColor":"#da3b01","connectionParameters":`+parameters+`,"connectionParameterSets":`+sets+`,"policyTemplateInstances":`+policies+`,"scriptOperations":["A"]}}`)
	pack = append(pack, format.File{Path: "icon.png", Content: []byte(png)}, format.File{Path: "script.csx", Content: []byte("x")})
	want, _ := importFiles(t, pack)
	want.Info.Icon = &connectorv1.Icon{Place: &connectorv1.Icon_File{File: name + "_iconblob.Png"}}
	want.Scripts[0].Path = name + "_customcodeblobcontent.csx"
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("the definition differs (-package +solution):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ByteOrderMark " + name + "_openapidefinition.json"}, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	two := append(slices.Clone(solution), format.File{Path: "Connector/other_openapidefinition.json", Content: []byte(swagger(""))})
	src, err := format.NewSource(two)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (connectorpackage.Importer{}).Import(t.Context(), src); fault.ReasonOf(err) != fault.ReasonDocumentInvalid || fault.From(err).Meta()["path"] == "" {
		t.Errorf("two connectors: %v", err)
	}
}

func TestFindingsAboutPartsPointIntoTheirFile(t *testing.T) {
	_, codes := importFiles(t, []format.File{
		{Path: "Connectors/x_openapidefinition.json", Content: []byte(swagger(""))},
		{Path: "Connectors/x_connectionparameters.json", Content: []byte(`{"p":{"type":"odd"},}`)},
		{Path: "Connectors/x_policytemplateinstances.json", Content: []byte(`[{"parameters":{}}]`)},
	})
	want := []string{
		"JSONTrailingComma Connectors/x_connectionparameters.json",
		"ConnectionParameterTypeUnknown Connectors/x_connectionparameters.json /p",
		"PolicyTemplateMissing Connectors/x_policytemplateinstances.json /0",
	}
	if diff := cmp.Diff(want, codes); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestPropertiesInTheWrongPlace(t *testing.T) {
	for _, row := range []struct{ name, properties, color, codes string }{
		{"without the object around them", `{"iconBrandColor":"#010203","connectionParameters":{}}`, "#010203", "PropertiesWrapperMissing"},
		{"beside the object", `{"properties":{"IconBrandColor":"#010203"},"script":"x"}`, "#010203", "PropertyUnknown /script"},
		{"a parameter among the properties", `{"properties":{"token:clientId":{"type":"string"}}}`, "", "PropertyMisplaced /properties/token:clientId"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importFiles(t, files(swagger(""), row.properties))
			if got := strings.ReplaceAll(strings.Join(codes, ", "), " apiProperties.json", ""); got != row.codes || def.GetInfo().GetBrandColor() != row.color {
				t.Errorf("findings %q, colour %q", got, def.GetInfo().GetBrandColor())
			}
		})
	}
}

func TestIcons(t *testing.T) {
	for _, row := range []struct{ name, path, content, want, code string }{
		{"a PNG", "icon.png", png, "icon.png", ""},
		{"an SVG", "Icon.SVG", "<?xml version=\"1.0\"?><svg xmlns=\"x\"/>", "Icon.SVG", ""},
		{"a JPEG with another name", "icon.png", "\xff\xd8\xff\xe0", "icon.png", ""},
		{"another name", "logo.png", png, "", ""},
		{"another folder", "docs/icon.png", png, "", ""},
		{"no picture", "icon.png", "hello", "", "IconInvalid"},
		{"too large", "icon.png", png + strings.Repeat("x", 1<<20), "", "IconTooLarge"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, codes := importFiles(t, append(files(swagger(""), `{"properties":{}}`), format.File{Path: row.path, Content: []byte(row.content)}))
			if got := def.GetInfo().GetIcon().GetFile(); got != row.want || strings.TrimSuffix(strings.Join(codes, ""), " apiProperties.json") != row.code {
				t.Errorf("icon %q, findings %v", got, codes)
			}
		})
	}
}

func TestDefinitionsInOpenAPI3AreRead(t *testing.T) {
	def, codes := importFiles(t, files(`{"openapi":"3.0.3","info":{"title":"T","version":"1"},"servers":[{"url":"https://api.example.com"}],"paths":{"/a":{"get":{"operationId":"A","responses":{"200":{"description":"d"}}}}}}`, `{"properties":{}}`))
	if len(def.GetOperations()) != 1 || !slices.Contains(codes, "DefinitionIsOpenAPI3 apiDefinition.swagger.json /openapi") {
		t.Errorf("%d operations, findings %v", len(def.GetOperations()), codes)
	}
}
