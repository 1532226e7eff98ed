package paging_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// exchange is a call that is expected, and what the API answers.
type exchange struct {
	ask    string // the input, or the link
	body   string
	header string // "Name: value"
	status int    // 0 for 200
}

// api answers with the exchanges in their order.
func api(t *testing.T, script []exchange) (call paging.Caller, made func() int) {
	t.Helper()
	n := 0
	return func(_ context.Context, ask paging.Ask) (*paging.Answer, error) {
		got := string(ask.Input)
		if ask.Link != "" {
			got = ask.Link
		}
		if n >= len(script) {
			return nil, fmt.Errorf("nobody expected a call with %q", got)
		}
		x := script[n]
		n++
		if got != x.ask {
			return nil, fmt.Errorf("call %d asks for %q, want %q", n, got, x.ask)
		}
		a := &paging.Answer{URL: "https://api.example/v2/items", Status: max(x.status, 200), Header: http.Header{}, Body: []byte(x.body)}
		if name, value, ok := strings.Cut(x.header, ": "); ok {
			a.Header.Set(name, value)
		}
		if a.Status >= 400 {
			a.Problem = &upstream.Problem{Reason: "UPSTREAM_ERROR", Message: "no"}
		}
		return a, nil
	}, func() int { return n }
}

func operation(t *testing.T, pagination string) *connectorv1.Operation {
	t.Helper()
	op := &connectorv1.Operation{}
	text := `{"operationId":"List","parameters":[{"name":"count","schema":"eyJ0eXBlIjoiaW50ZWdlciJ9"},{"name":"after","schema":"eyJ0eXBlIjoic3RyaW5nIn0="}]`
	if pagination != "" {
		text += `,"pagination":` + pagination
	}
	if err := protojson.Unmarshal([]byte(text+"}"), op); err != nil {
		t.Fatal(err)
	}
	return op
}

// The pages of a list are written "item,item>next" with "…" where there is more.
func story(p *paging.Page) string {
	var items []string
	for _, item := range p.Items {
		items = append(items, string(item))
	}
	out := strings.Join(items, ",")
	switch {
	case p.Next != "":
		out += ">" + p.Next
	case p.More:
		out += "…"
	}
	return out
}

