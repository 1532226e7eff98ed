package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
)

// everyStyle is an OpenAPI 3.1 description in several files, with every way to
// write a parameter, several ways to authenticate and an operation elsewhere.
var everyStyle = map[string]string{
	"openapi.yaml": `openapi: 3.1.0
info: {title: Every style, version: "1"}
servers:
  - url: http://HOST/v{version}
    variables: {version: {default: "1", enum: ["1", "2"]}}
security: [{token: []}]
paths:
  /items/{ids}/{coords}: {$ref: paths/search.yaml}
  /files:
    post:
      operationId: Upload
      servers: [{url: "http://HOST/content"}]
      requestBody:
        required: true
        content:
          multipart/form-data:
            schema:
              type: object
              properties:
                meta: {$ref: "schemas/meta.yaml#/Meta"}
                file: {type: string, format: binary}
            encoding:
              meta: {contentType: application/json}
              file: {contentType: text/csv}
      responses: {"201": {description: Made}}
  /form:
    post:
      operationId: Send
      security: [{key: [], cookie: []}]
      requestBody:
        content:
          application/x-www-form-urlencoded:
            schema: {type: object, properties: {tags: {type: array, items: {type: string}}, where: {type: object}}}
            encoding: {tags: {style: pipeDelimited, explode: false}, where: {style: deepObject, explode: true}}
      responses: {default: {description: Whatever}}
components:
  securitySchemes:
    token: {type: http, scheme: bearer}
    key: {type: apiKey, in: query, name: key}
    cookie: {type: apiKey, in: cookie, name: sid}
`,
	"paths/search.yaml": `parameters:
  - {name: ids, in: path, required: true, style: matrix, explode: true, schema: {type: array, items: {type: integer}}}
  - {name: coords, in: path, required: true, style: label, schema: {type: array, items: {type: string}}}
get:
  operationId: Search
  parameters:
    - {$ref: "../parameters.yaml#/Filter"}
    - {name: tags, in: query, explode: false, schema: {type: array, items: {type: string}}}
    - {name: more, in: query, schema: {type: array, items: {type: string}}}
    - {name: pipes, in: query, style: pipeDelimited, explode: false, schema: {type: array, items: {type: string}}}
    - {name: spaces, in: query, style: spaceDelimited, explode: false, schema: {type: array, items: {type: string}}}
    - {name: raw, in: query, allowReserved: true, schema: {type: string}}
    - {name: json, in: query, content: {application/json: {schema: {type: object}}}}
    - {name: X-List, in: header, schema: {type: array, items: {type: string}}}
    - {name: session, in: cookie, schema: {type: string}}
  responses: {"200": {description: Found}}
`,
	"parameters.yaml":   "Filter: {name: filter, in: query, style: deepObject, explode: true, schema: {type: object}}\n",
	"schemas/meta.yaml": "Meta:\n  type: object\n  required: [name]\n  properties: {name: {type: string}, parent: {$ref: '#/Meta'}}\n",
}

// postman is a collection in version 2.1 with an environment.
var postman = map[string]string{
	"shop.postman_collection.json": `{
  "info": {"name": "Shop", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
  "auth": {"type": "apikey", "apikey": [{"key": "key", "value": "X-Shop-Key"}, {"key": "value", "value": "{{apiKey}}"}, {"key": "in", "value": "header"}]},
  "item": [{"name": "Orders", "item": [{
    "name": "Create order",
    "request": {
      "method": "POST", "header": [{"key": "X-Trace", "value": "on"}],
      "url": {"raw": "{{baseUrl}}/orders/:region?draft=true", "host": ["{{baseUrl}}"], "path": ["orders", ":region"],
        "query": [{"key": "draft", "value": "true"}], "variable": [{"key": "region", "value": "eu"}]},
      "body": {"mode": "raw", "raw": "{\"lines\": [{\"sku\": \"A1\", \"count\": 2}]}", "options": {"raw": {"language": "json"}}}
    },
    "response": [{"name": "Made", "code": 201, "header": [{"key": "Content-Type", "value": "application/json"}], "body": "{\"id\": 1}"}]
  }]}]
}`,
	"test.postman_environment.json": `{"name": "test", "_postman_variable_scope": "environment", "values": [{"key": "baseUrl", "value": "http://HOST/shop", "enabled": true}]}`,
}

