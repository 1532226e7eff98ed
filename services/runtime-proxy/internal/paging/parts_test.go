package paging_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
)

func TestItems(t *testing.T) {
	for _, row := range []struct{ name, body, path, want string }{
		{"the body", `[1,2]`, "", "1 2"},
		{"value before others", `{"items":[1],"value":[2]}`, "", "2"},
		{"items before the first", `{"tags":[1],"items":[2]}`, "", "2"},
		{"data", `{"tags":[1],"data":[2]}`, "", "2"},
		{"results", `{"tags":[1],"results":[2]}`, "", "2"},
		{"the first", `{"count":1,"orders":[1],"tags":[2]}`, "", "1"},
		{"data that is an object", `{"data":{"items":[1]}}`, "", "1"},
		{"an array before what is inside of data", `{"data":{"items":[1]},"rows":[2]}`, "", "2"},
		{"inside of _embedded", `{"_embedded":{"orders":[1]}}`, "", "1"},
		{"not two levels down", `{"data":{"data":{"items":[1]}}}`, "", "the answer holds no list"},
		{"a null where a list is", `{"value":null}`, "", ""},
		{"an object without members", `{}`, "", ""},
		{"an array without elements", `[]`, "", ""},
		{"white space", "  \n", "", ""},
		{"a path", `{"a":{"b":[1]},"value":[2]}`, "a.b", "1"},
		{"nothing at the path", `{"value":[2]}`, "a.b", ""},
		{"null at the path", `{"a":null}`, "a", ""},
		{"an object at the path", `{"a":{}}`, "a", "the answer holds no list"},
		{"a byte order mark", "\ufeff[1]", "", "1"},
		{"a page of html", `<html>`, "", "the answer is not JSON"},
		{"a number", `12`, "", "the answer is not JSON"},
		{"a broken list", `{"value":[1,]}`, "", "the answer is not JSON"},
		{"a list that breaks off", `[1,2`, "", "the list in the answer is not valid JSON"},
		{"text that is not utf-8", "[\"\xff\"]", "", "\"\xff\""},
	} {
		t.Run(row.name, func(t *testing.T) {
			items, _, err := paging.Items([]byte(row.body), row.path, 10)
			var all []string
			for _, item := range items {
				all = append(all, string(item))
			}
			got := strings.Join(all, " ")
			if err != nil {
				got = err.Error()
			}
			if got != row.want {
				t.Errorf("items %q, want %q", got, row.want)
			}
		})
	}
}

func TestLinkHeaders(t *testing.T) {
	for _, row := range []struct {
		name, want string
		lines      []string
	}{
		{"one", "https://a/2", []string{`<https://a/2>; rel="next"`}},
		{"a token for a relation", "https://a/2", []string{`<https://a/2>;rel=next`}},
		{"another case", "https://a/2", []string{`<https://a/2>; REL="Next"`}},
		{"several relations", "https://a/2", []string{`<https://a/2>; rel="last next"`}},
		{"several links in a line", "https://a/2", []string{`<https://a/1>; rel="prev", <https://a/2>; rel="next", <https://a/9>; rel="last"`}},
		{"several lines", "https://a/2", []string{`<https://a/1>; rel=prev`, `<https://a/2>; rel=next`}},
		{"a comma and a semicolon in the url", "https://a/2?x=1,2;3", []string{`<https://a/2?x=1,2;3>; rel="next"`}},
		{"a comma in quotes", "https://a/2", []string{`<https://a/1>; title="a, <b>; rel=next"; rel=prev, <https://a/2>; rel=next`}},
		{"an escaped quote", "https://a/2", []string{`<https://a/1>; title="\", \\"; rel=prev, <https://a/2>; rel=next`}},
		{"parameters without values", "https://a/2", []string{`<https://a/2>; crossorigin; rel=next`}},
		{"only the first relation of a link counts", "", []string{`<https://a/2>; rel=prev; rel=next`}},
		{"white space", "https://a/2", []string{"\t< https://a/2 > ;\trel = \"next\" "}},
		{"empty elements", "https://a/2", []string{`, ,<https://a/2>; rel=next`}},
		{"relative", "https://api.example/v2/items?page=2", []string{`<?page=2>; rel=next`}},
		{"about something else", "", []string{`<https://a/2>; rel=next; anchor="#foo"`}},
		{"no relation", "", []string{`<https://a/2>`}},
		{"a relation that only begins alike", "", []string{`<https://a/2>; rel=nextpage`}},
		{"a relation inside a title", "", []string{`<https://a/2>; title="rel=next"`}},
		{"no brackets", "", []string{`https://a/2; rel=next`}},
		{"brackets that nobody closes", "", []string{`<https://a/2; rel=next`}},
		{"quotes that nobody closes", "", []string{`<https://a/1>; title="x, <https://a/2>; rel=next`}},
		{"nothing", "", []string{""}},
		{"nothing but separators", "", []string{";,;,=,;=\""}},
		{"another scheme", "", []string{`<ftp://a/2>; rel=next`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer := &paging.Answer{URL: "https://api.example/v2/items", Status: 200, Header: http.Header{"Link": row.lines}, Body: []byte("[]")}
			if got := paging.NextLink(operation(t, ""), answer); got != row.want {
				t.Errorf("link %q, want %q", got, row.want)
			}
		})
	}
}

