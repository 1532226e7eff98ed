package importer_test

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// kindOf names the kind of a placement.
func kindOf(p *connectorv1.CredentialPlacement) string {
	field := p.ProtoReflect().WhichOneof(p.ProtoReflect().Descriptor().Oneofs().ByName("kind"))
	if field == nil {
		return "none"
	}
	return string(field.Name())
}

// Descriptions of AWS call their signatures keys in a header; each must become a
// signature of a service that is known, in a region that is known or asked for.
func TestDescriptionsOfAWSAreSigned(t *testing.T) {
	kinds := map[string]int{}
	signed := 0
	for _, path := range corpusDocuments(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		result, err := importPackage(t.Context(), []format.File{{Path: filepath.Base(path), Content: content}})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		isAWS := bytes.Contains(content, []byte("awsSigv4"))
		for _, set := range result.Definition.GetParameterSets() {
			for _, p := range set.GetPlacements() {
				kinds[kindOf(p)]++
				if aws := p.GetAwsSignature(); aws != nil {
					signed++
					checkAWS(t, path, set, aws)
				} else if isAWS {
					t.Errorf("%s: credentials are placed as %s", path, kindOf(p))
				}
			}
		}
	}
	if signed == 0 {
		t.Error("the corpus has no description of AWS")
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%6d %s", kinds[kind], kind)
	}
}

func checkAWS(t *testing.T, path string, set *connectorv1.ParameterSet, aws *connectorv1.AwsSignaturePlacement) {
	t.Helper()
	if aws.GetService() == "" || (aws.GetRegion() == "") == (aws.GetRegionParameter() == "") {
		t.Errorf("%s: the signature is %v", path, aws)
	}
	for _, p := range set.GetParameters() {
		if p.GetName() == aws.GetRegionParameter() && p.GetDefaultValue() == "" {
			t.Errorf("%s: no region is suggested", path)
		}
	}
}

// Hostile documents cost no more than their size, whatever their security schemes
// hold.
func TestHostileSecuritySchemes(t *testing.T) {
	const long = 1 << 20
	for name, scheme := range map[string]string{
		"a long algorithm":           `"type":"apiKey","in":"header","name":"X","x-ferrule-hmac":{"algorithm":"` + strings.Repeat("a", long) + `"}`,
		"a long grant":               `"type":"oauth2","flows":{},"x-ferrule-oauth":{"grant":"` + strings.Repeat("a", long) + `"}`,
		"a long header":              `"type":"apiKey","in":"header","name":"X","x-ferrule-hmac":{"headers":{"` + strings.Repeat("(", long) + `":"a"}}`,
		"a long template":            `"type":"apiKey","in":"header","name":"X","x-ferrule-value-template":"` + strings.Repeat("{", long) + `"`,
		"a long signature":           `"type":"apiKey","in":"header","name":"X","x-ferrule-hmac":{"stringToSign":"` + strings.Repeat("{a}", long/3) + `"}`,
		"many headers":               `"type":"apiKey","in":"header","name":"X","x-ferrule-hmac":{"headers":[` + strings.TrimSuffix(strings.Repeat(`{"name":"A"},`, long/13), ",") + `]}`,
		"many parameters":            `"type":"apiKey","in":"header","name":"X","x-ferrule-hmac":{"parameters":[` + strings.TrimSuffix(strings.Repeat(`"a",`, long/4), ",") + `]}`,
		"a name of underscores":      `"type":"apiKey","in":"header","name":"X","x-ferrule-hmac":{"` + strings.Repeat("_a", long/2) + `":1}`,
		"a long description":         `"type":"apiKey","in":"header","name":"Authorization","description":"` + strings.Repeat("Bearer {a} ", long/11) + `"`,
		"many settings":              `"type":"oauth2","flows":{},"x-ferrule-oauth":{"parameters":{` + manyMembers(long/20) + `}}`,
		"settings inside each other": `"type":"oauth2","flows":{},"x-ferrule-oauth":{"parameters":` + strings.Repeat(`{"a":`, 200) + `1` + strings.Repeat(`}`, 200) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			doc := `{"openapi":"3.1.0","info":{"title":"T","version":"1"},"servers":[{"url":"https://api.example.com"}],"components":{"securitySchemes":{"s":{` + scheme + `}}},"security":[{"s":[]}],"paths":{"/a":{"get":{"operationId":"A","responses":{}}}}}`
			result, err := importPackage(t.Context(), []format.File{{Path: "openapi.json", Content: []byte(doc)}})
			if err != nil {
				t.Fatal(err)
			}
			checkModel(t, name, result.Definition)
			for _, f := range result.Findings {
				if len(f.Message) > 4096 {
					t.Errorf("the finding %s has %d bytes", f.Code, len(f.Message))
				}
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"p%d":"v"`, i)
	}
	return b.String()
}
