package policy

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// FuzzParse: whatever the text is, its literal parts are what is left of it
// when the calls are taken out, in order.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "@", "@@", "@{", "{@body()", "@headers('a')", `@environmentVariables("a")`, "@connectionParameters('a','b').c", "https://@queryParameters('x')/%40{id}?a=@{body()['@x'][0].y}",
		"@body().a.b[1]['c']x", "'{@item()['id']}-{@item()['reference']}'", "@connectionParameters( 'a' , 'b' )", "@headers('a','b','c')", "@Request.OriginalHTTPMethod", "{}", "{a}{", "@item(", "@body()[99999999999]", "%4", "%40", "@triggerBody ()",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for d := dialectText; d <= dialectValue; d++ {
			rest := strings.ReplaceAll(text, "%40", "@")
			for _, p := range parse(text, d).parts {
				if p.Function != literal {
					continue
				}
				_, after, found := strings.Cut(rest, strings.ReplaceAll(p.Literal, "%40", "@"))
				if !found || p.Literal == "" {
					t.Fatalf("dialect %d: %q is not in %q in its place", d, p.Literal, text)
				}
				rest = after
			}
			s := settings{body: new(bool), values: map[string]string{"a": text}}
			_, _ = s.path("a")
			_, _ = s.chain("a")
			_ = s.location(text)
			value := compileValue(parse(text, d))
			if raw, err := value.json(&scope{e: &Exchange{}, section: sectionRequest, by: &s}); err == nil && raw != nil && !json.Valid(raw) {
				t.Fatalf("%q makes %q, which is no JSON", text, raw)
			}
		}
	})
}

func open(d *document, n *node) error {
	if err := d.visit(n); err != nil {
		return err
	}
	for _, item := range n.items {
		if err := open(d, item); err != nil {
			return err
		}
	}
	for _, m := range n.members {
		if err := open(d, m.value); err != nil {
			return err
		}
	}
	return nil
}

// FuzzDocument: a tree that is opened everywhere is what it was made of.
func FuzzDocument(f *testing.F) {
	for _, seed := range []string{`{}`, `[]`, `{"a":[1,-0.0e+5,"\"\\",{"b":null}],"a":true}`, ` [ { } , [ ] , "]" ] `, `"x"`, `1`, `{"\u0061":"é","":{}}`, `[[[[[[1]]]]]]`, `{"a" : 1 , "b":2}`, `{`, `[1,]`, "1 \f"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		root := parseDocument(body)
		if root == nil {
			return
		}
		d := &document{root: root}
		if err := open(d, root); err != nil {
			return
		}
		want := jsontext.Value(bytes.Clone(body))
		if err := want.Compact(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.text(); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%q became %q, want %q, %v", body, got, want, err)
		}
	})
}

// everyBodyPolicy is a program that has all of them.
func everyBodyPolicy(t testing.TB) Program {
	t.Helper()
	source := map[string]string{"propertyParentPath": "@body().a", "propertySubPath": "b", "newPropertyPath": "@item().c"}
	list := []*connectorv1.Policy{
		fuzzPolicy("stringreplace", source, map[string]string{"sourceString": "x", "replacementString": `"`}),
		fuzzPolicy("encodepropertyvalue", source, nil),
		fuzzPolicy("stringtoarray", source, map[string]string{"delimiterList": "; ", "childPropertyName": "k"}),
		fuzzPolicy("convertobjecttoarray", source, nil),
		fuzzPolicy("convertarraytoobject", source, map[string]string{"keyWithinCollectionPath": "key", "newPropertyPath": "@body().d"}),
		fuzzPolicy("setproperty", nil, map[string]string{"newPropertyParentPathTemplate": "@body().a", "newPropertySubPathTemplate": "e", "propertyValuePathTemplate": `{"x":"<{@item().b}>","y":[{@item().c}]}`}),
		fuzzPolicy("moveproperties", nil, map[string]string{"srcParentPath": "@body()", "srcSubPath": "d", "dstParentPath": "@body()", "copyOnlySubProperties": "true"}),
	}
	program, err := Compile("Op", list)
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func fuzzPolicy(template string, sets ...map[string]string) *connectorv1.Policy {
	all := map[string]string{}
	for _, set := range sets {
		maps.Copy(all, set)
	}
	p := &connectorv1.Policy{TemplateId: template}
	for name, value := range all {
		p.Parameters = append(p.Parameters, &connectorv1.PolicyParameter{Name: name, Json: quote(value)})
	}
	return p
}

func fuzzPolicies(template map[string]string) []*connectorv1.Policy {
	return []*connectorv1.Policy{fuzzPolicy(template["id"], template)}
}

func newRequest(body string) *request.Request {
	return &request.Request{Header: map[string][]string{}, Body: []byte(body)}
}

// FuzzBodyPolicies: JSON stays JSON, and what is none stays what it is.
func FuzzBodyPolicies(f *testing.F) {
	program := everyBodyPolicy(f)
	for _, seed := range []string{
		`{"a":{"b":"x;y z"}}`, `{"a":[{"b":"x"},{"b":{"k":1}},{"b":[{"key":"q"}]},{"b":[1]},null,1]}`, `{"a":{"b":[{"key":{}}]}}`, `{"d":{"a":1}}`, `{"a":"x","d":2}`, `[]`, `a=b`, `{"a":{"b":"\ud800"}}`, "{\"a\":{\"b\":\"\xff\"}}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		e := &Exchange{Request: &request.Request{Header: map[string][]string{}, Body: bytes.Clone(body)}}
		err := Run(t.Context(), program.Request, e)
		switch {
		case err != nil || !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
			if !bytes.Equal(e.Request.Body, body) {
				t.Fatalf("%q became %q, %v", body, e.Request.Body, err)
			}
		case !jsontext.Value(e.Request.Body).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
			t.Fatalf("%q became %q", body, e.Request.Body)
		}
	})
}
