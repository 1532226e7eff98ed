package openapi_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

// most is the longest that one hostile document may take and the memory that it
// may allocate, with a race detector and busy neighbours.
const (
	mostTime  = 20 * time.Second
	mostBytes = 3 << 30
)

// hostile3 are OpenAPI 3 documents like those of hostile.
func hostile3() map[string]struct {
	content func() string
	reason  fault.Reason // "" if it is imported
} {
	big := `"` + strings.Repeat("x", 1<<19) + `"`
	op := func(i int, members string) string {
		return fmt.Sprintf(`"/p%d":{"post":{"operationId":"o%d",%s}}`, i, i, members)
	}
	doc := func(paths, components string) string {
		return `{"openapi":"3.1.0","paths":{` + paths + `},"components":{` + components + `}}`
	}
	junk := func(n int) string {
		return repeat(n, func(i int) string { return fmt.Sprintf(`"j%d":1`, i) })
	}
	return map[string]struct {
		content func() string
		reason  fault.Reason
	}{
		"one large response for all operations": {func() string {
			return doc(repeat(2000, func(i int) string { return op(i, `"responses":{"200":{"$ref":"#/components/responses/R"}}`) }),
				`"responses":{"R":{"description":"","content":{"application/json":{"schema":{"description":`+big+`}}}}}`)
		}, fault.ReasonDocumentTooLarge},
		"one large example for all operations": {func() string {
			return doc(repeat(2000, func(i int) string {
				return op(i, `"responses":{"200":{"description":"","content":{"application/json":{"examples":{"e":{"$ref":"#/components/examples/E"}}}}}}`)
			}), `"examples":{"E":{"value":`+big+`}}`)
		}, fault.ReasonDocumentTooLarge},
		"one large callback for all operations": {func() string {
			return doc(repeat(2000, func(i int) string { return op(i, `"callbacks":{"c":{"$ref":"#/components/callbacks/C"}}`) }),
				`"callbacks":{"C":{"{$request.query.u}":{"post":{"requestBody":{"content":{"application/json":{"schema":{"description":`+big+`}}}}}}}}`)
		}, fault.ReasonDocumentTooLarge},
		"one large path item for all paths": {func() string {
			return doc(repeat(20_000, func(i int) string { return fmt.Sprintf(`"/p%d":{"$ref":"#/components/pathItems/P"}`, i) }),
				`"pathItems":{"P":{`+junk(100_000)+`}}`)
		}, fault.ReasonDocumentTooLarge},
		"one parameter full of nothing for all operations": {func() string {
			return doc(repeat(20_000, func(i int) string { return op(i, `"parameters":[{"$ref":"#/components/parameters/P"}]`) }),
				`"parameters":{"P":{"name":"p","in":"query",`+junk(100_000)+`}}`)
		}, fault.ReasonDocumentTooLarge},
		"a form with more fields than anybody has, for all operations": {func() string {
			return doc(repeat(3000, func(i int) string {
				return op(i, `"requestBody":{"content":{"multipart/form-data":{"schema":{"$ref":"#/components/schemas/F"}}}}`)
			}), `"schemas":{"F":{"properties":{`+repeat(50_000, func(i int) string { return fmt.Sprintf(`"f%d":{}`, i) })+`}}}`)
		}, ""},
		"schemas that double themselves": {func() string {
			return doc(op(0, `"requestBody":{"content":{"multipart/form-data":{"schema":{"$ref":"#/components/schemas/S0"}}}}`),
				`"schemas":{`+repeat(2000, func(i int) string {
					return fmt.Sprintf(`"S%d":{"allOf":[{"$ref":"#/components/schemas/S%d"},{"$ref":"#/components/schemas/S%d"}]}`, i, i+1, i+1)
				})+`}`)
		}, ""},
		"references to everything that contains them": {func() string {
			return doc(op(0, `"responses":{"200":{"description":"","content":{"application/json":{"schema":{"allOf":[`+
				repeat(400, func(i int) string { return `{"$ref":"#/components/x-a` + strings.Repeat("/a", i) + `"}` })+`]}}}}}`),
				`"x-a":`+strings.Repeat(`{"a":`, 400)+big+strings.Repeat(`}`, 400))
		}, fault.ReasonDocumentTooLarge},
		"a circle of references": {func() string {
			return doc(op(0, `"parameters":[`+repeat(1000, func(i int) string { return fmt.Sprintf(`{"$ref":"#/components/parameters/P%d"}`, i) })+`]`),
				`"parameters":{`+repeat(1000, func(i int) string {
					return fmt.Sprintf(`"P%d":{"$ref":"#/components/parameters/P%d"}`, i, (i+1)%1000)
				})+`}`)
		}, ""},
		"pointers through circles of references": {func() string {
			return doc(op(0, `"responses":{}`), `"schemas":{"A":{"$ref":"#/components/schemas/B/x"},"B":{"$ref":"#/components/schemas/A/y"},`+
				repeat(5000, func(i int) string {
					return fmt.Sprintf(`"S%d":{"$ref":"#/components/schemas/A`+strings.Repeat("/x/y", 50)+`"}`, i)
				})+`}`)
		}, ""},
		"more servers than anybody has": {func() string {
			return `{"openapi":"3.1.0","servers":[` + repeat(100_000, func(int) string { return `{"url":"https://{a}{b}{c}.example"}` }) + `],"paths":{}}`
		}, ""},
		"a server with more variables than anybody has": {func() string {
			return `{"openapi":"3.1.0","servers":[{"url":"https://a.example/` + strings.Repeat("{a}", 100_000) + `"}],"paths":{}}`
		}, ""},
		"more webhooks than anybody has": {func() string {
			return `{"openapi":"3.1.0","webhooks":{` + repeat(openapi.MaxOperations+1, func(i int) string { return fmt.Sprintf(`"w%d":{"post":{}}`, i) }) + `}}`
		}, fault.ReasonDocumentTooLarge},
		"more callbacks, links, media types and examples than anybody has": {func() string {
			return doc(op(0, `"callbacks":{`+repeat(5000, func(i int) string { return fmt.Sprintf(`"c%d":{"{$request.query.u}":{"post":{}}}`, i) })+
				`},"responses":{"200":{"links":{`+repeat(5000, func(i int) string { return fmt.Sprintf(`"l%d":{"operationId":"o0"}`, i) })+
				`},"content":{`+repeat(5000, func(i int) string { return fmt.Sprintf(`"a/b%d":{"examples":{"e":{"value":1}}}`, i) })+`}}}`), "")
		}, ""},
		"the document as everything": {func() string {
			return doc(op(0, `"parameters":[{"$ref":"#"}],"requestBody":{"$ref":"#"},"callbacks":{"$ref":"#","c":{"$ref":"#"}},"responses":{"200":{"$ref":"#"},"201":{"content":{"a/b":{"schema":{"$ref":"#"}}},"links":{"l":{"$ref":"#"}},"headers":{"h":{"$ref":"#"}}}}`),
				`"schemas":{"$ref":"#"},"securitySchemes":{"s":{"$ref":"#"}}`)
		}, ""},
	}
}

