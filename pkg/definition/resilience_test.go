package definition_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// list is a definition with an operation that lists and one that creates; %s are
// members of the root, of the first and of the second.
const list = `{"ferrule": "1", "info": {"title": "T"}, "parameterSets": [{"name": "default"}], %s
  "operations": [
    {"operationId": "List", "kind": "ACTION", "method": "GET", "path": "/items", "safety": {"safe": true}, %s
     "parameters": [{"name": "offset", "location": "QUERY"}, {"name": "limit", "location": "QUERY"}, {"name": "a/b", "location": "HEADER"}]},
    {"operationId": "Create", "kind": "ACTION", "method": "POST", "path": "/items", %s
     "requestBody": {"contents": [{"mediaType": "application/json", "kind": "JSON"}]}}]}`

func TestLimitsRulesAndPages(t *testing.T) {
	const root, safe, unsafe = 0, 1, 2
	for _, row := range []struct {
		name   string
		at     int
		member string
		want   []string // pointers of what is wrong
	}{
		{"a rate limit", root, `"rateLimits": [{"scope": "CONNECTION", "calls": 1, "periodSeconds": 86400}, {"scope": "CONNECTOR", "calls": 1000000000, "periodSeconds": 1}]`, nil},
		{"a rate limit without anything", root, `"rateLimits": [{}]`, []string{"/rateLimits/0/scope", "/rateLimits/0/calls", "/rateLimits/0/periodSeconds"}},
		{"a rate limit that is too large", root, `"rateLimits": [{"scope": "CONNECTION", "calls": 1000000001, "periodSeconds": 86401}]`, []string{"/rateLimits/0/calls", "/rateLimits/0/periodSeconds"}},
		{"too many rate limits", root, `"rateLimits": [{}` + strings.Repeat(",{}", definition.MaxRules) + `]`, []string{"/rateLimits"}},

		{"a rule for everything", root, `"errorRules": [{}]`, nil},
		{"a rule with all it may say", root, `"errorRules": [{"operationIds": ["List"], "statuses": ["404", "4XX", "5xx", "200"], "path": "error.code", "equals": "X", "reason": "UPSTREAM_X1", "messagePath": "error.message", "message": "m", "retry": "RETRY_YES"}]`, nil},
		{"a rule for no operation", root, `"errorRules": [{"operationIds": ["List", "Lost"]}]`, []string{"/errorRules/0/operationIds/1"}},
		{"statuses that are none", root, `"errorRules": [{"statuses": ["4x", "604", "4X4", "default", "404"]}]`, []string{"/errorRules/0/statuses/0", "/errorRules/0/statuses/1", "/errorRules/0/statuses/2", "/errorRules/0/statuses/3"}},
		{"paths that lead nowhere", root, `"errorRules": [{"path": "/error", "messagePath": "error..message"}]`, []string{"/errorRules/0/path", "/errorRules/0/messagePath"}},
		{"a text without a place", root, `"errorRules": [{"equals": "x"}]`, []string{"/errorRules/0/path"}},
		{"a reason in lower case", root, `"errorRules": [{"reason": "gone"}]`, []string{"/errorRules/0/reason"}},
		{"a reason that begins with a digit", root, `"errorRules": [{"reason": "4XX"}]`, []string{"/errorRules/0/reason"}},
		{"a reason that is too long", root, `"errorRules": [{"reason": "` + strings.Repeat("A", definition.MaxReason+1) + `"}]`, []string{"/errorRules/0/reason"}},
		{"too many rules", root, `"errorRules": [{}` + strings.Repeat(",{}", definition.MaxRules) + `]`, []string{"/errorRules"}},

		{"code that is too long", root, `"scripts": [{"source": "` + strings.Repeat("x", definition.MaxScriptBytes+1) + `"}]`, []string{"/scripts/0/source"}},

		{"answers that are kept", safe, `"cache": {"maxAgeSeconds": 86400}`, nil},
		{"answers that are never kept", safe, `"cache": {}`, nil},
		{"answers that are kept too long", safe, `"cache": {"maxAgeSeconds": 86401}`, []string{"/operations/0/cache/maxAgeSeconds"}},
		{"answers that are kept for less than nothing", safe, `"cache": {"maxAgeSeconds": -1}`, []string{"/operations/0/cache/maxAgeSeconds"}},
		{"answers of what is not safe", unsafe, `"cache": {"maxAgeSeconds": 1}`, []string{"/operations/1/cache"}},
		{"a cost", safe, `"cost": 5`, nil},
		{"a negative cost", safe, `"cost": -1`, []string{"/operations/0/cost"}},
		{"a key for repeating", unsafe, `"idempotencyKeyHeader": "Idempotency-Key"`, nil},
		{"a key in no header", unsafe, `"idempotencyKeyHeader": "Idempotency Key"`, []string{"/operations/1/idempotencyKeyHeader"}},
		{"a key in a header of the transport", unsafe, `"idempotencyKeyHeader": "Content-Length"`, []string{"/operations/1/idempotencyKeyHeader"}},

		{"pages by a link", safe, `"pagination": {"nextLinkProperty": "@odata.nextLink", "itemsPath": "data.items"}`, nil},
		{"items that are nowhere", safe, `"pagination": {"itemsPath": ".items"}`, []string{"/operations/0/pagination/itemsPath"}},
		{"items at a pointer", safe, `"pagination": {"itemsPath": "/items"}`, []string{"/operations/0/pagination/itemsPath"}},
		{"items at a path without an end", safe, `"pagination": {"itemsPath": "` + strings.Repeat("x", definition.MaxDotPath+1) + `"}`, []string{"/operations/0/pagination/itemsPath"}},
		{"pages by offset", safe, `"pagination": {"offset": {"offsetInput": "offset", "limitInput": "query.limit", "defaultLimit": 50, "totalPath": "total"}}`, nil},
		{"pages by an offset that is not there", safe, `"pagination": {"offset": {"offsetInput": "skip", "limitInput": "header.limit"}}`, []string{"/operations/0/pagination/offset/offsetInput", "/operations/0/pagination/offset/limitInput"}},
		{"pages by offset without one", safe, `"pagination": {"offset": {"defaultLimit": 5, "totalPath": "a b.."}}`, []string{"/operations/0/pagination/offset/offsetInput", "/operations/0/pagination/offset/limitInput", "/operations/0/pagination/offset/totalPath"}},
		{"pages by number", safe, `"pagination": {"pageNumber": {"pageInput": "offset", "firstPage": 1, "limitInput": "limit"}}`, nil},
		{"pages by number that count backwards", safe, `"pagination": {"pageNumber": {"pageInput": "page", "firstPage": -1, "defaultLimit": -1}}`, []string{"/operations/0/pagination/pageNumber/pageInput", "/operations/0/pagination/pageNumber/defaultLimit", "/operations/0/pagination/pageNumber/firstPage"}},
		{"pages by a token in the body", unsafe, `"pagination": {"cursor": {"cursorInput": "/body/page/after", "cursorPath": "next", "morePath": "more"}}`, nil},
		{"pages by a token of the last item", safe, `"pagination": {"cursor": {"cursorInput": "/a~1b", "itemCursorPath": "id"}}`, nil},
		{"pages by a token in a header", safe, `"pagination": {"cursor": {"cursorInput": "offset", "cursorHeader": "X-Next"}}`, nil},
		{"pages by a token that is nowhere", safe, `"pagination": {"cursor": {"cursorInput": "offset"}}`, []string{"/operations/0/pagination/cursor"}},
		{"pages by two tokens", safe, `"pagination": {"cursor": {"cursorInput": "offset", "cursorPath": "a", "itemCursorPath": "b"}}`, []string{"/operations/0/pagination/cursor"}},
		{"pages by a token in no header", safe, `"pagination": {"cursor": {"cursorInput": "offset", "cursorHeader": "a b"}}`, []string{"/operations/0/pagination/cursor/cursorHeader"}},
		{"a token for a body that is not there", safe, `"pagination": {"cursor": {"cursorInput": "/body/after", "cursorPath": "a"}}`, []string{"/operations/0/pagination/cursor/cursorInput"}},
		{"a token at a pointer to nothing", safe, `"pagination": {"cursor": {"cursorInput": "/after", "cursorPath": "a"}}`, []string{"/operations/0/pagination/cursor/cursorInput"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			members := []any{"", "", ""}
			members[row.at] = row.member + ","
			got := pointers(t, definition.Validate(parse(t, fmt.Sprintf(list, members...))))
			if !slices.Equal(got, row.want) {
				t.Errorf("violations at %q, want %q", got, row.want)
			}
		})
	}
}

// What the runtime refuses when it compiles a definition is refused before.
func TestNegativeNumbersAreNamed(t *testing.T) {
	err := definition.Validate(&connectorv1.Definition{
		Info: &connectorv1.Info{Title: "T"}, ParameterSets: []*connectorv1.ParameterSet{{Name: "default"}},
		RateLimits: []*connectorv1.RateLimit{{Scope: connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTOR, Calls: -7, PeriodSeconds: 1}},
	})
	if got := fault.From(err).Violations(); len(got) != 1 || got[0].Description != "must be 1 to 1000000000, not -7" {
		t.Errorf("violations %v", got)
	}
}
