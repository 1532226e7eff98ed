package openapi_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/openapi"
)

func TestSeveralDocumentsInOneDirectory(t *testing.T) {
	const (
		plain   = "paths: {/x: {get: {operationId: X}}}\n"
		toB     = "paths: {/x: {$ref: 'b.yaml#/paths/~1x'}}\n"
		toA     = "paths: {/x: {$ref: 'a.yaml#/paths/~1x'}}\n"
		swagger = "swagger: '2.0'\ninfo: {title: T}\nhost: a.example\n"
	)
	many := make([]format.File, 7)
	for i := range many {
		many[i] = text(fmt.Sprintf("%d.yaml", i), head3+plain)
	}
	for _, row := range []struct {
		name  string
		by    format.Importer
		files []format.File
		want  string
	}{
		{"two", openapi.V3{}, []format.File{text("a.yaml", head3+plain), text("b.yaml", head3+plain)}, "there are several OpenAPI documents: a.yaml, b.yaml; name one of them"},
		{"two of Swagger", openapi.V2{}, []format.File{text("a.yaml", swagger+plain), text("b.yaml", swagger+plain)}, "there are several OpenAPI documents: a.yaml, b.yaml; name one of them"},
		{"two that refer to each other", openapi.V3{}, []format.File{text("a.yaml", head3+toB), text("b.yaml", head3+toA)}, "there are several OpenAPI documents: a.yaml, b.yaml; name one of them"},
		{"more than a sentence holds", openapi.V3{}, many, "0.yaml, 1.yaml, 2.yaml, 3.yaml, 4.yaml and 2 more; name one of them"},
		{"one is part of the other", openapi.V3{}, []format.File{text("a.yaml", head3+toB), text("b.yaml", head3+plain)}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			src, err := format.NewSource(row.files)
			if err != nil {
				t.Fatal(err)
			}
			if !row.by.Detect(src) {
				t.Error("the format is not detected")
			}
			_, err = row.by.Import(t.Context(), src)
			if row.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if fault.ReasonOf(err) != fault.ReasonDocumentInvalid || !strings.Contains(fault.From(err).Message(), row.want) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
