package core_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

const (
	newest  = connectorv1.ListOrder_LIST_ORDER_NEWEST_FIRST
	oldest  = connectorv1.ListOrder_LIST_ORDER_OLDEST_FIRST
	noOrder = connectorv1.ListOrder_LIST_ORDER_UNSPECIFIED
)

// book is a list in pages: each text is the items of a page, in JSON without the
// brackets.
type book []string

// show makes the API answer with a book and returns the calls that it gets.
func (r *rig) show(b book) *[]core.Call {
	calls := &[]core.Call{}
	r.api.Set(func(a *inventorytest.API) {
		a.Refuse = func(c core.Call) *core.Answer {
			*calls = append(*calls, c)
			page := 0
			if c.Link != "" {
				_, _ = fmt.Sscanf(c.Link, "page %d", &page)
			}
			answer := &core.Answer{
				Status: http.StatusOK, Header: http.Header{}, Revision: inventorytest.Revision,
				Body: fmt.Appendf(nil, `{"items":[%s]}`, b[page]),
			}
			if page+1 < len(b) {
				answer.NextLink = fmt.Sprint("page ", page+1)
			}
			return answer
		}
	})
	return calls
}

func list(p *connectorv1.PollingTrigger) core.Draft {
	p.ItemsPath = "items"
	d := draft("items", inventorytest.Hooks)
	d.Polling = p
	return d
}

// ids writes items of those ids.
func ids(text string) string {
	var items []string
	for id := range strings.FieldsSeq(text) {
		items = append(items, item(id))
	}
	return strings.Join(items, ",")
}

// pages writes a book of those ids, with | between pages.
func pages(text string) book {
	var b book
	for page := range strings.SplitSeq(text, "|") {
		b = append(b, ids(page))
	}
	return b
}

func TestListsAreReadAsTheyCome(t *testing.T) {
	for _, tc := range []struct {
		name  string
		order connectorv1.ListOrder
		max   int32
		shown []string // one for each poll
		want  string   // the events' ids
		calls []int    // of each poll
		says  string   // the last state's reason
	}{
		{"the newest comes first", newest, 0, []string{"b a", "d c b a"}, "c d", []int{1, 1}, ""},
		{"the oldest comes first", oldest, 0, []string{"a b", "a b c d"}, "c d", []int{1, 1}, ""},
		{"no order at all", noOrder, 0, []string{"b a", "c b d a"}, "c d", []int{1, 1}, ""},
		{"newest first over pages, as far as what is known", newest, 0, []string{"c b|a", "f e|d c|b a"}, "d e f", []int{2, 2}, ""},
		{"a first page that is known is enough", newest, 0, []string{"c b|a", "d c|b a"}, "d", []int{2, 1}, ""},
		{"a pinned old item on top hides nothing", newest, 0, []string{"p c b|a", "p f e|d c|b a"}, "d e f", []int{2, 2}, ""},
		{"a list that is not sorted as declared", newest, 0, []string{"b a", "a d b c"}, "c d", []int{1, 1}, ""},
		{"oldest first over pages", oldest, 0, []string{"a b|c", "a b|c d|e"}, "d e", []int{2, 3}, ""},
		{"no order, over pages", noOrder, 0, []string{"a b|c", "a d|b e|c"}, "d e", []int{2, 3}, ""},
		{"an item that moves to the next page while they are read", newest, 0, []string{"a", "d c|c b|a"}, "b c d", []int{1, 3}, ""},
		{"an item that disappears and returns", newest, 0, []string{"b a", "a", "b a"}, "", []int{1, 1, 1}, ""},
		{"a list that is empty for a while", newest, 0, []string{"b a", "", "b a", "c b a"}, "c", []int{1, 1, 1, 1}, ""},
		{"more pages than are read, newest first", newest, 2, []string{"a", "h g|f e|d c|b a"}, "b c d e f g h", []int{1, 4}, ""},
		{"more pages than are read, no order", noOrder, 2, []string{"a|b|c", "a|x|b"}, "x", []int{2, 2}, "order is not known"},
		{"more pages than are read of a baseline", newest, 2, []string{"d|c|b|a", "e|d|c|b"}, "e", []int{2, 2}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			var calls []int
			for i, shown := range tc.shown {
				got := r.show(pages(shown))
				if i == 0 {
					s := r.subscribe(list(&connectorv1.PollingTrigger{KeyPath: "id", Order: tc.order, MaxPages: tc.max}))
					if _, why := s.State(); why != "" && tc.order == newest {
						t.Errorf("the baseline is in doubt: %s", why) // older items are not asked for
					}
				} else {
					r.minute()
				}
				calls = append(calls, len(*got))
			}
			var want []string
			for id := range strings.FieldsSeq(tc.want) {
				want = append(want, item(id))
			}
			equal(t, "events", r.bus.events(), want)
			if fmt.Sprint(calls) != fmt.Sprint(tc.calls) {
				t.Errorf("calls %v, want %v", calls, tc.calls)
			}
			state, why := r.get("items").State()
			if state != core.StateActive || !strings.Contains(why, tc.says) || (tc.says == "") != (why == "") {
				t.Errorf("state %v %q", state, why)
			}
		})
	}
}

