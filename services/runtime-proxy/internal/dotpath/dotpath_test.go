package dotpath_test

import (
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

func TestFind(t *testing.T) {
	for _, row := range []struct{ name, document, path, want string }{
		{"the document", ` {"a":1} `, "", `{"a":1}`},
		{"a member", `{"a":1,"b":2}`, "b", `2`},
		{"a member of a member", `{"a":{"b":{"c":true}}}`, "a.b.c", `true`},
		{"a name with a dot", `{"@odata.nextLink":"x"}`, "@odata.nextLink", `"x"`},
		{"a name with a dot below another", `{"d":{"@odata.nextLink":"x"}}`, "d.@odata.nextLink", `"x"`},
		{"the longest name first", `{"a":{"b":1},"a.b":2}`, "a.b", `2`},
		{"a shorter one where the longest leads nowhere", `{"a.b":{"x":1},"a":{"b":{"c":2}}}`, "a.b.c", `2`},
		{"a name that only begins alike", `{"ab":1,"a":2}`, "a", `2`},
		{"an element", `{"a":[10,{"b":11}]}`, "a.1.b", `11`},
		{"an element that is not there", `[1]`, "1", ``},
		{"a negative index", `[1]`, "-1", ``},
		{"a name in an array", `[{"a":1}]`, "a", ``},
		{"a null is a value", `{"a":null}`, "a", `null`},
		{"nothing is inside a null", `{"a":null}`, "a.b", ``},
		{"nothing is inside a text", `{"a":"b"}`, "a.b", ``},
		{"a number keeps its text", `{"a":1.50e+1}`, "a", `1.50e+1`},
		{"an escaped name", `{"\u0061":1}`, "a", `1`},
		{"the first of two", `{"a":1,"a":2}`, "a", `1`},
		{"after a byte order mark", "\ufeff{\"a\":1}", "a", `1`},
		{"dots at the ends", `{"a":1}`, ".a.", `1`},
		{"a text that breaks off later", `{"a":1,"b":`, "a", `1`},
		{"a text that breaks off before", `{"b":[1,`, "a", ``},
		{"no json", `<a/>`, "a", ``},
		{"nothing", ``, "a", ``},
		{"nothing and no path", ``, "", ``},
		{"a path without an end", `{"a":1}`, strings.Repeat("a.", 5000) + "a", ``},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := dotpath.Find(jsontext.Value(row.document), row.path)
			if string(got) != row.want || ok != (row.want != "") {
				t.Errorf("found %q, %v; want %q", got, ok, row.want)
			}
		})
	}
}

func TestWithSetsOneMember(t *testing.T) {
	for _, row := range []struct{ name, object, member, value, want string }{
		{"a new one", `{"a":1}`, "b", `2`, `{"a":1,"b":2}`},
		{"one in its place", `{ "a" : 1 , "b":2}`, "a", `[3]`, `{"a":[3],"b":2}`},
		{"the first", `{}`, "a", `1`, `{"a":1}`},
		{"in nothing", ``, "a", `1`, `{"a":1}`},
		{"in what is no object", `[1]`, "a", `1`, `{"a":1}`},
		{"in what breaks off", `{"b":2,`, "a", `1`, `{"a":1}`},
		{"a name to be escaped", `{}`, "a\"\n", `1`, `{"a\"\n":1}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, string(dotpath.With(jsontext.Value(row.object), row.member, jsontext.Value(row.value)))); diff != "" {
				t.Errorf("object (-want +got):\n%s", diff)
			}
		})
	}
}

func TestElementsAreBounded(t *testing.T) {
	for _, row := range []struct {
		name, array string
		limit       int
		want        string
		more, fails bool
	}{
		{"all", `[1, "a" ,{"b":2}]`, 5, `1|"a"|{"b":2}`, false, false},
		{"exactly as many", `[1,2]`, 2, `1|2`, false, false},
		{"fewer than there are", `[1,2,3]`, 2, `1|2`, true, false},
		{"none", `[]`, 2, ``, false, false},
		{"what follows is not looked at", `[1,2,x`, 2, `1|2`, true, false},
		{"no array", `{}`, 2, ``, false, true},
		{"an array that breaks off", `[1,`, 2, ``, false, true},
		{"nothing", ``, 2, ``, false, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, more, err := dotpath.Elements(jsontext.Value(row.array), row.limit)
			var all []string
			for _, v := range got {
				all = append(all, string(v))
			}
			if strings.Join(all, "|") != row.want || more != row.more || (err != nil) != row.fails {
				t.Errorf("elements %q, more %v, error %v", all, more, err)
			}
		})
	}
}

func TestScalars(t *testing.T) {
	for _, row := range []struct {
		value, text string
		flag, isOne bool
		whole       int64
		number      bool
	}{
		{`"a\u00e9\n"`, "aé\n", false, false, 0, false},
		{`null`, "", false, false, 0, false},
		{``, "", false, false, 0, false},
		{`true`, "true", true, true, 0, false},
		{`"False"`, "False", false, true, 0, false},
		{`12`, "12", false, false, 12, true},
		{`" 12 "`, " 12 ", false, false, 12, true},
		{`-1`, "-1", false, false, 0, false},
		{`1.5`, "1.5", false, false, 0, false},
		{`99999999999999999999`, "99999999999999999999", false, false, 0, false},
		{`{"a":1}`, `{"a":1}`, false, false, 0, false},
	} {
		t.Run(row.value, func(t *testing.T) {
			v := jsontext.Value(row.value)
			if got := dotpath.Text(v); got != row.text {
				t.Errorf("text %q", got)
			}
			if flag, ok := dotpath.Flag(v); flag != row.flag || ok != row.isOne {
				t.Errorf("flag %v, %v", flag, ok)
			}
			if n, ok := dotpath.Whole(v); ok != row.number || ok && n != row.whole {
				t.Errorf("number %d, %v", n, ok)
			}
		})
	}
}

func FuzzFindStaysInside(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"c"}]}`), "a.1.b")
	f.Fuzz(func(t *testing.T, document []byte, path string) {
		if v, ok := dotpath.Find(document, path); ok && !strings.Contains(string(document), string(v)) {
			t.Errorf("%q is not a part of the document", v)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	document := jsontext.Value(`{"value":[` + strings.Repeat(`{"id":1,"name":"x"},`, 50) + `{}],"@odata.nextLink":"https://api.example/x"}`)
	b.SetBytes(int64(len(document)))
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := dotpath.Find(document, "@odata.nextLink"); !ok {
			b.Fatal("not found")
		}
	}
}
