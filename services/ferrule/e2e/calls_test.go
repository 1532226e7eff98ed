package e2e_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

func TestCallsFollowListsOfEveryStyle(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	a.amend(t, map[string]map[string]any{
		"Skipped": {"pagination": map[string]any{"itemsPath": "rows", "offset": map[string]any{"offsetInput": "skip", "limitInput": "top", "defaultLimit": 3}}},
		"Pointed": {"pagination": map[string]any{"itemsPath": "rows", "cursor": map[string]any{"cursorInput": "after", "cursorPath": "cursor"}}},
	})
	for operation, pages := range map[string]int{"Linked": 4, "Headed": 4, "Skipped": 3, "Pointed": 4} {
		t.Run(operation, func(t *testing.T) {
			if got := a.do(t, nil, "invoke", "till", operation, "--all"); got != "1\n2\n3\n4\n5\n6\n7\n8\n" {
				t.Errorf("the list is\n%s", got)
			}
			if n := a.count("GET /" + strings.ToLower(operation)); n != pages {
				t.Errorf("the API was asked for %d pages, want %d", n, pages)
			}
			if got := a.do(t, nil, "invoke", "till", operation, "--all", "--max-items", "3"); got != "1\n2\n3\n" {
				t.Errorf("with a limit, the list is\n%s", got)
			}
			a.restSaysCut(t, operation)
			stopped := a.cli(t, "invoke", "till", operation, "--all", "--max-pages", "1").err
			if !strings.Contains(stopped, "stopped at --max-pages 1") || !strings.Contains(stopped, "goes on") {
				t.Errorf("a list that a limit cut says %q", stopped)
			}
		})
	}

	// A page names the next one, which can be called with the connection's key.
	first := a.cli(t, "invoke", "till", "Linked")
	_, link, ok := strings.Cut(first.err, "--link '")
	if link, _, _ = strings.Cut(link, "'"); !ok || strings.Contains(link, a.host) {
		t.Fatalf("the first page says %q, want a link that is ours", first.err)
	}
	if got := a.do(t, nil, "invoke", "till", "Linked", "--all", "--link", link); got != "3\n4\n5\n6\n7\n8\n" {
		t.Errorf("from the second page on, the list is\n%s", got)
	}
	a.do(t, []string{"stopped at --max-pages 1, after 2 items: there may be more; --link '"}, "invoke", "till", "Linked", "--all", "--max-pages", "1")
	a.fail(t, 1, []string{"LINK_INVALID"}, "invoke", "till", "Linked", "--link", "http://127.0.0.1:1/elsewhere")
}

// restSaysCut reads a list of two items a page or more up to one page, and then the
// rest by what the answer says.
func (a *till) restSaysCut(t *testing.T, operation string) {
	t.Helper()
	path := "/v1/" + connectionName("till") + "/operations/" + operation + ":invoke?all_pages.max_items=1000"
	cut := a.request(t, "POST", path+"&all_pages.max_pages=1", a.token, "{}")
	link, change := cut.header.Get("Ferrule-Next-Link"), cut.header.Get("Ferrule-Next-Input")
	if cut.status != 200 || cut.header.Get("Ferrule-List-End") != "MAX_PAGES" || (link == "") == (change == "") {
		t.Fatalf("a list that a limit cut: %d %v %s", cut.status, cut.header, cut.body)
	}
	rest := a.request(t, "POST", path+"&link="+url.QueryEscape(link), a.token, change)
	together := strings.TrimSuffix(cut.body, "]") + "," + strings.TrimPrefix(rest.body, "[")
	if together != "[1,2,3,4,5,6,7,8]" || rest.header.Get("Ferrule-List-End") != "COMPLETE" || rest.header.Get("Ferrule-Next-Input") != "" {
		t.Errorf("together %s; the rest came with %v", together, rest.header)
	}
	path, _, _ = strings.Cut(path, ":invoke?")
	page := a.request(t, "POST", path+":invokePages", a.token, `{"limits":{"maxPages":1}}`)
	if !strings.Contains(page.body, `"listEnd":"LIST_END_MAX_PAGES"`) || strings.Contains(page.body, `"nextInput":"`) != (change != "") {
		t.Errorf("its page in a stream: %s", page.body)
	}
}

