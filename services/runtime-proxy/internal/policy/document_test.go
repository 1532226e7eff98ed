package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

func steps(t *testing.T, text string) []pathStep {
	t.Helper()
	p, rest, ok := policytext.ParsePath("body()" + text)
	if !ok || rest != "" {
		t.Fatalf("%q is no path", text)
	}
	return p.Steps
}

func TestValuesAreFoundByTheirPaths(t *testing.T) {
	const body = ` {"a":{"b":[1, 2.50 ,{"c":"\u0061"}]},"dup":1,"dup":2,"":"e","k.x":[[[]]],"\u006b":true, "n":null,"s":"]}\"{["} `
	for path, want := range map[string]string{
		"": strings.TrimSpace(body), ".a.b[1]": "2.50", ".a.b[2].c": `"\u0061"`, ".a.b[3]": "", ".a.b.c": "", ".a[0]": "",
		".dup": "2", "['k.x'][0][0]": "[]", ".k": "true", ".n": "null", ".n.x": "", ".s": `"]}\"{["`, ".missing": "", ".missing.x[0]": "", ".dup.x": "",
	} {
		t.Run(path, func(t *testing.T) {
			d := &document{root: parseDocument([]byte(body))}
			found, err := d.at(d.root, steps(t, path))
			got := ""
			if found != nil {
				got = string(found.append(nil))
			}
			if err != nil || got != want {
				t.Errorf("found %s, %v; want %s", got, err, want)
			}
		})
	}
}

func TestValuesArePutAtTheirPaths(t *testing.T) {
	for _, row := range []struct{ name, body, path, want string }{
		{"at the end", `{"b":1.0, "a":2}`, ".c", `{"b":1.0,"a":2,"c":"new"}`},
		{"in the place of the old one", `{"b":1,"a":2}`, ".b", `{"b":"new","a":2}`},
		{"in the place of the one that counts", `{"a":1,"a":2}`, ".a", `{"a":1,"a":"new"}`},
		{"in an element", `[{"a":1},{}]`, "[1].a", `[{"a":1},{"a":"new"}]`},
		{"as an element", `[1,2]`, "[0]", `["new",2]`},
		{"as everything", `[1]`, "", `"new"`},
		{"below what is missing", `{}`, ".a.b.c", `{"a":{"b":{"c":"new"}}}`},
		{"below null", `{"a":null}`, ".a.b", `{"a":{"b":"new"}}`},
		{"a name is kept as it was written", `{"\u0061":1}`, ".a", `{"\u0061":"new"}`},
		{"a name is written as it must be", `{}`, `['a"b']`, `{"a\"b":"new"}`},
		{"behind the last element", `[1]`, "[1]", ""},
		{"in an array by name", `[1]`, ".a", ""},
		{"in an object by number", `{"a":1}`, "[0]", ""},
		{"in a text", `"x"`, ".a", ""},
		{"in a number in an object", `{"a":1}`, ".a.b", ""},
		{"below an array that is missing", `{}`, ".a[0]", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := &document{root: parseDocument([]byte(row.body))}
			value, err := d.fresh([]byte(`"new"`))
			if err != nil {
				t.Fatal(err)
			}
			err = d.assign(d.root, steps(t, row.path), value)
			if row.want == "" {
				if !errors.Is(err, errNoPlace) || d.changed {
					t.Errorf("changed %v, error %v", d.changed, err)
				}
				return
			}
			text, textErr := d.text()
			if err != nil || textErr != nil || string(text) != row.want || !d.changed {
				t.Errorf("got %s, %v, %v; want %s", text, err, textErr, row.want)
			}
		})
	}
}

func TestValuesAreTakenOut(t *testing.T) {
	for _, row := range []struct{ name, body, path, found, left string }{
		{"a member", `{"a":1,"b":2}`, ".a", "1", `{"b":2}`},
		{"all of its name, the last one counts", `{"a":1,"b":2,"a":3}`, ".a", "3", `{"b":2}`},
		{"the only one", `{"a":{"b":2}}`, ".a.b", "2", `{"a":{}}`},
		{"none", `{"a":1}`, ".b", "", ""},
		{"none below a text", `{"a":"x"}`, ".a.b", "", ""},
		{"no element: others would change their places", `[1,2]`, "[0]", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := &document{root: parseDocument([]byte(row.body))}
			found, err := d.detach(d.root, steps(t, row.path))
			if err != nil || (found == nil) != (row.found == "") || d.changed == (row.found == "") {
				t.Fatalf("found %v, %v, changed %v", found, err, d.changed)
			}
			if found == nil {
				return
			}
			if text, err := d.text(); err != nil || string(text) != row.left || found.words() != row.found {
				t.Errorf("took %s, left %s, %v", found.words(), text, err)
			}
		})
	}
}

