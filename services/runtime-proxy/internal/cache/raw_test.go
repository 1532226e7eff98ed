package cache_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
)

func TestWishesOfRawRequests(t *testing.T) {
	tests := []struct {
		name        string
		header      map[string][]string
		apart, only bool
		old         time.Duration // of an answer that is good for a minute
		takes       bool
	}{
		{"nothing", nil, false, false, 59 * time.Second, true},
		{"nothing about an answer that is no good any more", nil, false, false, 60 * time.Second, false},
		{"no-cache", map[string][]string{"Cache-Control": {"no-cache"}}, false, false, 0, false},
		{"no-cache in the way of HTTP/1.0", map[string][]string{"Pragma": {"no-cache"}}, false, false, 0, false},
		{"Pragma means nothing beside Cache-Control", map[string][]string{"Pragma": {"no-cache"}, "Cache-Control": {"max-age=9"}}, false, false, 9 * time.Second, true},
		{"max-age", map[string][]string{"Cache-Control": {"max-age=9"}}, false, false, 10 * time.Second, false},
		{"max-age=0 is a question", map[string][]string{"Cache-Control": {"max-age=0"}}, false, false, 0, false},
		{"min-fresh", map[string][]string{"Cache-Control": {"min-fresh=10"}}, false, false, 50 * time.Second, true},
		{"min-fresh that is too much", map[string][]string{"Cache-Control": {"min-fresh=10"}}, false, false, 51 * time.Second, false},
		{"an age that cannot be read is a question", map[string][]string{"Cache-Control": {"max-age=x"}}, false, false, 0, false},
		{"no-store", map[string][]string{"Cache-Control": {"a, No-Store"}}, true, false, 0, false},
		{"only-if-cached", map[string][]string{"Cache-Control": {"only-if-cached"}}, false, true, 0, true},
		{"a part", map[string][]string{"Range": {"bytes=0-1"}}, true, false, 0, false},
		{"a condition that only the API can judge", map[string][]string{"If-Unmodified-Since": {"x"}}, true, false, 0, false},
		{"a condition that can be judged here", map[string][]string{"If-None-Match": {`"x"`}}, false, false, 0, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := empty(t)
			c.Keep(asking(), cache.Rule{}, answer(200, "x", "Cache-Control: max-age=60"), start, start)
			later := start.Add(tt.old)
			w := cache.WishOf(tt.header)
			if takes := w.Takes(c.Find(asking(), later), later); w.Apart != tt.apart || w.Only != tt.only || takes != tt.takes {
				t.Errorf("apart %v, only %v, takes %v; want %v, %v, %v", w.Apart, w.Only, takes, tt.apart, tt.only, tt.takes)
			}
		})
	}
	if (cache.Wish{}).Takes(nil, start) {
		t.Error("nothing is taken")
	}
}

func TestWhoHasItNeedsItNotAgain(t *testing.T) {
	const earlier, at, later = "Fri, 31 Dec 1999 23:59:59 GMT", "Sat, 01 Jan 2000 00:00:00 GMT", "Sat, 01 Jan 2000 00:00:01 GMT"
	tests := []struct {
		name   string
		asked  map[string][]string
		answer http.Header
		want   bool
	}{
		{"no conditions", nil, http.Header{"Etag": {`"a"`}}, false},
		{"the tag", map[string][]string{"If-None-Match": {`"a"`}}, http.Header{"Etag": {`"a"`}}, true},
		{"the tag, weakly", map[string][]string{"If-None-Match": {`W/"a"`}}, http.Header{"Etag": {`"a"`}}, true},
		{"one of several tags", map[string][]string{"If-None-Match": {`"b", "c"`, `"a"`}}, http.Header{"Etag": {`W/"a"`}}, true},
		{"any", map[string][]string{"If-None-Match": {`*`}}, http.Header{}, true},
		{"another tag", map[string][]string{"If-None-Match": {`"b"`}}, http.Header{"Etag": {`"a"`}}, false},
		{"an answer without one", map[string][]string{"If-None-Match": {`"b"`}}, http.Header{}, false},
		{"a tag decides alone", map[string][]string{"If-None-Match": {`"b"`}, "If-Modified-Since": {at}}, http.Header{"Etag": {`"a"`}, "Last-Modified": {at}}, false},
		{"that time", map[string][]string{"If-Modified-Since": {at}}, http.Header{"Last-Modified": {at}}, true},
		{"a later time", map[string][]string{"If-Modified-Since": {later}}, http.Header{"Last-Modified": {at}}, true},
		{"an earlier time", map[string][]string{"If-Modified-Since": {earlier}}, http.Header{"Last-Modified": {at}}, false},
		{"no time", map[string][]string{"If-Modified-Since": {"yesterday"}}, http.Header{"Last-Modified": {at}}, false},
		{"an answer without a time", map[string][]string{"If-Modified-Since": {at}}, http.Header{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := cache.NotModified(tt.asked, tt.answer); got != tt.want {
				t.Errorf("not modified = %v", got)
			}
		})
	}
	header := http.Header{"Etag": {"a"}, "Content-Type": {"b"}, "Age": {"1"}, "X-Other": {"c"}}
	cache.KeepOfNotModified(header)
	if diff := cmp.Diff(http.Header{"Etag": {"a"}, "Age": {"1"}}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestAnswersInACodingAreForThoseWhoTakeIt(t *testing.T) {
	tests := []struct {
		name, asked, coding, again string
		found                      bool
	}{
		{"the same", "gzip", "gzip", "gzip", true},
		{"another", "gzip", "gzip", "br", false},
		{"none", "gzip", "gzip", "", false},
		{"none was asked for", "", "gzip", "", false},
		{"none was used", "gzip", "identity", "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, rule := range []cache.Rule{{}, {Explicit: true, MaxAge: time.Minute}} {
				c := empty(t)
				ask := func(coding string) *cache.Question {
					q := asking()
					if coding != "" {
						q.Request.SetHeader("Accept-Encoding", coding)
					}
					return q
				}
				c.Keep(ask(tt.asked), rule, answer(200, "x", "Cache-Control: max-age=60", "Content-Encoding: "+tt.coding), start, start)
				if found := c.Find(ask(tt.again), start) != nil; found != tt.found {
					t.Errorf("found = %v", found)
				}
			}
		})
	}
}