// gateway is what an API manager exports: operations that differ in their query,
// a subscription key, and a host of its own.
var gateway = map[string]string{
	"api.json": `{"swagger": "2.0", "info": {"title": "Managed API", "version": "1"}, "host": "HOST", "basePath": "/managed", "schemes": ["http"],
  "securityDefinitions": {
    "apiKeyHeader": {"type": "apiKey", "name": "Ocp-Apim-Subscription-Key", "in": "header"},
    "apiKeyQuery": {"type": "apiKey", "name": "subscription-key", "in": "query"}},
  "security": [{"apiKeyHeader": []}, {"apiKeyQuery": []}],
  "paths": {"/items": {"get": {"operationId": "list", "parameters": [{"name": "ids", "in": "query", "type": "array", "items": {"type": "string"}, "collectionFormat": "multi"}], "responses": {"200": {"description": "OK"}}}}},
  "x-ms-paths": {"/items?kind=book": {"get": {"operationId": "listBooks", "responses": {"200": {"description": "OK"}}}}}}`,
}

func TestConnectorsOfEveryFormatCallTheAPICorrectly(t *testing.T) {
	t.Parallel()
	s, api := up(t, suiteOptions{data: t.TempDir()}), startWitness(t)
	c := s.overREST()
	tests := []struct {
		name      string
		files     map[string]string
		set       string
		secrets   map[string]string
		operation string
		input     string
		line      string            // what the API has to see
		header    map[string]string // and these headers
		body      []string          // and these texts in the body
	}{
		{
			name: "OpenAPI 3.1: every style of a parameter", files: everyStyle, set: "token", secrets: map[string]string{"token": "t0ken"},
			operation: "Search",
			input: `{"ids": [1, 2], "coords": ["a", "b c"], "filter": {"name": "x y", "min": 3}, "tags": ["a", "b"], "more": ["c", "d"], "pipes": ["e", "f"],
				"spaces": ["g", "h"], "raw": "a/b?c", "json": {"k": [1]}, "X-List": ["1", "2"], "session": "s1"}`,
			line:   "GET /v1/items/;ids=1;ids=2/.a,b%20c?filter%5Bname%5D=x%20y&filter%5Bmin%5D=3&tags=a,b&more=c&more=d&pipes=e%7Cf&spaces=g%20h&raw=a/b?c&json=%7B%22k%22%3A%5B1%5D%7D",
			header: map[string]string{"Authorization": "Bearer t0ken", "X-List": "1,2", "Cookie": "session=s1"},
		},
		{
			name: "OpenAPI 3.1: an operation at another server, with parts", files: everyStyle, set: "token", secrets: map[string]string{"token": "t0ken"},
			operation: "Upload", input: `{"body": {"meta": {"name": "n", "parent": {"name": "p"}}, "file": {"$content": "YSxi", "$filename": "a.csv"}}}`,
			line: "POST /content/files", header: map[string]string{"Authorization": "Bearer t0ken"},
			body: []string{"name=\"meta\"\r\nContent-Type: application/json\r\n\r\n{\"name\":\"n\"", "filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\na,b"},
		},
		{
			name: "OpenAPI 3.1: a form, and two schemes at once", files: everyStyle, set: "key+cookie",
			secrets:   map[string]string{"api_key": "k3y", "api_key_2": "c00kie"},
			operation: "Send", input: `{"body": {"tags": ["a", "b"], "where": {"x": 1}}}`,
			line: "POST /v1/form?key=k3y", header: map[string]string{"Cookie": "sid=c00kie", "Authorization": ""},
			body: []string{"tags=a%7Cb&where%5Bx%5D=1"},
		},
		{
			name: "Postman: folders, variables, an inherited key, a body by example", files: postman, secrets: map[string]string{"api_key": "sh0p"},
			operation: "CreateOrder", input: `{"region": "us", "draft": false, "body": {"lines": [{"sku": "B2", "count": 1}]}}`,
			line: "POST /shop/orders/us?draft=false", header: map[string]string{"X-Shop-Key": "sh0p", "Content-Type": "application/json"},
			body: []string{`"sku": "B2"`},
		},
		{
			name: "an API manager: a subscription key and repeated values", files: gateway, set: "apiKeyHeader", secrets: map[string]string{"api_key": "m4n"},
			operation: "list", input: `{"ids": ["1", "2"]}`,
			line: "GET /managed/items?ids=1&ids=2", header: map[string]string{"Ocp-Apim-Subscription-Key": "m4n"},
		},
		{
			name: "an API manager: an operation that its query tells apart", files: gateway, set: "apiKeyQuery", secrets: map[string]string{"api_key": "m4n"},
			operation: "listBooks", input: `{}`, line: "GET /managed/items?kind=book&subscription-key=m4n",
		},
	}
	for n, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id := "api-" + string(rune('a'+n))
			files := &registryv1.SourceFiles{}
			for _, path := range slices.Sorted(maps.Keys(tt.files)) {
				content := strings.ReplaceAll(tt.files[path], "HOST", api.host)
				files.Files = append(files.Files, &registryv1.SourceFile{Path: path, Content: []byte(content)})
			}
			must[*registryv1.ImportConnectorResponse](t, "import")(c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
				Parent: environment, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Files{Files: files},
			}))
			must[*vaultv1.Connection](t, "connect")(c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
				Parent: environment, ConnectionId: id, Secrets: tt.secrets,
				Connection: &vaultv1.Connection{Connector: connectorName(id), ParameterSet: tt.set},
			}))
			if _, err := c.invoke(t, id, tt.operation, tt.input); err != nil {
				t.Fatal(err)
			}
			got := api.last(t)
			if got.line != tt.line {
				t.Errorf("the API saw\n%s, want\n%s", got.line, tt.line)
			}
			for name, want := range tt.header {
				if have := got.header.Get(name); have != want {
					t.Errorf("header %s is %q, want %q", name, have, want)
				}
			}
			for _, want := range tt.body {
				if !strings.Contains(got.body, want) {
					t.Errorf("the body lacks %q:\n%s", want, got.body)
				}
			}
		})
	}
}

