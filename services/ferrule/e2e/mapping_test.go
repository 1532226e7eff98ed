package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// desk is a help desk: lists of tickets, and an action with rules for its input.
const desk = `{"openapi": "3.1.0", "info": {"title": "Desk", "version": "1"}, "servers": [{"url": "SERVER"}], "paths": {
	"/tickets": {"get": {"operationId": "ListTickets", "responses": {"200": {"description": "tickets", "content": {"application/json": {"schema": {"type": "array", "items": {"type": "object"}}}}}}},
	"post": {"operationId": "Open", "parameters": [{"name": "queue", "in": "query", "required": true, "schema": {"type": "integer"}}],
		"requestBody": {"required": true, "content": {"application/json": {"schema": {"type": "object", "additionalProperties": false, "required": ["title", "kind"], "properties": {
			"title": {"type": "string", "minLength": 3, "pattern": "^[A-Z]"}, "kind": {"type": "string", "enum": ["bug", "wish"]}, "weight": {"type": "integer"},
			"labels": {"type": "array", "minItems": 1, "items": {"type": "string"}}, "due": {"type": "string", "format": "date"},
			"who": {"oneOf": [{"type": "object", "required": ["mail"], "properties": {"mail": {"type": "string"}}, "additionalProperties": false},
				{"type": "object", "required": ["phone"], "properties": {"phone": {"type": "string"}}, "additionalProperties": false}]}}}}}},
		"responses": {"201": {"description": "made"}}}}}}`

// TestMappingsAreTriedWithTheRulesOfCallsBeforeAnyEvent: what the runtime would refuse
// for every event is told when the subscription is made.
func TestMappingsAreTriedWithTheRulesOfCallsBeforeAnyEvent(t *testing.T) {
	t.Parallel()
	s := up(t, suiteOptions{data: t.TempDir()})
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`[]`))
	}))
	t.Cleanup(api.Close)
	file := filepath.Join(t.TempDir(), "desk.json")
	if err := os.WriteFile(file, []byte(replaceServer(desk, api.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	s.do(t, nil, "import", file, "--id", "desk")
	s.do(t, nil, "connect", "desk", "--id", "desk")
	subscribe := func(id, mapping string) []string {
		return []string{"subscribe", "desk", "ListTickets", "--list", "key=id", "--id", id, "--action", "desk/Open", "--map", mapping}
	}
	for id, mapping := range map[string]string{
		"texts-for-numbers": `{"queue": "${event.id}", "body": {"title": "${event.data.title}", "kind": "bug"}}`,
		"values-by-event":   `{"queue": 5, "body": {"title": "${event.subject}", "kind": "${event.data.kind}", "labels": "${event.data.labels}", "due": "${event.data.due}", "weight": "${double(event.data.w)}"}}`,
		"forms-by-event":    `{"queue": 5, "body": {"title": "Ticket", "kind": "wish", "who": {"mail": "${event.data.?mail}", "phone": "${event.data.?phone}"}}}`,
		"all-by-event":      `{"queue": "${event.data.queue}", "body": "${event.data}"}`,
	} {
		s.do(t, []string{"subscribed " + id}, subscribe(id, mapping)...)
	}
	for id, tc := range map[string]struct {
		mapping string
		says    []string
	}{
		"names": {`{"queu": "${event.data.q}", "body": {"titel": "${event.data.title}", "kind": "bug"}}`, []string{
			"never fits the action", "input.queu: is no input of this operation; did you mean queue?", "input.queue: is required",
			"input.body.title: is required", "input.body.titel: is not known to the operation",
		}},
		"types": {`{"queue": "no. ${event.data.n}", "body": {"title": 5, "kind": "bug", "weight": "${event.id}", "labels": "${event.data.a + ''}"}}`, []string{
			"input.queue: must be an integer, not a string; the expression no. ${event.data.n} is a string for every event",
			"input.body.title: must be a string, not a number", "input.body.weight: must be an integer, not a string; the expression event.id",
		}},
		"values": {`{"queue": 1, "body": {"title": "ab", "kind": "question", "who": {"mail": 5}}}`, []string{
			"input.body.kind: must be one of", "input.body.title: must", "input.body.who: must fit one of the forms",
		}},
	} {
		s.fail(t, 1, tc.says, subscribe(id, tc.mapping)...)
	}
	s.do(t, []string{"texts-for-numbers"}, "subscriptions")
}

func replaceServer(description, url string) string {
	return strings.Replace(description, "SERVER", url, 1)
}
