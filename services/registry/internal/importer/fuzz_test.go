package importer_test

import (
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
)

// FuzzImport looks for sources on which an importer panics, or makes something
// that cannot be stored.
func FuzzImport(f *testing.F) {
	for _, definition := range []string{
		swagger,
		`{"swagger":"2.0","paths":{"/a/{b}":{"$ref":"#/paths/~1c"},"/c":{"parameters":[{"$ref":"#/parameters/P"}],"post":{"consumes":["multipart/form-data"],"parameters":[{"in":"formData","name":"f","type":"file"}]}}},"parameters":{"P":{"$ref":"#/parameters/P"}}}`,
		`{"swagger":"2.0","paths":{"/a":{"post":{"x-ms-trigger":"single","parameters":[{"in":"body","name":"b","schema":{"$ref":"#/definitions/D"}}],"responses":{"default":{"schema":{"$ref":"#/paths/~1a/post"}}}}}},"definitions":{"D":{"allOf":[{"$ref":"#/definitions/D"}],"properties":{"u":{"x-ms-notification-url":true,"type":["string"],"enum":[]}}}}}`,
		"swagger: 2.0\nhost: '{h}'\nsecurityDefinitions: {a: {type: oauth2}}\nsecurity: [{a: [x]}, {}]\npaths: {/: {get: {security: []}}}\n",
	} {
		f.Add([]byte(definition), []byte(`{"properties":{"connectionParameters":{"api_key":{"type":"securestring"}},"scriptOperations":["X"]}}`))
		f.Add([]byte(definition), []byte(`{"properties":{"connectionParameterSets":{"values":[{"name":"a","parameters":{"token":{"type":"oauthSetting"}}}]},"policyTemplateInstances":[{"templateId":"pollingtrigger"},null,{}]}}`))
	}
	f.Fuzz(func(t *testing.T, definition, properties []byte) {
		for _, files := range [][]format.File{
			{{Path: "swagger", Content: definition}},
			{{Path: "apiDefinition.swagger.json", Content: definition}, {Path: "apiProperties.json", Content: properties}},
		} {
			result, err := importPackage(t.Context(), files)
			if err != nil {
				if _, ok := errors.AsType[*fault.Error](err); !ok {
					t.Fatalf("the error is no fault: %v", err)
				}
				continue
			}
			// Text that is not UTF-8 cannot be encoded.
			if _, err := proto.Marshal(result.Definition); err != nil {
				t.Fatalf("the definition cannot be encoded: %v", err)
			}
			ids := map[string]bool{}
			for _, op := range result.Definition.GetOperations() {
				if op.GetOperationId() == "" || ids[op.GetOperationId()] || op.GetPath()[0] != '/' {
					t.Fatalf("the operation %v breaks the model", op)
				}
				ids[op.GetOperationId()] = true
			}
			for _, s := range result.Definition.GetSchemas() {
				if !json.Valid(s.GetJson()) {
					t.Fatalf("the schema %q is %q", s.GetName(), s.GetJson())
				}
			}
		}
	})
}