func TestListsAreFollowed(t *testing.T) {
	const second = "https://api.example/v2/items?page=2"
	for _, row := range []struct {
		name, pagination, input string
		script                  []exchange
		want                    string // pages, with " | " between them
	}{
		{"one page", "", `{}`, []exchange{{`{}`, `{"value":[1,2]}`, "", 0}}, "1,2"},
		{"a member that is declared", `{"nextLinkProperty":"more"}`, `{}`, []exchange{
			{`{}`, `{"value":[1],"more":"` + second + `"}`, "", 0}, {second, `{"value":[2],"more":null}`, "", 0},
		}, "1>" + second + " | 2"},
		{"a member inside of others", `{"nextLinkProperty":"meta.pages.next","itemsPath":"meta.list"}`, `{}`, []exchange{
			{`{}`, `{"meta":{"list":[1],"pages":{"next":"` + second + `"}}}`, "", 0}, {second, `{"meta":{"list":[2],"pages":{}}}`, "", 0},
		}, "1>" + second + " | 2"},
		{"a declared member that is an object with a link", `{"nextLinkProperty":"links.next"}`, `{}`, []exchange{
			{`{}`, `{"data":[1],"links":{"next":{"href":"` + second + `"}}}`, "", 0}, {second, `{"data":[2],"links":{"next":""}}`, "", 0},
		}, "1>" + second + " | 2"},
		{"only what is declared counts", `{"nextLinkProperty":"more"}`, `{}`, []exchange{{`{}`, `{"value":[1],"nextLink":"` + second + `"}`, "", 0}}, "1"},
		{"a link in the header", "", `{}`, []exchange{{`{}`, `[1]`, `Link: <` + second + `>; rel="next"`, 0}, {second, `[2]`, `Link: <https://x/>; rel="prev"`, 0}}, "1>" + second + " | 2"},
		{"a link in the header where a member is declared", `{"nextLinkProperty":"more"}`, `{}`, []exchange{{`{}`, `{"value":[1]}`, `Link: <` + second + `>; rel=next`, 0}, {second, `{"value":[]}`, "", 0}}, "1>" + second + " | "},
		{"@odata.nextLink", "", `{}`, []exchange{{`{}`, `{"value":[1],"@odata.nextLink":"` + second + `"}`, "", 0}, {second, `{"value":[2]}`, "", 0}}, "1>" + second + " | 2"},
		{"nextLink", "", `{}`, []exchange{{`{}`, `{"value":[1],"nextLink":"` + second + `"}`, "", 0}, {second, `{"value":[2]}`, "", 0}}, "1>" + second + " | 2"},
		{"d.__next", "", `{}`, []exchange{{`{}`, `{"d":{"results":[1],"__next":"` + second + `"}}`, "", 0}, {second, `{"d":{"results":[2]}}`, "", 0}}, "1>" + second + " | 2"},
		{"next", "", `{}`, []exchange{{`{}`, `{"results":[1],"next":"` + second + `"}`, "", 0}, {second, `{"results":[2],"next":null}`, "", 0}}, "1>" + second + " | 2"},
		{"next that is a token", "", `{}`, []exchange{{`{}`, `{"results":[1],"next":"abc"}`, "", 0}}, "1"},
		{"next that is a number", "", `{}`, []exchange{{`{}`, `{"results":[1],"next":2}`, "", 0}}, "1"},
		{"links.next", "", `{}`, []exchange{{`{}`, `{"data":[1],"links":{"next":"` + second + `"}}`, "", 0}, {second, `{"data":[2]}`, "", 0}}, "1>" + second + " | 2"},
		{"_links.next.href", "", `{}`, []exchange{{`{}`, `{"_embedded":{"orders":[1]},"_links":{"next":{"href":"/v2/items?page=2"}}}`, "", 0}, {second, `{"_embedded":{"orders":[2]}}`, "", 0}}, "1>" + second + " | 2"},
		{"paging.next", "", `{}`, []exchange{{`{}`, `{"data":[1],"paging":{"next":"` + second + `"}}`, "", 0}, {second, `{"data":[2]}`, "", 0}}, "1>" + second + " | 2"},
		{"a link that is a query", "", `{}`, []exchange{{`{}`, `{"value":[1],"next":"?page=2"}`, "", 0}, {second, `[2]`, "", 0}}, "1>" + second + " | 2"},
		{"a link relative to the request", `{"nextLinkProperty":"n"}`, `{}`, []exchange{{`{}`, `{"value":[1],"n":"items?page=2"}`, "", 0}, {second, `[2]`, "", 0}}, "1>" + second + " | 2"},
		{"a page without items in the middle", "", `{}`, []exchange{{`{}`, `{"value":[],"nextLink":"` + second + `"}`, "", 0}, {second, `{"value":[2]}`, "", 0}}, ">" + second + " | 2"},
		{"no content", "", `{}`, []exchange{{`{}`, "", "", 204}}, ""},
		{"a failure ends the list", "", `{}`, []exchange{{`{}`, `{"value":[1],"nextLink":"` + second + `"}`, "", 0}, {second, `{"value":[9],"nextLink":"x"}`, "", 503}}, "1>" + second + " | "},
		{"numbers keep their text", "", `{}`, []exchange{{`{}`, `[ 1.10, 12345678901234567890, {"a" : 1e400} ]`, "", 0}}, `1.10,12345678901234567890,{"a" : 1e400}`},

		{"an offset until a short page", `{"offset":{"offsetInput":"skip","limitInput":"top","defaultLimit":2}}`, `{"f":1}`, []exchange{
			{`{"f":1,"top":2}`, `[{"a":1},{"a":2}]`, "", 0}, {`{"f":1,"top":2,"skip":2}`, `[{"a":3}]`, "", 0},
		}, `{"a":1},{"a":2}… | {"a":3}`},
		{"an offset of the caller's own", `{"offset":{"offsetInput":"skip","limitInput":"top","defaultLimit":2}}`, `{"skip":10,"top":1}`, []exchange{
			{`{"skip":10,"top":1}`, `[1]`, "", 0}, {`{"skip":11,"top":1}`, `[]`, "", 0},
		}, "1… | "},
		{"an offset until the total", `{"offset":{"offsetInput":"skip","totalPath":"meta.total"}}`, ``, []exchange{
			{``, `{"items":[1,2],"meta":{"total":"3"}}`, "", 0}, {`{"skip":2}`, `{"items":[3],"meta":{"total":"3"}}`, "", 0},
		}, "1,2… | 3"},
		{"an offset over a short page, until the total", `{"offset":{"offsetInput":"skip","limitInput":"top","defaultLimit":3,"totalPath":"total"}}`, `{}`, []exchange{
			{`{"top":3}`, `{"items":[1,2],"total":3}`, "", 0}, {`{"top":3,"skip":2}`, `{"items":[3],"total":3}`, "", 0},
		}, "1,2… | 3"},
		{"an offset until nothing comes, though more is promised", `{"offset":{"offsetInput":"skip","limitInput":"top","defaultLimit":3,"totalPath":"total"}}`, `{}`, []exchange{
			{`{"top":3}`, `{"items":[1,2],"total":9}`, "", 0}, {`{"top":3,"skip":2}`, `{"items":[],"total":9}`, "", 0},
		}, "1,2… | "},
		{"page numbers over a short page, until the last", `{"pageNumber":{"pageInput":"page","firstPage":1,"limitInput":"count","defaultLimit":2,"totalPagesPath":"pages"}}`, `{}`, []exchange{
			{`{"count":2}`, `{"data":[1],"pages":2}`, "", 0}, {`{"count":2,"page":2}`, `{"data":[2,3],"pages":2}`, "", 0},
		}, "1… | 2,3"},
		{"an offset until nothing comes", `{"offset":{"offsetInput":"skip"}}`, ``, []exchange{{``, `[1,1]`, "", 0}, {`{"skip":2}`, `[1,1]`, "", 0}, {`{"skip":4}`, `[]`, "", 0}}, "1,1… | 1,1… | "},
		{"an offset inside the body", `{"offset":{"offsetInput":"/body/page/skip"}}`, `{"body":{"q":"x","page":{"skip":0,"top":1}}}`, []exchange{
			{`{"body":{"q":"x","page":{"skip":0,"top":1}}}`, `[1]`, "", 0}, {`{"body":{"q":"x","page":{"skip":1,"top":1}}}`, `[]`, "", 0},
		}, "1… | "},

		{"page numbers from one", `{"pageNumber":{"pageInput":"page","firstPage":1}}`, `{}`, []exchange{{`{}`, `[1]`, "", 0}, {`{"page":2}`, `[2]`, "", 0}, {`{"page":3}`, `[]`, "", 0}}, "1… | 2… | "},
		{"page numbers from nothing", `{"pageNumber":{"pageInput":"page"}}`, `{}`, []exchange{{`{}`, `[1]`, "", 0}, {`{"page":1}`, `[]`, "", 0}}, "1… | "},
		{"page numbers until the last", `{"pageNumber":{"pageInput":"page","firstPage":1,"totalPagesPath":"pages"}}`, `{}`, []exchange{{`{}`, `{"data":[1],"pages":2}`, "", 0}, {`{"page":2}`, `{"data":[2],"pages":2}`, "", 0}}, "1… | 2"},
		{"page numbers from nothing until the last", `{"pageNumber":{"pageInput":"page","totalPagesPath":"pages"}}`, `{}`, []exchange{{`{}`, `{"data":[1],"pages":2}`, "", 0}, {`{"page":1}`, `{"data":[2],"pages":2}`, "", 0}}, "1… | 2"},
		{"page numbers until a short page", `{"pageNumber":{"pageInput":"page","firstPage":1,"limitInput":"count","defaultLimit":2}}`, `{"page":"4"}`, []exchange{{`{"page":"4","count":2}`, `[1,2]`, "", 0}, {`{"page":5,"count":2}`, `[3]`, "", 0}}, "1,2… | 3"},

		{"a cursor of the body", `{"cursor":{"cursorInput":"after","cursorPath":"meta.next"}}`, `{}`, []exchange{{`{}`, `{"data":[1],"meta":{"next":"a"}}`, "", 0}, {`{"after":"a"}`, `{"data":[2],"meta":{"next":""}}`, "", 0}}, "1… | 2"},
		{"a cursor that is null", `{"cursor":{"cursorInput":"after","cursorPath":"next"}}`, `{}`, []exchange{{`{}`, `{"data":[1],"next":null}`, "", 0}}, "1"},
		{"a cursor that is a number where text is taken", `{"cursor":{"cursorInput":"after","cursorPath":"next"}}`, `{}`, []exchange{{`{}`, `{"data":[1],"next":12}`, "", 0}, {`{"after":"12"}`, `{"data":[]}`, "", 0}}, "1… | "},
		{"a cursor that is text where a number is taken", `{"cursor":{"cursorInput":"count","cursorPath":"next"}}`, `{}`, []exchange{{`{}`, `{"data":[1],"next":"12"}`, "", 0}, {`{"count":12}`, `{"data":[]}`, "", 0}}, "1… | "},
		{"a cursor with an empty page", `{"cursor":{"cursorInput":"after","cursorPath":"next"}}`, `{}`, []exchange{{`{}`, `{"data":[],"next":"a"}`, "", 0}, {`{"after":"a"}`, `{"data":[1]}`, "", 0}}, "… | 1"},
		{"a cursor in the header", `{"cursor":{"cursorInput":"after","cursorHeader":"x-next"}}`, `{}`, []exchange{{`{}`, `[1]`, "X-Next: a\"b", 0}, {`{"after":"a\"b"}`, `[2]`, "", 0}}, "1… | 2"},
		{"a cursor of the last item", `{"cursor":{"cursorInput":"after","itemCursorPath":"id","morePath":"has_more"}}`, `{}`, []exchange{{`{}`, `{"data":[{"id":1},{"id":2}],"has_more":true}`, "", 0}, {`{"after":"2"}`, `{"data":[{"id":3}],"has_more":false}`, "", 0}}, `{"id":1},{"id":2}… | {"id":3}`},
		{"a cursor of the last item of no items", `{"cursor":{"cursorInput":"after","itemCursorPath":"id"}}`, `{}`, []exchange{{`{}`, `{"data":[]}`, "", 0}}, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			call, made := api(t, row.script)
			w := paging.Walker{Call: call, Operation: operation(t, row.pagination)}
			var pages []string
			err := w.Run(t.Context(), paging.Ask{Input: []byte(row.input)}, func(p *paging.Page) error {
				pages = append(pages, story(p))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, strings.Join(pages, " | ")); diff != "" || made() != len(row.script) {
				t.Errorf("%d calls; pages (-want +got):\n%s", made(), diff)
			}
		})
	}
}

