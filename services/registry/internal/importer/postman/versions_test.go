package postman_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// inVersion1, inVersion20 and inVersion21 are one collection, as Postman would
// export it in each version.
const inVersion1 = `{
	"id": "c", "name": "Shop", "description": "Sells things",
	"order": ["ping"], "folders_order": ["orders", "users"],
	"variables": [{"key": "baseUrl", "value": "https://api.example.com/v1"}, {"key": "lang", "value": "en"}],
	"auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
	"folders": [
		{"id": "users", "name": "Users", "description": "People", "order": ["login", "me"]},
		{"id": "orders", "name": "Orders", "order": ["list", "create"], "folders_order": ["files"],
			"auth": {"type": "apikey", "apikey": [{"key": "key", "value": "X-Key"}, {"key": "value", "value": "{{key}}"}, {"key": "in", "value": "header"}]}},
		{"id": "files", "name": "Files", "folder": "orders", "order": ["upload", "raw"]}
	],
	"requests": [
		{"id": "ping", "name": "Ping", "method": "GET", "url": "{{baseUrl}}/ping", "currentHelper": "noauth", "headers": "", "data": null, "dataMode": "params", "tests": "tests.ok = true;", "responses": []},
		{"id": "list", "name": "List orders", "folder": "orders", "method": "GET", "url": "{{baseUrl}}/users/:user/orders?limit=20&after={{after}}",
			"queryParams": [{"key": "limit", "value": "20", "description": "How many", "enabled": true}, {"key": "after", "value": "{{after}}", "enabled": true}, {"key": "sort", "value": "date", "enabled": false}],
			"pathVariableData": [{"key": "user", "value": "7", "description": "Whose"}],
			"headerData": [{"key": "Accept-Language", "value": "{{lang}}", "description": "", "enabled": true}, {"key": "X-Off", "value": "1", "enabled": false}],
			"headers": "Accept-Language: {{lang}}\n//X-Off: 1\n", "data": [], "dataMode": "params",
			"responses": [
				{"id": "1", "name": "Some", "responseCode": {"code": 200, "name": "OK"}, "headers": [{"key": "Content-Type", "value": "application/json"}], "text": "[{\"id\":1}]"},
				{"id": "2", "name": "Nobody", "responseCode": {"code": 404, "name": "Not Found"}, "headers": [], "text": "none"}]},
		{"id": "create", "name": "Create order", "folder": "orders", "method": "POST", "url": "{{baseUrl}}/orders", "description": "Buys something",
			"headerData": [{"key": "Content-Type", "value": "application/json"}], "headers": "Content-Type: application/json\n",
			"dataMode": "raw", "data": [], "rawModeData": "{\"item\": {{item}}, \"count\": 2}", "dataOptions": {"raw": {"language": "json"}}},
		{"id": "upload", "name": "Upload", "folder": "files", "method": "POST", "url": "{{baseUrl}}/files",
			"auth": {"type": "basic", "basic": [{"key": "username", "value": "me"}, {"key": "password", "value": "{{pw}}"}]}, "currentHelper": "basicAuth", "helperAttributes": {"username": "me", "password": "{{pw}}"},
			"dataMode": "params", "data": [{"key": "file", "type": "file", "value": "/tmp/a.png", "enabled": true}, {"key": "note", "value": "hi", "type": "text", "enabled": true}, {"key": "old", "value": "x", "type": "text", "enabled": false}]},
		{"id": "raw", "name": "Upload raw", "folder": "files", "method": "PUT", "url": "{{baseUrl}}/files/:id", "pathVariables": {"id": "a1"}, "dataMode": "binary", "data": null, "rawModeData": "a.png"},
		{"id": "login", "name": "Log in", "folder": "users", "method": "POST", "url": "https://login.example.com/token", "currentHelper": "noauth",
			"dataMode": "urlencoded", "data": [{"key": "user", "value": "me", "type": "text", "enabled": true}, {"key": "password", "value": "{{pw}}", "type": "text", "enabled": true}]},
		{"id": "me", "name": "Me", "folder": "users", "method": "POST", "url": "{{baseUrl}}/graphql", "dataMode": "graphql",
			"graphqlModeData": {"query": "query Me($id: ID!) { user(id: $id) { name } }", "variables": "{\"id\": 1}"},
			"currentHelper": "oAuth2", "helperAttributes": {"authUrl": "https://login.example.com/auth", "accessTokenUrl": "https://login.example.com/token", "scope": "profile"}}
	]
}`

