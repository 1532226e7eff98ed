package policytext_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/policytext"
)

func TestTextsAreReadAsLiteralsAndCalls(t *testing.T) {
	call := func(f policytext.Function, name string) policytext.Part {
		return policytext.Part{Function: f, Name: name}
	}
	text := func(s string) policytext.Part { return policytext.Part{Literal: s} }
	for _, row := range []struct {
		name, text string
		dialect    policytext.Dialect
		want       []policytext.Part
	}{
		{"nothing", "", policytext.Text, nil},
		{"plain text", "a@b", policytext.Text, []policytext.Part{text("a@b")}},
		{"a call in a host", "https://@connectionParameters('t').x", policytext.URL, []policytext.Part{text("https://"), call(policytext.ConnectionParameter, "t"), text(".x")}},
		{"a name in another case", "@CONNECTIONparameters('t')", policytext.Text, []policytext.Part{call(policytext.ConnectionParameter, "t")}},
		{"a fallback", "@queryParameters('a', 'b')", policytext.Text, []policytext.Part{{Function: policytext.QueryParameter, Name: "a", StandIn: true, Literal: "b"}}},
		{"an empty fallback", "@headers('a','')", policytext.Text, []policytext.Part{{Function: policytext.Header, Name: "a", StandIn: true}}},
		{"a variable", `@environmentVariables("v")`, policytext.Text, []policytext.Part{call(policytext.EnvironmentVariable, "v")}},
		{"an argument of a route", "/a/{id}", policytext.Route, []policytext.Part{text("/a/"), call(policytext.Argument, "id")}},
		{"braces elsewhere", "/a/{id}", policytext.Text, []policytext.Part{text("/a/{id}")}},
		{"an at sign of a URL", "%40x", policytext.URL, []policytext.Part{text("@x")}},
		{"an at sign of plain text", "a%40b%4", policytext.Text, []policytext.Part{text("a@b%4")}},
		{"an at sign before what would be a call", "%40headers('a')", policytext.Value, []policytext.Part{text("@headers('a')")}},
		{"a function that does not exist", "@concat('a')", policytext.Text, []policytext.Part{text("@concat('a')")}},
		{"a call that never ends", "@headers('a", policytext.Text, []policytext.Part{text("@headers('a")}},
		{"a path", "@body().a['b c'][2]!", policytext.Text, []policytext.Part{
			{Function: policytext.Body, Path: policytext.Path{Steps: []policytext.Step{{Name: "a"}, {Name: "b c"}, {Index: 2, Indexed: true}}}}, text("!"),
		}},
		{"a path in the braces of a value", "{@item().a-b}", policytext.Value, []policytext.Part{
			{Function: policytext.Body, Path: policytext.Path{Root: policytext.RootItem, Steps: []policytext.Step{{Name: "a-b"}}}},
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			if diff := cmp.Diff(row.want, policytext.Parse(row.text, row.dialect)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryFunctionThatIsNamedIsRead(t *testing.T) {
	for _, name := range policytext.Functions() {
		if parts := policytext.Parse("@"+name+"('x')", policytext.Text); len(parts) == 1 && parts[0].Function != policytext.Literal {
			continue
		}
		if parts := policytext.Parse("@"+name+"()", policytext.Text); len(parts) != 1 || parts[0].Function != policytext.Body {
			t.Errorf("%s is no function", name)
		}
	}
}

func TestPathsEndWhereTheyEnd(t *testing.T) {
	for text, rest := range map[string]string{"body().a b": "", "body()": "", "body().a)": ")", "item()[0]x": "x", "body().": "."} {
		if _, got, ok := policytext.ParsePath(text); !ok || got != rest {
			t.Errorf("after %q comes %q, %v; want %q", text, got, ok, rest)
		}
	}
	if _, _, ok := policytext.ParsePath("headers('a')"); ok {
		t.Error("a call is no path")
	}
	if steps, rest := policytext.ParseSteps(".a['b']x"); len(steps) != 2 || rest != "x" {
		t.Errorf("steps %v, rest %q", steps, rest)
	}
}

func TestTwoTemplatesPutAnotherHostInThePlaceOfTheServers(t *testing.T) {
	for template, want := range map[string]bool{
		"dynamichosturl": true, "dynamicHostUrl": true, "dynamicsubdomain": true,
		"routerequesttoendpoint": false, "setheader": false, "": false,
	} {
		if got := policytext.ReplacesHost(template); got != want {
			t.Errorf("%q: %t", template, got)
		}
	}
}
