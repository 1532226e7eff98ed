package vendor_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// callers is a document whose operation X has these members, with operations
// that it can ask.
func callers(members string) string {
	return "paths:\n  /x: {get: {operationId: X, " + members + "}}" + `
  /folders: {get: {operationId: Folders, parameters: [{in: query, name: site, required: true}, {in: query, name: top}], responses: {200: {schema: {properties: {value: {type: array, items: {$ref: '#/definitions/Folder'}}}}}}}}
  /folders/{id}: {get: {operationId: Folder, parameters: [{in: path, name: id, required: true}], responses: {200: {schema: {type: array, items: {$ref: '#/definitions/Folder'}}}}}}
  /fields: {post: {operationId: Fields, parameters: [{in: body, name: filter, schema: {properties: {kind: {type: string}}}}], responses: {200: {schema: {type: object, properties: {schema: {type: object}}}}}}}
definitions:
  Folder: {properties: {id: {type: string}, name: {type: string}}}
  Shared: {allOf: [{properties: {folder: {x-ms-dynamic-values: {operationId: Folder, parameters: {id: a}, value-path: id}}}}]}
`
}

func dynamics(features []*connectorv1.DynamicFeature) *connectorv1.Operation {
	return &connectorv1.Operation{Dynamics: features}
}

func TestDynamicFeatures(t *testing.T) {
	for _, row := range []struct{ name, members, want, findings string }{
		{
			"values of a parameter", "parameters: [{in: query, name: f, x-ms-dynamic-values: {operationId: Folders, parameters: {site: {parameter: s}, top: 5}, value-collection: value, value-path: id, value-title: name}}, {in: query, name: s}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"operationId":"Folders","arguments":[{"pointer":"/site","input":"/s","required":true},{"pointer":"/top","json":"NQ=="}]},"itemsPath":"value","valuePath":"id","titlePath":"name"}}`, "",
		},
		{
			"a list of a body's property", "parameters: [{in: body, name: b, schema: {properties: {a: {properties: {f: {x-ms-dynamic-list: {operationId: Folders, parameters: {site: {parameterReference: b/s}, top: {value: 5}}, itemsPath: value, itemValuePath: id, itemTitlePath: name}}}}}}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/a/f","values":{"call":{"operationId":"Folders","arguments":[{"pointer":"/site","input":"/body/s","required":true},{"pointer":"/top","json":"NQ=="}]},"itemsPath":"value","valuePath":"id","titlePath":"name"}}`, "",
		},
		{
			"the older form comes first", "parameters: [{in: query, name: f, x-ms-dynamic-list: {operationId: Folder, parameters: {id: {value: b}}, itemValuePath: id}, x-ms-dynamic-values: {operationId: Folder, parameters: {id: a}, value-path: id}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","json":"ImEi"}]},"valuePath":"id"}},
			 {"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","json":"ImIi"}]},"valuePath":"id"}}`, "",
		},
		{
			"through references, parts and items", "parameters: [{in: body, name: b, schema: {type: array, items: {$ref: '#/definitions/Shared'}}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/*/folder","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","json":"ImEi"}]},"valuePath":"id"}}`, "",
		},
		{
			"a field of a form", "parameters: [{in: formData, name: a/b, x-ms-dynamic-values: {operationId: Folder, parameters: {id: {parameter: a~1b}}, value-path: id}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/a~1b","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","input":"/a~01b","required":true}]},"valuePath":"id"}}`,
			"DynamicReferenceUnknown /paths/~1x/get/parameters/0/x-ms-dynamic-values/parameters/id/parameter",
		},
		{
			"a field of a form that depends on another", "parameters: [{in: formData, name: kind, type: string}, {in: formData, name: f, x-ms-dynamic-values: {operationId: Folder, parameters: {id: {parameter: kind}}, value-path: id}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/f","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","input":"/body/kind","required":true}]},"valuePath":"id"}}`, "",
		},
		{
			"in OpenAPI 3", "parameters: [{in: query, name: f, schema: {x-ms-dynamic-values: {operationId: Folder, parameters: {id: a}, value-path: id}}}], requestBody: {content: {application/json: {schema: {$ref: '#/definitions/Shared'}}}}",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","json":"ImEi"}]},"valuePath":"id"}},
			 {"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/folder","values":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","json":"ImEi"}]},"valuePath":"id"}}`, "",
		},
		{
			"the schema of an answer", "responses: {200: {schema: {x-ms-dynamic-schema: {operationId: Fields, parameters: {filter: {kind: x}}}}}}, parameters: []",
			`{"side":"DYNAMIC_SIDE_OUTPUT","schema":{"call":{"operationId":"Fields","arguments":[{"pointer":"/body","json":"eyJraW5kIjoieCJ9"}]},"propertiesOnly":true}}`, "",
		},
		{
			"both forms of the schema of an answer", "responses: {default: {schema: {properties: {value: {type: array, items: {x-ms-dynamic-properties: {operationId: Fields, parameters: {filter/kind: {value: x}}, itemValuePath: schema}, x-ms-dynamic-schema: {operationId: Fields, parameters: {kind: x}, value-path: schema/properties}}}}}}}",
			`{"side":"DYNAMIC_SIDE_OUTPUT","pointer":"/value/*","schema":{"call":{"operationId":"Fields","arguments":[{"pointer":"/body/kind","json":"Ingi"}]},"path":"schema.properties","propertiesOnly":true}},
			 {"side":"DYNAMIC_SIDE_OUTPUT","pointer":"/value/*","schema":{"call":{"operationId":"Fields","arguments":[{"pointer":"/body/kind","json":"Ingi"}]},"path":"schema"}}`, "",
		},
		{
			"a tree", "parameters: [{in: query, name: f, x-ms-dynamic-tree: {settings: {canSelectParentNodes: true, canSelectLeafNodes: false}, open: {operationId: Folders, itemsPath: value, itemValuePath: id, itemTitlePath: name, itemFullTitlePath: name, itemIsParent: (IsFolder eq true), selectableFilter: x, parameters: {site: {value: y}}}, browse: {operationId: Folder, itemValuePath: id, parameters: {id: {selectedItemValuePath: a/id}}}}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","tree":{"parentsSelectable":true,
				"open":{"call":{"operationId":"Folders","arguments":[{"pointer":"/site","json":"Inki"}]},"itemsPath":"value","valuePath":"id","titlePath":"name","fullTitlePath":"name","parentExpression":"(IsFolder eq true)","selectableExpression":"x"},
				"browse":{"call":{"operationId":"Folder","arguments":[{"pointer":"/id","itemPath":"a.id"}]},"valuePath":"id"}}}`, "",
		},
		{
			"something of the platform", "parameters: [{in: query, name: f, x-ms-dynamic-values: {capability: file-picker, parameters: {isFolder: false, fileFilter: []}, value-path: Id}}, {in: query, name: u, x-ms-dynamic-values: {builtInOperation: AadGraph.GetUsers, value-path: Mail}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"capability":"file-picker","arguments":[{"pointer":"/isFolder","json":"ZmFsc2U="},{"pointer":"/fileFilter","json":"W10="}]},"valuePath":"Id"}},
			 {"side":"DYNAMIC_SIDE_INPUT","pointer":"/u","values":{"call":{"capability":"AadGraph.GetUsers"},"valuePath":"Mail"}}`, "",
		},
		{
			"references to nowhere", "parameters: [{in: query, name: f, x-ms-dynamic-values: {operationId: Folders, parameters: {nobody: {parameter: nothing}}, value-collection: items, value-path: id}}, {in: query, name: g, x-ms-dynamic-values: {operationId: Nobody, value-path: id}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"operationId":"Folders","arguments":[{"pointer":"/nobody","input":"/nothing"}]},"itemsPath":"items","valuePath":"id"}},
			 {"side":"DYNAMIC_SIDE_INPUT","pointer":"/g","values":{"call":{"operationId":"Nobody"},"valuePath":"id"}}`,
			"DynamicParameterUnknown /paths/~1x/get/parameters/0/x-ms-dynamic-values/parameters/nobody, DynamicReferenceUnknown /paths/~1x/get/parameters/0/x-ms-dynamic-values/parameters/nobody/parameter, DynamicOperationUnknown /paths/~1x/get/parameters/1/x-ms-dynamic-values, DynamicPathUnknown /paths/~1x/get/parameters/0/x-ms-dynamic-values/value-collection",
		},
		{
			"what is no feature", "parameters: [{in: query, name: f, x-ms-dynamic-values: yes please}, {in: query, name: g, x-ms-dynamic-list: {itemsPath: a}}, {in: query, name: h, x-ms-dynamic-tree: {open: {operationId: Folder}}}]", "",
			"DynamicFeatureInvalid /paths/~1x/get/parameters/0/x-ms-dynamic-values, DynamicOperationMissing /paths/~1x/get/parameters/1/x-ms-dynamic-list, DynamicFeatureInvalid /paths/~1x/get/parameters/2/x-ms-dynamic-tree",
		},
		{
			"a property of the body by its name alone", "parameters: [{in: body, name: b, schema: {properties: {s: {properties: {t: {type: string}}}, f: {x-ms-dynamic-values: {operationId: Folders, parameters: {site: {parameter: s}, top: {parameter: s.t}}, value-collection: value, value-path: id}}}}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/body/f","values":{"call":{"operationId":"Folders","arguments":[{"pointer":"/site","input":"/body/s","required":true},{"pointer":"/top","input":"/body/s/t"}]},"itemsPath":"value","valuePath":"id"}}`, "",
		},
		{
			"required only if it says so", "parameters: [{in: query, name: f, x-ms-dynamic-values: {operationId: Folders, parameters: {top: {parameter: f, required: true}, site: {parameter: f, required: false}}, value-collection: value, value-path: id}}]",
			`{"side":"DYNAMIC_SIDE_INPUT","pointer":"/f","values":{"call":{"operationId":"Folders","arguments":[{"pointer":"/top","input":"/f","required":true},{"pointer":"/site","input":"/f"}]},"itemsPath":"value","valuePath":"id"}}`, "",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := read(t, callers(row.members))
			expect(t, dynamics(r.operation(t, "X").GetDynamics()), `{"dynamics":[`+row.want+`]}`)
			if diff := cmp.Diff(row.findings, strings.Join(r.findings, ", ")); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, key := range r.interpreted["X"] {
				if strings.HasPrefix(key, "x-ms-dynamic-") {
					t.Errorf("%s would be lost", key)
				}
			}
		})
	}
}

