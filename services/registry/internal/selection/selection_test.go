package selection_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/selection"
)

// api has an operation of everything that a selection has to think of.
const api = `{
  "ferrule": "1",
  "info": {"title": "Users"},
  "operations": [
    {"operationId": "ListUsers", "kind": "ACTION", "method": "GET", "path": "/users", "tags": ["users"],
     "responses": [{"status": "200", "contents": [{"mediaType": "application/json", "kind": "JSON",
       "schema": {"type": "array", "items": {"$ref": "#/$defs/User"}}}],
       "links": [{"name": "one", "operationId": "GetUser"}, {"name": "groups", "operationId": "ListGroups"}]}],
     "security": [{"schemes": [{"schemeId": "key"}]}]},
    {"operationId": "GetUser", "kind": "ACTION", "method": "GET", "path": "/users/{id}", "tags": ["users", "people"],
     "parameters": [{"name": "id", "location": "PATH", "required": true}],
     "dynamics": [{"side": "INPUT", "pointer": "/id", "values": {"call": {"operationId": "ListUsers"}}}],
     "security": [{"schemes": [{"schemeId": "key"}]}]},
    {"operationId": "DeleteUser", "kind": "ACTION", "method": "DELETE", "path": "/users/{id}", "tags": ["users"],
     "parameters": [{"name": "id", "location": "PATH", "required": true}],
     "security": [{"schemes": [{"schemeId": "basic"}]}]},
    {"operationId": "groups/list", "kind": "ACTION", "method": "GET", "path": "/groups/all/members", "tags": ["groups"],
     "requestBody": {"contents": [{"mediaType": "application/json", "kind": "JSON", "schema": {"$ref": "#/$defs/Group~1Team"}}]}},
    {"operationId": "ListGroups", "kind": "ACTION", "method": "GET", "path": "/groups", "tags": ["groups"]},
    {"operationId": "OnUser", "kind": "WEBHOOK_TRIGGER", "method": "POST", "path": "/hooks", "tags": ["hooks"],
     "trigger": {"webhook": {"callbackPointer": "/body/url", "unsubscribeOperationId": "DropHook"}, "simulation": {"operationId": "ListUsers"}},
     "dynamics": [{"side": "INPUT", "pointer": "/body/group", "tree": {"open": {"call": {"operationId": "ListGroups"}}, "browse": {"call": {"operationId": "groups/list"}}}}]},
    {"operationId": "DropHook", "kind": "ACTION", "method": "DELETE", "path": "/hooks"},
    {"operationId": "Poll", "kind": "POLLING_TRIGGER", "method": "GET", "path": "/poll",
     "trigger": {"polling": {"protocol": "LIST", "notificationOperationId": "OnUser"}}}
  ],
  "schemas": [
    {"name": "User", "json": {"properties": {"team": {"$ref": "#/$defs/Group~1Team"}, "self": {"$ref": "#/$defs/User"}}}},
    {"name": "Group/Team", "json": {"type": "object"}},
    {"name": "Alone", "json": {"$ref": "#/$defs/Alone"}}
  ],
  "securitySchemes": [{"id": "key", "http": {"scheme": "bearer"}}, {"id": "basic", "http": {"scheme": "basic"}}, {"id": "unused", "mutualTls": {}}],
  "parameterSets": [
    {"name": "key", "parameters": [{"name": "token", "type": "SECRET"}], "placements": [{"schemeId": "key", "bearer": {"parameter": "token"}}]},
    {"name": "basic", "parameters": [{"name": "u", "type": "STRING"}, {"name": "p", "type": "SECRET"}],
     "placements": [{"schemeId": "basic", "basic": {"usernameParameter": "u", "passwordParameter": "p"}}]}
  ],
  "policies": [
    {"templateId": "everywhere"},
    {"templateId": "users", "operationIds": ["ListUsers", "DeleteUser"]},
    {"templateId": "groups", "operationIds": ["ListGroups"]}
  ],
  "scripts": [{"path": "a.csx", "operationIds": ["DeleteUser"]}, {"path": "b.csx", "operationIds": ["GetUser", "DeleteUser"]}],
  "errorRules": [{"reason": "A"}, {"reason": "B", "operationIds": ["DeleteUser"]}, {"reason": "C", "operationIds": ["GetUser", "DeleteUser"]}],
  "rateLimits": [{"scope": "CONNECTION", "calls": 5, "periodSeconds": 1}],
  "connectionTest": {"operationId": "ListGroups"},
  "tags": [{"name": "users", "parent": "all"}, {"name": "all"}, {"name": "groups"}, {"name": "people"}]
}`

