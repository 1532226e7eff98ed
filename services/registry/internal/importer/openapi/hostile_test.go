package openapi_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// repeat joins n texts, each made from its number.
func repeat(n int, text func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = text(i)
	}
	return strings.Join(parts, ",")
}

// hostile are documents in which a few bytes stand for many, or in which a
// careless reader would do work that grows with the square of the size.
func hostile() map[string]struct {
	content func() string
	reason  fault.Reason // "" if it is imported
} {
	big := `"` + strings.Repeat("x", 1<<19) + `"`
	op := func(i int, members string) string {
		return fmt.Sprintf(`"/p%d":{"get":{"operationId":"o%d",%s}}`, i, i, members)
	}
	doc := func(paths, rest string) string { return `{"swagger":"2.0","paths":{` + paths + `}` + rest + `}` }
	return map[string]struct {
		content func() string
		reason  fault.Reason
	}{
		"one large response for all operations": {
			func() string {
				return doc(repeat(2000, func(i int) string { return op(i, `"responses":{"200":{"$ref":"#/responses/R"}}`) }), `,"responses":{"R":{"description":"","schema":{"description":`+big+`}}}`)
			}, fault.ReasonDocumentTooLarge,
		},
		"one large response for all status codes of one operation": {
			func() string {
				return doc(op(0, `"responses":{`+repeat(900, func(i int) string { return fmt.Sprintf(`"%d":{"$ref":"#/responses/R"}`, 100+i) })+`}`), `,"responses":{"R":{"description":"","schema":{"description":`+big+`}}}`)
			}, fault.ReasonDocumentTooLarge,
		},
		"one large description for all operations": {
			func() string {
				return doc(repeat(2000, func(i int) string { return op(i, `"parameters":[{"$ref":"#/parameters/P"}]`) }), `,"parameters":{"P":{"name":"p","in":"query","type":"string","description":`+big+`}}`)
			}, fault.ReasonDocumentTooLarge,
		},
		"one large extension for all operations": {
			func() string {
				return doc(repeat(2000, func(i int) string { return op(i, `"parameters":[{"$ref":"#/parameters/P"}]`) }), `,"parameters":{"P":{"name":"p","in":"query","type":"string","x-big":`+big+`}}`)
			}, fault.ReasonDocumentTooLarge,
		},
		"references to everything that contains them": {
			func() string {
				return doc(op(0, `"responses":{"200":{"description":"","schema":{"allOf":[`+repeat(400, func(i int) string { return `{"$ref":"#/x-a` + strings.Repeat("/a", i) + `"}` })+`]}}}`), `,"x-a":`+strings.Repeat(`{"a":`, 400)+big+strings.Repeat(`}`, 400))
			}, fault.ReasonDocumentTooLarge,
		},
		"too many operations": {
			func() string {
				return doc(repeat(openapi.MaxOperations+1, func(i int) string { return op(i, `"responses":{}`) }), "")
			}, fault.ReasonDocumentTooLarge,
		},
		"more parameters than anybody has": {
			func() string {
				return doc(op(0, `"parameters":[`+repeat(50_000, func(i int) string { return fmt.Sprintf(`{"name":"p%d","in":"query"}`, i) })+`]`), "")
			}, "",
		},
		"more security schemes than anybody has": {
			func() string {
				return doc(repeat(1000, func(i int) string { return op(i, `"responses":{}`) }), `,"securityDefinitions":{`+repeat(30_000, func(i int) string { return fmt.Sprintf(`"s%d":{"type":"basic"}`, i) })+`},"security":[`+repeat(30_000, func(i int) string { return fmt.Sprintf(`{"s%d":[]}`, i) })+`]`)
			}, "",
		},
		"more required properties than anybody has": {
			func() string {
				return doc(op(0, `"responses":{}`), `,"definitions":{"D":{"required":[`+repeat(100_000, func(i int) string { return fmt.Sprintf(`"p%d"`, i) })+`]}}`)
			}, "",
		},
		"more unknown extensions than anybody has": {
			func() string {
				return doc(op(0, repeat(60_000, func(i int) string { return fmt.Sprintf(`"x-ms-n%d":1`, i) })), "")
			}, "",
		},
		"more media types than anybody has": {
			func() string {
				return doc(op(0, `"consumes":[`+repeat(60_000, func(i int) string { return fmt.Sprintf(`"a/b%d"`, i) })+`],"parameters":[{"name":"b","in":"body","schema":{}}]`), "")
			}, "",
		},
		"a path that is longer than any URL": {
			func() string { return doc(`"/`+strings.Repeat("{a}", 1<<20)+`":{"get":{"operationId":"o"}}`, "") }, "",
		},
		"a callback in a forest of schemas": {
			func() string {
				return doc(repeat(3000, func(i int) string {
					return strings.Replace(op(i, `"x-ms-trigger":"single","parameters":[{"name":"b","in":"body","schema":{"$ref":"#/definitions/D"}}]`), `"get"`, `"post"`, 1)
				}), `,"definitions":{"D":{"properties":{`+repeat(20_000, func(i int) string { return fmt.Sprintf(`"p%d":{}`, i) })+`}}}`)
			}, "",
		},
		"the same generated id over and over": {
			func() string {
				return doc(repeat(5000, func(i int) string { return fmt.Sprintf(`"/%s":{"get":{}}`, strings.Repeat("-", i)) }), "")
			}, "",
		},
		"the document as a schema of itself": {
			func() string { return doc(op(0, `"responses":{"200":{"description":"","schema":{"$ref":"#"}}}`), "") }, "",
		},
	}
}

func TestHostileDocumentsCostNoMoreThanTheirSize(t *testing.T) {
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			content := c.content()
			if len(content) > document.MaxBytes {
				t.Fatalf("the document has %d bytes", len(content))
			}
			_, err := tryImport(t, content)
			if c.reason == "" && err != nil || c.reason != fault.ReasonOf(err) {
				t.Errorf("import: %v, want %q", err, c.reason)
			}
		})
	}
}

func TestAnImportStopsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src, err := format.NewSource([]format.File{{Path: "a.yaml", Content: []byte(head + onePath)}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (openapi.V2{}).Import(ctx, src); !errors.Is(err, context.Canceled) {
		t.Errorf("Import: %v", err)
	}
	for _, part := range []string{onePath, "webhooks: {w: {post: {}}}\n", "components: {schemas: {A: {}}}\n"} {
		src, err := format.NewSource([]format.File{{Path: "a.yaml", Content: []byte(head3 + part)}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := (openapi.V3{}).Import(ctx, src); !errors.Is(err, context.Canceled) {
			t.Errorf("Import of %s: %v", part, err)
		}
	}
}

func TestLimitsAreReported(t *testing.T) {
	got := importDocument(t, hostile()["more parameters than anybody has"].content())
	if n := len(got.operation("o0").GetParameters()); n != openapi.MaxParameters {
		t.Errorf("%d parameters", n)
	}
	got = importDocument(t, hostile()["more security schemes than anybody has"].content())
	if n := len(got.GetSecuritySchemes()); n != openapi.MaxSchemes || len(got.GetParameterSets()) > openapi.MaxSchemes {
		t.Errorf("%d schemes, %d sets", n, len(got.GetParameterSets()))
	}
}