func TestFeaturesOfNotifications(t *testing.T) {
	r := read(t, `
paths:
  /hook:
    x-ms-notification-content: {schema: {properties: {a: {x-ms-dynamic-schema: {operationId: Get, value-path: s}}}}}
    post: {operationId: Hook, x-ms-trigger: single, responses: {201: {schema: {x-ms-dynamic-schema: {operationId: Get}}}}}
  /get: {get: {operationId: Get}}
`)
	expect(t, dynamics(r.operation(t, "Hook").GetDynamics()), `{"dynamics":[{"side":"DYNAMIC_SIDE_OUTPUT","pointer":"/a","schema":{"call":{"operationId":"Get"},"path":"s"}}]}`)
}

func TestSharedFaultsAreReportedOnce(t *testing.T) {
	r := read(t, `
paths:
  /a: {get: {operationId: A, responses: {200: {schema: {$ref: '#/definitions/D'}}}}}
  /b: {get: {operationId: B, responses: {200: {schema: {$ref: '#/definitions/D'}}}}}
definitions:
  D: {x-ms-dynamic-schema: {operationId: Nobody}}
`)
	if diff := cmp.Diff([]string{"DynamicOperationUnknown /definitions/D/x-ms-dynamic-schema"}, r.findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if len(r.operation(t, "A").GetDynamics()) != 1 || len(r.operation(t, "B").GetDynamics()) != 1 {
		t.Error("both operations have the feature")
	}
}
