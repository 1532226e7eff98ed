package request_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

func TestParseBase(t *testing.T) {
	tests := []struct {
		name, text string
		want       request.Base
		endpoint   string
	}{
		{"a plain url", "https://api.example.com/v1", request.Base{Scheme: "https", Host: "api.example.com", Path: "/v1"}, "api.example.com:443"},
		{"slashes at the end go", "http://API.example.com./", request.Base{Scheme: "http", Host: "api.example.com"}, "api.example.com:80"},
		{"a port stays", "https://api.example.com:8443/a%2Fb/", request.Base{Scheme: "https", Host: "api.example.com:8443", Path: "/a%2Fb"}, "api.example.com:8443"},
		{"an address in its usual form", "http://[0:0::1]:80", request.Base{Scheme: "http", Host: "[::1]:80"}, "[::1]:80"},
		{"an address without a port", "https://[::1]/x", request.Base{Scheme: "https", Host: "[::1]", Path: "/x"}, "[::1]:443"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := request.ParseBase(tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("base (-want +got):\n%s", diff)
			}
			if got.Endpoint() != tt.endpoint {
				t.Errorf("endpoint = %q, want %q", got.Endpoint(), tt.endpoint)
			}
		})
	}
	for name, text := range map[string]string{
		"no scheme": "api.example.com", "another scheme": "ftp://x", "no host": "https:///x", "a password": "https://u:p@x",
		"a query": "https://x?a", "a fragment": "https://x#a", "a climb": "https://x/a/../b", "nonsense": "https://[x",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			if got, err := request.ParseBase(text); err == nil {
				t.Errorf("ParseBase(%q) = %v", text, got)
			}
		})
	}
}

func TestAllowedHosts(t *testing.T) {
	tests := []struct {
		base, entry string
		want        bool
	}{
		{"https://api.example.com", "https://api.example.com", true},
		{"https://api.example.com", "https://API.example.com:443", true},
		{"https://api.example.com:443", "https://api.example.com", true},
		{"https://api.example.com", "https://api.example.com:80", false},
		{"http://api.example.com:443", "https://api.example.com:443", false}, // in clear
		{"http://api.example.com", "https://api.example.com", false},
		{"https://api.example.com:80", "http://api.example.com", false},
		{"http://api.example.com", "http://api.example.com:80", true},
		{"https://api.example.com:8443", "https://api.example.com", false},
		{"https://evil-api.example.com", "https://api.example.com", false},
		{"https://api.example.com.evil.org", "https://api.example.com", false},
		{"https://[::1]", "https://[::1]:443", true},
		{"https://api.example.com", "api.example.com", false}, // of which nobody knows how
		{"https://x", "", false},
		{"https://x", "https://", false},
	}
	for _, tt := range tests {
		base, err := request.ParseBase(tt.base)
		if err != nil {
			t.Fatal(err)
		}
		if got := base.Allows(tt.entry); got != tt.want {
			t.Errorf("%s allows %q = %v", tt.base, tt.entry, got)
		}
	}
}

func TestClimbs(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "/": false, "/a/b": false, "/a..b/..c/d..": false, "/a%2Fb": false, "/...": false, "/a%zz": false,
		"/..": true, "/a/../b": true, "..": true, "/%2e%2e/x": true, "/.%2E": true, "/a%2f..%2fb": true,
		"/%252e%252e/": true, "/%25252e%25252e/": true, `/a\..\b`: true, "/a%5C..%5Cb": true, "/..;a=b/c": true, "/%zz/%2e%2e/": true,
	} {
		if got := request.Climbs(path); got != want {
			t.Errorf("Climbs(%q) = %v", path, got)
		}
	}
}

func TestQueriesAreChangedInPlace(t *testing.T) {
	req := request.Request{Query: "a=1&b%20c=2&a=3&&d"}
	req.SetQuery("a", "x%2Fy")
	req.AddQuery("new one", "n")
	req.DeleteQuery("b c")
	if want := "&d&a=x%2Fy&new%20one=n"; req.Query != want {
		t.Errorf("query = %q, want %q", req.Query, want)
	}
	if got, ok := req.QueryValue("a"); !ok || got != "x/y" {
		t.Errorf("a = %q, %v", got, ok)
	}
	if _, ok := req.QueryValue("gone"); ok {
		t.Error("there is a parameter that was never set")
	}
}

func TestTargetAndCookies(t *testing.T) {
	req := request.Request{Base: request.Base{Path: "/v1"}, Path: "/x", Query: "q", Header: map[string][]string{"Cookie": {"a=1; b=2", "a=3"}}}
	if req.Target() != "/v1/x?q" || (&request.Request{}).Target() != "/" {
		t.Errorf("target = %q", req.Target())
	}
	req.SetCookie("a", "9")
	if got := req.HeaderValue("cookie"); got != "b=2; a=9" {
		t.Errorf("cookie = %q", got)
	}
}

func FuzzClimbs(f *testing.F) {
	for _, seed := range []string{"/a/../b", "/%2e%2e", "/%25%32%65", "%", "/..;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if !request.Climbs(path) && request.Climbs("/x"+path) && len(path) > 0 && path[0] == '/' {
			t.Errorf("%q climbs only behind a prefix", path)
		}
	})
}

func TestACloneSharesNoField(t *testing.T) {
	r := request.Request{Header: map[string][]string{"A": {"1", "2"}, "B": {"3"}, "C": nil}}
	c := r.Clone()
	for _, name := range []string{"A", "B", "C"} {
		c.AddHeader(name, "more")
	}
	c.Header["A"][0] = "other"
	want := map[string][]string{"A": {"1", "2"}, "B": {"3"}, "C": nil}
	if diff := cmp.Diff(want, r.Header); diff != "" {
		t.Errorf("the first one has changed (-want +got):\n%s", diff)
	}
	want = map[string][]string{"A": {"other", "2", "more"}, "B": {"3", "more"}, "C": {"more"}}
	if diff := cmp.Diff(want, c.Header); diff != "" {
		t.Errorf("clone (-want +got):\n%s", diff)
	}
}
