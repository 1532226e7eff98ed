package links_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const ours = "https://ferrule.example/v1/environments/default/connections/crm/proxy"

func maker(change ...func(*links.Maker)) *links.Maker {
	m := &links.Maker{
		PublicURL:  "https://ferrule.example",
		Connection: resource.Connection{Environment: "default", ID: "crm"},
		Key:        bytes.Repeat([]byte{7}, links.KeySize),
		Base:       request.Base{Scheme: "https", Host: "api.example", Path: "/v2"},
		Allowed: func(b request.Base) bool {
			return b.AllowedBy([]string{"https://files.example", "https://files.example:8443"})
		},
		SecretQuery: []string{"api_key"},
		Redact:      func(text string) string { return strings.ReplaceAll(text, "s3cret", "[redacted]") },
	}
	for _, c := range change {
		c(m)
	}
	return m
}

func TestLinksBelowTheBaseAreAddressesOfTheDataPlane(t *testing.T) {
	for _, row := range []struct{ name, written, link, opened string }{
		{"a page", "https://api.example/v2/items?page=2", ours + "/items?page=2", "https://api.example/v2/items?page=2"},
		{"the base itself", "https://api.example/v2", ours, "https://api.example/v2"},
		{"the base with a query", "https://api.example/v2?page=2", ours + "?page=2", "https://api.example/v2?page=2"},
		{"a slash at the end", "https://api.example/v2/", ours + "/", "https://api.example/v2/"},
		{"its own port", "https://api.example:443/v2/items", ours + "/items", "https://api.example/v2/items"},
		{"a host in capitals", "HTTPS://API.Example./v2/items", ours + "/items", "https://api.example/v2/items"},
		{"encoded parts stay", "https://api.example/v2/a%2Fb/%C3%A9?f=a%26b+c", ours + "/a%2Fb/%C3%A9?f=a%26b+c", "https://api.example/v2/a%2Fb/%C3%A9?f=a%26b+c"},
		{"bare parts are encoded", "https://api.example/v2/ü?$filter=a eq 'b'&x={1|2}", ours + "/%C3%BC?$filter=a%20eq%20'b'&x=%7B1%7C2%7D", "https://api.example/v2/%C3%BC?$filter=a%20eq%20'b'&x=%7B1%7C2%7D"},
		{"a fragment is dropped", "https://api.example/v2/items#top", ours + "/items", "https://api.example/v2/items"},
		{"a url in the query", "https://api.example/v2/items?back=https://x.example/?a=b", ours + "/items?back=https://x.example/?a=b", "https://api.example/v2/items?back=https://x.example/?a=b"},
		{"empty segments", "https://api.example/v2//items", ours + "//items", "https://api.example/v2//items"},
		{"an empty query", "https://api.example/v2/items?", ours + "/items", "https://api.example/v2/items"},
		{"the key of the credential", "https://api.example/v2/items?api_key=s3cret&page=2", ours + "/items?page=2", "https://api.example/v2/items?page=2"},
		{"nothing but the key", "https://api.example/v2/items?api_key=s3cret", ours + "/items", "https://api.example/v2/items"},
		{"the key under an encoded name", "https://api.example/v2/items?page=2&api%5Fkey=s3cret", ours + "/items?page=2", "https://api.example/v2/items?page=2"},
	} {
		t.Run(row.name, func(t *testing.T) {
			link, ok := maker().Make(row.written)
			if !ok || link != row.link {
				t.Fatalf("link %q, %v; want %q", link, ok, row.link)
			}
			for _, form := range []string{link, strings.TrimPrefix(link, "https://ferrule.example"), row.opened} {
				if opened, err := maker().Open(form); err != nil || opened != row.opened {
					t.Errorf("%q opened as %q, %v; want %q", form, opened, err, row.opened)
				}
			}
		})
	}
}

