package edit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/definition"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/edit"
)

const base = `{"ferrule": "1",
  "info": {"title": "Items", "version": "1", "contact": {"name": "ann"}},
  "servers": [{"urlTemplate": "https://a.example.com"}],
  "operations": [
    {"operationId": "List", "summary": "Lists", "kind": "ACTION", "method": "GET", "path": "/items"},
    {"operationId": "Get", "summary": "Gets", "description": "One.", "kind": "ACTION", "method": "GET", "path": "/items/{id}",
     "parameters": [{"name": "id", "location": "PATH", "required": true}, {"name": "v", "location": "QUERY"}, {"name": "v", "location": "HEADER"}],
     "responses": [{"status": "200", "description": "ok"}, {"status": "404"}]},
    {"operationId": "odd.id/x", "kind": "ACTION", "method": "GET", "path": "/odd"},
    {"operationId": "back` + "`" + `quote", "kind": "ACTION", "method": "GET", "path": "/back"}
  ],
  "schemas": [{"name": "Item", "json": {"type": "object"}}, {"name": "Other", "json": {}}],
  "parameterSets": [{"name": "default", "parameters": [{"name": "api_key", "type": "SECRET"}]}],
  "policies": [{"templateId": "a"}, {"templateId": "b"}],
  "tags": [{"name": "users", "description": "Users."}]
}`

const patch = `{"ferrule": "1",
  "info": {"title": "Things", "summary": "All things."},
  "servers": [{"urlTemplate": "https://b.example.com"}, {"urlTemplate": "https://c.example.com"}],
  "operations": [
    {"operationId": "New", "kind": "ACTION", "method": "POST", "path": "/items"},
    {"operationId": "Get", "summary": "Fetches", "kind": "ACTION", "method": "GET", "path": "/things/{id}",
     "parameters": [{"name": "id", "location": "PATH", "required": true, "summary": "Id"}],
     "responses": [{"status": "200", "description": "fine"}, {"status": "500"}]},
    {"operationId": "odd.id/x", "summary": "Odd", "kind": "ACTION", "method": "GET", "path": "/odd"},
    {"operationId": "back` + "`" + `quote", "summary": "Back", "kind": "ACTION", "method": "GET", "path": "/back"}
  ],
  "schemas": [{"name": "Item", "json": {"type": "array"}}],
  "parameterSets": [{"name": "default", "title": "Key"}],
  "policies": [{"templateId": "c"}]
}`

