package api

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/hooks"
	"github.com/ferrule-dev/ferrule/deploy/demo/inventory/internal/stock"
)

func TestTheDocumentNamesTheServerItCameFrom(t *testing.T) {
	api := newAPI(t)
	tests := []struct {
		host   string
		secure bool
		scheme string
	}{
		{"127.0.0.1:8790", false, "http"},
		{"inventory:8080", true, "https"},
		{`odd".test`, false, "http"},
	}
	for _, tt := range tests {
		request := httptest.NewRequest("GET", "/swagger.json", nil)
		request.Host = tt.host
		if tt.secure {
			request.TLS = &tls.ConnectionState{}
		}
		got := api.do(t, request).body
		if got["host"] != tt.host || fmt.Sprint(got["schemes"]) != "["+tt.scheme+"]" || got["swagger"] != "2.0" {
			t.Errorf("host %v, schemes %v, want %s and %s", got["host"], got["schemes"], tt.host, tt.scheme)
		}
	}
}

func TestTheDocumentHoldsExactlyWhatIsServed(t *testing.T) {
	var served, described []string
	for path, methods := range (&server{}).routes() {
		for method := range methods {
			served = append(served, strings.ToLower(method)+" "+path)
		}
	}
	for where := range operations(t) {
		described = append(described, where)
	}
	slices.Sort(served)
	slices.Sort(described)
	if !slices.Equal(served, described) {
		t.Errorf("served:\n%s\ndescribed:\n%s", strings.Join(served, "\n"), strings.Join(described, "\n"))
	}
}

func TestEveryOperationIsDescribedInFull(t *testing.T) {
	document := tree(t)
	pascal := regexp.MustCompile(`^([A-Z][a-z]+)+$`)
	path := regexp.MustCompile(`\{(\w+)\}`)
	seen := map[string]bool{}
	for where, operation := range operations(t) {
		id := fmt.Sprint(operation["operationId"])
		if !pascal.MatchString(id) || seen[id] {
			t.Errorf("%s: operationId %q is no PascalCase or not unique", where, id)
		}
		seen[id] = true
		sentence(t, where, operation)
		if summary := fmt.Sprint(operation["summary"]); len(summary) > 80 || strings.HasSuffix(summary, ".") {
			t.Errorf("%s: summary %q", where, summary)
		}
		responses, _ := operation["responses"].(map[string]any)
		for _, status := range []string{"401", "default"} {
			if responses[status] == nil {
				t.Errorf("%s: no response %s", where, status)
			}
		}
		placeholders := map[string]bool{}
		for _, match := range path.FindAllStringSubmatch(where, -1) {
			placeholders[match[1]] = true
		}
		for _, parameter := range parameters(t, document, where, operation) {
			name := fmt.Sprint(parameter["name"])
			sentence(t, where+" "+name, parameter)
			if parameter["x-ms-summary"] == nil {
				t.Errorf("%s: parameter %s has no x-ms-summary", where, name)
			}
			if parameter["in"] == "path" {
				delete(placeholders, name)
			}
		}
		if len(placeholders) > 0 {
			t.Errorf("%s: no parameters for %v", where, placeholders)
		}
	}
}

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	document := tree(t)
	used := map[string]bool{}
	walk(document, func(node map[string]any) {
		if ref, ok := node["$ref"].(string); ok {
			used[ref] = true
			resolve(t, document, ref)
		}
	})
	for _, kind := range []string{"definitions", "parameters", "responses"} {
		section, _ := document[kind].(map[string]any)
		for name := range section {
			if ref := "#/" + kind + "/" + name; !used[ref] {
				t.Errorf("%s is not used", ref)
			}
		}
	}
}

func TestEveryPropertyIsDescribed(t *testing.T) {
	document := tree(t)
	definitions, _ := document["definitions"].(map[string]any)
	for name, definition := range definitions {
		walk(definition, func(node map[string]any) {
			properties, _ := node["properties"].(map[string]any)
			for property, schema := range properties {
				schema := schema.(map[string]any)
				if schema["$ref"] == nil && (schema["description"] == nil || schema["x-ms-summary"] == nil || schema["type"] == nil) {
					t.Errorf("%s.%s lacks a type, a description or an x-ms-summary", name, property)
				}
			}
			required, _ := node["required"].([]any)
			for _, property := range required {
				if properties[fmt.Sprint(property)] == nil {
					t.Errorf("%s requires %v, which it does not have", name, property)
				}
			}
		})
	}
}

func TestTheTriggersAreMarked(t *testing.T) {
	all := operations(t)
	polling, webhook := all["get /triggers/items"], all["post /webhooks"]
	if polling["operationId"] != "OnItemListed" || polling["x-ms-trigger"] != "batch" || polling["x-ms-trigger-hint"] == nil {
		t.Errorf("polling trigger: %v", polling)
	}
	wantTree(t, polling["x-ferrule-polling"], `{"items":"items","key":"id","order":"newestFirst"}`)
	if webhook["operationId"] != "OnItemCreated" || webhook["x-ms-trigger"] != "single" {
		t.Errorf("webhook trigger: %v", webhook)
	}
	wantTree(t, webhook["x-ferrule-webhook-signature"], `{"scheme":"hmac-sha256","header":"`+hooks.SignatureHeader+
		`","prefix":"sha256=","encoding":"hex","secretProperty":"secret","idHeader":"`+hooks.DeliveryHeader+`"}`)

	document := tree(t)
	draft := resolve(t, document, "#/definitions/WebhookDraft")
	callback := draft["properties"].(map[string]any)["callbackUrl"].(map[string]any)
	if callback["x-ms-notification-url"] != true || callback["x-ms-visibility"] != "internal" || callback["type"] != "string" {
		t.Errorf("callbackUrl: %v", callback)
	}
	wantTree(t, draft["required"], `["callbackUrl","secret"]`)
	path := document["paths"].(map[string]any)["/webhooks"].(map[string]any)
	content, _ := path["x-ms-notification-content"].(map[string]any)
	wantTree(t, content["schema"], `{"$ref":"#/definitions/ItemEvent"}`)
	wantTree(t, document["x-ms-capabilities"], `{"testConnection":{"operationId":"GetStatus","parameters":{}}}`)
	if all["delete /webhooks/{id}"]["x-ms-visibility"] != "internal" {
		t.Error("DeleteWebhook is not internal")
	}
}

