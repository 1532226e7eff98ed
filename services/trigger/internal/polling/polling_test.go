package polling_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/polling"
)

const listProtocol = connectorv1.PollingProtocol_POLLING_PROTOCOL_LIST

// read returns the items of an answer as "key=data".
func read(t *testing.T, rules polling.Rules, body string) ([]polling.Item, []string, error) {
	t.Helper()
	reader, ok := polling.Lookup(listProtocol)
	if !ok {
		t.Fatal("LIST is not supported")
	}
	items, err := reader.Read(rules, polling.Page{Body: []byte(body)})
	var out []string
	for _, i := range items {
		out = append(out, i.Key+"="+string(i.Data))
	}
	return items, out, err
}

func TestItemsAreFoundWhereTheRulesSay(t *testing.T) {
	for _, tc := range []struct {
		name  string
		rules polling.Rules
		body  string
		want  []string
		err   string
	}{
		{name: "a list at the root", body: `[1,"a"]`, want: []string{"=1", `="a"`}},
		{name: "a list in an object", rules: polling.Rules{Items: "value"}, body: `{"value":[{"id":1}]}`, want: []string{`={"id":1}`}},
		{name: "a list deep inside", rules: polling.Rules{Items: "d.results"}, body: `{"d":{"results":[1]}}`, want: []string{"=1"}},
		{name: "an empty list", rules: polling.Rules{Items: "value"}, body: `{"value":[]}`},
		{name: "a list that is null", rules: polling.Rules{Items: "value"}, body: `{"value":null}`},
		{name: "a list that is left out", rules: polling.Rules{Items: "value"}, body: `{"count":0}`, err: `nothing at "value"`},
		{name: "a list that is left out with its parent", rules: polling.Rules{Items: "d.results"}, body: `{"d":null}`, err: `nothing at "d.results"`},
		{name: "null instead of an object with the list", rules: polling.Rules{Items: "value"}, body: ` null `, err: `nothing at "value"`},
		{name: "no body instead of an object with the list", rules: polling.Rules{Items: "value"}, body: " \n", err: `nothing at "value"`},
		{name: "null instead of the list itself", body: " null\n"},
		{name: "no body instead of the list itself", body: ""},
		{name: "an object where the list should be", rules: polling.Rules{Items: "value"}, body: `{"value":{}}`, err: `has no list at "value"`},
		{name: "an object at the root", body: `{}`, err: "has no list at its root"},
		{name: "text on the way", rules: polling.Rules{Items: "a.b"}, body: `{"a":"x"}`, err: "something else than an object"},
		{name: "no JSON", body: `<html>`, err: "not JSON"},
		{name: "JSON that is cut off", body: `[1,`, err: "not JSON"},
		{
			name: "newest first is turned round", rules: polling.Rules{Key: "id", NewestFirst: true},
			body: `[{"id":3},{"id":2},{"id":1}]`, want: []string{`1={"id":1}`, `2={"id":2}`, `3={"id":3}`},
		},
		{
			name: "a key that occurs twice counts once, as it is named first", rules: polling.Rules{Key: "id"},
			body: `[{"id":1,"v":"new"},{"id":1,"v":"old"}]`, want: []string{`1={"id":1,"v":"new"}`},
		},
		{name: "a key deep inside", rules: polling.Rules{Key: "a.b"}, body: `[{"a":{"b":"x"}}]`, want: []string{`x={"a":{"b":"x"}}`}},
		{name: "an item without the key", rules: polling.Rules{Key: "id"}, body: `[{"x":1},{"x":2},{"id":null}]`, want: []string{`={"x":1}`, `={"x":2}`, `={"id":null}`}},
		{name: "an item that is no object", rules: polling.Rules{Key: "id"}, body: `["a","b"]`, want: []string{`="a"`, `="b"`}},
		{name: "a key that is too long to be shown", rules: polling.Rules{Key: "id"}, body: `[{"id":"` + strings.Repeat("x", 300) + `"}]`, want: []string{`={"id":"` + strings.Repeat("x", 300) + `"}`}},
		{name: "bytes that are no text", rules: polling.Rules{Key: "id"}, body: "[{\"id\":\"\xff\"}]", want: []string{"\uFFFD={\"id\":\"\uFFFD\"}"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, got, err := read(t, tc.rules, tc.body)
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) {
					t.Fatalf("err = %v, want %q", err, tc.err)
				}
				return
			}
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestWhatAPIsWithLinksShowComesOldestFirst(t *testing.T) {
	const policy, native = connectorv1.PollingProtocol_POLLING_PROTOCOL_POLICY, connectorv1.PollingProtocol_POLLING_PROTOCOL_NATIVE
	for _, tc := range []struct {
		name  string
		rules polling.Rules
		want  []string
	}{
		{"a policy takes its cursor from the first item, the newest", polling.Rules{Protocol: policy}, []string{"=1", "=2", "=3"}},
		{"a policy whose connector says otherwise", polling.Rules{Protocol: policy, OldestFirst: true}, []string{"=3", "=2", "=1"}},
		{"an API of which nobody says it", polling.Rules{Protocol: native}, []string{"=3", "=2", "=1"}},
		{"an API whose connector says newest first", polling.Rules{Protocol: native, NewestFirst: true}, []string{"=1", "=2", "=3"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.rules.Batch = true
			reader, _ := polling.Lookup(tc.rules.Protocol)
			items, err := reader.Read(tc.rules, polling.Page{Body: []byte(`{"value":[3,2,1]}`)})
			var got []string
			for _, i := range items {
				got = append(got, i.Key+"="+string(i.Data))
			}
			if err != nil || !slices.Equal(got, tc.want) {
				t.Errorf("got %q, %v; want %q", got, err, tc.want)
			}
		})
	}
}

func TestSameAndDifferentItems(t *testing.T) {
	for _, tc := range []struct {
		name string
		key  string
		a, b string
		same bool
	}{
		{"order and white space do not matter", "", `{"a":1,"b":{"c":[1,2]}}`, `{ "b": {"c":[1, 2]}, "a":1 }`, true},
		{"the order of a list does", "", `[1,2]`, `[2,1]`, false},
		{"another value", "", `{"a":1}`, `{"a":2}`, false},
		{"long numbers keep their digits", "", `{"id":12345678901234567890}`, `{"id":12345678901234567891}`, false},
		{"long keys keep their digits", "id", `{"id":12345678901234567890}`, `{"id":12345678901234567891}`, false},
		{"a number and its text differ", "id", `{"id":1}`, `{"id":"1"}`, false},
		{"the same key with another content", "id", `{"id":1,"x":1}`, `{"id":1,"x":2}`, true},
		{"escapes are not content", "", `"\u0041"`, `"A"`, true},
		{"a key that is an object", "id", `{"id":{"a":1,"b":2}}`, `{"id":{"b":2,"a":1}}`, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, _, err1 := read(t, polling.Rules{Key: tc.key}, "["+tc.a+"]")
			b, _, err2 := read(t, polling.Rules{Key: tc.key}, "["+tc.b+"]")
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			if same := a[0].Digest == b[0].Digest; same != tc.same {
				t.Errorf("same = %v", same)
			}
		})
	}
}

func TestTooManyItemsAreAnErrorAndTheLimitIsNot(t *testing.T) {
	for n, ok := range map[int]bool{polling.MaxItems: true, polling.MaxItems + 1: false} {
		numbers := make([]string, n)
		for i := range numbers {
			numbers[i] = fmt.Sprint(i)
		}
		items, _, err := read(t, polling.Rules{}, "["+strings.Join(numbers, ",")+"]")
		if (err == nil) != ok || ok && len(items) != n {
			t.Errorf("%d items: %d, %v", n, len(items), err)
		}
	}
}

func TestEveryDeclaredProtocolIsSupported(t *testing.T) {
	for number, name := range connectorv1.PollingProtocol_name {
		p := connectorv1.PollingProtocol(number)
		if _, ok := polling.Lookup(p); ok != (number != 0) {
			t.Errorf("%s: %v", name, ok)
		}
	}
}
