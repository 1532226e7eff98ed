package registry_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
	"github.com/ferrule-dev/ferrule/services/registry"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/overlay"
)

// guide returns the page about extensions, and its examples by name.
func guide(t *testing.T) (page string, examples map[string]string) {
	t.Helper()
	text, err := os.ReadFile("EXTENSIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	examples = map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```yaml name=([a-z-]+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		examples[m[1]] = m[2]
	}
	if n := strings.Count(string(text), "```yaml"); n != len(examples) {
		t.Fatalf("%d examples, of which %d have a name of their own", n, len(examples))
	}
	return string(text), examples
}

func importExample(t *testing.T, content string) *format.Result {
	t.Helper()
	src, err := format.NewSource([]format.File{{Path: "openapi.yaml", Content: []byte(content)}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := importer.All().Import(t.Context(), src, "")
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// Nothing in an example is left unread, and nothing about it is worth a finding.
func TestTheExamplesAboutExtensionsAreImported(t *testing.T) {
	_, examples := guide(t)
	pool := sandbox.New(sandbox.Options{Size: 1})
	defer func() { _ = pool.Close() }()
	for name, content := range examples {
		t.Run(name, func(t *testing.T) {
			result := importExample(t, content)
			if err := definition.Validate(result.Definition); err != nil {
				t.Error(err)
			}
			for _, f := range result.Findings {
				if f.Severity > format.Info {
					t.Errorf("%s %s: %s", f.Code, f.Pointer, f.Message)
				}
			}
			text, err := definition.Marshal(result.Definition)
			if err != nil {
				t.Fatal(err)
			}
			for _, left := range regexp.MustCompile(`"name": "x-ferrule-[a-z-]+"`).FindAllString(string(text), -1) {
				// What a sign-in says stays with its scheme: the model has it in the sets only.
				if !strings.Contains(left, "x-ferrule-oauth") {
					t.Errorf("%s was not read", left)
				}
			}
			report, err := registry.Validate(t.Context(), []registry.File{{Path: "openapi.yaml", Content: []byte(content)}}, registry.WithScripts(pool))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range report.Findings {
				if f.Severity == registry.Error {
					t.Errorf("%s: %s", f.Code, f.Message)
				}
			}
		})
	}
}

// An extension that says nothing would be read without a finding too.
func TestTheExamplesAboutExtensionsSaySomething(t *testing.T) {
	_, examples := guide(t)
	extension := regexp.MustCompile(`(?m)(?:^|[{,] ?| +)(x-ferrule-[a-z-]+):`)
	for name, content := range examples {
		t.Run(name, func(t *testing.T) {
			with := importExample(t, content).Definition
			for _, m := range extension.FindAllStringSubmatch(content, -1) {
				without := importExample(t, strings.ReplaceAll(content, m[1]+":", "x-other-thing:")).Definition
				for _, d := range []*connectorv1.Definition{with, without} {
					forget(d)
				}
				if proto.Equal(with, without) {
					t.Errorf("%s changes nothing", m[1])
				}
			}
		})
	}
}

// forget drops what the model does not interpret.
func forget(d *connectorv1.Definition) {
	d.Extensions, d.Info.Extensions = nil, nil
	for _, op := range d.GetOperations() {
		op.Extensions = nil
		for _, p := range op.GetParameters() {
			p.Extensions = nil
		}
	}
	for _, s := range d.GetSecuritySchemes() {
		s.Extensions = nil
	}
}

func TestThePageAboutExtensionsNamesAllOfThem(t *testing.T) {
	page, _ := guide(t)
	rows := map[string]string{}
	for line := range strings.Lines(page) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			rows[strings.TrimSpace(cells[1])] = cells[2]
		}
	}
	for name, m := range map[string]proto.Message{
		"the root": &connectorv1.Definition{}, "`info`": &connectorv1.Info{}, "an operation": &connectorv1.Operation{},
		"a parameter": &connectorv1.Parameter{}, "`requestBody`": &connectorv1.RequestBody{}, "a response": &connectorv1.Response{},
		"a media type": &connectorv1.MediaType{}, "a header of a response": &connectorv1.ResponseHeader{}, "a named schema": &connectorv1.Schema{},
	} {
		var want []string
		fields := m.ProtoReflect().Descriptor().Fields()
		for i := range fields.Len() {
			f := fields.Get(i)
			if skipped := []protoreflect.FullName{"ferrule.connector.v1.Operation.source_pointer", "ferrule.connector.v1.Definition.operations"}; !slices.Contains(skipped, f.FullName()) {
				want = append(want, "`"+strings.TrimPrefix(overlay.Key(f), overlay.Prefix)+"`")
			}
		}
		if got := strings.Fields(rows[name]); !slices.Equal(got, want) {
			t.Errorf("%s: the page names %v, the model has %v", name, got, want)
		}
	}
}
