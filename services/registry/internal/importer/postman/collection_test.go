package postman_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/format"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/postman"
)

// tree writes operations as "id: tags", and tags as "tag < parent".
func tree(def *connectorv1.Definition) []string {
	var list []string
	for _, tag := range def.GetTags() {
		list = append(list, tag.GetName()+" < "+tag.GetParent())
	}
	for _, op := range def.GetOperations() {
		list = append(list, op.GetOperationId()+": "+strings.Join(op.GetTags(), ","))
	}
	return list
}

func TestWhatIsACollection(t *testing.T) {
	const v1 = `{"id":"1","name":"Old","order":[],"requests":[]}`
	for _, row := range []struct {
		name  string
		files []format.File
		want  bool
	}{
		{"version 2.1", []format.File{file("a.json", collection(""))}, true},
		{"version 2 without a schema", []format.File{file("a.json", `{"info":{"_postman_id":"1"},"item":[]}`)}, true},
		{"version 1", []format.File{file("a.json", v1)}, true},
		{"any name, if it is the only file", []format.File{file("export.postman", v1)}, true},
		{"with an environment beside it", []format.File{file("a.json", v1), file("b.json", `{"name":"Live","values":[]}`)}, true},
		{"two collections", []format.File{file("a.json", v1), file("b.json", collection(""))}, false},
		{"only an environment", []format.File{file("b.json", `{"name":"Live","values":[]}`)}, false},
		{"something else with items", []format.File{file("a.json", `{"info":{"title":"x"},"item":[]}`)}, false},
		{"something else with requests", []format.File{file("a.json", `{"requests":[]}`)}, false},
		{"a Swagger document", []format.File{file("a.json", `{"swagger":"2.0","info":{"title":"x"},"paths":{}}`)}, false},
		{"nothing that can be read", []format.File{file("a.json", `"`)}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := (postman.Importer{}).Detect(source(t, row.files...)); got != row.want {
				t.Errorf("Detect = %t, want %t", got, row.want)
			}
		})
	}
}

func TestSourcesThatAreRefused(t *testing.T) {
	const v1 = `{"id":"1","name":"Old","order":[],"requests":[]}`
	for _, row := range []struct {
		name  string
		files []format.File
		want  fault.Reason
	}{
		{"no collection", []format.File{file("a.json", `{}`)}, fault.ReasonDocumentInvalid},
		{"two collections", []format.File{file("a.json", v1), file("b.json", v1)}, fault.ReasonDocumentInvalid},
		{"too many requests", []format.File{file("a.json", collection(strings.Repeat(`{"request":""},`, postman.MaxOperations)+`{"request":""}`))}, fault.ReasonDocumentTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := postman.Importer{}.Import(t.Context(), source(t, row.files...))
			if fault.ReasonOf(err) != row.want || fault.CodeOf(err) != fault.CodeInvalidArgument {
				t.Errorf("error %v, want %s", err, row.want)
			}
		})
	}
}

func TestInfo(t *testing.T) {
	for _, row := range []struct {
		name, document string
		want           *connectorv1.Info
	}{
		{"all there is", `{"info":{"name":" API ","_postman_id":"1","description":{"content":"Does things","type":"text/markdown"},"version":{"major":1,"minor":2,"patch":"3","identifier":"rc"}},"item":[]}`, &connectorv1.Info{Title: "API", Description: "Does things", Version: "1.2.3-rc"}},
		{"a version as text", `{"info":{"name":"API","_postman_id":"1","version":"2.0"},"item":[]}`, &connectorv1.Info{Title: "API", Version: "2.0"}},
		{"no name but a host", `{"info":{"_postman_id":"1"},"item":[{"request":"https://example.com/a"}]}`, &connectorv1.Info{Title: "example.com"}},
		{"nothing", `{"info":{"_postman_id":"1"},"item":[]}`, &connectorv1.Info{Title: "Postman collection"}},
		{"version 1", `{"id":"1","name":"Old","description":"D","requests":[]}`, &connectorv1.Info{Title: "Old", Description: "D"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.want.Capabilities = []string{"actions"}
			if got := load(t, file("c.json", row.document)).Definition.GetInfo(); !proto.Equal(got, row.want) {
				t.Errorf("info %v, want %v", got, row.want)
			}
		})
	}
}