const inVersion20 = `{
	"info": {"name": "Shop", "description": "Sells things", "schema": "https://schema.getpostman.com/json/collection/v2.0.0/collection.json"},
	"variable": [{"key": "baseUrl", "value": "https://api.example.com/v1"}, {"key": "lang", "value": "en"}],
	"auth": {"type": "bearer", "bearer": {"token": "{{token}}"}},
	"item": [
		{"name": "Orders", "auth": {"type": "apikey", "apikey": {"key": "X-Key", "value": "{{key}}", "in": "header"}}, "item": [
			{"name": "Files", "item": [
				{"name": "Upload", "request": {"method": "POST", "url": "{{baseUrl}}/files", "header": [], "auth": {"type": "basic", "basic": {"username": "me", "password": "{{pw}}"}},
					"body": {"mode": "formdata", "formdata": [{"key": "file", "type": "file", "src": "/tmp/a.png"}, {"key": "note", "value": "hi", "type": "text"}, {"key": "old", "value": "x", "type": "text", "disabled": true}]}}},
				{"name": "Upload raw", "request": {"method": "PUT", "url": {"raw": "{{baseUrl}}/files/:id", "host": "{{baseUrl}}", "path": "files/:id", "variable": [{"id": "id", "value": "a1"}]},
					"body": {"mode": "file", "file": {"src": "a.png"}}}}]},
			{"name": "List orders", "request": {"method": "GET",
				"url": {"raw": "{{baseUrl}}/users/:user/orders?limit=20&after={{after}}", "host": ["{{baseUrl}}"], "path": ["users", ":user", "orders"],
					"query": [{"key": "limit", "value": "20", "description": "How many"}, {"key": "after", "value": "{{after}}"}, {"key": "sort", "value": "date", "disabled": true}],
					"variable": [{"id": "user", "value": "7", "description": "Whose"}]},
				"header": [{"key": "Accept-Language", "value": "{{lang}}"}, {"key": "X-Off", "value": "1", "disabled": true}], "body": {"mode": "formdata", "formdata": []}},
				"response": [
					{"name": "Some", "code": 200, "status": "OK", "header": [{"key": "Content-Type", "value": "application/json"}], "body": "[{\"id\":1}]"},
					{"name": "Nobody", "code": 404, "status": "Not Found", "header": [], "body": "none"}]},
			{"name": "Create order", "request": {"method": "POST", "url": "{{baseUrl}}/orders", "description": "Buys something", "header": [{"key": "Content-Type", "value": "application/json"}],
				"body": {"mode": "raw", "raw": "{\"item\": {{item}}, \"count\": 2}", "options": {"raw": {"language": "json"}}}}}]},
		{"name": "Users", "description": "People", "item": [
			{"name": "Log in", "request": {"method": "POST", "url": "https://login.example.com/token", "auth": {"type": "noauth"},
				"body": {"mode": "urlencoded", "urlencoded": [{"key": "user", "value": "me", "type": "text"}, {"key": "password", "value": "{{pw}}", "type": "text"}]}}},
			{"name": "Me", "request": {"method": "POST", "url": "{{baseUrl}}/graphql", "auth": {"type": "oauth2", "oauth2": {"authUrl": "https://login.example.com/auth", "accessTokenUrl": "https://login.example.com/token", "scope": "profile"}},
				"body": {"mode": "graphql", "graphql": {"query": "query Me($id: ID!) { user(id: $id) { name } }", "variables": "{\"id\": 1}"}}}}]},
		{"name": "Ping", "event": [{"listen": "test", "script": {"exec": ["tests.ok = true;"]}}], "request": {"method": "GET", "url": "{{baseUrl}}/ping", "auth": {"type": "noauth"}}}
	]
}`