// notifying is an API that says what it sends, in both ways of OpenAPI 3.1.
const notifying = `openapi: 3.1.0
info: {title: Notifying, version: "1"}
servers: [{url: "http://HOST"}]
paths:
  /hooks:
    post:
      operationId: OnOrder
      requestBody:
        required: true
        content: {application/json: {schema: {type: object, properties: {target: {type: string, format: uri}, topic: {type: string}}}}}
      callbacks:
        order:
          "{$request.body#/target}":
            post:
              requestBody: {content: {application/json: {schema: {type: object, properties: {order: {type: integer}}}}}}
              responses: {"200": {description: Thanks}}
      responses: {"201": {description: Registered}}
  /hooks/{id}:
    delete:
      operationId: Forget
      parameters: [{name: id, in: path, required: true, schema: {type: integer}}]
      responses: {"204": {description: Forgotten}}
webhooks:
  refund:
    post:
      operationId: OnRefund
      requestBody: {content: {application/json: {schema: {type: object}}}}
      responses: {"200": {description: Thanks}}
`

func TestCallbacksAndWebhooksOfOpenAPI(t *testing.T) {
	t.Parallel()
	s, api := up(t, suiteOptions{data: t.TempDir(), flags: []string{"--public-url", "https://ferrule.example.com"}}), startWitness(t)
	file := write(t, t.TempDir()+"/api.yaml", strings.ReplaceAll(notifying, "HOST", api.host))
	s.do(t, []string{"1 action and 2 triggers"}, "import", file, "--id", "shop")
	s.do(t, nil, "connect", "shop", "--no-test")

	s.do(t, []string{"active"}, "subscribe", "shop", "OnOrder", "--id", "orders", "--unsigned", "-i", `{"body": {"topic": "orders"}}`)
	if got := api.last(t); got.line != "POST /hooks" || !strings.Contains(got.body, `"target":"https://ferrule.example.com/hooks/`) || !strings.Contains(got.body, `"topic":"orders"`) {
		t.Errorf("the API was told %s %s", got.line, got.body)
	}
	s.do(t, nil, "delete", "subscription", "orders")
	if got := api.last(t); got.line != "DELETE /hooks/1" {
		t.Errorf("the registration was removed by %s", got.line)
	}

	shown := s.do(t, []string{"enter this URL at the API: https://ferrule.example.com/hooks/"}, "subscribe", "shop", "OnRefund", "--id", "refunds", "--unsigned")
	_, callback, _ := strings.Cut(shown, "https://ferrule.example.com")
	path, _, _ := strings.Cut(callback, "\n")
	if got := s.request(t, "POST", path, "", `{"refund": 7}`); got.status/100 != 2 {
		t.Errorf("the notification was answered with %d %s", got.status, got.body)
	}
	s.do(t, []string{`{"refund":7}`}, "events", "refunds")
	s.fail(t, 1, []string{"OPERATION_NOT_SUPPORTED"}, "invoke", "shop", "OnRefund")
	s.do(t, nil, "delete", "subscription", "refunds")
}
