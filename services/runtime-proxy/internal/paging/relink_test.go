package paging

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// ours is where links lead here: those of the API under another name, with a quote to
// be escaped; others stay.
func ours(found string) (string, bool) {
	if rest, ok := strings.CutPrefix(found, "https://api"); ok {
		return `ours"` + rest, true
	}
	return "", false
}

func TestTheLinkInABodyIsReplacedAndNothingElse(t *testing.T) {
	for _, row := range []struct{ name, property, body, want, link string }{
		{"a member", "next", `{"n":1.50, "next" : "https://api/2"}`, `{"n":1.50, "next" : "ours\"/2"}`, `ours"/2`},
		{"a name with dots", "@odata.nextLink", `{"@odata.nextLink":"https://api/2"}`, `{"@odata.nextLink":"ours\"/2"}`, `ours"/2`},
		{"further in", "paging.next", `{"paging":{"next":"https://api/2"}}`, `{"paging":{"next":"ours\"/2"}}`, `ours"/2`},
		{"an object with href", "_links.next", `{"_links":{"next":{"href":"https://api/2","x":1}}}`, `{"_links":{"next":{"href":"ours\"/2","x":1}}}`, `ours"/2`},
		{"the same text elsewhere stays", "next", `{"self":"https://api/2","next":"https://api/2"}`, `{"self":"https://api/2","next":"ours\"/2"}`, `ours"/2`},
		{"escapes", "next", `{"next":"https:\/\/api\/2"}`, `{"next":"ours\"/2"}`, `ours"/2`},
		{"behind a byte order mark", "next", "\xef\xbb\xbf" + `{"next":"https://api/2"}`, "\xef\xbb\xbf" + `{"next":"ours\"/2"}`, `ours"/2`},
		{"another's", "next", `{"next":"https://other/2"}`, `{"next":"https://other/2"}`, ""},
		{"no text", "next", `{"next":7}`, `{"next":7}`, ""},
		{"none", "next", `{"value":[]}`, `{"value":[]}`, ""},
		{"no json", "next", `<a/>`, `<a/>`, ""},
		{"no name", "", `{"next":"https://api/2"}`, `{"next":"https://api/2"}`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			op := &connectorv1.Operation{Pagination: &connectorv1.Pagination{NextLinkProperty: row.property}}
			body, link := Relink(op, []byte(row.body), ours)
			if string(body) != row.want || link != row.link {
				t.Errorf("body %s, link %q; want %s, %q", body, link, row.want, row.link)
			}
		})
	}
	t.Run("pages that are asked for with inputs", func(t *testing.T) {
		op := &connectorv1.Operation{Pagination: &connectorv1.Pagination{NextLinkProperty: "next", Style: &connectorv1.Pagination_Cursor{}}}
		if _, link := Relink(op, []byte(`{"next":"https://api/2"}`), ours); link != "" || NamesLink(op) {
			t.Errorf("link = %q", link)
		}
	})
}

func TestTheLinksOfAHeaderAreReplacedIfTheyLeadThroughAList(t *testing.T) {
	for _, row := range []struct {
		name  string
		lines []string
		want  []string
		next  string
	}{
		{"each of them", []string{`<https://api/2>; rel="next", <https://api/0>; rel=prev`, `<https://api/9>;rel="last first"`}, []string{`<ours"/2>; rel="next", <ours"/0>; rel=prev`, `<ours"/9>;rel="last first"`}, `ours"/2`},
		{"in any letters", []string{`<https://api/2>; REL=Next`}, []string{`<ours"/2>; REL=Next`}, `ours"/2`},
		{"others stay", []string{`</style>; rel=preload, <https://api/x>; rel="self"`}, []string{`</style>; rel=preload, <https://api/x>; rel="self"`}, ""},
		{"only the first rel counts", []string{`<https://api/x>; rel=self; rel=next`}, []string{`<https://api/x>; rel=self; rel=next`}, ""},
		{"what must not stay goes", []string{`<https://other/2>; rel=next, <a>; rel=x`, `<https://other/3>; rel=next`}, []string{`<a>; rel=x`}, ""},
		{"commas and brackets in quotes", []string{`<https://api/2>; title="a, <b>; rel=x"; rel="next", <c>; rel=y`}, []string{`<ours"/2>; title="a, <b>; rel=x"; rel="next", <c>; rel=y`}, `ours"/2`},
		{"one that is about something else leads on, and is no next page", []string{`<https://api/2>; rel=next; anchor="#x"`}, []string{`<ours"/2>; rel=next; anchor="#x"`}, ""},
		{"what cannot be read stays", []string{`nonsense; rel=next, <https://api/2>; rel=next`}, []string{`nonsense; rel=next, <ours"/2>; rel=next`}, `ours"/2`},
		{"nothing", nil, nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, next := RelinkHeader(row.lines, ours)
			if diff := cmp.Diff(row.want, got); diff != "" || next != row.next {
				t.Errorf("next %q, want %q; lines (-want +got):\n%s", next, row.next, diff)
			}
		})
	}
}