// inVersion21 differs from 2.0 in how it writes authentication and URLs.
var inVersion21 = strings.NewReplacer(
	"v2.0.0", "v2.1.0",
	`"bearer": {"token": "{{token}}"}`, `"bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]`,
	`"apikey": {"key": "X-Key", "value": "{{key}}", "in": "header"}`, `"apikey": [{"key": "key", "value": "X-Key"}, {"key": "value", "value": "{{key}}"}, {"key": "in", "value": "header"}]`,
	`"basic": {"username": "me", "password": "{{pw}}"}`, `"basic": [{"key": "username", "value": "me"}, {"key": "password", "value": "{{pw}}"}]`,
	`"oauth2": {"authUrl": "https://login.example.com/auth", "accessTokenUrl": "https://login.example.com/token", "scope": "profile"}`,
	`"oauth2": [{"key": "scope", "value": "profile"}, {"key": "accessTokenUrl", "value": "https://login.example.com/token"}, {"key": "authUrl", "value": "https://login.example.com/auth"}]`,
	`"url": "{{baseUrl}}/orders"`, `"url": {"raw": "{{baseUrl}}/orders", "host": ["{{baseUrl}}"], "path": ["orders"]}`,
	`"url": "https://login.example.com/token"`, `"url": {"raw": "https://login.example.com/token", "protocol": "https", "host": ["login", "example", "com"], "path": ["token"]}`,
	`"host": "{{baseUrl}}", "path": "files/:id"`, `"host": ["{{baseUrl}}"], "path": ["files", ":id"]`,
	`"variable": [{"id": "user", "value": "7", "description": "Whose"}]`, `"variable": [{"key": "user", "value": "7", "description": {"content": "Whose", "type": "text/plain"}}]`,
	`"src": "/tmp/a.png"`, `"src": ["/tmp/a.png"]`,
).Replace(inVersion20)

func TestTheVersionsOfACollectionAreOneConnector(t *testing.T) {
	want := withoutPointers(load(t, file("c.json", inVersion1)).Definition)
	for name, document := range map[string]string{"2.0": inVersion20, "2.1": inVersion21} {
		got := withoutPointers(load(t, file("c.json", document)).Definition)
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Errorf("version %s (-1.0 +%s):\n%s", name, name, diff)
		}
	}
	var list []string
	for _, op := range want.GetOperations() {
		list = append(list, op.GetOperationId()+" "+op.GetMethod()+" "+op.GetPath()+" "+strings.Join(op.GetTags(), ",")+" "+needs(op))
	}
	expect := []string{
		"Upload POST /files Files basic", "UploadRaw PUT /files/{id} Files apiKey", "ListOrders GET /users/{user}/orders Orders apiKey",
		"CreateOrder POST /orders Orders apiKey", "LogIn POST /token Users ", "Me POST /graphql Users oauth2(profile)", "Ping GET /ping  ",
	}
	if diff := cmp.Diff(expect, list); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func withoutPointers(def *connectorv1.Definition) *connectorv1.Definition {
	def = proto.CloneOf(def)
	for _, op := range def.GetOperations() {
		op.SourcePointer = ""
	}
	return def
}

func TestTheVersionsAreReportedAlike(t *testing.T) {
	want := codes(load(t, file("c.json", inVersion1)))
	for name, document := range map[string]string{"2.0": inVersion20, "2.1": inVersion21} {
		if diff := cmp.Diff(want, codes(load(t, file("c.json", document)))); diff != "" {
			t.Errorf("version %s (-1.0 +%s):\n%s", name, name, diff)
		}
	}
}
