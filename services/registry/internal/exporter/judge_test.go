package exporter_test

import (
	"regexp"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/ferrule-dev/ferrule/services/registry/internal/exporter"
)

// faults are the faults of descriptions that an export to OpenAPI 3.0 keeps, by
// what the validator says about them.
var faults = map[string]*regexp.Regexp{
	"names of schemas that OpenAPI 3 does not allow": regexp.MustCompile(`schema ".*": identifier ".*" is not supported`),
	"paths that differ in the names of parameters":   regexp.MustCompile(`conflicting paths`),
}

// sample is how many exports are judged: one in so many. Reading all of them would
// take longer than everything else together.
const sample = 4

// judge counts the export as valid, or as one with a fault of its source.
func (y *tally) judge(name string, out *exporter.Output) {
	y.t.Helper()
	err := validate(y.t, out.Files[0].Content)
	if err == nil {
		y.valid++
		return
	}
	for fault, pattern := range faults {
		if pattern.MatchString(err.Error()) {
			y.faults[fault]++
			return
		}
	}
	y.t.Errorf("%s: an independent reader refuses the export: %v", name, err)
}

// validate validates a document. Examples, defaults and patterns are the business of
// the API, and what only describes may stand beside a reference.
func validate(t *testing.T, content []byte) error {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(content)
	if err != nil {
		return err
	}
	return doc.Validate(t.Context(), openapi3.DisableExamplesValidation(), openapi3.DisableSchemaDefaultsValidation(),
		openapi3.DisableSchemaPatternValidation(),
		openapi3.AllowExtraSiblingFields("description", "title", "default", "readOnly", "deprecated", "example"))
}