func TestHostileOpenAPI3DocumentsCostNoMoreThanTheirSize(t *testing.T) {
	for name, c := range hostile3() {
		t.Run(name, func(t *testing.T) {
			src, err := format.NewSource([]format.File{{Path: "openapi", Content: []byte(c.content())}})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start := time.Now()
			_, err = openapi.V3{}.Import(t.Context(), src)
			runtime.ReadMemStats(&after)
			if took, used := time.Since(start), after.TotalAlloc-before.TotalAlloc; took > mostTime || used > mostBytes {
				t.Errorf("it took %s and %d MiB", took, used>>20)
			}
			if c.reason == "" && err != nil || c.reason != fault.ReasonOf(err) {
				t.Errorf("import: %v, want %q", err, c.reason)
			}
		})
	}
}

func TestLimitsOfOpenAPI3(t *testing.T) {
	got := import3(t, hostile3()["more callbacks, links, media types and examples than anybody has"].content())
	r := got.operation("o0").GetResponses()[0]
	if len(r.GetLinks()) > 256 || len(r.GetContents()) > 32 {
		t.Errorf("%d links, %d media types", len(r.GetLinks()), len(r.GetContents()))
	}
	got = import3(t, hostile3()["a form with more fields than anybody has, for all operations"].content())
	if len(got.GetOperations()) != 3000 {
		t.Errorf("%d operations", len(got.GetOperations()))
	}
}