func TestListsThatCannotBeFollowed(t *testing.T) {
	const second = "https://api.example/2"
	for _, row := range []struct {
		name, pagination string
		script           []exchange
		pages            int
		reason           fault.Reason
	}{
		{"a link to itself", "", []exchange{{``, `{"value":[1],"nextLink":"` + second + `"}`, "", 0}, {second, `{"value":[1],"nextLink":"` + second + `"}`, "", 0}}, 1, fault.ReasonUpstreamInvalidResponse},
		{"a circle of links", "", []exchange{
			{``, `{"value":[1],"nextLink":"https://a/1"}`, "", 0}, {"https://a/1", `{"value":[1],"nextLink":"https://a/2"}`, "", 0}, {"https://a/2", `{"value":[1],"nextLink":"https://a/1"}`, "", 0},
		}, 2, fault.ReasonUpstreamInvalidResponse},
		{"a cursor twice", `{"cursor":{"cursorInput":"c","cursorPath":"next"}}`, []exchange{{``, `{"data":[1],"next":"a"}`, "", 0}, {`{"c":"a"}`, `{"data":[1],"next":"a"}`, "", 0}}, 1, fault.ReasonUpstreamInvalidResponse},
		{"an offset that the API takes no notice of", `{"offset":{"offsetInput":"skip"}}`, []exchange{{``, `[{"a":1}]`, "", 0}, {`{"skip":1}`, `[{"a":1}]`, "", 0}}, 1, fault.ReasonUpstreamInvalidResponse},
		{"a page number that the API takes no notice of", `{"pageNumber":{"pageInput":"p"}}`, []exchange{{``, `[{"a":1}]`, "", 0}, {`{"p":1}`, `[{"a":1}]`, "", 0}}, 1, fault.ReasonUpstreamInvalidResponse},
		{"a link that is none", `{"nextLinkProperty":"next"}`, []exchange{{``, `{"value":[1],"next":"ftp://x/y"}`, "", 0}}, 0, fault.ReasonUpstreamInvalidResponse},
		{"a link that is huge", "", []exchange{{``, `{"value":[1],"nextLink":"https://` + strings.Repeat("a", 20_000) + `"}`, "", 0}}, 0, fault.ReasonUpstreamInvalidResponse},
		{"a cursor that is huge", `{"cursor":{"cursorInput":"c","cursorPath":"next"}}`, []exchange{{``, `{"data":[1],"next":"` + strings.Repeat("a", 20_000) + `"}`, "", 0}}, 0, fault.ReasonUpstreamInvalidResponse},
		{"no list", "", []exchange{{``, `{"id":1}`, "", 0}}, 0, fault.ReasonOperationNotSupported},
		{"something else where the list should be", `{"itemsPath":"a"}`, []exchange{{``, `{"a":{"b":[1]}}`, "", 0}}, 0, fault.ReasonOperationNotSupported},
		{"no json", "", []exchange{{``, `<a/>`, "", 0}}, 0, fault.ReasonOperationNotSupported},
		{"a text", "", []exchange{{``, `"a"`, "", 0}}, 0, fault.ReasonOperationNotSupported},
		{"json that breaks off", "", []exchange{{``, `[1,`, "", 0}}, 0, fault.ReasonOperationNotSupported},
		{"an object that breaks off", "", []exchange{{``, `{"a":`, "", 0}}, 0, fault.ReasonOperationNotSupported},
		{"a call that fails", "", nil, 0, fault.ReasonInternal},
	} {
		t.Run(row.name, func(t *testing.T) {
			call, _ := api(t, row.script)
			w := paging.Walker{Call: call, Operation: operation(t, row.pagination)}
			pages := 0
			err := w.Run(t.Context(), paging.Ask{}, func(*paging.Page) error { pages++; return nil })
			if fault.From(err).Reason() != row.reason || pages != row.pages {
				t.Errorf("%d pages, error = %v", pages, err)
			}
		})
	}
}