func TestLinksElsewhereAreSealed(t *testing.T) {
	for _, row := range []struct{ name, written, opened string }{
		{"another host", "https://files.example/a/b?c=d", "https://files.example/a/b?c=d"},
		{"another port", "https://files.example:8443/a", "https://files.example:8443/a"},
		{"its key", "https://files.example/a?c=d&api_key=s3cret", "https://files.example/a?c=d"},
		{"what looks like a sealed link", "https://api.example/v2/~/x", "https://api.example/v2/~/x"},
	} {
		t.Run(row.name, func(t *testing.T) {
			link, ok := maker().Make(row.written)
			if !ok || !strings.HasPrefix(link, ours+"/~/") || strings.Contains(link, "files.example") {
				t.Fatalf("link %q, %v", link, ok)
			}
			opened, err := maker().Open(link)
			if err != nil || opened != row.opened {
				t.Errorf("opened as %q, %v; want %q", opened, err, row.opened)
			}
		})
	}
}

func TestWhatIsNoLink(t *testing.T) {
	for _, row := range []struct {
		name, written string
		change        func(*links.Maker)
	}{
		{"a host that is not allowed", "https://evil.example/v2/items", nil},
		{"a host that begins alike", "https://api.example.evil.example/v2/items", nil},
		{"another port of the host", "https://api.example:444/v2/items", nil},
		{"the host without tls", "http://api.example/v2/items", nil},
		{"an allowed host without tls", "http://files.example/a", nil},
		{"beside the base, where its host is not allowed", "https://api.example/v1/items", nil},
		{"beside the base, alike in the beginning", "https://api.example/v22/items", nil},
		{"out of the base", "https://api.example/v2/../admin", nil},
		{"out of the base, encoded", "https://api.example/v2/%2e%2e/admin", nil},
		{"out of the base, encoded twice", "https://api.example/v2/%252e%252e/admin", nil},
		{"out of the base by a backslash", `https://api.example/v2/..\admin`, nil},
		{"a backslash for a slash", `https://api.example\@files.example/a`, nil},
		{"user information", "https://user:pass@api.example/v2/items", nil},
		{"a host as user information", "https://api.example@evil.example/v2/items", nil},
		{"an encoded host", "https://api%2eexample/v2/items", nil},
		{"a port that is none", "https://api.example:/v2/items", nil},
		{"another scheme", "ftp://api.example/v2/items", nil},
		{"code", "javascript:alert(1)", nil},
		{"no scheme", "//api.example/v2/items", nil},
		{"a path", "/v2/items", nil},
		{"nothing", "", nil},
		{"a line break", "https://api.example/v2/items\r\nX: y", nil},
		{"a secret in the path", "https://api.example/v2/s3cret/items", nil},
		{"a secret under another name", "https://api.example/v2/items?token=s3cret", nil},
		{"too long", "https://api.example/v2/" + strings.Repeat("a", links.MaxLink), nil},
		{"too long once it is sealed", "https://files.example/" + strings.Repeat("a", links.MaxLink-100), nil},
		{"another host without a key", "https://files.example/a", func(m *links.Maker) { m.Key = nil }},
		{"another host with a short key", "https://files.example/a", func(m *links.Maker) { m.Key = []byte("short") }},
		{"another host where none is allowed", "https://files.example/a", func(m *links.Maker) { m.Allowed = nil }},
		{"what looks sealed, without a key", "https://api.example/v2/~/x", func(m *links.Maker) { m.Key = nil }},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := maker()
			if row.change != nil {
				row.change(m)
			}
			if link, ok := m.Make(row.written); ok {
				t.Errorf("became %q", link)
			}
		})
	}
}

