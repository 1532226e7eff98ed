package dynamic_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dynamic"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// definition is a connector whose operation "Add" has the features, in JSON with
// constants written in place: "json": 5 instead of their base64.
func definition(t *testing.T, features, picker string) *connectorv1.Definition {
	t.Helper()
	if picker != "" {
		picker = `,"filePicker":` + picker
	}
	text := `{"operations":[{"operationId":"Add","dynamics":[` + features + `]},{"operationId":"List"},{"operationId":"Below"}]` + picker + `}`
	var tree any
	if err := json.Unmarshal([]byte(text), &tree); err != nil {
		t.Fatal(err)
	}
	constants(tree)
	encoded, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	def := &connectorv1.Definition{}
	if err := protojson.Unmarshal(encoded, def); err != nil {
		t.Fatal(err)
	}
	return def
}

func constants(tree any) {
	switch v := tree.(type) {
	case []any:
		for _, one := range v {
			constants(one)
		}
	case map[string]any:
		if constant, ok := v["json"]; ok {
			encoded, _ := json.Marshal(constant)
			v["json"] = encoded
		}
		for _, one := range v {
			constants(one)
		}
	}
}

// api answers calls "Operation {input}" or "Operation link".
type api struct {
	answers map[string]string
	status  int
	problem *upstream.Problem
	fails   error
	calls   []string
	// constants is what the last call was told that the definition prescribes.
	constants string
}

func (a *api) call(_ context.Context, operation string, constants []byte, ask paging.Ask) (*paging.Answer, error) {
	call := operation + " " + string(ask.Input)
	if ask.Link != "" {
		call = operation + " " + ask.Link
	}
	a.calls, a.constants = append(a.calls, call), string(constants)
	if a.fails != nil {
		return nil, a.fails
	}
	body, ok := a.answers[call]
	if !ok {
		return nil, fmt.Errorf("nobody expected the call %q, only %q", call, slices.Sorted(maps.Keys(a.answers)))
	}
	return &paging.Answer{URL: "https://api.example/list", Status: max(a.status, 200), Body: []byte(body), Problem: a.problem}, nil
}

func resolver(t *testing.T) (*dynamic.Resolver, *clocktest.Fake) {
	t.Helper()
	clk := clocktest.New(time.Unix(1_700_000_000, 0))
	r, err := dynamic.New(clk)
	if err != nil {
		t.Fatal(err)
	}
	return r, clk
}

func question(def *connectorv1.Definition, a *api, pointer, input, item string) *dynamic.Question {
	return &dynamic.Question{
		Connection: resource.Connection{Environment: "default", ID: "crm"}, Revision: "a1", Caller: "ada", Definition: def,
		Operation: "Add", Side: connectorv1.DynamicSide_DYNAMIC_SIDE_INPUT, Pointer: pointer, Input: []byte(input), Item: []byte(item), Call: a.call,
	}
}

// story writes choices as "value=title", with marks: ! cannot be chosen, / has
// items below, (description), [full title].
func story(values *dynamic.Values) string {
	var all []string
	for _, v := range values.Values {
		one := string(v.Value) + "=" + v.Title
		if v.Parent {
			one += "/"
		}
		if !v.Selectable {
			one += "!"
		}
		if v.Description != "" {
			one += "(" + v.Description + ")"
		}
		if v.FullTitle != "" {
			one += "[" + v.FullTitle + "]"
		}
		all = append(all, one)
	}
	if values.Truncated {
		all = append(all, "…")
	}
	return strings.Join(all, " ")
}

const side = `"side":"DYNAMIC_SIDE_INPUT",`

// values is a feature at /f that asks List.
func values(arguments, rest string) string {
	return `{` + side + `"pointer":"/f","values":{"call":{"operationId":"List","arguments":[` + arguments + `]}` + rest + `}}`
}

const tree = `{` + side + `"pointer":"/f","tree":{"leavesSelectable":true,
	"open":{"call":{"operationId":"List","arguments":[{"pointer":"/site","input":"/s","required":true}]},"itemsPath":"value","valuePath":"id","titlePath":"name","fullTitlePath":"path","parentExpression":"(folder eq true)","selectableExpression":"(type eq 'a')"},
	"browse":{"call":{"operationId":"Below","arguments":[{"pointer":"/id","itemPath":"meta.key","required":true},{"pointer":"/site","input":"/s"}]},"valuePath":"id","titlePath":"name","parentExpression":"folder"}}}`