// endless has three items a page, and no end.
func endless(_ context.Context, ask paging.Ask) (*paging.Answer, error) {
	var page int
	_, _ = fmt.Sscanf(ask.Link, "https://api.example/%d", &page)
	return &paging.Answer{Status: 200, Body: fmt.Appendf(nil, `{"value":[%d,1,2],"nextLink":"https://api.example/%d"}`, page, page+1)}, nil
}

func TestLimits(t *testing.T) {
	for _, row := range []struct {
		name               string
		limits             paging.Limits
		items, pages       int
		lastItems, andNext string
	}{
		{"as many as is usual", paging.Limits{}, 300, 100, "99,1,2", "https://api.example/100"},
		{"pages", paging.Limits{Pages: 2}, 6, 2, "1,1,2", "https://api.example/2"},
		{"items that end with a page", paging.Limits{Items: 6}, 6, 2, "1,1,2", "https://api.example/2"},
		{"items that end in a page", paging.Limits{Items: 4}, 4, 2, "1", ""},
		{"what comes first counts", paging.Limits{Items: 4, Pages: 1}, 3, 1, "0,1,2", "https://api.example/1"},
		{"more than is possible", paging.Limits{Items: 1 << 40, Pages: 1 << 40}, 30_000, 10_000, "9999,1,2", "https://api.example/10000"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := paging.Walker{Call: endless, Operation: operation(t, ""), Limits: row.limits}
			items, pages := 0, 0
			var last *paging.Page
			if err := w.Run(t.Context(), paging.Ask{}, func(p *paging.Page) error {
				items, pages, last = items+len(p.Items), pages+1, p
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			got, _, _ := strings.Cut(strings.TrimSuffix(story(last), "…"), ">")
			if items != row.items || pages != row.pages || got != row.lastItems || last.Next != row.andNext || !last.More {
				t.Errorf("%d items, %d pages, last %q", items, pages, story(last))
			}
		})
	}
}

func either(change []byte, input string) []byte {
	if len(change) > 0 {
		return change
	}
	return []byte(input)
}

// TestWhatGoesOnAfterALimit: with what a cut list says, another one reads exactly what
// is left; where nothing could, it says nothing.
func TestWhatGoesOnAfterALimit(t *testing.T) {
	// numbered has seven items in pages of three, and every way to ask for the next one.
	numbered := func(_ context.Context, ask paging.Ask) (*paging.Answer, error) {
		var in struct {
			Skip, Page int
			After      string
			Body       struct{ Skip int }
		}
		if len(ask.Input) > 0 {
			if err := json.Unmarshal(ask.Input, &in); err != nil {
				return nil, err
			}
		}
		from := in.Skip + in.Body.Skip + 3*in.Page
		_, _ = fmt.Sscan(in.After, &from)
		_, _ = fmt.Sscanf(ask.Link, "https://api.example/%d", &from)
		var items []string
		for n := from; n < min(from+3, 7); n++ {
			items = append(items, fmt.Sprintf(`{"id":%d}`, n+1))
		}
		next := ""
		if from+3 < 7 {
			next = fmt.Sprintf(`,"next":"https://api.example/%d","token":"%d"`, from+3, from+3)
		}
		return &paging.Answer{Status: 200, Body: fmt.Appendf(nil, `{"items":[%s],"total":7,"pages":3%s}`, strings.Join(items, ","), next)}, nil
	}
	for _, row := range []struct {
		name, pagination, input string
		items, pages            string // what goes on after 4 items, and after 1 page
	}{
		{"links", "", `{}`, "", "https://api.example/3"},
		{"offsets", `{"offset":{"offsetInput":"skip","totalPath":"total"}}`, `{}`, `{"skip":4}`, `{"skip":3}`},
		{"offsets inside the body", `{"offset":{"offsetInput":"/body/skip","totalPath":"total"}}`, `{"body":{"q":"x"}}`, `{"body":{"skip":4}}`, `{"body":{"skip":3}}`},
		{"page numbers", `{"pageNumber":{"pageInput":"page","totalPagesPath":"pages"}}`, `{}`, "", `{"page":1}`},
		{"cursors", `{"cursor":{"cursorInput":"after","cursorPath":"token"}}`, `{}`, "", `{"after":"3"}`},
		{"cursors of items", `{"cursor":{"cursorInput":"after","itemCursorPath":"id"}}`, `{}`, `{"after":"4"}`, `{"after":"3"}`},
	} {
		for _, limit := range []struct {
			limits paging.Limits
			end    paging.End
			want   string
			count  int
		}{{paging.Limits{Items: 4}, paging.CutByItems, row.items, 4}, {paging.Limits{Pages: 1}, paging.CutByPages, row.pages, 3}} {
			t.Run(fmt.Sprintf("%s, %+v", row.name, limit.limits), func(t *testing.T) {
				w := paging.Walker{Call: numbered, Operation: operation(t, row.pagination), Limits: limit.limits}
				got, err := w.Collect(t.Context(), paging.Ask{Input: []byte(row.input)})
				if err != nil || got.Count != limit.count || got.End != limit.end || !got.More || got.Next+string(got.Change) != limit.want {
					t.Fatalf("collected %+v, goes on with %s%s, %v", got, got.Next, got.Change, err)
				}
				if limit.want == "" {
					return
				}
				rest := paging.Walker{Call: numbered, Operation: w.Operation}
				left, err := rest.Collect(t.Context(), paging.Ask{Input: either(got.Change, row.input), Link: got.Next})
				if err != nil || left.End != paging.Complete || left.More || len(left.Change) > 0 {
					t.Fatalf("the rest: %+v, %v", left, err)
				}
				var ids []struct{ ID int }
				whole := strings.TrimSuffix(string(got.Items), "]") + "," + strings.TrimPrefix(string(left.Items), "[")
				if err := json.Unmarshal([]byte(whole), &ids); err != nil || len(ids) != 7 || ids[0].ID != 1 || ids[6].ID != 7 {
					t.Errorf("together %s, %v", whole, err)
				}
			})
		}
	}
}

func TestAListThatBreaksSaysHowMuchHadCome(t *testing.T) {
	w := paging.Walker{Operation: operation(t, ""), Call: func(ctx context.Context, ask paging.Ask) (*paging.Answer, error) {
		if ask.Link == "https://api.example/2" {
			return nil, fault.Deadline(fault.ReasonUpstreamTimeout, "too slow")
		}
		return endless(ctx, ask)
	}}
	_, err := w.Collect(t.Context(), paging.Ask{})
	if meta := fault.From(err).Meta(); fault.ReasonOf(err) != fault.ReasonUpstreamTimeout || meta["pages_read"] != "2" || meta["items_read"] != "6" {
		t.Errorf("error %v with %v", err, meta)
	}
}

func TestWhoStopsReadingEndsTheList(t *testing.T) {
	enough := errors.New("enough")
	calls := 0
	w := paging.Walker{Operation: operation(t, ""), Call: func(ctx context.Context, ask paging.Ask) (*paging.Answer, error) {
		calls++
		return endless(ctx, ask)
	}}
	if err := w.Run(t.Context(), paging.Ask{}, func(*paging.Page) error { return enough }); !errors.Is(err, enough) || calls != 1 {
		t.Errorf("%d calls, error = %v", calls, err)
	}
}

func TestCollect(t *testing.T) {
	w := paging.Walker{Call: endless, Operation: operation(t, ""), Limits: paging.Limits{Items: 5}}
	got, err := w.Collect(t.Context(), paging.Ask{})
	if err != nil || string(got.Items) != "[0,1,2,1,1]" || got.Count != 5 || got.Pages != 2 || !got.More || got.Next != "" {
		t.Errorf("collected %+v, %v", got, err)
	}
}

func TestCollectOfAFailureHasNoItems(t *testing.T) {
	call, _ := api(t, []exchange{{``, `{"value":[1],"nextLink":"https://a/"}`, "", 0}, {"https://a/", `no`, "", 500}})
	w := paging.Walker{Call: call, Operation: operation(t, "")}
	got, err := w.Collect(t.Context(), paging.Ask{})
	if err != nil || got.Items != nil || got.Last.Status != 500 || got.Pages != 2 {
		t.Errorf("collected %+v, %v", got, err)
	}
}

func TestCollectOfNothingIsAnEmptyArray(t *testing.T) {
	call, _ := api(t, []exchange{{``, ``, "", 204}})
	w := paging.Walker{Call: call, Operation: operation(t, "")}
	if got, err := w.Collect(t.Context(), paging.Ask{}); err != nil || string(got.Items) != "[]" {
		t.Errorf("collected %+v, %v", got, err)
	}
}

func TestCollectIsBounded(t *testing.T) {
	item := `"` + strings.Repeat("a", 5<<20) + `"`
	page := 0
	w := paging.Walker{Operation: operation(t, ""), Call: func(context.Context, paging.Ask) (*paging.Answer, error) {
		page++
		return &paging.Answer{Status: 200, Body: fmt.Appendf(nil, `{"nextLink":"https://a/%d","value":[%s]}`, page, item)}, nil
	}}
	_, err := w.Collect(t.Context(), paging.Ask{})
	if fault.ReasonOf(err) != fault.ReasonUpstreamResponseTooLarge || !strings.Contains(err.Error(), "InvokePages") || page > 13 {
		t.Errorf("after %d pages: %v", page, err)
	}
}
