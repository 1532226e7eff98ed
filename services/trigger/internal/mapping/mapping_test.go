package mapping_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/mapping"
)

const order = `{
  "specversion": "1.0", "id": "e1", "source": "environments/default/connections/shop", "type": "dev.ferrule.shop.OnOrder",
  "subject": "4711", "time": "2026-03-01T12:30:00.5Z", "subscription": "environments/default/subscriptions/orders", "revision": "r7",
  "data": {
    "id": 9007199254740993, "huge": 18446744073709551615, "vast": 123456789012345678901234567890, "price": 1.10, "name": "Ann \"A\" <b>", "none": null,
    "paid": true, "secret": "s3cr3t-value", "lines": [{"sku": "x-1", "n": 2}, {"sku": "y-2", "n": 0}], "tags": ["a", "b"], "odd name": 1
  }
}`

func event(t testing.TB, text string) *mapping.Event {
	t.Helper()
	e, err := mapping.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestATemplateBecomesTheInput(t *testing.T) {
	for _, tc := range []struct{ name, template, want string }{
		{"no template", "", `{}`},
		{"nothing but constants", `{"a": [1, 2.50, null, true, {"b": "c"}]}`, `{"a":[1,2.50,null,true,{"b":"c"}]}`},
		{"a constant keeps its digits", `{"a": 123456789012345678901234567890}`, `{"a":123456789012345678901234567890}`},
		{"a text", `{"a": "${event.data.name}"}`, `{"a":"Ann \"A\" <b>"}`},
		{"a whole number beyond 2^53", `{"a": "${event.data.id}"}`, `{"a":9007199254740993}`},
		{"a whole number beyond 2^63", `{"a": "${event.data.huge}"}`, `{"a":18446744073709551615}`},
		{"a number with decimals", `{"a": "${event.data.price}"}`, `{"a":1.1}`},
		{
			"an object that is taken over keeps every digit", `{"a": "${event.data}"}`,
			`{"a":{"huge":18446744073709551615,"id":9007199254740993,"lines":[{"n":2,"sku":"x-1"},{"n":0,"sku":"y-2"}],"name":"Ann \"A\" <b>","none":null,"odd name":1,"paid":true,"price":1.10,"secret":"s3cr3t-value","tags":["a","b"],"vast":123456789012345678901234567890}}`,
		},
		{"a list", `{"a": "${event.data.tags}"}`, `{"a":["a","b"]}`},
		{"a truth value", `{"a": "${event.data.paid}"}`, `{"a":true}`},
		{"nothing", `{"a": "${event.data.none}"}`, `{"a":null}`},
		{"a time", `{"a": "${event.time}"}`, `{"a":"2026-03-01T12:30:00.5Z"}`},
		{"a duration", `{"a": "${event.time - timestamp('2026-03-01T12:00:00Z')}"}`, `{"a":"1800.5s"}`},
		{
			"the attributes", `{"a": "${[event.id, event.source, event.type, event.subject, event.subscription, event.revision]}"}`,
			`{"a":["e1","environments/default/connections/shop","dev.ferrule.shop.OnOrder","4711","environments/default/subscriptions/orders","r7"]}`,
		},
		{
			"text around expressions", `{"a": "order ${event.data.id} of ${event.data.name}: ${event.data.paid}, ${event.data.none}."}`,
			`{"a":"order 9007199254740993 of Ann \"A\" <b>: true, ."}`,
		},
		{"two expressions side by side are text", `{"a": "${event.data.id}${event.data.id}"}`, `{"a":"90071992547409939007199254740993"}`},
		{"an object inside of text is JSON", `{"a": "lines ${event.data.lines}"}`, `{"a":"lines [{\"n\":2,\"sku\":\"x-1\"},{\"n\":0,\"sku\":\"y-2\"}]"}`},
		{"dollar signs", `{"a": "$5 $${event.id} $$ ${event.id}$"}`, `{"a":"$5 ${event.id} $$ e1$"}`},
		{"braces inside of an expression", `{"a": "${ {'x': {'y': '}'}, \"z\": r'\\}'} }"}`, `{"a":{"x":{"y":"}"},"z":"\\}"}}`},
		{"quotes of three", `{"a": "${'''it's }'''}"}`, `{"a":"it's }"}`},
		{"an object that is made", `{"a": "${ {'n': event.data.id, 'd': event.data.price * 2.0, 'l': event.data.tags + ['c']} }"}`, `{"a":{"d":2.2,"l":["a","b","c"],"n":9007199254740993}}`},
		{"what is not there, with another value", `{"a": "${event.data.?gone.orValue('none')}", "b": "${has(event.data.gone) ? 1 : 2}"}`, `{"a":"none","b":2}`},
		{"what is not there is left out", `{"a": "${event.data.?gone}", "b": ["${event.data.?gone}", 1], "c": "${event.data.?id}"}`, `{"b":[1],"c":9007199254740993}`},
		{"names that are no identifiers", `{"a": "${event.data['odd name']}", "a/b~c": "${event.id}"}`, `{"a":1,"a/b~c":"e1"}`},
		{"lists are mapped and filtered", `{"a": "${event.data.lines.filter(l, l.n > 0).map(l, l.sku)}"}`, `{"a":["x-1"]}`},
		{"functions of texts", `{"a": "${event.data.secret.upperAscii().split('-')[0]}", "b": "${event.data.tags.join('+')}", "c": "${'%s has %d'.format(['x', 3])}"}`, `{"a":"S3CR3T","b":"a+b","c":"x has 3"}`},
		{"functions of numbers, lists and encodings", `{"a": "${math.greatest(1, 5)}", "b": "${[3,1,2].sort()}", "c": "${base64.encode(b'hi')}", "d": "${sets.contains([1,2],[2])}"}`, `{"a":5,"b":[1,2,3],"c":"aGk=","d":true}`},
		{"conversions", `{"a": "${string(event.data.id)}", "b": "${int('12') + 1}", "c": "${double(event.data.lines[0].n) * event.data.price}"}`, `{"a":"9007199254740993","b":13,"c":2.2}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			template, err := mapping.CompileTemplate(tc.template)
			if err != nil {
				t.Fatal(err)
			}
			got, err := template.Render(t.Context(), event(t, order))
			if err != nil || string(got) != tc.want {
				t.Errorf("\n got %s\nwant %s (%v)", got, tc.want, err)
			}
		})
	}
}

func TestWhatCannotBeReadIsSaidWithItsPlace(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70)
	for _, tc := range []struct{ name, template, want string }{
		{"no JSON", `{"a": }`, "the template: it is not valid JSON"},
		{"a list", `["a"]`, "it must be a JSON object"},
		{"two objects", `{} {}`, "more behind"},
		{"a syntax error", `{"a": {"b": ["x", "${event.data.}"]}}`, "the expression event.data. at /a/b/1: at line 1, column 12:"},
		{"an unknown variable", `{"a": "${evnt.data}"}`, "undeclared reference to 'evnt'"},
		{"an unknown member of events", `{"a": "${event.dta.id}"}`, `an event has no member "dta", only id, source`},
		{"an unknown function", `{"a": "${shout(event.id)}"}`, "undeclared reference to 'shout'"},
		{"types that do not fit", `{"a": "${'a' + 1}"}`, "no matching overload"},
		{"no end", `{"a/b": "${event.id"}`, "at /a~1b: there is no \"}\""},
		{"an empty expression", `{"a": "${}"}`, "at /a: at line 1"},
		{"too long", `{"a": "${'` + strings.Repeat("x", 5000) + `'}"}`, "up to 4096 are accepted"},
		{"too deep", deep, "nested deeper than 64"},
		{"too many expressions", `{"a": "` + strings.Repeat("${1} ", 501) + `"}`, "more than 500 expressions"},
		{"too large", `{"a": "` + strings.Repeat("x", 257<<10) + `"}`, "up to 262144 are accepted"},
		{"too nested an expression", `{"a": "${` + strings.Repeat("(", 200) + "1" + strings.Repeat(")", 200) + `}"}`, "recursion"},
		{"a regular expression that is none", `{"a": "${'a'.matches('(')}"}`, "at /a"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := mapping.CompileTemplate(tc.template)
			var problem *mapping.Error
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestWhatGoesWrongNamesTheExpressionAndNothingOfTheEvent(t *testing.T) {
	for _, tc := range []struct{ name, template, want string }{
		{"a member that is missing", `{"x": {"y": "${event.data.gone}"}}`, "the expression event.data.gone at /x/y: the event has no gone there; test for it with has(…)"},
		{"a member of what is no object", `{"x": "${event.data.name.first}"}`, "at /x: "},
		{"a key that is data", `{"x": "${event.data[event.data.secret]}"}`, "the event has no such member there"},
		{"a text that is no number", `{"x": "${int(event.data.secret)}"}`, "at /x: "},
		{"a text that is no time", `{"x": "${timestamp(event.data.secret)}"}`, "at /x: "},
		{"types that do not fit", `{"x": "${event.data.secret + event.data.id}"}`, "does not take values of these types"},
		{"no such element", `{"x": "${event.data.lines[7]}"}`, "no element at that place"},
		{"division by zero", `{"x": "${1 / event.data.lines[1].n}"}`, "divided by zero"},
		{"a number that is too large", `{"x": "${event.data.id * event.data.id}"}`, "too large"},
		{"no finite number", `{"x": "${event.data.price / 0.0}"}`, "no finite number"},
		{"a type as a value", `{"x": "${type(event.data.id)}"}`, "cannot be written as JSON"},
		{"an option without a value", `{"x": "${event.data.?gone.value()}"}`, "use orValue(…)"},
		{"too many steps", `{"x": "${lists.range(9000).map(a, lists.range(9000).map(b, a*b))}"}`, "look at fewer elements"},
		{"a result that is too large", `{"x": "${lists.range(200).map(i, event.data.secret + '` + strings.Repeat("x", 4000) + `')}", "y": "${lists.range(200).map(i, '` + strings.Repeat("x", 4000) + `')}"}`, "larger than the limit"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			template, err := mapping.CompileTemplate(tc.template)
			if err != nil {
				t.Fatal(err)
			}
			out, err := template.Render(t.Context(), event(t, order))
			var problem *mapping.Error
			if !errors.As(err, &problem) || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("got %.100s, %v, want %q", out, err, tc.want)
			}
			if strings.Contains(strings.ReplaceAll(err.Error(), problem.Expression, ""), "s3cr3t") {
				t.Errorf("data is quoted: %v", err)
			}
		})
	}
}

func TestAConditionChooses(t *testing.T) {
	for _, tc := range []struct {
		name, text, fails string
		want              bool
	}{
		{"true", "true", "", true},
		{"a comparison of a whole number with another", "event.data.id > 9007199254740992", "", true},
		{"a comparison of different kinds of numbers", "event.data.price > 1 && event.data.id > 0.5", "", true},
		{"a member that is missing is tested for", "has(event.data.gone) && event.data.gone == 1", "", false},
		{"an expression of regular form", "event.data.name.matches('^Ann')", "", true},
		{"the time", "event.time.getHours() == 12 && event.type.endsWith('OnOrder')", "", true},
		{"a member that is missing", "event.data.gone == 1", "the event has no gone there", false},
		{"neither true nor false", "event.data.name", "neither true nor false", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, err := mapping.CompileCondition(tc.text)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Holds(t.Context(), event(t, order))
			if got != tc.want || (err != nil) != (tc.fails != "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	if _, err := mapping.CompileCondition("event.id + 'x'"); err == nil || !strings.Contains(err.Error(), "a bool is needed") {
		t.Errorf("a text as condition: %v", err)
	}
}

func TestAKeyIsTheSameForTheSameValue(t *testing.T) {
	keyOf := func(text string) string {
		t.Helper()
		k, err := mapping.CompileKey(text)
		if err != nil {
			t.Fatal(err)
		}
		key, err := k.Of(t.Context(), event(t, order))
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	for text, want := range map[string]string{
		"event.data.id": "9007199254740993", "event.subject": `"4711"`, "[event.data.id, event.data.?gone]": `[9007199254740993]`,
		"{'b': 1, 'a': event.data.paid}": `{"a":true,"b":1}`, "event.data.?gone": "",
	} {
		if got := keyOf(text); got != want {
			t.Errorf("%s is %s, want %s", text, got, want)
		}
	}
}

func TestEventsWithoutJSONAreReadToo(t *testing.T) {
	template, err := mapping.CompileTemplate(`{"raw": "${event.data}", "size": "${size(event.data)}", "text": "${string(event.data)}"}`)
	if err != nil {
		t.Fatal(err)
	}
	got, err := template.Render(t.Context(), event(t, `{"id": "e", "time": "2026-03-01T12:00:00Z", "data_base64": "aGk="}`))
	if err != nil || string(got) != `{"raw":"aGk=","size":2,"text":"hi"}` {
		t.Errorf("%s, %v", got, err)
	}
	got, err = template.Render(t.Context(), event(t, `{"id": "e", "time": "2026-03-01T12:00:00Z"}`))
	if err == nil {
		t.Errorf("the size of nothing is %s", got)
	}
	for _, bad := range []string{"", "[]", `{"time": "x"}`, `{"data_base64": "*"}`} {
		if _, err := mapping.Parse([]byte(bad)); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestAnEvaluationEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := mapping.CompileCondition("[1, 2, 3].all(x, x > 0)")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = c.Holds(ctx, event(t, order)) // may be done before it is noticed
	long, err := mapping.CompileCondition("lists.range(5000).all(x, x >= 0 && event.data.paid)")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := long.Holds(ctx, event(t, order)); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v", err)
	}
}

func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{
		`{"a": "${event.data}"}`, `{"a": "$${x} ${event.id}"}`, `{"a": "${ {'x': '}'} }"}`, `{"a": "${r'\\'}"}`, `{"a": "${'''}'''}"}`,
		`{"a": "${event.data.lines.map(l, l.sku)}"}`, `{"a":"${"}`, `{"a":"${event.data.?x}"}`, `{"a": "${'a'.matches('(a*)*b')}"}`,
	} {
		f.Add(seed)
	}
	e := event(f, order)
	f.Fuzz(func(t *testing.T, text string) {
		template, err := mapping.CompileTemplate(text)
		if err != nil {
			return
		}
		out, err := template.Render(t.Context(), e)
		var problem *mapping.Error
		if err != nil && !errors.As(err, &problem) {
			t.Fatalf("%T %v", err, err)
		}
		if err == nil && (len(out) == 0 || out[0] != '{' || len(out) > mapping.MaxOutput+10) {
			t.Fatalf("%.200s", out)
		}
	})
}

func TestDataThatIsNoJSON(t *testing.T) {
	for _, row := range []struct{ name, mediaType, data, expression, want string }{
		{"a field of a form", "application/x-www-form-urlencoded", "From=%2B49+1&Body=h%C3%A4", "${event.data.Body}", `"hä"`},
		{"one that comes twice", "application/x-www-form-urlencoded; charset=UTF-8", "a=1&a=2", "${event.data.a}", `["1","2"]`},
		{"a form that is none", "application/x-www-form-urlencoded", "a=%zz", "${size(event.data)}", "5"},
		{"text", "text/plain; charset=utf-8", "hi", "${event.data + '!'}", `"hi!"`},
		{"text that is none", "text/plain", "\xff", "${size(event.data)}", "1"},
		{"bytes", "image/png", "hi", "${event.data}", `"aGk="`},
		{"nobody says what", "", "hi", "${event.data}", `"aGk="`},
	} {
		t.Run(row.name, func(t *testing.T) {
			template, err := mapping.CompileTemplate(`{"v": ` + strconv.Quote(row.expression) + `}`)
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf(`{"id":"e","time":"2026-03-01T12:00:00Z","datacontenttype":%q,"data_base64":%q}`, row.mediaType, base64.StdEncoding.EncodeToString([]byte(row.data)))
			got, err := template.Render(t.Context(), event(t, text))
			if err != nil {
				t.Fatal(err)
			}
			if want := `{"v":` + row.want + `}`; string(got) != want {
				t.Errorf("%s, want %s", got, want)
			}
		})
	}
}