func TestAListWhoseNewestItemsAreNeverReadIsNoTrigger(t *testing.T) {
	r := newRig(t)
	r.show(pages("a|b|c|d"))
	s := r.subscribe(list(&connectorv1.PollingTrigger{KeyPath: "id", Order: oldest, MaxPages: 2}))
	if state, why := s.State(); state != core.StateError || !strings.Contains(why, "raise max_pages, or give a cursor") {
		t.Errorf("state %v %q", state, why)
	}
}

func TestAPageThatFailsFailsThePollAndNothingIsKept(t *testing.T) {
	r := newRig(t)
	r.show(pages("b a"))
	r.subscribe(list(&connectorv1.PollingTrigger{KeyPath: "id", Order: newest}))
	r.show(pages("f e|d c|b a"))
	r.api.Set(func(a *inventorytest.API) {
		shown := a.Refuse
		a.Refuse = func(c core.Call) *core.Answer {
			if c.Link == "" {
				return shown(c)
			}
			x := inventorytest.Refusal(http.StatusBadGateway, true)
			return &x
		}
	})
	r.minute()
	equal(t, "events", r.bus.events(), nil)
	if state := r.state("items"); state != core.StateError {
		t.Fatalf("state %v", state)
	}
	r.show(pages("f e|d c|b a"))
	r.minute()
	equal(t, "events", r.bus.events(), []string{item("c"), item("d"), item("e"), item("f")})
}

func TestChangesAreReportedOnRequest(t *testing.T) {
	const (
		created = connectorv1.ItemChange_ITEM_CHANGE_UNSPECIFIED
		changed = connectorv1.ItemChange_ITEM_CHANGE_CREATED_OR_CHANGED
	)
	v := func(id string, version, text string) string {
		return fmt.Sprintf(`{"id":%q,"v":%s,"text":%q}`, id, version, text)
	}
	a1, a1x, a2, b1 := v("a", "1", "x"), v("a", "1", "y"), v("a", "2", "y"), v("b", "1", "x")
	for _, tc := range []struct {
		name    string
		report  connectorv1.ItemChange
		version string
		shown   []string
		want    []string
	}{
		{"only what is created", created, "", []string{a1, a2, b1 + "," + a2}, []string{b1}},
		{"any change of the content", changed, "", []string{a1, a1x, a1x, b1 + "," + a2}, []string{a1x, a2, b1}},
		{"the order of members is no change", changed, "", []string{`{"id":"a","n":1}`, `{ "n":1, "id":"a" }`}, nil},
		{"a change of the version only", changed, "v", []string{a1, a1x, a2}, []string{a2}},
		{"there and back again is two changes", changed, "v", []string{a1, a2, a1, a2}, []string{a2, a1, a2}},
		{"a version that is missing counts by its content", changed, "v", []string{`{"id":"a","n":1}`, `{"id":"a","n":2}`}, []string{`{"id":"a","n":2}`}},
		{"one that disappears, changes and returns", changed, "v", []string{a1 + "," + b1, b1, a2 + "," + b1}, []string{a2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			for i, shown := range tc.shown {
				r.show(book{shown})
				if i == 0 {
					r.subscribe(list(&connectorv1.PollingTrigger{KeyPath: "id", Order: newest, Report: tc.report, VersionPath: tc.version}))
				} else {
					r.minute()
				}
			}
			equal(t, "events", r.bus.events(), tc.want)
		})
	}
}