func TestNextLinkOfASinglePage(t *testing.T) {
	const body = `{"value":[1],"nextLink":"https://a/2"}`
	for _, row := range []struct {
		name, pagination, body string
		status                 int
		want                   string
	}{
		{"an answer with a link", "", body, 200, "https://a/2"},
		{"one that is no list", "", `{"id":1}`, 200, ""},
		{"one that is no json", "", `next`, 200, ""},
		{"a failure", "", body, 404, ""},
		{"a redirect", "", body, 302, ""},
		{"pages that are asked for with inputs", `{"cursor":{"cursorInput":"c","cursorPath":"next"}}`, body, 200, ""},
		{"a link that cannot be followed", "", `{"nextLink":"mailto:a@b"}`, 200, ""},
		{"another member", `{"nextLinkProperty":"a"}`, `{"a":"https://a/3","nextLink":"https://a/2"}`, 200, "https://a/3"},
	} {
		t.Run(row.name, func(t *testing.T) {
			answer := &paging.Answer{URL: "https://api.example/v2/items", Status: row.status, Body: []byte(row.body)}
			if got := paging.NextLink(operation(t, row.pagination), answer); got != row.want {
				t.Errorf("link %q, want %q", got, row.want)
			}
		})
	}
}

func TestARelativeLinkNeedsAnAddress(t *testing.T) {
	answer := &paging.Answer{Status: 200, Body: []byte(`{"nextLink":"items?page=2"}`)}
	if got := paging.NextLink(operation(t, ""), answer); got != "" {
		t.Errorf("link %q", got)
	}
}

func FuzzLinkHeaderEnds(f *testing.F) {
	f.Add(`<https://a/2>; rel="next", <b>`)
	f.Fuzz(func(t *testing.T, line string) {
		answer := &paging.Answer{URL: "https://api.example/", Status: 200, Header: http.Header{"Link": {line}}}
		if got := paging.NextLink(nil, answer); got != "" && !strings.Contains(line, "<") {
			t.Errorf("link %q", got)
		}
	})
}

func BenchmarkNextLinkOfNoList(b *testing.B) {
	answer := &paging.Answer{URL: "https://api.example/", Status: 200, Header: http.Header{}, Body: []byte(`{"a":"` + strings.Repeat("x", 1000) + `"}`)}
	b.ReportAllocs()
	for b.Loop() {
		if paging.NextLink(nil, answer) != "" {
			b.Fatal("a link")
		}
	}
}

func BenchmarkItems(b *testing.B) {
	body := []byte(`{"value":[` + strings.Repeat(`{"id":1,"name":"x"},`, 999) + `{}]}`)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if items, _, err := paging.Items(body, "", 10_000); err != nil || len(items) != 1000 {
			b.Fatal(err)
		}
	}
}
