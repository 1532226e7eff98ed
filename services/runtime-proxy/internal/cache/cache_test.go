package cache_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// asking returns a question; each change makes it another one.
func asking(changes ...func(*cache.Question)) *cache.Question {
	q := &cache.Question{
		Connection: resource.Connection{Environment: "default", ID: "crm"}, Caller: "ann", Revision: "r1", Operation: "List",
		Request: &request.Request{
			Method: http.MethodGet, Base: request.Base{Scheme: "https", Host: "api.example.com"}, Path: "/items", Query: "a=1",
			Header: map[string][]string{"Accept-Language": {"en"}},
		},
	}
	for _, change := range changes {
		change(q)
	}
	return q
}

// answer reads "Name: value" lines.
func answer(status int, body string, lines ...string) *upstream.Response {
	header := http.Header{}
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		header.Add(name, value)
	}
	return &upstream.Response{Status: status, Header: header, Body: []byte(body)}
}

func empty(t *testing.T) *cache.Cache {
	t.Helper()
	c, err := cache.New(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// RFC 9111, sections 3, 4.2 and 5.2, and RFC 5861: what is found after so many
// seconds.
func TestHowLongAnswersAreGood(t *testing.T) {
	const none, stale, fresh = "nothing", "to be asked about", "fresh"
	date := func(seconds int) string {
		return start.Add(time.Duration(seconds) * time.Second).Format(http.TimeFormat)
	}
	for _, row := range []struct {
		name   string
		status int
		header []string
		after  int
		want   string
	}{
		{"an age that is not reached", 200, []string{"Cache-Control: max-age=60"}, 59, fresh},
		{"an age that is reached", 200, []string{"Cache-Control: max-age=60"}, 60, none},
		{"an age that is reached, with a validator", 200, []string{"Cache-Control: max-age=60", `ETag: "1"`}, 60, stale},
		{"no word at all", 200, nil, 0, none},
		{"only a validator", 200, []string{"Last-Modified: " + date(-100)}, 0, stale},
		{"no-store counts above all", 200, []string{"Cache-Control: max-age=60, no-store"}, 0, none},
		{"no-cache asks every time", 200, []string{`Cache-Control: max-age=60, no-cache`, `ETag: "1"`}, 0, stale},
		{"private is what we are", 200, []string{"Cache-Control: private, max-age=60"}, 10, fresh},
		{"s-maxage is for shared caches", 200, []string{"Cache-Control: s-maxage=600, max-age=5"}, 10, none},
		{"a quoted age", 200, []string{`Cache-Control: max-age="60"`}, 10, fresh},
		{"an age that is no number", 200, []string{"Cache-Control: max-age=soon"}, 0, none},
		{"the smaller of two ages", 200, []string{"Cache-Control: max-age=600, max-age=5"}, 10, none},
		{"the smaller of two ages on two lines", 200, []string{"Cache-Control: max-age=5", "Cache-Control: max-age=600"}, 10, none},
		{"names without case", 200, []string{"Cache-Control: Max-Age=60"}, 10, fresh},
		{"an extension with a comma in quotes", 200, []string{`Cache-Control: x="a, no-store", max-age=60`}, 10, fresh},
		{"an end", 200, []string{"Date: " + date(0), "Expires: " + date(60)}, 59, fresh},
		{"an end that is past", 200, []string{"Date: " + date(0), "Expires: " + date(60)}, 61, none},
		{"an end that cannot be read is past", 200, []string{"Expires: 0"}, 0, none},
		{"an end counts from the API's own clock", 200, []string{"Date: " + date(-3600), "Expires: " + date(-3600+7200)}, 3500, fresh},
		{"an age that no number holds is the largest (RFC 9111, section 1.2.2)", 200, []string{"Cache-Control: max-age=99999999999999999999"}, 100000, none},
		{"max-age counts more than an end", 200, []string{"Cache-Control: max-age=5", "Expires: " + date(600)}, 10, none},
		{"an age on arrival", 200, []string{"Cache-Control: max-age=60", "Age: 50"}, 11, none},
		{"an age that the date shows", 200, []string{"Cache-Control: max-age=60", "Date: " + date(-50)}, 11, none},
		{"a day is the longest", 200, []string{"Cache-Control: max-age=31536000"}, 86401, none},
		{"404 with an age", 404, []string{"Cache-Control: max-age=60"}, 10, fresh},
		{"a status that may mean anything", 418, []string{"Cache-Control: max-age=60"}, 0, none},
		{"a part", 206, []string{"Cache-Control: max-age=60"}, 0, none},
		{"a failure", 500, []string{"Cache-Control: max-age=60"}, 0, none},
		{"what depends on more than the request", 200, []string{"Cache-Control: max-age=60", "Vary: *"}, 0, none},
		{"old, but better than a failure", 200, []string{"Cache-Control: max-age=60, stale-if-error=600"}, 100, stale},
		{"too old for that", 200, []string{"Cache-Control: max-age=60, stale-if-error=600"}, 700, none},
		{"must-revalidate forbids it", 200, []string{"Cache-Control: max-age=60, stale-if-error=600, must-revalidate"}, 100, none},
	} {
		t.Run(row.name, func(t *testing.T) {
			c := empty(t)
			c.Keep(asking(), cache.Rule{}, answer(row.status, "body", row.header...), start, start)
			now := start.Add(time.Duration(row.after) * time.Second)
			got := none
			if found := c.Find(asking(), now); found != nil {
				if got = stale; found.Fresh {
					got = fresh
				}
			}
			if got != row.want {
				t.Errorf("found %s, want %s", got, row.want)
			}
		})
	}
}

func TestAnAnswerIsGivenWithItsAge(t *testing.T) {
	c := empty(t)
	given := answer(200, "body", "Cache-Control: max-age=60", "Age: 7", "X-Own: 1")
	c.Keep(asking(), cache.Rule{}, given, start.Add(-2*time.Second), start)
	given.Header.Set("X-Own", "changed later")
	now := start.Add(10 * time.Second)
	got := c.Find(asking(), now).Answer(now)
	if got.Status != 200 || string(got.Body) != "body" || got.Header.Get("Age") != "19" || got.Header.Get("X-Own") != "1" {
		t.Errorf("got %d %q %v", got.Status, got.Body, got.Header)
	}
	got.Header.Set("X-Own", "changed by a policy")
	if again := c.Find(asking(), now).Answer(now); again.Header.Get("X-Own") != "1" {
		t.Error("what one caller did with his answer shows in the next one's")
	}
}

func TestAnswersAreForThoseWhoAskedForThem(t *testing.T) {
	c := empty(t)
	c.Keep(asking(), cache.Rule{}, answer(200, "ann's", "Cache-Control: max-age=60"), start, start)
	for name, change := range map[string]func(*cache.Question){
		"another connection":  func(q *cache.Question) { q.Connection.ID = "crm-2" },
		"another environment": func(q *cache.Question) { q.Connection.Environment = "prod" },
		"another caller":      func(q *cache.Question) { q.Caller = "bob" },
		"another revision":    func(q *cache.Question) { q.Revision = "r2" },
		"another operation":   func(q *cache.Question) { q.Operation = "Other" },
		"another method":      func(q *cache.Question) { q.Request.Method = http.MethodHead },
		"another host":        func(q *cache.Question) { q.Request.Base.Host = "other.example.com" },
		"another path":        func(q *cache.Question) { q.Request.Path = "/other" },
		"another query":       func(q *cache.Question) { q.Request.Query = "a=2" },
		"another body":        func(q *cache.Question) { q.Request.Body = []byte("x") },
		"parts cut elsewhere": func(q *cache.Question) { q.Request.Path, q.Request.Query = "/items"+"a", "=1" },
	} {
		if found := c.Find(asking(change), start); found != nil {
			t.Errorf("%s gets it", name)
		}
	}
	if c.Find(asking(), start) == nil {
		t.Error("it is not given to its own caller")
	}
}

func TestAnswersThatVary(t *testing.T) {
	c := empty(t)
	in := func(language string) func(*cache.Question) {
		return func(q *cache.Question) { q.Request.Header["Accept-Language"] = []string{language} }
	}
	for _, language := range []string{"en", "de", "fr"} {
		c.Keep(asking(in(language)), cache.Rule{}, answer(200, language, "Cache-Control: max-age=60", "Vary: accept-language, Accept-Language"), start, start)
	}
	c.Keep(asking(in("de")), cache.Rule{}, answer(200, "de again", "Cache-Control: max-age=60", "Vary: Accept-Language"), start, start)
	for language, want := range map[string]string{"en": "en", "de": "de again", "fr": "fr", "it": ""} {
		got := ""
		if found := c.Find(asking(in(language)), start); found != nil {
			got = string(found.Answer(start).Body)
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", language, got, want)
		}
	}
	for n := range 20 { // an API that varies by something endless does not fill the memory
		c.Keep(asking(in(fmt.Sprint(n))), cache.Rule{}, answer(200, "", "Cache-Control: max-age=60", "Vary: Accept-Language"), start, start)
	}
	if c.Find(asking(in("en")), start) != nil || c.Find(asking(in("19")), start) == nil {
		t.Error("the last few are kept, and only they")
	}
}

func TestAskingAgain(t *testing.T) {
	c := empty(t)
	c.Keep(asking(), cache.Rule{}, answer(200, "body", "Cache-Control: max-age=60", `ETag: "1"`, "Last-Modified: Sun, 01 Mar 2026 11:00:00 GMT", "X-Old: 1", "Content-Type: text/plain"), start, start)
	now := start.Add(2 * time.Minute)
	q := asking()
	found := c.Find(q, now)
	req := asking().Request
	found.Ask(req)
	if req.HeaderValue("If-None-Match") != `"1"` || req.HeaderValue("If-Modified-Since") != "Sun, 01 Mar 2026 11:00:00 GMT" {
		t.Errorf("asked with %v", req.Header)
	}
	whole := c.Renew(q, cache.Rule{}, found, answer(304, "", "Cache-Control: max-age=600", `ETag: "2"`, "Content-Type: text/none"), now, now)
	if whole.Status != 200 || string(whole.Body) != "body" || whole.Header.Get("Etag") != `"2"` || whole.Header.Get("X-Old") != "1" || whole.Header.Get("Content-Type") != "text/plain" {
		t.Errorf("the answer is %d %q %v", whole.Status, whole.Body, whole.Header)
	}
	if again := c.Find(asking(), now.Add(5*time.Minute)); again == nil || !again.Fresh || again.ETag != `"2"` {
		t.Errorf("after it was asked about, %+v is found", again)
	}
}

func TestARequestThatHasConditionsKeepsThem(t *testing.T) {
	c := empty(t)
	c.Keep(asking(), cache.Rule{}, answer(200, "body", `ETag: "1"`), start, start)
	req := asking().Request
	req.SetHeader("If-Match", `"mine"`)
	c.Find(asking(), start).Ask(req)
	if req.HasHeader("If-None-Match") {
		t.Errorf("asked with %v", req.Header)
	}
}

func TestAChangeMakesAConnectionForgetItsAnswers(t *testing.T) {
	c := empty(t)
	other := func(q *cache.Question) { q.Connection.ID = "crm-2" }
	keep := func(q *cache.Question) {
		c.Keep(q, cache.Rule{}, answer(200, "", "Cache-Control: max-age=60"), start, start)
	}
	keep(asking())
	keep(asking(func(q *cache.Question) { q.Caller = "bob" }))
	keep(asking(other))
	c.Forget(asking().Connection)
	if c.Find(asking(), start) != nil || c.Find(asking(func(q *cache.Question) { q.Caller = "bob" }), start) != nil {
		t.Error("an answer is still there")
	}
	if c.Find(asking(other), start) == nil {
		t.Error("another connection forgot its own")
	}
	keep(asking())
	if c.Find(asking(), start) == nil {
		t.Error("nothing is kept any more")
	}
	c.ForgetAll()
	if c.Find(asking(), start) != nil || c.Find(asking(other), start) != nil {
		t.Error("an answer is still there after all were dropped")
	}
}

func TestTheConnectorsOwnRule(t *testing.T) {
	minute := cache.Rule{Explicit: true, MaxAge: time.Minute}
	never := cache.Rule{Explicit: true}
	for _, row := range []struct {
		name   string
		rule   cache.Rule
		method string
		safe   bool
		covers bool
		status int
		header string
		keeps  bool
	}{
		{"what the API says does not count", minute, "GET", true, true, 200, "Cache-Control: no-store", true},
		{"failures are not kept", minute, "GET", true, true, 404, "", false},
		{"nothing is kept, whatever the API says", never, "GET", true, false, 200, "Cache-Control: max-age=60", false},
		{"a search by POST that is safe", minute, "POST", true, true, 200, "", true},
		{"an operation that changes something", minute, "POST", false, false, 200, "", true},
		{"a search by POST without a rule", cache.Rule{}, "POST", true, false, 200, "Cache-Control: max-age=60", true},
		{"a GET without a rule", cache.Rule{}, "GET", true, true, 200, "Cache-Control: max-age=60", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := row.rule.Covers(row.method, row.safe); got != row.covers {
				t.Errorf("covers = %v", got)
			}
			c := empty(t)
			c.Keep(asking(), row.rule, answer(row.status, "", row.header), start, start)
			if got := c.Find(asking(), start.Add(59*time.Second)) != nil; got != row.keeps {
				t.Errorf("kept = %v, want %v", got, row.keeps)
			}
			if row.rule == minute && c.Find(asking(), start.Add(61*time.Second)) != nil {
				t.Error("it is kept for too long")
			}
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	c := empty(t)
	body := strings.Repeat("x", 100<<10)
	number := func(n int) func(*cache.Question) {
		return func(q *cache.Question) { q.Request.Path = fmt.Sprint("/", n) }
	}
	for n := range 100 {
		c.Keep(asking(number(n)), cache.Rule{}, answer(200, body, "Cache-Control: max-age=60"), start, start)
	}
	c.Settle() // what is too much goes in the background of the library's own
	kept := 0
	for n := range 100 {
		if c.Find(asking(number(n)), start) != nil {
			kept++
		}
	}
	if kept == 0 || kept > 10 {
		t.Errorf("%d answers of 100 KiB are in a cache of 1 MiB", kept)
	}
	c.Keep(asking(), cache.Rule{}, answer(200, strings.Repeat("x", 4<<20+1), "Cache-Control: max-age=60"), start, start)
	if c.Find(asking(), start) != nil {
		t.Error("an answer that is too long was kept")
	}
}

func FuzzWhatAnAPISaysAboutItsAnswer(f *testing.F) {
	for _, seed := range []string{"max-age=60", `private="x, y", max-age=5,,=`, `no-cache="`, "max-age=99999999999999999999", ",,,", `a="b`, "s-maxage"} {
		f.Add(seed, "60", "Accept, *")
	}
	f.Fuzz(func(t *testing.T, control, age, vary string) {
		c, err := cache.New(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		resp := &upstream.Response{Status: 200, Header: http.Header{"Cache-Control": {control}, "Age": {age}, "Vary": {vary}, "Expires": {control}}}
		c.Keep(asking(), cache.Rule{}, resp, start, start)
		if found := c.Find(asking(), start.Add(24*time.Hour+time.Second)); found != nil && found.Fresh {
			t.Errorf("fresh after more than a day: %q", control)
		}
	})
}

func BenchmarkFind(b *testing.B) {
	c, err := cache.New(1 << 20)
	if err != nil {
		b.Fatal(err)
	}
	c.Keep(asking(), cache.Rule{}, answer(200, strings.Repeat("x", 1<<10), "Cache-Control: max-age=60"), start, start)
	q := asking()
	b.ReportAllocs()
	for b.Loop() {
		one := *q
		if c.Find(&one, start) == nil {
			b.Fatal("not found")
		}
	}
}
