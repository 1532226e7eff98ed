package request_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func TestEscapingFollowsTheRFC(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "azAZ09-._~": "azAZ09-._~", " ": "%20", "+": "%2B", "%": "%25", "/?#[]@": "%2F%3F%23%5B%5D%40", "!$&'()*,;=": "%21%24%26%27%28%29%2A%2C%3B%3D",
		"ü": "%C3%BC", "😀": "%F0%9F%98%80", "\x00\x7f\xff": "%00%7F%FF", "\r\n": "%0D%0A", "a%20b": "a%2520b",
	} {
		if got := request.Escape(text); got != want {
			t.Errorf("Escape(%q) = %q, want %q", text, got, want)
		}
	}
	if got := string(request.AppendEscaped([]byte("x="), "a/b c", "/")); got != "x=a/b%20c" {
		t.Errorf("got %q", got)
	}
	if got := string(request.AppendEscaped([]byte("x="), "a/b", "/")); got != "x=a/b" {
		t.Errorf("got %q", got)
	}
}

// FuzzEscape: what is escaped is what comes out again, and nothing in it means
// anything in a URL.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", "a b", "%zz", "\xff", "ü/?#"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		escaped := request.Escape(text)
		plain, err := url.PathUnescape(escaped)
		if err != nil || plain != text || strings.ContainsAny(escaped, " /?#&=+;,\r\n") {
			t.Errorf("%q became %q became %q, %v", text, escaped, plain, err)
		}
		if query, err := url.QueryUnescape(escaped); err != nil || query != text {
			t.Errorf("%q in a query became %q, %v", text, query, err)
		}
	})
}

func TestQueriesKeepTheirSpelling(t *testing.T) {
	tests := []struct {
		name, query string
		do          func(*request.Request)
		want        string
	}{
		{"the first parameter", "", func(r *request.Request) { r.AddQuery("a b", "x") }, "a%20b=x"},
		{"one more", "z=%41&&x", func(r *request.Request) { r.AddQuery("a", "b%2Fc") }, "z=%41&&x&a=b%2Fc"},
		{"in place of all of that name", "a=1&b=%41&a=2&%61=3&a&A=4", func(r *request.Request) { r.SetQuery("a", "9") }, "b=%41&A=4&a=9"},
		{"in place of none", "b=1", func(r *request.Request) { r.SetQuery("a", "9") }, "b=1&a=9"},
		{"of a name with a plus", "a+b=1&a%20b=2&a%2Bb=3", func(r *request.Request) { r.DeleteQuery("a b") }, "a%2Bb=3"},
		{"the only one", "a=1", func(r *request.Request) { r.DeleteQuery("a") }, ""},
		{"none of that name changes nothing", "b=%zz&&;", func(r *request.Request) { r.DeleteQuery("a") }, "b=%zz&&;"},
		{"a name that is badly encoded is only itself", "%zz=1&b=2", func(r *request.Request) { r.DeleteQuery("%zz") }, "b=2"},
		{"an empty name", "=1&b=2", func(r *request.Request) { r.DeleteQuery("") }, "b=2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &request.Request{Query: tt.query}
			tt.do(r)
			if r.Query != tt.want {
				t.Errorf("query = %q, want %q", r.Query, tt.want)
			}
		})
	}
}

func TestValuesOfAQuery(t *testing.T) {
	r := &request.Request{Query: "a=1&a=2&b&c=&d=x%20y+z&e=%zz&f=a=b"}
	for name, want := range map[string]string{"a": "1", "b": "", "c": "", "d": "x y z", "e": "%zz", "f": "a=b"} {
		if got, ok := r.QueryValue(name); got != want || !ok {
			t.Errorf("%s = %q, %v; want %q", name, got, ok, want)
		}
	}
	for _, name := range []string{"", "A", "x", "1"} {
		if got, ok := r.QueryValue(name); ok {
			t.Errorf("%q = %q, and was never given", name, got)
		}
	}
}

func TestFieldsByAnySpellingOfTheirName(t *testing.T) {
	r := &request.Request{Header: map[string][]string{}}
	r.AddHeader("x-a", "1")
	r.AddHeader("X-A", "2")
	r.SetHeader("x-B", "3")
	r.SetHeader("X-b", "4")
	r.SetHeader("odd name", "5")
	want := map[string][]string{"X-A": {"1", "2"}, "X-B": {"4"}, "odd name": {"5"}}
	if diff := cmp.Diff(want, r.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if r.HeaderValue("x-a") != "1" || r.HeaderValue("X-None") != "" || !r.HasHeader("x-b") || r.HasHeader("x-c") {
		t.Error("fields are not found by their names")
	}
}

func TestCookies(t *testing.T) {
	tests := []struct {
		name   string
		before []string
		want   string
	}{
		{"the first", nil, "sid=9"},
		{"beside others", []string{"a=1; b=2"}, "a=1; b=2; sid=9"},
		{"in place of its old self, wherever it is", []string{"sid=1; a=1", "b=2;sid=2"}, "a=1; b=2; sid=9"},
		{"names that begin alike stay", []string{"sid2=1; xsid=2; SID=3"}, "sid2=1; xsid=2; SID=3; sid=9"},
		{"values with equals signs stay whole", []string{"a=b=c"}, "a=b=c; sid=9"},
		{"a cookie without a value", []string{"sid; a"}, "a; sid=9"},
		{"nothing between semicolons", []string{";; a=1 ;"}, "a=1; sid=9"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &request.Request{Header: map[string][]string{}}
			if tt.before != nil {
				r.Header["Cookie"] = tt.before
			}
			r.SetCookie("sid", "9")
			if diff := cmp.Diff([]string{tt.want}, r.Header["Cookie"]); diff != "" {
				t.Errorf("cookies (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhereTwoSpellingsOfAHostMeet(t *testing.T) {
	for _, row := range []struct {
		name, base string
		entries    []string
		want       bool
	}{
		{"capitals", "https://API.Example.COM", []string{"https://api.example.com"}, true},
		{"a dot at the end", "https://api.example.com./v1", []string{"https://api.example.com:443"}, true},
		{"the port that everybody means", "http://api.example.com:80", []string{"http://api.example.com"}, true},
		{"addresses in their short form", "https://[2001:db8:0:0::1]", []string{"https://[2001:db8::1]:443"}, true},
		{"one of several", "https://b.example.com", []string{"https://a.example.com", "https://b.example.com"}, true},
		{"a star is no wildcard", "https://b.example.com", []string{"https://*.example.com", "https://*", "*"}, false},
		{"a part of the name", "https://example.com", []string{"https://api.example.com"}, false},
		{"a name that ends alike", "https://notexample.com", []string{"https://example.com"}, false},
		{"none at all", "https://example.com", nil, false},
		{"an entry without a scheme", "https://example.com", []string{"example.com"}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			base, err := request.ParseBase(row.base)
			if err != nil {
				t.Fatal(err)
			}
			if got := base.AllowedBy(row.entries); got != row.want {
				t.Errorf("%v allows %v: %v", row.entries, base, got)
			}
		})
	}
}
