package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// dump writes the parts of an expression so that a person can compare them.
func dump(x *expression) []string {
	names := map[function]string{
		connectionParameter: "parameter", queryParameter: "query", header: "header", environmentVariable: "environment", argument: "argument",
	}
	var out []string
	for _, p := range x.parts {
		switch p.Function {
		case literal:
			out = append(out, p.Literal)
		case bodyPath:
			text := [...]string{"body", "item"}[p.Path.Root]
			for _, one := range p.Path.Steps {
				if one.Indexed {
					text += fmt.Sprintf("[%d]", one.Index)
				} else {
					text += "<" + one.Name + ">"
				}
			}
			out = append(out, text)
		default:
			text := names[p.Function] + ":" + p.Name
			if p.Literal != "" {
				text += "|" + p.Literal
			}
			out = append(out, text)
		}
	}
	return out
}

func TestTextsThatConnectorsUse(t *testing.T) {
	for _, row := range []struct {
		text    string
		dialect dialect
		want    []string
	}{
		{"https://@connectionParameters('tenant').lang.ai", dialectURL, []string{"https://", "parameter:tenant", ".lang.ai"}},
		{"https://@connectionParameters('team').@connectionParameters('cluster').celonis.cloud", dialectURL, []string{"https://", "parameter:team", ".", "parameter:cluster", ".celonis.cloud"}},
		{"https://@connectionParameters('region', 'westus').api.example.com/", dialectURL, []string{"https://", "parameter:region|westus", ".api.example.com/"}},
		{"https://ecc@connectionParameters('SerialNumber').servicebus.windows.net/a", dialectURL, []string{"https://ecc", "parameter:SerialNumber", ".servicebus.windows.net/a"}},
		{"@connectionParameters('token:resourceUri')/api/data/v9.2/", dialectURL, []string{"parameter:token:resourceUri", "/api/data/v9.2/"}},
		{"@ConnectionParameters('apiUrl')", dialectURL, []string{"parameter:apiUrl"}},
		{"/v1/users/@connectionParameters('username')/graphs/@queryParameters('graphID')", dialectRoute, []string{"/v1/users/", "parameter:username", "/graphs/", "query:graphID"}},
		{"/%40@connectionParameters('username')", dialectRoute, []string{"/@", "parameter:username"}},
		{"/sinkhole/search?@queryParameters('indicator_type')=@queryParameters('indicator_value')", dialectRoute, []string{"/sinkhole/search?", "query:indicator_type", "=", "query:indicator_value"}},
		{"/{service}/@connectionParameters('token:tenantId')/api/{entityType}", dialectRoute, []string{"/", "argument:service", "/", "parameter:token:tenantId", "/api/", "argument:entityType"}},
		{"/@connectionParameters('apiKey')/latest/{basecurrency}", dialectRoute, []string{"/", "parameter:apiKey", "/latest/", "argument:basecurrency"}},
		{"Bearer @headers('Authorization')", dialectText, []string{"Bearer ", "header:Authorization"}},
		{"Bearer @header('Authorization')", dialectText, []string{"Bearer ", "header:Authorization"}},
		{"@connectionParameters('api_key','');@connectionParameters('url_instance','')", dialectText, []string{"parameter:api_key", ";", "parameter:url_instance"}},
		{`[{"lhs":"sender","operator":"contains","rhs":"@queryParameters('criteria')"}]`, dialectText, []string{`[{"lhs":"sender","operator":"contains","rhs":"`, "query:criteria", `"}]`}},
		{`@environmentVariables("stage")`, dialectText, []string{"environment:stage"}},
		{"https://graph.microsoft.com/v1.0/directoryObjects/{@body()['@odata.id']}", dialectValue, []string{"https://graph.microsoft.com/v1.0/directoryObjects/", "body<@odata.id>"}},
		{"'{@item()['id']}-{@item()['reference']}'", dialectValue, []string{"'", "item<id>", "-", "item<reference>", "'"}},
		{"[{@body().gifts.payments}]", dialectValue, []string{"[", "body<gifts><payments>", "]"}},
		{`[{"filter_rules": [{"type": "EVENT_TYPE", "values": {@body().filters} }] }]`, dialectValue, []string{`[{"filter_rules": [{"type": "EVENT_TYPE", "values": `, "body<filters>", ` }] }]`}},
		{"lastModifiedDateTime gt @{triggerBody().value[0].lastModifiedDateTime}", dialectText, []string{"lastModifiedDateTime gt ", "body<value>[0]<lastModifiedDateTime>"}},
		{"@{triggerBody().files[0].created}", dialectText, []string{"body<files>[0]<created>"}},
		{"@triggerBody().value and more", dialectText, []string{"body<value>", " and more"}},
		{"@body().a-b", dialectText, []string{"body<a>", "-b"}},
		{"@{body().a-b}", dialectText, []string{"body<a-b>"}},
		{"@body().a.", dialectText, []string{"body<a>", "."}},
		{"@body().a[x]", dialectText, []string{"body<a>", "[x]"}},
		{`@body()["a.b"]`, dialectText, []string{"body<a.b>"}},
		{"@queryParamters('x')", dialectText, []string{"@queryParamters('x')"}},
		{"@concat('a', @headers('b'))", dialectText, []string{"@concat('a', ", "header:b", ")"}},
		{"me@example.com", dialectText, []string{"me@example.com"}},
		{"{id}", dialectText, []string{"{id}"}},
		{"{id}", dialectValue, []string{"{id}"}},
		{"{@body().x}", dialectText, []string{"{", "body<x>", "}"}},
		{"{a/b}{}{?}", dialectRoute, []string{"{a/b}{}{?}"}},
		{"%4", dialectURL, []string{"%4"}},
		{"", dialectText, nil},
	} {
		t.Run(row.text, func(t *testing.T) {
			if diff := cmp.Diff(row.want, dump(parse(row.text, row.dialect))); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPathsAndChains(t *testing.T) {
	for _, row := range []struct {
		text        string
		path, chain string // "" means refused
	}{
		{"@body()", "body", ""},
		{"body()", "body", ""},
		{"@triggerBody().value", "body<value>", ""},
		{"@{triggerBody().value}", "body<value>", ""},
		{"{@body().a}", "body<a>", ""},
		{"@item().id", "item<id>", "<id>"},
		{"@body()['@odata.id'][2].x y", "body<@odata.id>[2]<x y>", ""},
		{" @body( ).a ", "body<a>", ""},
		{"a.b", "", "<a><b>"},
		{"['@odata.type']", "", "<@odata.type>"},
		{"a['b.c'].d", "", "<a><b.c><d>"},
		{"x-y", "", "<x-y>"},
		{".a", "", "<a>"},
		{"@odata.type", "", "<@odata><type>"},
		{"a..b", "", ""},
		{"a[", "", ""},
		{"a[-1]", "", ""},
		{"@headers('a')", "", ""},
		{"@body().a[99999999999]", "", ""},
		{"@body()x", "", ""},
	} {
		t.Run(row.text, func(t *testing.T) {
			s := settings{body: new(bool), values: map[string]string{"p": row.text}}
			p, err := s.path("p")
			got := strings.Join(dump(&expression{parts: []part{{Part: policytext.Part{Function: bodyPath, Path: p}}}}), "")
			if err != nil {
				got = ""
			}
			if got != row.path || *s.body != (row.path != "") {
				t.Errorf("path = %q, %v; want %q", got, err, row.path)
			}
			chain, err := s.chain("p")
			got = strings.TrimPrefix(strings.Join(dump(&expression{parts: []part{{Part: policytext.Part{Function: bodyPath, Path: path{Steps: chain}}}}}), ""), "body")
			if err != nil {
				got = ""
			}
			if got != row.chain {
				t.Errorf("chain = %q, %v; want %q", got, err, row.chain)
			}
		})
	}
	for _, text := range []string{"", " ", "null", "NULL"} {
		s := settings{values: map[string]string{"p": text}}
		if chain, err := s.chain("p"); chain != nil || err != nil {
			t.Errorf("%q is %v, %v", text, chain, err)
		}
	}
}

func TestWhatValuesOfPropertiesAre(t *testing.T) {
	const body = `{"s":"a\"b","n":1.50,"o":{"x": [1]},"z":null,"e":"","j":"[1]"}`
	for _, row := range []struct{ template, want string }{
		{"v1", `"v1"`},
		{"1.50", `1.50`},
		{"true", `true`},
		{"", `""`},
		{"''", `""`},
		{"'", `"'"`},
		{"'it's'", `"'it's'"`},
		{`"quoted"`, `"quoted"`},
		{`{"a": 1}`, `{"a": 1}`},
		{`{"a": `, `"{\"a\": "`},
		{"{@body().n}", `1.50`},
		{"@body().o", `{"x": [1]}`},
		{"{@body().z}", `null`},
		{"{@body().s}", `"a\"b"`},
		{"{@body().j}", `"[1]"`},
		{"[{@body().s},{@body().n}]", `["a\"b",1.50]`},
		{`["{@body().s}","{@body().n}","{@body().o}"]`, `["a\"b","1.50","{\"x\": [1]}"]`},
		{`{"\"":"{@body().s}"}`, `{"\"":"a\"b"}`},
		{"{@body().s}!", `"a\"b!"`},
		{"'{@body().s}'", `"a\"b"`},
		{"'{@body().s}' or '{@body().n}'", `"'a\"b' or '1.50'"`},
		{"{@body().e}", `""`},
		{"{@body().missing}", ``},
		{"[{@body().missing}]", ``},
		{"x{@body().missing}", ``},
		{"@queryParameters('q')", `{"k":1}`},
		{"@queryParameters('t')", `"x]"`},
		{"[@queryParameters('q'),@queryParameters('t')]", `[{"k":1},"x]"]`},
		{"@queryParameters('none')", ``},
		{"@queryParameters('none','[]')", `[]`},
	} {
		t.Run(row.template, func(t *testing.T) {
			e := &Exchange{Request: &request.Request{Body: []byte(body), Query: "q=" + request.Escape(`{"k":1}`) + "&t=x%5D"}}
			s := &settings{section: sectionRequest}
			value := compileValue(parse(row.template, dialectValue))
			scope := s.scope(e)
			got, err := value.json(&scope)
			if err != nil || string(got) != row.want {
				t.Errorf("value = %s, %v; want %s", got, err, row.want)
			}
		})
	}
}
