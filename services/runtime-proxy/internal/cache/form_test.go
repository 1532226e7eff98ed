package cache_test

import (
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/cache"
)

// TestACookieIsPartOfTheQuestion: a caller that acts for several people sends theirs,
// and APIs often forget to say that it matters.
func TestACookieIsPartOfTheQuestion(t *testing.T) {
	as := func(cookie string) func(*cache.Question) {
		return func(q *cache.Question) { q.Request.Header["Cookie"] = []string{cookie} }
	}
	for name, rule := range map[string]cache.Rule{"by the API's word": {}, "by the connector's": {Explicit: true, MaxAge: time.Minute}} {
		c := empty(t)
		c.Keep(asking(as("sid=ann")), rule, answer(200, "ann's", "Cache-Control: max-age=60"), start, start)
		if c.Find(asking(as("sid=bob")), start) != nil || c.Find(asking(), start) != nil {
			t.Errorf("%s: somebody else's session has the answer", name)
		}
		if c.Find(asking(as("sid=ann")), start) == nil {
			t.Errorf("%s: the same session has no answer", name)
		}
	}
}

// TestWhoWantsAFormThatIsKeptGetsIt: calls of an operation and clients of pass-through
// ask in different words for the same thing. What a connector has kept is for all of
// them, unless they want another form of it, or the API says that words matter.
func TestWhoWantsAFormThatIsKeptGetsIt(t *testing.T) {
	rule := cache.Rule{Explicit: true, MaxAge: time.Minute}
	by := func(name, value string) func(*cache.Question) {
		return func(q *cache.Question) { q.Request.Header[name] = []string{value} }
	}
	tests := []struct {
		name   string
		answer []string // header lines
		first  func(*cache.Question)
		second func(*cache.Question)
		found  bool
	}{
		{"a call and curl", []string{"Content-Type: application/json; charset=utf-8"}, by("Accept", "application/json"), by("Accept", "*/*"), true},
		{"curl and a call", []string{"Content-Type: application/json"}, by("Accept", "*/*"), by("Accept", "application/json, text/plain"), true},
		{"nobody says anything", []string{"Content-Type: application/json"}, by("A", "b"), by("A", "c"), true},
		{"another form", []string{"Content-Type: application/json"}, by("Accept", "*/*"), by("Accept", "text/csv"), false},
		{"a form that is wanted less", []string{"Content-Type: application/json"}, by("Accept", "*/*"), by("Accept", "text/csv, */*;q=0.1"), false},
		{"a form that is not wanted", []string{"Content-Type: application/json"}, by("Accept", "*/*"), by("Accept", "application/json;q=0"), false},
		{"a range", []string{"Content-Type: image/png"}, by("Accept", "*/*"), by("Accept", "image/*"), true},
		{"an answer that does not say what it is", nil, by("Accept", "*/*"), by("Accept", "application/json"), false},
		{"the same, for who takes anything", nil, by("Accept", "application/json"), by("Accept", "*/*"), true},
		{"clients of other names", []string{"Content-Type: a/b"}, by("User-Agent", "Ferrule"), by("User-Agent", "curl"), true},
		{"an API that says that names matter", []string{"Content-Type: a/b", "Vary: User-Agent"}, by("User-Agent", "Ferrule"), by("User-Agent", "curl"), false},
		{"an API that says that words matter", []string{"Content-Type: a/b", "Vary: Accept"}, by("Accept", "a/b"), by("Accept", "*/*"), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := empty(t)
			c.Keep(asking(tt.first), rule, answer(200, "x", tt.answer...), start, start)
			if found := c.Find(asking(tt.second), start) != nil; found != tt.found {
				t.Errorf("found %v", found)
			}
		})
	}
	t.Run("two forms are kept beside each other", func(t *testing.T) {
		c := empty(t)
		for _, form := range []string{"text/csv", "application/json"} {
			c.Keep(asking(by("Accept", form)), rule, answer(200, form, "Content-Type: "+form), start, start)
		}
		for _, form := range []string{"text/csv", "application/json"} {
			if found := c.Find(asking(by("Accept", form)), start); found == nil || string(found.Answer(start).Body) != form {
				t.Errorf("%s: %v", form, found)
			}
		}
	})
}