func TestLinksThatAreRefused(t *testing.T) {
	sealed, _ := maker().Make("https://files.example/a")
	token := strings.TrimPrefix(sealed, ours+"/~/")
	payload, proof, _ := strings.Cut(token, ".")
	evil := base64.RawURLEncoding.EncodeToString([]byte("https://evil.example/a"))
	foreign, _ := maker(func(m *links.Maker) { m.Connection.ID = "other" }).Make("https://files.example/a")
	stranger, _ := maker(func(m *links.Maker) { m.Key = bytes.Repeat([]byte{8}, links.KeySize) }).Make("https://files.example/a")
	for _, row := range []struct{ name, link string }{
		{"another connection's", "https://ferrule.example/v1/environments/default/connections/other/proxy/items"},
		{"another environment's", "https://ferrule.example/v1/environments/test/connections/crm/proxy/items"},
		{"another connection's seal", foreign},
		{"another connection's seal under this name", strings.Replace(foreign, "/other/", "/crm/", 1)},
		{"a seal with another key", stranger},
		{"another url under a seal", ours + "/~/" + evil + "." + proof},
		{"a proof that was cut", sealed[:len(sealed)-1]},
		{"no proof", ours + "/~/" + payload},
		{"an empty proof", ours + "/~/" + payload + "."},
		{"an empty seal", ours + "/~/"},
		{"a seal with padding", ours + "/~/" + payload + "=." + proof},
		{"a seal with a query", sealed + "?a=b"},
		{"a seal with more behind it", sealed + "/items"},
		{"a method of ours", "/v1/environments/default/connections/crm:test"},
		{"a name that only begins alike", "https://ferrule.example/v1/environments/default/connections/crm/proxyx"},
		{"our address elsewhere", "https://evil.example/v1/environments/default/connections/crm/proxy/items"},
		{"our address without tls", "http://ferrule.example/v1/environments/default/connections/crm/proxy/items"},
		{"an address that begins with ours", "https://ferrule.example.evil.example/v1/environments/default/connections/crm/proxy/items"},
		{"out of the base", ours + "/../admin"},
		{"out of the base, encoded", ours + "/%2e%2e/admin"},
		{"out of the base by a backslash", ours + `/..\admin`},
		{"a backslash", ours + `/a\b`},
		{"a fragment", ours + "/items#a"},
		{"a space", ours + "/items ?a"},
		{"a line break", ours + "/items\r\nX: y"},
		{"a host for a path", "//evil.example/v1/environments/default/connections/crm/proxy/items"},
		{"a path of the API", "/v2/items"},
		{"the API beside its base", "https://api.example/v1/items"},
		{"the API without tls", "http://api.example/v2/items"},
		{"the API at another port", "https://api.example:8443/v2/items"},
		{"the API with user information", "https://me@api.example/v2/items"},
		{"the API as user information", "https://api.example@evil.example/v2/items"},
		{"the API, climbing", "https://api.example/v2/..;/admin"},
		{"a host that is allowed, and not sealed", "https://files.example/a"},
		{"something else", "https://evil.example/"},
		{"another scheme", "file:///etc/passwd"},
		{"nothing", ""},
		{"something huge", ours + "/" + strings.Repeat("a", links.MaxLink)},
	} {
		t.Run(row.name, func(t *testing.T) {
			opened, err := maker().Open(row.link)
			if fault.ReasonOf(err) != fault.ReasonLinkInvalid {
				t.Errorf("opened as %q, %v", opened, err)
			}
		})
	}
}

func TestASealEndsWithItsKey(t *testing.T) {
	sealed, _ := maker().Make("https://files.example/a")
	_, err := maker(func(m *links.Maker) { m.Key = nil }).Open(sealed)
	if fault.ReasonOf(err) != fault.ReasonLinkInvalid {
		t.Errorf("error = %v", err)
	}
}

func TestThePublicAddressMayHaveAPath(t *testing.T) {
	m := maker(func(m *links.Maker) { m.PublicURL = "https://front.example/ferrule/" })
	link, ok := m.Make("https://api.example/v2/items")
	if want := "https://front.example/ferrule/v1/environments/default/connections/crm/proxy/items"; !ok || link != want {
		t.Fatalf("link %q, %v", link, ok)
	}
	for _, form := range []string{link, "/ferrule/v1/environments/default/connections/crm/proxy/items", "/v1/environments/default/connections/crm/proxy/items"} {
		if opened, err := m.Open(form); err != nil || opened != "https://api.example/v2/items" {
			t.Errorf("%q opened as %q, %v", form, opened, err)
		}
	}
}

func TestWithoutAPublicAddressLinksArePaths(t *testing.T) {
	m := maker(func(m *links.Maker) { m.PublicURL = "" })
	link, ok := m.Make("https://api.example/v2/items?a=b")
	if !ok || link != "/v1/environments/default/connections/crm/proxy/items?a=b" {
		t.Fatalf("link %q, %v", link, ok)
	}
	if opened, err := m.Open(link); err != nil || opened != "https://api.example/v2/items?a=b" {
		t.Errorf("opened as %q, %v", opened, err)
	}
}