func TestCursorsCarryValuesIntoTheNextCall(t *testing.T) {
	const (
		largest = connectorv1.CursorValue_CURSOR_VALUE_LARGEST
		answer  = connectorv1.CursorValue_CURSOR_VALUE_ANSWER
	)
	item := func(values string) string { return `{"items":[` + values + `]}` }
	for _, tc := range []struct {
		name   string
		order  connectorv1.ListOrder
		cursor *connectorv1.PollingCursor
		bodies []string
		want   []string // the input of each call
	}{
		{
			"nothing before there is a value", newest, &connectorv1.PollingCursor{ValuePath: "t"},
			[]string{item(``), item(`{"t":5}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2}`, `{"limit":2,"since":"5"}`},
		},
		{
			"an initial value", newest, &connectorv1.PollingCursor{ValuePath: "t", Initial: "0"},
			[]string{item(`{"t":5}`), item(``)},
			[]string{`{"limit":2,"since":"0"}`, `{"limit":2,"since":"5"}`},
		},
		{
			"the time of the creation", newest, &connectorv1.PollingCursor{ValuePath: "t", Initial: "{now}", Template: "modified gt {value}"},
			[]string{item(``), item(`{"t":"2026-03-01T13:00:00Z"}`), item(``)},
			[]string{`{"limit":2,"since":"modified gt 2026-03-01T12:00:00Z"}`, `{"limit":2,"since":"modified gt 2026-03-01T12:00:00Z"}`, `{"limit":2,"since":"modified gt 2026-03-01T13:00:00Z"}`},
		},
		{
			"the first item where the newest comes first", newest, &connectorv1.PollingCursor{ValuePath: "t"},
			[]string{item(`{"t":7},{"t":9}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"7"}`},
		},
		{
			"the last one where the oldest comes first", oldest, &connectorv1.PollingCursor{ValuePath: "t"},
			[]string{item(`{"t":9},{"t":7}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"7"}`},
		},
		{
			"the largest where the order is not known", noOrder, &connectorv1.PollingCursor{ValuePath: "t"},
			[]string{item(`{"t":9},{"t":10},{"t":2}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"10"}`},
		},
		{
			"times are compared as times", newest, &connectorv1.PollingCursor{ValuePath: "t", Value: largest},
			[]string{item(`{"t":"2026-03-01T12:00:00+02:00"},{"t":"2026-03-01T11:00:00Z"}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"2026-03-01T11:00:00Z"}`},
		},
		{
			"a value never goes back", noOrder, &connectorv1.PollingCursor{ValuePath: "t", Value: largest},
			[]string{item(`{"t":10}`), item(`{"t":9}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"10"}`, `{"limit":2,"since":"10"}`},
		},
		{
			"a token of the answer itself, which may go anywhere", newest, &connectorv1.PollingCursor{ValuePath: "sync.token", Value: answer},
			[]string{`{"items":[],"sync":{"token":"b"}}`, `{"items":[],"sync":{"token":"a"}}`, `{"items":[]}`, `{"items":[]}`},
			[]string{`{"limit":2}`, `{"limit":2,"since":"b"}`, `{"limit":2,"since":"a"}`, `{"limit":2,"since":"a"}`},
		},
		{
			"an empty answer changes nothing", newest, &connectorv1.PollingCursor{ValuePath: "t"},
			[]string{item(`{"t":5}`), item(``), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"5"}`, `{"limit":2,"since":"5"}`},
		},
		{
			"long numbers keep their digits", noOrder, &connectorv1.PollingCursor{ValuePath: "t"},
			[]string{item(`{"t":12345678901234567891},{"t":12345678901234567890}`), item(``)},
			[]string{`{"limit":2}`, `{"limit":2,"since":"12345678901234567891"}`},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			tc.cursor.Parameter = "page"
			d := list(&connectorv1.PollingTrigger{Order: tc.order, Cursors: []*connectorv1.PollingCursor{tc.cursor}})
			d.Operation, d.Input = inventorytest.Search, `{"limit":2}`
			var inputs []string
			for i, body := range tc.bodies {
				r.api.Set(func(a *inventorytest.API) {
					a.Refuse = func(c core.Call) *core.Answer {
						inputs = append(inputs, strings.ReplaceAll(c.Input, `"page"`, `"since"`))
						return &core.Answer{Status: 200, Header: http.Header{}, Body: []byte(body), Revision: inventorytest.Revision}
					}
				})
				r.definition.GetOperations()[6].Pagination = nil
				if i == 0 {
					r.subscribe(d)
				} else {
					r.minute()
				}
			}
			equal(t, "inputs", inputs, tc.want)
		})
	}
}

func TestACursorWithoutItsValueIsAFailureThatKeepsEverything(t *testing.T) {
	r := newRig(t)
	d := list(&connectorv1.PollingTrigger{KeyPath: "id", Order: newest, Cursors: []*connectorv1.PollingCursor{{Parameter: "page", ValuePath: "time"}}})
	d.Operation = inventorytest.Search
	r.definition.GetOperations()[6].Pagination = nil
	for body, says := range map[string]string{`{"id":"a"}`: "has the value \"time\"", `{"time":{}}`: "neither text nor a number", `{"time":"` + strings.Repeat("x", 5000) + `"}`: "more than 4096 bytes"} {
		d.ID = fmt.Sprint("s", len(body))
		r.show(book{body})
		if state, why := r.subscribe(d).State(); state != core.StateError || !strings.Contains(why, says) {
			t.Errorf("%s: state %v %q", body[:10], state, why)
		}
	}
}

func TestPagesThatAreAskedForWithInputsAreFollowedOnlyWhereTheFirstIsNotEnough(t *testing.T) {
	r := newRig(t)
	d := ways()["an action with given rules"]
	d.Polling.MaxPages = 2
	r.subscribe(d)
	count := func() int { return len(r.api.Calls(inventorytest.Search)) }
	before := count()
	r.minute()
	if got := count() - before; got != 1 {
		t.Errorf("%d calls for a first page that is known", got)
	}
	r.api.Add("c", "d", "e", "f", "g", "h", "i", "j")
	r.minute()
	if state, why := r.get("items").State(); state != core.StateActive || why != "" {
		t.Errorf("state %v %q", state, why)
	}
	equal(t, "events, more than on the pages of the rules", r.bus.events(), []string{
		item("c"), item("d"), item("e"), item("f"), item("g"), item("h"), item("i"), item("j"),
	})
}

func TestTheOwnerIsToldWhatAPollMayHaveMissed(t *testing.T) {
	long := func(poll, pages int) (text string) {
		for n := range pages {
			text += fmt.Sprintf("|%d-%03d", poll, n)
		}
		return text[1:]
	}
	for _, tc := range []struct {
		name    string
		order   connectorv1.ListOrder
		shown   []string
		notices int
	}{
		{"what is met on the last page that a poll reads", newest, []string{"a", long(1, 99) + "|a"}, 0},
		{"nothing known on all of them", newest, []string{"a", long(1, 101)}, 1},
		{"the same with the next poll too", newest, []string{"a", long(1, 101), long(2, 101)}, 2},
		{"a list without an order, once for many polls", noOrder, []string{"a", "a|b|c", "a|b|c", "a|b|c"}, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			for i, shown := range tc.shown {
				r.show(pages(shown))
				if i == 0 {
					r.subscribe(list(&connectorv1.PollingTrigger{KeyPath: "id", Order: tc.order, MaxPages: 2}))
				} else {
					r.minute()
				}
			}
			var notices []string
			for _, m := range r.bus.messages {
				if strings.HasPrefix(m.Subject, "ferrule.subscription.") {
					notices = append(notices, string(m.Data))
				}
			}
			if len(notices) != tc.notices {
				t.Fatalf("notices %q, want %d", notices, tc.notices)
			}
			for _, n := range notices {
				if !strings.Contains(n, `"type":"ferrule.subscription.incomplete"`) || !strings.Contains(n, "may be missing") || strings.Contains(n, "failing_since") {
					t.Errorf("the owner is told %s", n)
				}
			}
		})
	}
}

func TestOwnersRulesStayWhenTheConnectorChanges(t *testing.T) {
	r := newRig(t)
	d := ways()["an action with given rules"]
	r.subscribe(d)
	r.definition = inventorytest.Definition()
	r.definition.Operations = r.definition.GetOperations()[:2] // the action is described no more
	r.api.Republish("second")
	r.api.Add("c")
	r.minute()
	equal(t, "events", r.bus.events(), []string{item("c")})
	if got := r.get("items").Polling; got.Given == nil || !got.Cursor.Rules.Equal(*got.Given) || got.Cursor.Revision != "second" {
		t.Errorf("polling %+v", got)
	}
}

func TestWhatWasSeenIsForgottenAfterALongTimeOnly(t *testing.T) {
	r := newRig(t)
	r.show(pages("b a"))
	r.subscribe(list(&connectorv1.PollingTrigger{KeyPath: "id", Order: newest}))
	poll := func(after time.Duration, shown string) {
		r.show(pages(shown))
		r.clock.Advance(after)
		r.fire()
		r.relay()
	}
	for range 60 { // a is there all the time, and its memory stays young
		poll(48*time.Hour, "a")
	}
	poll(time.Hour, "c")
	poll(time.Hour, "c a")
	equal(t, "events", r.bus.events(), []string{item("c")})
	poll(time.Hour, "b c a") // last there 120 days ago
	equal(t, "events", r.bus.events(), []string{item("c"), item("b")})
}