func TestCallsWithAKeyAreMadeOnce(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	order := func(key, what string) said {
		return a.cli(t, "invoke", "till", "Order", "--idempotency-key", key, "-p", "body="+what)
	}
	first, second, other := order("k1", `{"n":1}`), order("k1", `{"n":1}`), order("k2", `{"n":1}`)
	if first.out != second.out || !strings.Contains(second.err, "the API was not asked") {
		t.Errorf("the same call was answered with %s and then %s%s", first.out, second.out, second.err)
	}
	if other.out == first.out || a.count("POST /orders") != 2 {
		t.Errorf("with another key it was answered with %s; the API was asked %d times", other.out, a.count("POST /orders"))
	}
	if got := order("k1", `{"n":2}`); got.code != 1 || !strings.Contains(got.err, "IDEMPOTENCY_KEY_REUSED") {
		t.Errorf("another input with the same key: %+v", got)
	}
	a.fail(t, 2, []string{"--idempotency-key is for a single call"}, "invoke", "till", "Order", "--all", "--idempotency-key", "k1")
}

func TestCallsAreAnsweredFromWhatIsStillGood(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	for range 2 {
		a.do(t, []string{`"asked": 1`}, "invoke", "till", "Fresh")
		a.do(t, []string{`"asked": 1`}, "invoke", "till", "Tagged") // the second time by its ETag
	}
	if fresh, tagged := a.count("GET /fresh"), a.count("GET /tagged"); fresh != 1 || tagged != 2 {
		t.Errorf("the API was asked %d and %d times, want 1 and 2", fresh, tagged)
	}
	a.do(t, []string{`"asked": 2`}, "invoke", "till", "Fresh", "--no-cache")
	a.do(t, nil, "connect", "till", "--id", "other", "--no-test", "--secret", "api_key=another")
	a.do(t, []string{`"asked": 3`}, "invoke", "other", "Fresh")
}

func TestCallsAreRepeatedOnlyWhereThatIsHarmless(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	got := a.request(t, "POST", "/v1/environments/default/connections/till/operations/Flaky:invoke", a.token, "")
	if got.status != 200 || got.header.Get("Ferrule-Attempts") != "2" || a.count("GET /flaky") != 2 {
		t.Errorf("a GET was answered with %d after %q attempts, %s", got.status, got.header.Get("Ferrule-Attempts"), got.body)
	}
	a.fail(t, 1, []string{"the API answered 503"}, "invoke", "till", "FlakyPost")
	a.fail(t, 1, []string{"OUTCOME_UNKNOWN"}, "invoke", "till", "Silent", "--timeout", "300ms")
	if flaky, silent := a.count("POST /flaky"), a.count("POST /silent"); flaky != 1 || silent != 1 {
		t.Errorf("the API was asked %d and %d times to change something, want once each", flaky, silent)
	}
}

func TestCallsComparedWithTheirSchema(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	a.do(t, []string{`"price": "cheap"`, "not as its schema says", "/price"}, "invoke", "till", "Wrong", "--validate")
	a.fail(t, 1, []string{"RESPONSE_INVALID"}, "invoke", "till", "Wrong", "--validate=strict")
	if got := a.cli(t, "invoke", "till", "Wrong"); strings.Contains(got.err, "schema") {
		t.Errorf("nobody asked, but it says %s", got.err)
	}
}

func TestCallsFindOutWhatCanBeChosen(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	a.do(t, []string{`"in"`, "Inbox", `"out"`, "Sent"}, "choices", "till", "Fill", "/folder")
	a.do(t, []string{"-      Bin"}, "choices", "till", "Fill", "/folder")
	over := a.request(t, "POST", "/v1/"+connectionName("till")+"/operations/Fill:resolveDynamicValues", a.token, `{"pointer":"/folder"}`)
	body := strings.ReplaceAll(over.body, " ", "") // the library puts spaces where it likes
	if strings.Count(body, `"selectable":true`) != 2 || !strings.Contains(body, `"title":"Bin","selectable":false`) {
		t.Errorf("over REST the choices are %s", over.body)
	}
	if n := a.count("GET /folders"); n != 1 {
		t.Errorf("the API was asked for folders %d times, want once", n)
	}
	a.do(t, []string{`"of_in"`}, "schema", "till", "Fill", "-p", "folder=in")
	a.do(t, []string{`"of_out"`}, "schema", "till", "Fill", "/body", "-p", "folder=out")
	a.fail(t, 1, []string{"no choices for", "/folder"}, "choices", "till", "Fill", "/body/x")
}