func parse(t testing.TB, text string) *connectorv1.Definition {
	t.Helper()
	def, err := definition.Unmarshal([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return def
}

// changed lists the lines that differ between the base and the definition, those
// of the base with "-", the others with "+".
func changed(t *testing.T, def *connectorv1.Definition) []string {
	t.Helper()
	lines := func(d *connectorv1.Definition) []string {
		text, err := definition.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for line := range strings.Lines(string(text)) {
			if line = strings.Trim(line, " ,\n"); strings.Contains(line, ":") {
				all = append(all, line)
			}
		}
		return all
	}
	count := map[string]int{}
	before, after := lines(parse(t, base)), lines(def)
	for _, l := range after {
		count[l]++
	}
	var diff []string
	for _, l := range before {
		if count[l]--; count[l] < 0 {
			diff = append(diff, "-"+l)
		}
	}
	for _, l := range slices.Backward(after) {
		if count[l] > 0 {
			count[l]--
			diff = append(diff, "+"+l)
		}
	}
	return diff
}

func TestPathsReplaceWhatTheyName(t *testing.T) {
	for _, row := range []struct {
		name string
		mask []string
		want []string
	}{
		{"one text", []string{"info.title"}, []string{`-"title": "Items"`, `+"title": "Things"`}},
		{"a text that was not there", []string{"info.summary"}, []string{`+"summary": "All things."`}},
		{"a text that is removed", []string{"info.version"}, []string{`-"version": "1"`}},
		{"something inside of what the patch lacks", []string{"info.contact.name"}, []string{`-"contact": {`, `-"name": "ann"`, `+"contact": {}`}},
		{"something that nobody has", []string{"info.license.name"}, nil},
		{"a message", []string{"info"}, []string{`-"title": "Items"`, `-"version": "1"`, `-"contact": {`, `-"name": "ann"`, `+"summary": "All things."`, `+"title": "Things"`}},
		{"a list", []string{"servers"}, []string{
			`-"urlTemplate": "https://a.example.com"`, `+"urlTemplate": "https://c.example.com"`, `+"urlTemplate": "https://b.example.com"`,
		}},
		{"a list without names", []string{"policies"}, []string{`-"templateId": "a"`, `-"templateId": "b"`, `+"templateId": "c"`}},
		{"a part of an operation", []string{"operations.Get.summary"}, []string{`-"summary": "Gets"`, `+"summary": "Fetches"`}},
		{"two parts of an operation", []string{"operations.Get.summary", "operations.Get.description"}, []string{
			`-"summary": "Gets"`, `-"description": "One."`, `+"summary": "Fetches"`,
		}},
		{"a JSON name", []string{"parameterSets.default.title"}, []string{`+"title": "Key"`}},
		{"a name of the model", []string{"parameter_sets.default.title"}, []string{`+"title": "Key"`}},
		{"a member that is removed", []string{"schemas.Other"}, []string{`-"name": "Other"`, `-"json": {}`}},
		{"a member of a member", []string{"operations.Get.responses.200"}, []string{`-"description": "ok"`, `+"description": "fine"`}},
		{"a member of a member that is new", []string{"operations.Get.responses.500"}, []string{`+"status": "500"`}},
		{"a member of a member that is removed", []string{"operations.Get.responses.404"}, []string{`-"status": "404"`}},
		{"a parameter", []string{"operations.Get.parameters.id"}, []string{`+"summary": "Id"`}},
		{"a name with a dot and a slash", []string{"operations.`odd.id/x`.summary"}, []string{`+"summary": "Odd"`}},
		{"a name with a back quote", []string{"operations.`back``quote`.summary"}, []string{`+"summary": "Back"`}},
		{"a quoted name that needs none", []string{"`schemas`.`Item`"}, []string{`-"type": "object"`, `+"type": "array"`}},
		{"something inside of a member that the patch lacks", []string{"tags.users.description"}, []string{`-"description": "Users."`}},
		{"a list that the patch lacks", []string{"tags"}, []string{`-"tags": [`, `-"name": "users"`, `-"description": "Users."`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			def, from := parse(t, base), parse(t, patch)
			out, err := edit.Apply(def, from, row.mask)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, changed(t, out)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if !proto.Equal(def, parse(t, base)) || !proto.Equal(from, parse(t, patch)) {
				t.Error("an argument was changed")
			}
		})
	}
}

func TestMembersKeepTheirPlacesAndNewOnesComeLast(t *testing.T) {
	out, err := edit.Apply(parse(t, base), parse(t, patch), []string{"operations.New", "operations.Get", "operations.List"})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, op := range out.GetOperations() {
		ids = append(ids, op.GetOperationId()+" "+op.GetPath())
	}
	want := []string{"Get /things/{id}", "odd.id/x /odd", "back`quote /back", "New /items"}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

func TestTheWholeDefinitionIsReplaced(t *testing.T) {
	out, err := edit.Apply(parse(t, base), parse(t, patch), []string{"*"})
	if err != nil || !proto.Equal(out, parse(t, patch)) {
		t.Errorf("Apply = %v, %v", out, err)
	}
}

func TestWhatTheResultHoldsIsItsOwn(t *testing.T) {
	from := parse(t, patch)
	out, err := edit.Apply(parse(t, base), from, []string{"servers", "operations.Get", "schemas.Item.json", "info.title"})
	if err != nil {
		t.Fatal(err)
	}
	want := proto.CloneOf(out)
	from.Servers[0].UrlTemplate = "changed"
	from.Operations[1].Summary = "changed"
	copy(from.Schemas[0].Json, "xxxx")
	if !proto.Equal(out, want) {
		t.Error("the result changes with the patch")
	}
}

func TestPathsThatLeadNowhere(t *testing.T) {
	for _, row := range []struct{ name, path, want string }{
		{"an unknown field", "operatons", `definition has no "operatons"; did you mean ["operations"]?`},
		{"an unknown field further down", "info.tilte", `definition.info has no "tilte"; did you mean ["title"]?`},
		{"an unknown field of what is not there", "file_picker.opne", `definition.file_picker has no "opne"; did you mean ["open"]?`},
		{"an unknown member", "operations.Gte", `definition.operations has no "Gte"; did you mean ["Get"]?`},
		{"an unknown member like no other", "schemas.zzzzz", `definition.schemas has no "zzzzz"; it has ["Item" "Other"]`},
		{"a member of nothing", "security_schemes.key", `definition.security_schemes has no "key"; it is empty`},
		{"a part of a new member", "operations.New.summary", `definition.operations has no "New"; it has ["List" "Get" "odd.id/x" "back` + "`" + `quote"]`},
		{"a member of a list without names", "servers.0", `the members of definition.servers have no names; replace all of it with "servers"`},
		{"something inside of text", "info.title.x", `the members of definition.info.title have no names; replace all of it with "title"`},
		{"one of two parameters", "operations.Get.parameters.v", `definition.operations.Get.parameters has several members that are called "v"; replace all of it`},
		{"nothing", "", `a path has 1 to 2048 bytes`},
		{"a path that is too long", strings.Repeat("a", edit.MaxPathBytes+1), `a path has 1 to 2048 bytes`},
		{"two dots", "info..title", `there is nothing between two dots`},
		{"a dot at the end", "info.", `there is nothing between two dots`},
		{"an open back quote", "operations.`Get", `a back quote is missing at the end`},
		{"text behind a back quote", "operations.`Get`x", `after "Get" comes a dot`},
		{"a back quote inside", "oper`ations", `after "oper" comes a dot`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := edit.Apply(parse(t, base), parse(t, patch), []string{"info.title", row.path})
			if fault.ReasonOf(err) != fault.ReasonInvalidArgument || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Fatalf("the error is %v", err)
			}
			if f := fault.From(err); f.Meta()["path"] != row.path || f.Violations()[0].Field != "update_mask" || f.Violations()[0].Description != row.want {
				t.Errorf("the error is %v %q, want %s", err, f.Violations(), row.want)
			}
		})
	}
}

func TestMasksThatAreEmptyOrTooLong(t *testing.T) {
	for _, mask := range [][]string{nil, make([]string, edit.MaxPaths+1)} {
		if _, err := edit.Apply(parse(t, base), parse(t, patch), mask); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
			t.Errorf("%d paths: %v", len(mask), err)
		}
	}
}

