package importer_test

import (
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
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
		`{"openapi":"3.1.0","servers":[{"url":"{s}://{h}/x?","variables":{"h":{"enum":["a"]}}}],"paths":{"/a/{b}":{"servers":[{"url":"/v"}],"parameters":[{"$ref":"#/components/parameters/P"}],"post":{"callbacks":{"c":{"{$request.body#/u}":{"$ref":"#/paths/~1a~1{b}"}}},"requestBody":{"content":{"multipart/form-data":{"schema":{"$ref":"#/components/schemas/S"},"encoding":{"u":{"style":"form","headers":{"h":{"content":{"a/b":{"schema":true}}}}}}}}},"responses":{"2xx":{"links":{"l":{"operationRef":"#/paths/~1a~1{b}/post","parameters":{"path.b":1}}},"content":{"a/b":{"examples":{"e":{"$ref":"#/components/examples/e"}}}}}}}}},"components":{"parameters":{"P":{"in":"querystring","name":"q","content":{"application/x-www-form-urlencoded":{"schema":{"$ref":"#/components/schemas/S"}}}}},"examples":{"e":{"value":null}},"schemas":{"S":{"nullable":true,"allOf":[{"$ref":"#/components/schemas/S/properties/u"}],"properties":{"u":{"type":["string"],"format":"binary","example":1}},"discriminator":{"mapping":{"a":"S","b":"#/x"}}}}}}`,
		"openapi: 3.2.0\n$self: https://h/d/o.yaml\nwebhooks: {w: {query: {security: [{a: [s], b: []}]}, additionalOperations: {X-Y: {}}}}\npaths: {/X: {$ref: 'swagger#/paths/~1x'}, /x: {trace: {parameters: [{in: cookie, name: c, style: cookie}]}}}\ncomponents: {securitySchemes: {a: {type: oauth2, flows: {implicit: {}, password: {scopes: {s: s}}}}, b: {type: http, scheme: Digest}, c: {type: mutualTLS}, d: {type: openIdConnect}}}\n",
	} {
		f.Add([]byte(definition), []byte(`{"properties":{"connectionParameters":{"api_key":{"type":"securestring"}},"scriptOperations":["X"]}}`))
		f.Add([]byte(definition), []byte(`{"properties":{"connectionParameterSets":{"values":[{"name":"a","parameters":{"token":{"type":"oauthSetting"}}}]},"policyTemplateInstances":[{"templateId":"pollingtrigger"},null,{}]}}`))
	}
	f.Add([]byte("openapi: 3.1.0\npaths: {/x: {$ref: 'part.yaml#/x'}, /y: {$ref: './part.yaml#/x/get'}}\ncomponents: {schemas: {A: {$ref: part.yaml}}}\n"),
		[]byte("x: {get: {parameters: [{$ref: 'openapi.yaml#/paths/~1x'}], responses: {200: {content: {a/b: {schema: {$ref: '#/s'}}}}}}}\ns: {items: {$ref: 'openapi.yaml#/components/schemas/A/x'}, allOf: [{$ref: '#'}]}\n"))
	f.Fuzz(func(t *testing.T, description, properties []byte) {
		for _, files := range [][]format.File{
			{{Path: "swagger", Content: description}},
			{{Path: "apiDefinition.swagger.json", Content: description}, {Path: "apiProperties.json", Content: properties}},
			{{Path: "openapi.yaml", Content: description}, {Path: "part.yaml", Content: properties}},
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
			if err := definition.Validate(result.Definition); err != nil {
				t.Fatalf("the definition contradicts itself: %v", err)
			}
			ids := map[string]bool{}
			for _, op := range result.Definition.GetOperations() {
				manual := op.GetTrigger().GetWebhook().GetRegistration() == connectorv1.WebhookRegistration_WEBHOOK_REGISTRATION_MANUAL
				if op.GetOperationId() == "" || ids[op.GetOperationId()] || manual != (op.GetPath() == "") || (!manual && op.GetPath()[0] != '/') {
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