func TestCallsThatAreTooManyAreToldWhenToComeBack(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{flags: []string{"--rate-connection", "2/1h"}})
	const call = "/v1/environments/default/connections/till/operations/Order:invoke"
	var last answer
	for range 3 {
		last = a.request(t, "POST", call, a.token, `{}`)
	}
	if last.status != 429 || last.reason() != "RATE_LIMITED" || last.header.Get("Retry-After") == "" {
		t.Errorf("the third call was answered with %d %s, Retry-After %q", last.status, last.body, last.header.Get("Retry-After"))
	}
	if n := a.count("POST /orders"); n != 2 {
		t.Errorf("the API was asked %d times, want 2", n)
	}
}

func TestCallsAreCounted(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	for range 3 {
		a.do(t, nil, "invoke", "till", "Order", "-p", `body={"n":1}`)
	}
	a.fail(t, 1, nil, "invoke", "till", "FlakyPost")
	var report string
	testkit.Await(t, "the calls to be counted", func() bool {
		report = a.do(t, []string{"HOUR", "CALLS", "P99"}, "usage", "--hourly", "--by", "operation")
		return strings.Contains(report, "Order") && strings.Contains(report, "FlakyPost")
	})
	rows := map[string][]string{}
	for line := range strings.Lines(report) {
		if f := strings.Fields(line); len(f) > 5 {
			rows[f[3]] = []string{f[2], f[4], f[5]}
		}
	}
	want := [][]string{{"till", "3", "0%"}, {"till", "1", "100.0%"}}
	if diff := cmp.Diff(want, [][]string{rows["Order"], rows["FlakyPost"]}); diff != "" {
		t.Errorf("connector, calls and failures (-want +got):\n%s\n%s", diff, report)
	}
	a.do(t, []string{"4", "25.0%"}, "usage", "--connection", "till")
	if got := a.do(t, []string{`"calls":"3"`}, "usage", "--operation", "Order", "-o", "json"); strings.Count(got, "\n") != 1 {
		t.Errorf("the calls of one operation are\n%s", got)
	}
	a.fail(t, 2, []string{"--by must be"}, "usage", "--by", "phase-of-the-moon")
}

func TestCallsAreLoggedWithoutSecretsWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	a := openTill(t, suiteOptions{})
	echo := func(text string) {
		t.Helper()
		a.do(t, []string{"you_said"}, "invoke", "till", "Echo", "-p", `body={"text":"`+text+`"}`)
	}
	echo("before")
	a.do(t, []string{"nothing is kept", "--on"}, "requests", "till")
	a.do(t, []string{"are kept until", "with bodies"}, "requests", "till", "--on", "--for", "10m", "--bodies")
	var list, full string
	n := 0
	testkit.Await(t, "requests to be kept", func() bool {
		echo(fmt.Sprintf("call %d", n)) // until the runtime has heard of it
		n++
		list = a.do(t, nil, "requests", "till")
		return strings.Contains(list, "POST "+a.url+"/echo")
	})
	full = a.do(t, []string{"> POST " + a.url + "/echo", "[redacted]", "call ", "< 200 OK", "you_said"}, "requests", "till", "--bodies")
	everything := a.do(t, nil, "requests", "till", "-o", "json")
	for what, text := range map[string]string{"the list": list, "an entry in full": full, "the JSON": everything} {
		if mentions([]byte(text), tillKey) || strings.Contains(text, "before") {
			t.Errorf("%s shows the key, or what was sent before:\n%s", what, text)
		}
	}
	a.do(t, []string{"deleted"}, "requests", "till", "--off")
	testkit.Await(t, "the requests to be gone", func() bool { return a.cli(t, "requests", "till").out == "" })
	a.as(t, "ben", "user").fail(t, 1, []string{"reason: "}, "requests", "till", "--on")
}