func users(t *testing.T) *connectorv1.Definition {
	t.Helper()
	def, err := definition.Unmarshal([]byte(api))
	if err != nil {
		t.Fatal(err)
	}
	if err := definition.Validate(def); err != nil {
		t.Fatal(err)
	}
	return def
}

func apply(t *testing.T, def *connectorv1.Definition, only, except []string) (*connectorv1.Definition, []format.Finding) {
	t.Helper()
	s, err := selection.Parse(only, except)
	if err != nil {
		t.Fatal(err)
	}
	before := proto.CloneOf(def)
	out, findings, err := s.Apply(def)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(before, def) {
		t.Error("the definition itself was changed")
	}
	if err := definition.Validate(out); err != nil {
		t.Errorf("what is left contradicts itself: %v", err)
	}
	return out, findings
}

// ids are those of all operations; internal ones are in parentheses.
func ids(def *connectorv1.Definition) string {
	var all []string
	for _, op := range def.GetOperations() {
		id := op.GetOperationId()
		if op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL {
			id = "(" + id + ")"
		}
		all = append(all, id)
	}
	return strings.Join(all, " ")
}

func TestEntriesChooseOperations(t *testing.T) {
	for _, row := range []struct {
		name         string
		only, except []string
		want         string
	}{
		{"nothing is said", nil, nil, "ListUsers GetUser DeleteUser groups/list ListGroups OnUser DropHook Poll"},
		{"one id", []string{"ListUsers"}, nil, "ListUsers (ListGroups)"},
		{"an id in another case chooses nothing", []string{"listusers", "ListGroups"}, nil, "ListGroups"},
		{"ids that start alike", []string{"List*"}, nil, "ListUsers ListGroups"},
		{"a star does not go over a slash", []string{"*list", "ListGroups"}, nil, "ListGroups"},
		{"two stars do", []string{"**list"}, nil, "groups/list (ListGroups)"},
		{"an id with a slash", []string{"groups/*"}, nil, "groups/list (ListGroups)"},
		{"a tag", []string{"tag:groups"}, nil, "groups/list ListGroups"},
		{"a tag with a star", []string{"tag:peo*"}, nil, "(ListUsers) GetUser (ListGroups)"},
		{"a path", []string{"/users/{id}"}, nil, "(ListUsers) GetUser DeleteUser (ListGroups)"},
		{"paths below another", []string{"/groups/**"}, nil, "groups/list (ListGroups)"},
		{"paths one level below", []string{"/groups/*", "/groups"}, nil, "ListGroups"},
		{"a method and a path", []string{"DELETE /users/{id}"}, nil, "DeleteUser (ListGroups)"},
		{"a method in lower case", []string{"delete /users/*"}, nil, "DeleteUser (ListGroups)"},
		{"any method", []string{"* /users"}, nil, "ListUsers (ListGroups)"},
		{"all but one tag", nil, []string{"tag:hooks", "Poll"}, "ListUsers GetUser DeleteUser groups/list ListGroups DropHook"},
		{"a method everywhere", nil, []string{"DELETE /**", "Poll", "OnUser"}, "ListUsers GetUser groups/list ListGroups"},
		{"some of those", []string{"tag:users"}, []string{"DELETE /**"}, "ListUsers GetUser (ListGroups)"},
		{"a webhook keeps what it needs", []string{"OnUser"}, nil, "(ListUsers) (groups/list) (ListGroups) OnUser (DropHook)"},
		{"a poll keeps what its notification needs", []string{"Poll"}, nil, "(ListUsers) (groups/list) (ListGroups) (OnUser) (DropHook) Poll"},
		{"everything", []string{"**"}, nil, "ListUsers GetUser DeleteUser groups/list ListGroups OnUser DropHook Poll"},
	} {
		t.Run(row.name, func(t *testing.T) {
			out, _ := apply(t, users(t), row.only, row.except)
			if got := ids(out); got != row.want {
				t.Errorf("left are %s, want %s", got, row.want)
			}
		})
	}
}