const picker = `{"open":{"operationId":"List","arguments":[{"pointer":"/drive","input":"/dataset"}]},"browse":{"operationId":"Below","arguments":[{"pointer":"/path","itemPath":"path"}]},"itemsPath":"files","titlePath":"name","folderPath":"is_folder","mediaTypePath":"media"}`

const files = `{"files":[{"path":"/a","name":"a","is_folder":true},{"path":"/b","name":"b","is_folder":false,"media":"image/PNG"},{"path":"/c","name":"c","media":"text/plain"}]}`

func picked(arguments string) string {
	return `{` + side + `"pointer":"/f","values":{"call":{"capability":"file-picker","arguments":[` + arguments + `]},"valuePath":"path"}}`
}

func TestChoices(t *testing.T) {
	for _, row := range []struct{ name, features, input, item, call, answer, want string }{
		{"values with titles", values("", `,"itemsPath":"value","valuePath":"id","titlePath":"name"`), ``, ``, `List {}`, `{"value":[{"id":1,"name":"One"},{"id":"2","name":"Two"}]}`, `1=One "2"=Two`},
		{"the body is the list", values("", `,"valuePath":"id"`), ``, ``, `List {}`, `[{"id":1},{"id":2}]`, `1=1 2=2`},
		{"the first list of the body", values("", `,"valuePath":"id"`), ``, ``, `List {}`, `{"count":2,"rows":[{"id":1}]}`, `1=1`},
		{"the first list where the path leads nowhere", values("", `,"itemsPath":"value","valuePath":"id"`), ``, ``, `List {}`, `{"rows":[{"id":1}]}`, `1=1`},
		{"the first list where the path leads to no list", values("", `,"itemsPath":"data","valuePath":"id"`), ``, ``, `List {}`, `{"data":{"a":1},"rows":[{"id":1}]}`, `1=1`},
		{"null at the path", values("", `,"itemsPath":"value","valuePath":"id"`), ``, ``, `List {}`, `{"value":null,"rows":[{"id":1}]}`, ``},
		{"no content", values("", `,"valuePath":"id"`), ``, ``, `List {}`, ``, ``},
		{"paths inside of items", values("", `,"itemsPath":"d.list","valuePath":"k.id","titlePath":"n.en"`), ``, ``, `List {}`, `{"d":{"list":[{"k":{"id":1},"n":{"en":"One"}}]}}`, `1=One`},
		{"names with dots", values("", `,"valuePath":"@odata.id","titlePath":"odata.name"`), ``, ``, `List {}`, `[{"@odata.id":"x","odata.name":"X"}]`, `"x"=X`},
		{"items that are values", values("", ``), ``, ``, `List {}`, `["a","b"]`, `"a"=a "b"=b`},
		{"items that are values although there is a path", values("", `,"valuePath":"item","titlePath":"item"`), ``, ``, `List {}`, `["a","b"]`, `"a"=a "b"=b`},
		{"items without a value are left out", values("", `,"valuePath":"id"`), ``, ``, `List {}`, `[{"id":null},{},{"id":1},null]`, `1=1`},
		{"values that are objects", values("", `,"valuePath":"key","titlePath":"name"`), ``, ``, `List {}`, `[{"key":{"a":[1.10]},"name":"N"}]`, `{"a":[1.10]}=N`},
		{"numbers keep their text", values("", `,"valuePath":"id"`), ``, ``, `List {}`, `[{"id":12345678901234567890}]`, `12345678901234567890=12345678901234567890`},
		{"a title that is a number", values("", `,"valuePath":"id","titlePath":"n"`), ``, ``, `List {}`, `[{"id":"a","n":5}]`, `"a"=5`},
		{"a title that is missing", values("", `,"valuePath":"id","titlePath":"n"`), ``, ``, `List {}`, `[{"id":"a"},{"id":"b","n":null},{"id":"c","n":""}]`, `"a"=a "b"=b "c"=c`},
		{"descriptions, and what cannot be chosen", values("", `,"valuePath":"id","descriptionPath":"d","selectablePath":"ok"`), ``, ``, `List {}`, `[{"id":1,"d":"long","ok":false},{"id":2,"ok":true},{"id":3},{"id":4,"ok":"false"}]`, `1=1!(long) 2=2 3=3 4=4!`},
		{"a constant", values(`{"pointer":"/top","json":5},{"pointer":"/q","json":"a/b"}`, ""), ``, ``, `List {"top":5,"q":"a/b"}`, `[1]`, `1=1`},
		{"a constant body with a member set in it", values(`{"pointer":"/body","json":{"kind":"x","n":1}},{"pointer":"/body/kind","input":"/k"}`, ""), `{"k":"y"}`, ``, `List {"body":{"kind":"y","n":1}}`, `[1]`, `1=1`},
		{"an input", values(`{"pointer":"/site","input":"/s","required":true}`, ""), `{"s":"a\u0062"}`, ``, `List {"site":"a\u0062"}`, `[1]`, `1=1`},
		{"an input inside of the body", values(`{"pointer":"/a/b~1c","input":"/body/x~0y/z"}`, ""), `{"body":{"x~y":{"z":[1]}}}`, ``, `List {"a":{"b/c":[1]}}`, `[1]`, `1=1`},
		{"what is not required is left out", values(`{"pointer":"/site","input":"/s"},{"pointer":"/t","input":"/t"}`, ""), `{"t":null}`, ``, `List {}`, `[1]`, `1=1`},
		{"the second feature where the first cannot be asked yet", values(`{"pointer":"/site","input":"/s","required":true}`, "") + "," + values(`{"pointer":"/all","json":true}`, ""), ``, ``, `List {"all":true}`, `[1]`, `1=1`},
		{"the first feature where both can be asked", values(`{"pointer":"/site","input":"/s","required":true}`, "") + "," + values(`{"pointer":"/all","json":true}`, ""), `{"s":1}`, ``, `List {"site":1}`, `[1]`, `1=1`},
		{"something of the platform, and something that can be asked", `{` + side + `"pointer":"/f","values":{"call":{"capability":"AadGraph.GetUsers"}}},` + values("", ""), ``, ``, `List {}`, `[1]`, `1=1`},
		{"the roots of a tree", tree, `{"s":1}`, ``, `List {"site":1}`, `{"value":[{"id":1,"name":"A","path":"/A","folder":true,"type":"a"},{"id":2,"name":"b","type":"a"},{"id":3,"name":"c","type":"b"}]}`, `1=A/![/A] 2=b 3=c!`},
		{"a branch of a tree", tree, `{"s":1}`, `{"id":1,"meta":{"key":"k"}}`, `Below {"id":"k","site":1}`, `[{"id":4,"name":"D","folder":true},{"id":5,"name":"e","folder":false}]`, `4=D/! 5=e`},
		{"a folder without a value can be opened", tree, `{"s":1}`, ``, `List {"site":1}`, `{"value":[{"name":"A","folder":true},{"name":"b"}]}`, `=A/!`},
		{"files of the file picker", picked(""), ``, ``, `List {}`, files, `"/a"=a/! "/b"=b "/c"=c`},
		{"folders of the file picker", picked(`{"pointer":"/isFolder","json":true}`), ``, ``, `List {}`, files, `"/a"=a/ "/b"=b! "/c"=c!`},
		{"files of some media types", picked(`{"pointer":"/fileFilter","json":["image/*"]}`), ``, ``, `List {}`, files, `"/a"=a/! "/b"=b "/c"=c!`},
		{"files without a filter", picked(`{"pointer":"/fileFilter","json":[]}`), ``, ``, `List {}`, files, `"/a"=a/! "/b"=b "/c"=c`},
		{"a file picker that is told where", picked(`{"pointer":"/dataset","input":"/d"}`), `{"d":7}`, ``, `List {"drive":7}`, files, `"/a"=a/! "/b"=b "/c"=c`},
		{"a file picker that takes it from the input", picked(""), `{"dataset":8}`, ``, `List {"drive":8}`, files, `"/a"=a/! "/b"=b "/c"=c`},
		{"a folder of the file picker", picked(""), ``, `{"path":"/a"}`, `Below {"path":"/a"}`, files, `"/a"=a/! "/b"=b "/c"=c`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := resolver(t)
			a := &api{answers: map[string]string{row.call: row.answer}}
			got, err := r.Values(t.Context(), question(definition(t, row.features, picker), a, "/f", row.input, row.item))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, story(got)); diff != "" {
				t.Errorf("choices (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAPathToNoValueSaysSo: a list of which nothing can be chosen looks like an empty one.
func TestAPathToNoValueSaysSo(t *testing.T) {
	r, _ := resolver(t)
	a := &api{answers: map[string]string{`List {}`: `[{"key":1},{"key":2}]`}}
	_, err := r.Values(t.Context(), question(definition(t, values("", `,"valuePath":"zzz"`), picker), a, "/f", "", ""))
	if fault.ReasonOf(err) != fault.ReasonDynamicNotAvailable || !strings.Contains(fault.From(err).Message(), `none of its 2 items has a value at "zzz"`) {
		t.Errorf("error %v", err)
	}
}

func TestCallsAreToldWhatTheDefinitionPrescribes(t *testing.T) {
	for _, row := range []struct{ name, arguments, input, call, want string }{
		{"nothing", ``, ``, `List {}`, `{}`},
		{"constants", `{"pointer":"/top","json":5},{"pointer":"/q/x","json":"a"}`, ``, `List {"top":5,"q":{"x":"a"}}`, `{"top":5,"q":{"x":"a"}}`},
		{"a constant, and an input", `{"pointer":"/top","json":5},{"pointer":"/site","input":"/s"}`, `{"s":"x"}`, `List {"top":5,"site":"x"}`, `{"top":5}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := resolver(t)
			a := &api{answers: map[string]string{row.call: `[1]`}}
			if _, err := r.Values(t.Context(), question(definition(t, values(row.arguments, ""), ""), a, "/f", row.input, "")); err != nil {
				t.Fatal(err)
			}
			if a.constants != row.want {
				t.Errorf("constants %s, want %s", a.constants, row.want)
			}
		})
	}
}

func TestItemsOfATreeOpenTheirBranch(t *testing.T) {
	r, _ := resolver(t)
	a := &api{answers: map[string]string{
		`List {"site":1}`:           `{"value":[{"id":1,"folder":true,"meta":{"key":"k"}}]}`,
		`Below {"id":"k","site":1}`: `[{"id":2}]`,
	}}
	def := definition(t, tree, "")
	roots, err := r.Values(t.Context(), question(def, a, "/f", `{"s":1}`, ""))
	if err != nil {
		t.Fatal(err)
	}
	below, err := r.Values(t.Context(), question(def, a, "/f", `{"s":1}`, string(roots.Values[0].Item)))
	if err != nil || story(below) != "2=2" {
		t.Errorf("below %v, %v", below, err)
	}
}

func TestElementsOfArrays(t *testing.T) {
	const feature = `{` + side + `"pointer":"/body/rows/*/cells/*/f","values":{"call":{"operationId":"List","arguments":[{"pointer":"/kind","input":"/body/rows/*/cells/*/kind"},{"pointer":"/row","input":"/body/rows/*/name"}]}}}`
	const input = `{"body":{"rows":[{"name":"a","cells":[{"kind":"x"}]},{"name":"b","cells":[{"kind":"y"},{"kind":"z"}]}]}}`
	for pointer, want := range map[string]string{
		"/body/rows/0/cells/0/f": `List {"kind":"x","row":"a"}`,
		"/body/rows/1/cells/1/f": `List {"kind":"z","row":"b"}`,
		"/body/rows/9/cells/0/f": `List {}`,
		"/body/rows/*/cells/*/f": `List {}`,
	} {
		r, _ := resolver(t)
		a := &api{answers: map[string]string{want: `[1]`}}
		if _, err := r.Values(t.Context(), question(definition(t, feature, ""), a, pointer, input, "")); err != nil {
			t.Errorf("%s: %v", pointer, err)
		}
	}
}

func TestListsOfChoicesAreFollowed(t *testing.T) {
	r, _ := resolver(t)
	a := &api{answers: map[string]string{
		`List {}`:                              `{"value":[{"id":1}],"@odata.nextLink":"https://api.example/2"}`,
		`List https://api.example/2`:           `{"value":[{"id":2}],"@odata.nextLink":"list?page=3"}`,
		`List https://api.example/list?page=3`: `{"value":[{"id":3}]}`,
	}}
	got, err := r.Values(t.Context(), question(definition(t, values("", `,"itemsPath":"value","valuePath":"id"`), ""), a, "/f", "", ""))
	if err != nil || story(got) != "1=1 2=2 3=3" {
		t.Errorf("choices %v, %v", got, err)
	}
}

func TestListsOfChoicesAreBounded(t *testing.T) {
	def := definition(t, values("", ""), "")
	for _, row := range []struct {
		name             string
		each             int
		values, requests int
	}{
		{"by pages", 2, 200, dynamic.MaxPages},
		{"by values", 3000, dynamic.MaxValues, 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := resolver(t)
			calls := 0
			q := question(def, nil, "/f", "", "")
			q.Call = func(context.Context, string, []byte, paging.Ask) (*paging.Answer, error) {
				calls++
				return &paging.Answer{Status: 200, Body: fmt.Appendf(nil, `{"value":[1%s],"nextLink":"https://api.example/%d"}`, strings.Repeat(",1", row.each-1), calls)}, nil
			}
			got, err := r.Values(t.Context(), q)
			if err != nil || len(got.Values) != row.values || !got.Truncated || calls != row.requests {
				t.Errorf("%d values after %d calls, %v", len(got.Values), calls, err)
			}
		})
	}
}

func TestChoicesThatAreNotAvailable(t *testing.T) {
	needs := values(`{"pointer":"/site","input":"/body/site","required":true},{"pointer":"/board","input":"/b","required":true}`, "")
	for _, row := range []struct {
		name, features, pointer, input, item string
		api                                  api
		reason                               fault.Reason
		says                                 string
	}{
		{"inputs that are missing", needs, "/f", `{"body":{}}`, "", api{}, fault.ReasonInputInvalid, "body.site and b"},
		{"an input that is missing", needs, "/f", `{"body":{"site":1}}`, "", api{}, fault.ReasonInputInvalid, `depend on b;`},
		{"nothing at the pointer", needs, "/g", "", "", api{}, fault.ReasonInvalidArgument, `"/f"`},
		{"nothing dynamic at all", "", "/g", "", "", api{}, fault.ReasonInvalidArgument, "use its description"},
		{"a pointer that is too long", needs, "/f/g", "", "", api{}, fault.ReasonInvalidArgument, `"/f"`},
		{"a schema at the pointer", `{` + side + `"pointer":"/f","schema":{"call":{"operationId":"List"}}}`, "/f", "", "", api{}, fault.ReasonInvalidArgument, "no choices"},
		{"something of the platform", `{` + side + `"pointer":"/f","values":{"call":{"capability":"AadGraph.GetUsers"}}}`, "/f", "", "", api{}, fault.ReasonOperationNotSupported, "AadGraph.GetUsers"},
		{"an operation that there is not", `{` + side + `"pointer":"/f","values":{"call":{"operationId":"Gone"}}}`, "/f", "", "", api{}, fault.ReasonDynamicNotAvailable, "Gone"},
		{"an item where there is no tree", values("", ""), "/f", "", `{}`, api{}, fault.ReasonInvalidArgument, "no tree"},
		{"an item that is none", tree, "/f", `{"s":1}`, `{"id":1}`, api{}, fault.ReasonInvalidArgument, "earlier answer"},
		{"an item that is no json", tree, "/f", `{"s":1}`, `{`, api{}, fault.ReasonInvalidArgument, "not JSON"},
		{"an input that is no object", values("", ""), "/f", `[1]`, "", api{}, fault.ReasonInvalidArgument, "JSON object"},
		{"an input that breaks off", values("", ""), "/f", `{"a":`, "", api{}, fault.ReasonInvalidArgument, "JSON object"},
		{"an expression that cannot be read", strings.Replace(tree, "(folder eq true)", "(folder eq", 1), "/f", `{"s":1}`, "", api{}, fault.ReasonOperationNotSupported, "folder eq"},
		{"an API that refuses", values("", ""), "/f", "", "", api{answers: map[string]string{"List {}": ""}, status: 403, problem: &upstream.Problem{Message: "the API does not allow this: ask Bob"}}, fault.ReasonDynamicNotAvailable, "ask Bob"},
		{"an API that redirects", values("", ""), "/f", "", "", api{answers: map[string]string{"List {}": ""}, status: 302}, fault.ReasonDynamicNotAvailable, "302"},
		{"an API that answers something else", values("", ""), "/f", "", "", api{answers: map[string]string{"List {}": "<html>"}}, fault.ReasonDynamicNotAvailable, "not JSON"},
		{"an API that answers without a list", values("", ""), "/f", "", "", api{answers: map[string]string{"List {}": `{"id":1}`}}, fault.ReasonDynamicNotAvailable, "no list"},
		{"a call that is not well made", values("", ""), "/f", "", "", api{fails: fault.Invalid(fault.ReasonInputInvalid, "the input does not fit operation \"List\": \"q\" is required").Field("q", "is required")}, fault.ReasonDynamicNotAvailable, `"q" is required`},
		{"an API that cannot be reached", values("", ""), "/f", "", "", api{fails: fault.Unavailable(fault.ReasonUpstreamUnreachable, "no")}, fault.ReasonUpstreamUnreachable, "no"},
		{"a connection that is not ready", values("", ""), "/f", "", "", api{fails: fault.Precondition(fault.ReasonConnectionNotReady, "sign in")}, fault.ReasonConnectionNotReady, "sign in"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, _ := resolver(t)
			_, err := r.Values(t.Context(), question(definition(t, row.features, ""), &row.api, row.pointer, row.input, row.item))
			if fault.ReasonOf(err) != row.reason || !strings.Contains(fault.From(err).Message(), row.says) {
				t.Errorf("error = %v (%s)", err, fault.ReasonOf(err))
			}
		})
	}
}

func TestMissingInputsAreViolations(t *testing.T) {
	r, _ := resolver(t)
	def := definition(t, values(`{"pointer":"/site","input":"/body/site","required":true}`, ""), "")
	_, err := r.Values(t.Context(), question(def, &api{}, "/f", "", ""))
	want := []fault.Violation{{Field: "body.site", Description: "has to be known before the API can be asked"}}
	if diff := cmp.Diff(want, fault.From(err).Violations()); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
}

func TestWhatIsWorthRepeatingSaysSo(t *testing.T) {
	r, _ := resolver(t)
	a := &api{answers: map[string]string{"List {}": ""}, status: 429, problem: &upstream.Problem{Message: "slow down", Retryable: true, RetryAfter: 3 * time.Second}}
	_, err := r.Values(t.Context(), question(definition(t, values("", ""), ""), a, "/f", "", ""))
	wait, ok := fault.From(err).Retry()
	if fault.CodeOf(err) != fault.CodeUnavailable || !ok || wait != 3*time.Second {
		t.Errorf("error = %v, %v %v", err, wait, ok)
	}
}

func TestAFilePickerNeedsADescription(t *testing.T) {
	r, _ := resolver(t)
	_, err := r.Values(t.Context(), question(definition(t, picked(""), ""), &api{}, "/f", "", ""))
	if fault.ReasonOf(err) != fault.ReasonOperationNotSupported {
		t.Errorf("error = %v", err)
	}
}

func TestAnOperationThatThereIsNot(t *testing.T) {
	r, _ := resolver(t)
	q := question(definition(t, "", ""), &api{}, "/f", "", "")
	q.Operation = "Nobody"
	if _, err := r.Values(t.Context(), q); fault.ReasonOf(err) != fault.ReasonOperationNotFound {
		t.Errorf("error = %v", err)
	}
}