func TestAnEpochEndsWithAChange(t *testing.T) {
	c := empty(t)
	connection := asking().Connection
	before := c.Epoch(connection)
	if before.Kept() || !before.Known() || (cache.Epoch{}).Known() || (cache.Epoch{}).Kept() {
		t.Error("an epoch begins with nothing kept, and none is none")
	}
	in := func(e cache.Epoch) *cache.Question {
		q := asking()
		q.Epoch = e
		return q
	}
	good := answer(200, "x", "Cache-Control: max-age=60")
	c.Keep(in(before), cache.Rule{}, good, start, start)
	if !c.Epoch(connection).Kept() || c.Find(asking(), start) == nil {
		t.Error("nothing was kept")
	}
	c.Forget(connection)
	if c.Epoch(connection).Kept() || c.Find(asking(), start) != nil {
		t.Error("something is kept after a change")
	}
	c.Keep(in(before), cache.Rule{}, good, start, start) // was on its way
	if c.Find(asking(), start) != nil {
		t.Error("an answer from before the change is found after it")
	}
	after := c.Epoch(connection)
	c.ForgetAll()
	c.Keep(in(after), cache.Rule{}, good, start, start)
	if c.Find(asking(), start) != nil {
		t.Error("an answer from before everything was forgotten is found after it")
	}
}

func TestAnswersThatAreNotReadAreNotKept(t *testing.T) {
	c := empty(t)
	open := answer(200, "", "Cache-Control: max-age=60")
	open.Rest = http.NoBody
	c.Keep(asking(), cache.Rule{}, open, start, start)
	if c.Find(asking(), start) != nil {
		t.Error("an answer was kept whose body is still to be read")
	}
}

func TestWhatMayBeKept(t *testing.T) {
	tests := []struct {
		name   string
		rule   cache.Rule
		status int
		header http.Header
		want   bool
	}{
		{"nothing said", cache.Rule{}, 200, http.Header{"Content-Type": {"text/plain"}}, false},
		{"a time", cache.Rule{}, 200, http.Header{"Cache-Control": {"max-age=1"}}, true},
		{"an end", cache.Rule{}, 200, http.Header{"Expires": {"0"}}, true},
		{"a tag", cache.Rule{}, 200, http.Header{"Etag": {"x"}}, true},
		{"a date", cache.Rule{}, 200, http.Header{"Last-Modified": {"x"}}, true},
		{"a refusal", cache.Rule{}, 200, http.Header{"Etag": {"x"}, "Cache-Control": {"no-store"}}, false},
		{"a status that is not understood", cache.Rule{}, 206, http.Header{"Cache-Control": {"max-age=1"}}, false},
		{"the connector's word", cache.Rule{Explicit: true, MaxAge: 1}, 200, http.Header{}, true},
		{"the connector's word against it", cache.Rule{Explicit: true}, 200, http.Header{"Cache-Control": {"max-age=1"}}, false},
	}
	for _, tt := range tests {
		if got := tt.rule.Storable(tt.status, tt.header); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	silent := http.Header{"Content-Type": {"text/plain"}, "Content-Length": {"5"}}
	c := empty(t)
	c.Epoch(asking().Connection)
	connection, plain := asking().Connection, map[string][]string{"Accept": {"*/*"}}
	if n := testing.AllocsPerRun(100, func() {
		_ = cache.Rule{}.Storable(200, silent)
		_ = cache.WishOf(plain)
		_ = c.Epoch(connection).Kept()
	}); n > 0 {
		t.Errorf("%v allocations for a request that has nothing to do with what is kept", n)
	}
}