func TestFoldersAreTags(t *testing.T) {
	result := load(t, file("c.json", collection(
		`{"name":"A","description":"First","item":[`+request("X", `"url":"https://example.com"`)+`,{"name":"Inner","item":[`+request("Y", `"url":"https://example.com"`)+`]},{"name":"Empty","item":[]}]},`+
			request("Z", `"url":"https://example.com"`)+`,{"name":"B","item":[{"name":"Inner","item":[]}]},{"name":"A","item":[]},{"item":[]},{"name":"neither"},7`)))
	want := []string{"A < ", "Inner < A", "Empty < A", "B < ", "B / Inner < B", "A 2 < ", "Folder < ", "X: A", "Y: Inner", "Z: "}
	if diff := cmp.Diff(want, tree(result.Definition)); diff != "" {
		t.Errorf("tags and operations (-want +got):\n%s", diff)
	}
	if result.Definition.GetTags()[0].GetDescription() != "First" {
		t.Errorf("tag %v", result.Definition.GetTags()[0])
	}
	if diff := cmp.Diff([]string{"DuplicateRequest", "DuplicateRequest", "ItemInvalid", "ItemInvalid"}, codes(result)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestFoldersOfVersion1(t *testing.T) {
	const url = `,"url":"https://example.com"}`
	for _, row := range []struct {
		name, members string
		want          []string
		codes         []string
	}{
		{"in their order, folders first", `"order":["r2","r1"],"folders_order":["f2","f1"],"folders":[{"id":"f1","name":"F1","order":["r3"]},{"id":"f2","name":"F2","order":[]}],
			"requests":[{"id":"r1","name":"R1"` + url + `,{"id":"r2","name":"R2"` + url + `,{"id":"r3","name":"R3"` + url + `]`, []string{"F2 < ", "F1 < ", "R3: F1", "R2: ", "R1: "}, []string{"DuplicateRequest", "DuplicateRequest"}},
		{"by the parent that they name", `"folders":[{"id":"c","name":"Child","folder":"p"},{"id":"p","name":"Parent"}],"requests":[{"id":"r1","name":"R1","folder":"c"` + url + `]`, []string{"Parent < ", "Child < Parent", "R1: Child"}, nil},
		{"by the parent that lists them", `"folders":[{"id":"c","name":"Child"},{"id":"p","name":"Parent","folders_order":["c"],"order":["r1"]}],"requests":[{"id":"r1","name":"R1"` + url + `]`, []string{"Parent < ", "Child < Parent", "R1: Parent"}, nil},
		{"a request that is listed in another folder than it says", `"folders":[{"id":"a","name":"A","order":["r1"]},{"id":"b","name":"B","order":[]}],"requests":[{"id":"r1","name":"R1","folder":"b"` + url + `]`, []string{"A < ", "B < ", "R1: B"}, nil},
		{"a request that nobody lists", `"order":[],"requests":[{"id":"r1","name":"R1"` + url + `]`, []string{"R1: "}, nil},
		{"a request that is listed twice", `"order":["r1","r1"],"requests":[{"id":"r1","name":"R1"` + url + `]`, []string{"R1: "}, nil},
		{"requests without ids", `"order":[],"requests":[{"name":"R1"` + url + `,{"name":"R2"` + url + `]`, []string{"R1: ", "R2: "}, []string{"DuplicateRequest"}},
		{"two requests with one id", `"order":["r"],"requests":[{"id":"r","name":"R1"` + url + `,{"id":"r","name":"R2"` + url + `]`, []string{"R1: ", "R2: "}, []string{"DuplicateRequest"}},
		{"one that is listed and not there", `"order":["nowhere"],"requests":[{"id":"r","name":"R"` + url + `]`, []string{"R: "}, []string{"RequestMissing"}},
		{"folders in a circle", `"folders":[{"id":"a","name":"A","folder":"b","order":["r"]},{"id":"b","name":"B","folder":"a"}],"requests":[{"id":"r","name":"R"` + url + `]`, []string{"A < ", "B < A", "R: A"}, []string{"FolderUnreachable"}},
		{"a folder that holds itself", `"folders":[{"id":"a","name":"A","folders_order":["a"]}],"requests":[{"id":"r","name":"R","folder":"a"` + url + `]`, []string{"A < ", "R: A"}, []string{"FolderUnreachable"}},
		{"things that are no requests or folders", `"order":[],"folders":[1,null],"requests":[null,"x",{"name":"R"` + url + `]`, []string{"R: "}, []string{"FolderUnreachable", "FolderUnreachable", "ItemInvalid", "ItemInvalid"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := load(t, file("c.json", `{"id":"1","name":"Old",`+row.members+`}`))
			if diff := cmp.Diff(row.want, tree(result.Definition)); diff != "" {
				t.Errorf("tags and operations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(append([]string{}, row.codes...), codes(result)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsOfVersion1(t *testing.T) {
	result := load(t, file("c.json", `{"id":"1","name":"Old","variables":[{"key":"n","value":"5"}],"requests":[{
		"id":"r","name":"R","url":"https://example.com/:id/a?x=1&y={{n}}","method":"post","description":"Does it",
		"queryParams":[{"key":"x","value":"1","description":"The x"},{"key":"off","value":"2","enabled":false}],
		"pathVariableData":[{"key":"id","value":"7","description":"Which"}],
		"headerData":[{"key":"A","value":"b"}],"headers":"Ignored: yes",
		"dataMode":"raw","rawModeData":["{\"a\":1}"],
		"tests":"tests['x']=true;",
		"responses":[{"name":"OK","responseCode":{"code":201},"headers":[{"key":"Content-Type","value":"application/json"}],"text":"{}"},7]
	}]}`))
	op := result.Definition.GetOperations()[0]
	want := []string{
		`path id {"type":"integer"} required e.g. 7`, `query x {"type":"integer"} e.g. 1`, `query y {"type":"integer"} e.g. 5`,
		`query off {"type":"integer"}`, `header A {"type":"string","default":"b"}`,
	}
	if diff := cmp.Diff(want, parameters(op)); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
	if op.GetMethod() != "POST" || op.GetDescription() != "Does it" || op.GetSourcePointer() != "/requests/0" || op.GetParameters()[1].GetDescription() != "The x" {
		t.Errorf("operation %v", op)
	}
	if got := body(op.GetRequestBody().GetContents()[0]); got != `application/json JSON {"type":"object","properties":{"a":{"type":"integer"}}} e.g. {"a":1}` {
		t.Errorf("body %s", got)
	}
	if r := op.GetResponses(); len(r) != 1 || r[0].GetStatus() != "201" {
		t.Errorf("responses %v", r)
	}
	if diff := cmp.Diff([]string{"DisabledParameter", "ScriptIgnored"}, codes(result)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestBodiesOfVersion1(t *testing.T) {
	for _, row := range []struct{ name, members, want string }{
		{"none", `"dataMode":null,"data":null`, ""},
		{"text in data", `"dataMode":"raw","data":"x"`, "text/plain"},
		{"raw text", `"dataMode":"raw","data":[],"rawModeData":"[1]"`, "application/json"},
		{"a language", `"dataMode":"raw","rawModeData":"<a/>","dataOptions":{"raw":{"language":"xml"}}`, "application/xml"},
		{"a form", `"dataMode":"params","data":[{"key":"a","value":"b"}]`, "multipart/form-data"},
		{"another form", `"dataMode":"urlencoded","data":[{"key":"a","value":"b"}]`, "application/x-www-form-urlencoded"},
		{"a file", `"dataMode":"binary","data":"x.bin"`, "application/octet-stream"},
		{"GraphQL", `"dataMode":"graphql","graphqlModeData":{"query":"{a}","variables":{"b":1}}`, "application/json"},
	} {
		t.Run(row.name, func(t *testing.T) {
			result := load(t, file("c.json", `{"id":"1","name":"Old","requests":[{"url":"https://example.com","method":"POST",`+row.members+`}]}`))
			got := ""
			if b := result.Definition.GetOperations()[0].GetRequestBody(); b != nil {
				got = b.GetContents()[0].GetMediaType()
			}
			if got != row.want {
				t.Errorf("media type %q, want %q", got, row.want)
			}
		})
	}
}

func TestOperationIDs(t *testing.T) {
	named := func(names ...string) string {
		var items []string
		for _, n := range names {
			items = append(items, fmt.Sprintf(`{"name":%s,"request":{"method":"PATCH","url":"https://example.com/users/:id"}}`, quote(n)))
		}
		return strings.Join(items, ",")
	}
	for _, row := range []struct {
		name, items string
		want        []string
	}{
		{"words", named("get all the users", "don't-stop", "v2.0 (new)", "Größe ändern"), []string{"GetAllTheUsers", "DontStop", "V20New", "GrößeÄndern"}},
		{"no name", named("", "***"), []string{"PatchUsersId", "PatchUsersId2"}},
		{"nothing to make one of", `{"request":{"method":"***","url":""}}`, []string{"Request"}},
		{"very long", named(strings.Repeat("word ", 100)), []string{strings.Repeat("Word", 32) + "W"}},
		{"twice", named("Search", "search", "Search"), []string{"Search", "Search2", "Search3"}},
		{"a number that is taken", named("A", "A2", "A"), []string{"A", "A2", "A3"}},
		{"in folders", `{"name":"Old ones","item":[` + named("Get", "Get") + `]},{"name":"New","item":[` + named("Get", "Put") + `]},` + named("Get"), []string{"OldOnesGet", "OldOnesGet2", "NewGet", "Put", "Get"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, op := range load(t, file("c.json", collection(row.items))).Definition.GetOperations() {
				got = append(got, op.GetOperationId())
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	for _, row := range []struct {
		method, want     string
		safe, idempotent bool
	}{
		{"get", "GET", true, true},
		{"", "GET", true, true},
		{"PUT", "PUT", false, true},
		{"POST", "POST", false, false},
		{"{{verb}}", "DELETE", false, true},
		{"PROPFIND", "PROPFIND", false, false},
		{"G T", "GET", true, true},
		{"{{what}}", "GET", true, true},
	} {
		op, _ := one(t, `"method":"`+row.method+`","url":"https://example.com"`, `,"variable":[{"key":"verb","value":"delete"}]`)
		if op.GetMethod() != row.want || op.GetSafety().GetSafe() != row.safe || op.GetSafety().GetIdempotent() != row.idempotent {
			t.Errorf("%q is %s with %v", row.method, op.GetMethod(), op.GetSafety())
		}
	}
}

func TestScriptsAndSettingsAreReported(t *testing.T) {
	const event = `,"event":[{"listen":"test","script":{"exec":["x"]}},{"listen":"prerequest","script":{"exec":"y"}}]`
	result := load(t, file("c.json", collection(
		`{"name":"F"`+event+`,"item":[{"name":"R","request":"https://example.com"`+event+`,"protocolProfileBehavior":{"followRedirects":false}},{"name":"Q","request":"https://example.com/q","event":[{"script":{"exec":[""]}},{"script":{"exec":[]}}]}]}`, event)))
	if diff := cmp.Diff([]string{"BehaviorIgnored", "ScriptIgnored", "ScriptIgnored", "ScriptIgnored", "ScriptIgnored"}, codes(result)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestAnswersOfPostmansAPIAreUnwrapped(t *testing.T) {
	for name, inner := range map[string]string{
		"version 2": collection(request("A", `"url":"{{baseUrl}}/a"`)),
		"version 1": `{"id":"1","name":"Test","requests":[{"name":"A","url":"{{baseUrl}}/a"}]}`,
	} {
		result := load(t, file("c.json", `{"collection":`+inner+`}`),
			file("e.json", `{"environment":{"name":"Live","values":[{"key":"baseUrl","value":"https://example.com"}]}}`))
		op := result.Definition.GetOperations()[0]
		if op.GetOperationId() != "A" || !strings.HasPrefix(op.GetSourcePointer(), "/collection/") {
			t.Errorf("%s: operation %v", name, op)
		}
		if diff := cmp.Diff([]string{"https://example.com (Live)"}, servers(result.Definition.GetServers())); diff != "" {
			t.Errorf("%s: servers (-want +got):\n%s", name, diff)
		}
	}
}
