package openapi_test

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// imported is what came of a document.
type imported struct {
	t *testing.T
	*connectorv1.Definition
	findings []format.Finding
}

// importDocument imports YAML, or JSON if it starts with a brace.
func importDocument(t *testing.T, content string) imported {
	t.Helper()
	result, err := tryImport(t, content)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	return imported{t: t, Definition: result.Definition, findings: result.Findings}
}

func tryImport(t *testing.T, content string) (*format.Result, error) {
	t.Helper()
	src, err := format.NewSource([]format.File{{Path: "swagger", Content: []byte(content)}})
	if err != nil {
		t.Fatal(err)
	}
	return openapi.V2{}.Import(t.Context(), src)
}

// head is the start of a document in which nothing is worth a finding.
const head = "swagger: '2.0'\ninfo: {title: Test, version: '1'}\nhost: api.example.com\nschemes: [https]\n"

// operation returns the operation with an id.
func (i imported) operation(id string) *connectorv1.Operation {
	i.t.Helper()
	for _, op := range i.GetOperations() {
		if op.GetOperationId() == id {
			return op
		}
	}
	i.t.Fatalf("there is no operation %q", id)
	return nil
}

// codes returns the findings as "Code pointer", in order.
func (i imported) codes() []string {
	var list []string
	for _, f := range i.findings {
		list = append(list, strings.TrimSpace(f.Code+" "+f.Pointer))
	}
	return list
}

// schema returns a named schema.
func (i imported) schema(name string) string {
	i.t.Helper()
	for _, s := range i.GetSchemas() {
		if s.GetName() == name {
			return string(s.GetJson())
		}
	}
	i.t.Fatalf("there is no schema %q", name)
	return ""
}

// decoded writes a parameter as JSON with its JSON members in the clear, for
// comparisons of a few fields.
func decoded(m proto.Message) string {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return fmt.Sprint(err)
	}
	// The encoder varies white space on purpose.
	clean := strings.NewReplacer(`": `, `":`, `, "`, `,"`, `}, {`, `},{`).Replace(string(text))
	return base64Member.ReplaceAllStringFunc(clean, func(member string) string {
		parts := base64Member.FindStringSubmatch(member)
		value, err := base64.StdEncoding.DecodeString(parts[2])
		if err != nil {
			return fmt.Sprint(err)
		}
		return parts[1] + string(value) + `"`
	})
}

// base64Member is a bytes field.
var base64Member = regexp.MustCompile(`("(?:schema|json)":")([^"]*)"`)

// sorted returns a sorted copy, nil for nothing.
func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }

// head3 is the start of an OpenAPI 3.1 document in which nothing is worth a
// finding.
const head3 = "openapi: 3.1.0\ninfo: {title: Test, version: '1'}\nservers: [{url: 'https://api.example.com'}]\n"

// import3 imports an OpenAPI 3 document.
func import3(t *testing.T, content string) imported {
	t.Helper()
	return importFiles(t, format.File{Path: "openapi", Content: []byte(content)})
}

// importFiles imports an OpenAPI 3 document of several files.
func importFiles(t *testing.T, files ...format.File) imported {
	t.Helper()
	src, err := format.NewSource(files)
	if err != nil {
		t.Fatal(err)
	}
	result, err := openapi.V3{}.Import(t.Context(), src)
	if err != nil {
		t.Fatalf("import: %v", err)
	}
	if result.Format != format.OpenAPI3 {
		t.Errorf("the format is %q", result.Format)
	}
	return imported{t: t, Definition: result.Definition, findings: result.Findings}
}

// text is a file of a description.
func text(path, content string) format.File {
	return format.File{Path: path, Content: []byte(content)}
}