// bound makes the links of one operation, whose own path is /items.
func bound(m *links.Maker) {
	m.Operation, m.Method, m.Known = "List\nItems", "POST", func(path string) bool { return path == "/items" }
}

func TestLinksOfAnOperationAreBoundToIt(t *testing.T) {
	free := links.Opened{}
	for _, row := range []struct {
		name, written string
		change        func(*links.Maker)
		sealed        bool
		want          links.Opened
	}{
		{"at its own path", "https://api.example/v2/items?page=2", bound, false, free},
		{"at another path", "https://api.example/v2/next/abc?x=1", bound, true, links.Opened{Operation: "List\nItems", Method: "POST"}},
		{"at the base itself", "https://api.example/v2", bound, true, links.Opened{Operation: "List\nItems", Method: "POST"}},
		{"elsewhere", "https://files.example/a", bound, true, links.Opened{Operation: "List\nItems", Method: "POST"}},
		{"at another path, of no operation", "https://api.example/v2/next", func(*links.Maker) {}, false, free},
		{"elsewhere, of no operation", "https://files.example/a", func(*links.Maker) {}, true, free},
		{"at another path, without a key", "https://api.example/v2/next", func(m *links.Maker) { bound(m); m.Key = nil }, false, free},
	} {
		t.Run(row.name, func(t *testing.T) {
			link, ok := maker(row.change).Make(row.written)
			if !ok || strings.HasPrefix(link, ours+"/~/") != row.sealed {
				t.Fatalf("link %q, %v", link, ok)
			}
			row.want.URL = row.written
			opened, err := maker().Read(link) // whoever reads it need not know the operation
			if diff := cmp.Diff(row.want, opened); diff != "" || err != nil {
				t.Errorf("read with %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

func TestPlaceSaysWhatIsRequested(t *testing.T) {
	own := request.Base{Scheme: "https", Host: "api.example", Path: "/v2"}
	for _, row := range []struct {
		name, absolute string
		base           request.Base
		path, query    string
		reason         fault.Reason
	}{
		{"below the base", "https://api.example/v2/items?a=b", own, "/items", "a=b", ""},
		{"the base", "https://api.example/v2", own, "", "", ""},
		{"beside it", "https://api.example/v3/items", request.Base{Scheme: "https", Host: "api.example"}, "/v3/items", "", ""},
		{"elsewhere", "https://files.example:8443/a?b=c", request.Base{Scheme: "https", Host: "files.example:8443"}, "/a", "b=c", ""},
		{"nowhere", "items", request.Base{}, "", "", fault.ReasonLinkInvalid},
	} {
		t.Run(row.name, func(t *testing.T) {
			base, path, query, err := maker().Place(row.absolute)
			if diff := cmp.Diff([]any{row.base, row.path, row.query, row.reason}, []any{base, path, query, fault.ReasonOf(err)}); diff != "" {
				t.Errorf("place (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzOpenStaysAtTheAPI: whatever is handed in, what comes out without a seal lies
// below the base.
func FuzzOpenStaysAtTheAPI(f *testing.F) {
	for _, seed := range []string{ours + "/items?a=b", "/v1/environments/default/connections/crm/proxy/%2e%2e/x", "https://api.example/v2/items", "https://api.example@evil/v2", ours + `/\..\x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, link string) {
		opened, err := maker().Open(link)
		if err != nil {
			return
		}
		base, path, _, err := maker().Place(opened)
		if err != nil || base != maker().Base || request.Climbs(path) {
			t.Errorf("%q opened as %q", link, opened)
		}
		if again, ok := maker(func(m *links.Maker) { m.SecretQuery, m.Redact = nil, nil }).Make(opened); ok {
			if back, err := maker().Open(again); err != nil {
				t.Errorf("%q made of %q is %q, %v", again, opened, back, err)
			}
		}
	})
}

func BenchmarkMake(b *testing.B) {
	m := maker()
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := m.Make("https://api.example/v2/items?page=2&size=100"); !ok {
			b.Fatal("no link")
		}
	}
}

func BenchmarkOpenSealed(b *testing.B) {
	m := maker()
	link, _ := m.Make("https://files.example/items?page=2&size=100")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Open(link); err != nil {
			b.Fatal(err)
		}
	}
}