func TestAByteOrderMarkIsNoPartOfADocument(t *testing.T) {
	if root := parseDocument([]byte("\xef\xbb\xbf {\"a\":1}")); root == nil || string(root.append(nil)) != `{"a":1}` {
		t.Errorf("root = %v", root)
	}
}

func TestWhatIsNoDocument(t *testing.T) {
	for _, text := range []string{"", " ", "{", "[1,]", "{'a':1}", "{}{}", "NaN", "01", "\xef\xbb\xbf", "{}\xef\xbb\xbf", "a=b", "{} \f", "\"\x01\""} {
		if parseDocument([]byte(text)) != nil {
			t.Errorf("%q was taken for JSON", text)
		}
	}
}

func TestWhatMayBeJSON(t *testing.T) {
	for kind, want := range map[string]bool{
		"": true, "application/json": true, "application/json; charset=utf-8": true, "APPLICATION/JSON": true, "application/vnd.api+json": true, "text/plain": true, "text/html;": true,
		"application/x-json-stream": true, "application/octet-stream": false, "image/svg+xml": false, "multipart/form-data; boundary=x": false, "application/x-www-form-urlencoded": false,
		"application/json; charset=\"": true, "application/xml; x=\"": false,
	} {
		if got := MayBeJSON([]string{kind}); got != want {
			t.Errorf("%q: %v", kind, got)
		}
	}
	if !MayBeJSON(nil) {
		t.Error("a body without a type may be JSON")
	}
}

func TestLaterMembersOfANameCount(t *testing.T) {
	root := parseDocument([]byte(`{"a":1,"b":2,"a":3,"c":4,"b":5}`))
	d := &document{root: root}
	if err := d.visit(root); err != nil {
		t.Fatal(err)
	}
	root.unique()
	if got := string(root.append(nil)); got != `{"a":3,"b":5,"c":4}` {
		t.Errorf("got %s", got)
	}
}

func TestNoMoreValuesThanAllowedAreOpened(t *testing.T) {
	body := `{"a":[` + strings.Repeat("1,", maxNodes) + `1]}`
	for _, template := range []map[string]string{
		{"id": "setproperty", "newPropertyParentPathTemplate": "@body().a", "newPropertySubPathTemplate": "x", "propertyValuePathTemplate": "1"},
		{"id": "setproperty", "newPropertyParentPathTemplate": "@body()", "newPropertySubPathTemplate": "x", "propertyValuePathTemplate": "@body().a[7]"},
		{"id": "setheader", "name": "x", "value": "@body().a[7]"},
		{"id": "setqueryparameter", "name": "x", "value": "@body().a[7]"},
		{"id": "routerequesttoendpoint", "newPath": "/@{body().a[7]}"},
		{"id": "routerequesttoendpoint", "newPath": "/?x=@{body().a[7]}"},
		{"id": "convertarraytoobject", "propertyParentPath": "@body()", "propertySubPath": "a", "keyWithinCollectionPath": "k", "newPropertyPath": "@body().a"},
		{"id": "moveproperties", "srcParentPath": "@body()", "srcSubPath": "a[0].b", "dstParentPath": "@body()"},
		{"id": "stringtoarray", "propertyParentPath": "@body()", "propertySubPath": "a[0].b", "newPropertyPath": "@body().x", "delimiterList": ";", "childPropertyName": "x"},
	} {
		t.Run(template["id"], func(t *testing.T) {
			program, err := Compile("Op", fuzzPolicies(template))
			if err != nil {
				t.Fatal(err)
			}
			e := &Exchange{Request: newRequest(body)}
			if err := Run(t.Context(), program.Request, e); err == nil || !strings.Contains(err.Error(), "500,000") || !strings.Contains(err.Error(), template["id"]) {
				t.Errorf("error = %v", err)
			}
		})
	}
}