func TestTheDocumentsLimitsAreTheServers(t *testing.T) {
	document := tree(t)
	item := resolve(t, document, "#/definitions/ItemDraft")["properties"].(map[string]any)
	hook := resolve(t, document, "#/definitions/WebhookDraft")["properties"].(map[string]any)
	limit := resolve(t, document, "#/parameters/Limit")
	at := func(node any, keys ...string) any {
		for _, key := range keys {
			node = node.(map[string]any)[key]
		}
		return node
	}
	for got, want := range map[[2]any]int{
		{"name", at(item, "name", "maxLength")}:               stock.MaxName,
		{"sku", at(item, "sku", "maxLength")}:                 stock.MaxSKU,
		{"description", at(item, "description", "maxLength")}: stock.MaxDescription,
		{"quantity", at(item, "quantity", "maximum")}:         stock.MaxQuantity,
		{"tags", at(item, "tags", "maxItems")}:                stock.MaxTags,
		{"tag", at(item, "tags", "items", "maxLength")}:       stock.MaxTag,
		{"callback", at(hook, "callbackUrl", "maxLength")}:    maxCallback,
		{"secret", at(hook, "secret", "minLength")}:           minSecret,
		{"long secret", at(hook, "secret", "maxLength")}:      maxSecret,
		{"limit", limit["maximum"]}:                           MaxLimit,
		{"default limit", limit["default"]}:                   DefaultLimit,
	} {
		if got[1] != float64(want) {
			t.Errorf("%v is %v in the document, %d in the server", got[0], got[1], want)
		}
	}
}

// The answers' members are those of the schemas, no more and no fewer.
func TestAnswersHaveTheShapeOfTheirSchema(t *testing.T) {
	document := tree(t)
	for name, value := range map[string]any{
		"Item": stock.Item{}, "ItemPage": itemPage{}, "ItemBatch": itemBatch{}, "Webhook": hooks.Webhook{}, "WebhookList": webhookList{},
		"ItemEvent": hooks.Event{}, "Status": statusBody{}, "ItemDraft": stock.Draft{}, "ItemChange": stock.Change{}, "WebhookDraft": webhookDraft{},
		"Problem": problem{Detail: "d", Errors: []stock.Fault{{}}},
	} {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var members map[string]any
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		properties := resolve(t, document, "#/definitions/"+name)["properties"].(map[string]any)
		got, want := slices.Sorted(maps.Keys(members)), slices.Sorted(maps.Keys(properties))
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, its schema %q", name, got, want)
		}
	}
}

func tree(t *testing.T) map[string]any {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(swagger, &document); err != nil {
		t.Fatalf("swagger.json: %v", err)
	}
	return document
}

// operations returns the operations by "method path".
func operations(t *testing.T) map[string]map[string]any {
	t.Helper()
	all := map[string]map[string]any{}
	for path, item := range tree(t)["paths"].(map[string]any) {
		for method, operation := range item.(map[string]any) {
			if operation, ok := operation.(map[string]any); ok && !strings.HasPrefix(method, "x-") {
				all[method+" "+path] = operation
			}
		}
	}
	return all
}

// parameters returns those of the operation and of its path, references
// resolved.
func parameters(t *testing.T, document map[string]any, where string, operation map[string]any) []map[string]any {
	t.Helper()
	_, path, _ := strings.Cut(where, " ")
	shared, _ := document["paths"].(map[string]any)[path].(map[string]any)["parameters"].([]any)
	own, _ := operation["parameters"].([]any)
	var list []map[string]any
	for _, entry := range slices.Concat(shared, own) {
		parameter := entry.(map[string]any)
		if ref, ok := parameter["$ref"].(string); ok {
			parameter = resolve(t, document, ref)
		}
		list = append(list, parameter)
	}
	return list
}

func resolve(t *testing.T, document map[string]any, ref string) map[string]any {
	t.Helper()
	node := document
	for step := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		next, ok := node[step].(map[string]any)
		if !ok {
			t.Fatalf("%s leads nowhere", ref)
		}
		node = next
	}
	return node
}

func walk(node any, visit func(map[string]any)) {
	switch node := node.(type) {
	case map[string]any:
		visit(node)
		for _, child := range node {
			walk(child, visit)
		}
	case []any:
		for _, child := range node {
			walk(child, visit)
		}
	}
}

func sentence(t *testing.T, where string, node map[string]any) {
	t.Helper()
	if text, _ := node["description"].(string); !regexp.MustCompile(`^[A-Z].*\.$`).MatchString(text) {
		t.Errorf("%s: description %q is not a sentence", where, text)
	}
}

func wantTree(t *testing.T, got any, want string) {
	t.Helper()
	var tree any
	if err := json.Unmarshal([]byte(want), &tree); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, tree) {
		t.Errorf("got %v, want %s", got, want)
	}
}