func TestWhatNothingRefersToIsGone(t *testing.T) {
	out, _ := apply(t, users(t), []string{"GetUser"}, nil)
	got := map[string][]string{}
	for _, s := range out.GetSchemas() {
		got["schemas"] = append(got["schemas"], s.GetName())
	}
	for _, s := range out.GetSecuritySchemes() {
		got["schemes"] = append(got["schemes"], s.GetId())
	}
	for _, s := range out.GetParameterSets() {
		got["sets"] = append(got["sets"], s.GetName())
	}
	for _, p := range out.GetPolicies() {
		got["policies"] = append(got["policies"], p.GetTemplateId()+fmt.Sprint(p.GetOperationIds()))
	}
	for _, s := range out.GetScripts() {
		got["scripts"] = append(got["scripts"], s.GetPath()+fmt.Sprint(s.GetOperationIds()))
	}
	for _, r := range out.GetErrorRules() {
		got["rules"] = append(got["rules"], r.GetReason()+fmt.Sprint(r.GetOperationIds()))
	}
	for _, l := range out.GetRateLimits() {
		got["limits"] = append(got["limits"], fmt.Sprint(l.GetCalls()))
	}
	for _, tag := range out.GetTags() {
		got["tags"] = append(got["tags"], tag.GetName())
	}
	for _, l := range out.GetOperations()[0].GetResponses()[0].GetLinks() {
		got["links"] = append(got["links"], l.GetName())
	}
	want := map[string][]string{
		"schemas":  {"User", "Group/Team"},
		"schemes":  {"key", "basic"}, // one operation takes any connection
		"sets":     {"key", "basic"},
		"policies": {"everywhere[]", "users[ListUsers]", "groups[ListGroups]"},
		"scripts":  {"b.csx[GetUser]"},
		"rules":    {"A[]", "C[GetUser]"},
		"limits":   {"5"},
		"tags":     {"users", "all", "groups", "people"},
		"links":    {"one", "groups"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

func TestWaysToConnectThatNoOperationAcceptsAreGone(t *testing.T) {
	out, _ := apply(t, users(t), []string{"ListUsers"}, []string{"ListGroups"})
	if len(out.GetParameterSets()) != 1 || out.GetParameterSets()[0].GetName() != "key" {
		t.Errorf("sets %v", out.GetParameterSets())
	}
	if len(out.GetSecuritySchemes()) != 1 || out.GetSecuritySchemes()[0].GetId() != "key" {
		t.Errorf("schemes %v", out.GetSecuritySchemes())
	}
	if links := out.GetOperations()[0].GetResponses()[0].GetLinks(); len(links) != 0 {
		t.Errorf("links %v", links)
	}
}

func TestFindingsSayWhatHappened(t *testing.T) {
	for _, row := range []struct {
		name         string
		only, except []string
		want         []string
	}{
		{"an entry that chooses nothing", []string{"ListUser", "ListGroups"}, nil, []string{
			`SelectionUnmatched: the entry "ListUser" of the selection chooses no operation; did you mean ["ListUsers"]?`,
		}},
		{"a path that chooses nothing", []string{"ListGroups"}, []string{"GET /user"}, []string{
			`SelectionUnmatched: the entry "GET /user" of the selection chooses no operation; did you mean ["/users" "/users/{id}"]?`,
		}},
		{"a tag that is like no other", []string{"tag:zzzzz", "ListGroups"}, nil, []string{
			`SelectionUnmatched: the entry "tag:zzzzz" of the selection chooses no operation; look at the operations of the description`,
		}},
		{"operations that are needed", []string{"GetUser"}, nil, []string{
			`SelectionKeptInternal: the operation "ListGroups" was not chosen; it stays, hidden from people, since the test of connections needs it; `,
			`SelectionKeptInternal: the operation "ListUsers" was not chosen; it stays, hidden from people, since "GetUser" needs it; `,
		}},
		{"operations that are needed and excluded", []string{"OnUser", "Poll", "GetUser"}, []string{"DropHook", "List*", "groups/list"}, []string{
			`SelectionReferenceRemoved: the test of connections is gone, since the operation "ListGroups" was excluded; do not exclude "ListGroups"`,
			`SelectionReferenceRemoved: the choice of "/id" of the operation "GetUser" is gone, since the operation "ListUsers" was excluded; do not exclude "ListUsers"`,
			`SelectionReferenceRemoved: the way to unsubscribe of the operation "OnUser" is gone, since the operation "DropHook" was excluded; do not exclude "DropHook"`,
			`SelectionReferenceRemoved: the sample event of the operation "OnUser" is gone, since the operation "ListUsers" was excluded; do not exclude "ListUsers"`,
			`SelectionReferenceRemoved: the choice of "/body/group" of the operation "OnUser" is gone, since the operation "ListGroups" was excluded; do not exclude "ListGroups"`,
		}},
		{"a notification that is excluded", []string{"Poll"}, []string{"OnUser", "ListGroups"}, []string{
			`SelectionReferenceRemoved: the test of connections is gone, since the operation "ListGroups" was excluded; do not exclude "ListGroups"`,
			`SelectionReferenceRemoved: the notification of the operation "Poll" is gone, since the operation "OnUser" was excluded; do not exclude "OnUser"`,
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, findings := apply(t, users(t), row.only, row.except)
			var got []string
			for _, f := range findings {
				got = append(got, fmt.Sprintf("%s: %s; %s", f.Code, f.Message, f.Remedy))
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFilePickerThatIsExcludedIsGone(t *testing.T) {
	def := users(t)
	call := func(id string) *connectorv1.DynamicCall {
		return &connectorv1.DynamicCall{Target: &connectorv1.DynamicCall_OperationId{OperationId: id}}
	}
	def.FilePicker = &connectorv1.FilePicker{Open: call("ListGroups"), Browse: call("groups/list")}
	if out, _ := apply(t, def, []string{"GetUser"}, nil); out.GetFilePicker() == nil || !strings.Contains(ids(out), "(groups/list)") {
		t.Errorf("the file picker is gone: %s", ids(out))
	}
	out, findings := apply(t, def, []string{"GetUser"}, []string{"groups/list"})
	if out.GetFilePicker() != nil || !slices.ContainsFunc(findings, func(f format.Finding) bool { return f.Code == selection.CodeReferenceRemoved }) {
		t.Errorf("the file picker is there, findings %v", findings)
	}
}

func TestASelectionOfNothingIsRefused(t *testing.T) {
	for _, row := range []struct {
		name         string
		only, except []string
		want         map[string]string
	}{
		{"entries that choose nothing", []string{"tag:none", "x"}, nil, map[string]string{"only": "tag:none, x"}},
		{"everything is excluded", nil, []string{"**"}, map[string]string{"except": "**"}},
		{"what is chosen is excluded", []string{"Poll"}, []string{"/poll"}, map[string]string{"only": "Poll", "except": "/poll"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := selection.Parse(row.only, row.except)
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = s.Apply(users(t))
			if fault.ReasonOf(err) != fault.ReasonSelectionEmpty || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("the error is %v", err)
			}
			if diff := cmp.Diff(row.want, fault.From(err).Meta()); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEntriesThatAreRefused(t *testing.T) {
	for _, row := range []struct {
		name  string
		only  []string
		field string
	}{
		{"an empty one", []string{"a", ""}, "selection.only[1]"},
		{"one that is too long", []string{strings.Repeat("a", selection.MaxEntryBytes+1)}, "selection.only[0]"},
		{"too many", slices.Repeat([]string{"a"}, selection.MaxEntries+1), "selection.only"},
		{"too many patterns", slices.Repeat([]string{strings.Repeat("*a", 512)}, 33), "selection.only[32]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := selection.Parse(row.only, nil)
			if fault.ReasonOf(err) != fault.ReasonInvalidArgument || fault.From(err).Violations()[0].Field != row.field {
				t.Errorf("the error is %v, violations %v", err, fault.From(err).Violations())
			}
		})
	}
}

// asRegexp is a slow way to say what a pattern means.
func asRegexp(pattern string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(pattern)
	quoted = strings.ReplaceAll(quoted, `\*\*`, `(?s:.*)`)
	return regexp.MustCompile(`^` + strings.ReplaceAll(quoted, `\*`, `[^/]*`) + `$`)
}

func chosenBy(pattern, id string) bool {
	s, err := selection.Parse([]string{pattern}, nil)
	if err != nil {
		return false
	}
	_, _, err = s.Apply(&connectorv1.Definition{Operations: []*connectorv1.Operation{{OperationId: id}}})
	return err == nil
}

func TestPatternsMeanWhatARegularExpressionMeans(t *testing.T) {
	texts := []string{"", "a", "b", "ab", "a/b", "aab", "a/a/b", "abab", "ba", "/", "a/", "aaaa", "b/ab/b", strings.Repeat("a", 100), strings.Repeat("ab/", 50)}
	patterns := []string{
		"*", "**", "***", "a*", "*a", "a**", "**a", "a*b", "a**b", "*a*b*", "**a*b", "a*/b", "*/**", "**/*", "*b**b*",
		strings.Repeat("a", 64) + "*", strings.Repeat("a", 63) + "**" + strings.Repeat("a", 37), strings.Repeat("a*", 70), strings.Repeat("ab/", 49) + "*b/",
	}
	for _, p := range patterns {
		for _, text := range texts {
			if want, got := asRegexp(p).MatchString(text), chosenBy(p, text); got != want {
				t.Errorf("%q matches %q: %v, want %v", p, text, got, want)
			}
		}
	}
}

func TestHostilePatternsTakeTimeInProportion(t *testing.T) {
	def := &connectorv1.Definition{}
	for i := range 300 {
		def.Operations = append(def.Operations, &connectorv1.Operation{OperationId: strings.Repeat("a", 1000) + fmt.Sprint(i)})
	}
	s, err := selection.Parse(slices.Repeat([]string{strings.Repeat("*a**a", 200) + "b"}, 30), []string{"none"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Apply(def); fault.ReasonOf(err) != fault.ReasonSelectionEmpty {
		t.Errorf("the error is %v", err)
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("a*b", "acb")
	f.Add("**/x", "a/b/x")
	f.Add("*a*a*", "aa/a")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if strings.HasPrefix(pattern, "tag:") || strings.Contains(pattern, "/") && pattern[0] == '/' || strings.Contains(pattern, " /") ||
			pattern == "" || len(pattern) > selection.MaxEntryBytes || len(text) > 4096 || pattern == text {
			return
		}
		if want, got := asRegexpBytes(pattern, text), chosenBy(pattern, text); got != want {
			t.Errorf("%q matches %q: %v, want %v", pattern, text, got, want)
		}
	})
}

// asRegexpBytes compares byte by byte, also where the text is not UTF-8.
func asRegexpBytes(pattern, text string) bool {
	latin := func(s string) string {
		var b strings.Builder
		for i := range len(s) {
			b.WriteRune(rune(s[i]))
		}
		return b.String()
	}
	return asRegexp(latin(pattern)).MatchString(latin(text))
}