func TestAResultThatContradictsItselfIsRefused(t *testing.T) {
	_, err := edit.Apply(parse(t, base), parse(t, patch), []string{"operations.Get.path", "operations.Get.responses", "info.title", "parameter_sets.none", "parameter_sets"})
	if fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("the error is %v", err)
	}
	_, err = edit.Apply(parse(t, base), &connectorv1.Definition{}, []string{"parameter_sets"})
	if f := fault.From(err); f.Reason() != fault.ReasonDefinitionInvalid || f.Meta()["pointer"] != "/parameterSets" {
		t.Errorf("the error is %v", err)
	}
}

func TestTheOtherKindsOfAChoiceGo(t *testing.T) {
	def := parse(t, base)
	def.SecuritySchemes = []*connectorv1.SecurityScheme{{Id: "s", Kind: &connectorv1.SecurityScheme_Http{Http: &connectorv1.HttpScheme{Scheme: "basic"}}}}
	from := &connectorv1.Definition{SecuritySchemes: []*connectorv1.SecurityScheme{{Id: "s", Kind: &connectorv1.SecurityScheme_MutualTls{MutualTls: &connectorv1.MutualTlsScheme{}}}}}
	out, err := edit.Apply(def, from, []string{"security_schemes.s.mutual_tls"})
	if err != nil || out.GetSecuritySchemes()[0].GetMutualTls() == nil || out.GetSecuritySchemes()[0].GetHttp() != nil {
		t.Errorf("Apply = %v, %v", out.GetSecuritySchemes(), err)
	}
}

func FuzzMask(f *testing.F) {
	for _, path := range []string{"info.title", "operations.`odd.id/x`.summary", "operations.Get.responses.200.contents", "*", "`", "a.`b``c`", "servers.0", "connection_test.input", "file_picker.open.operation_id"} {
		f.Add(path)
	}
	def, from := parse(f, base), parse(f, patch)
	f.Fuzz(func(t *testing.T, path string) {
		before := proto.CloneOf(def)
		out, err := edit.Apply(def, from, []string{path})
		if (out == nil) == (err == nil) {
			t.Errorf("Apply = %v, %v", out, err)
		}
		if err != nil && fault.CodeOf(err) != fault.CodeInvalidArgument {
			t.Errorf("the error is %v", err)
		}
		if !proto.Equal(before, def) {
			t.Error("the definition was changed")
		}
	})
}
