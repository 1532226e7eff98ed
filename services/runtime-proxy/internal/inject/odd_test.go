package inject_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/inject"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

const (
	header = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_HEADER
	query  = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_QUERY
	cookie = connectorv1.CredentialLocation_CREDENTIAL_LOCATION_COOKIE
)

// sent places a secret and returns the request as it would be sent.
func sent(text string, placements ...*connectorv1.CredentialPlacement) (*request.Request, error) {
	c := newCredential(map[string]secret.Text{"api_key": secret.FromString(text)}, nil, &connectorv1.ParameterSet{Placements: placements})
	req := &request.Request{Query: "q=1", Header: map[string][]string{"Cookie": {"a=1"}}}
	handles := c.Handles()
	handles.Place(req, c.Placements())
	return req, handles.Reveal(req)
}

// TestOddSecrets: any bytes can be a secret. In a URL and in a cookie they are
// encoded; in a header they go as they are or not at all.
func TestOddSecrets(t *testing.T) {
	long := strings.Repeat("k3y/", 1<<16)
	tests := []struct {
		name, secret string
		encoded      string // in the query and in cookies
		header       bool   // whether it can be sent in a header
	}{
		{"plain", "abc", "abc", true},
		{"what separates pairs and cookies", "a&b=c;d,e", "a%26b%3Dc%3Bd%2Ce", true},
		{"what ends a path or a query", "a/b?c#d", "a%2Fb%3Fc%23d", true},
		{"what looks encoded", "a%20b+c", "a%2520b%2Bc", true},
		{"spaces and quotes", ` a "b" `, "%20a%20%22b%22%20", true},
		{"dots", "..", "..", true},
		{"beyond ascii", "pässwörd😀", "p%C3%A4ssw%C3%B6rd%F0%9F%98%80", true},
		{"bytes that are no text", "\xff\xfe", "%FF%FE", true},
		{"a tab", "a\tb", "a%09b", true},
		{"a line break", "a\nb", "a%0Ab", false},
		{"a line break at its end, as files have it", "abc\n", "abc%0A", false},
		{"a whole field", "a\r\nX-Admin: 1", "a%0D%0AX-Admin%3A%201", false},
		{"a carriage return", "a\rb", "a%0Db", false},
		{"a zero", "a\x00b", "a%00b", false},
		{"a delete", "a\x7fb", "a%7Fb", false},
		{"a quarter of a million bytes", long, strings.ReplaceAll(long, "/", "%2F"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req, err := sent(tt.secret, apiKey(query, "key"), apiKey(cookie, "sid"))
			if err != nil || req.Query != "q=1&key="+tt.encoded {
				t.Errorf("query = %.80q, %v", req.Query, err)
			}
			if diff := cmp.Diff(map[string][]string{"Cookie": {"a=1; sid=" + tt.encoded}}, req.Header); diff != "" {
				t.Errorf("header (-want +got):\n%.300s", diff)
			}
			req, err = sent(tt.secret, apiKey(header, "x-key"))
			if tt.header {
				if err != nil || req.HeaderValue("X-Key") != tt.secret {
					t.Errorf("header = %.80q, %v", req.Header, err)
				}
				return
			}
			f := fault.From(err)
			if f.Reason() != fault.ReasonConnectionParametersInvalid || !strings.Contains(f.Message(), `"X-Key"`) {
				t.Errorf("error = %v", err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, f), tt.secret) || strings.Contains(fmt.Sprint(req.Header), tt.secret) {
				t.Errorf("the secret is in the error or the request: %v %v", err, req.Header)
			}
		})
	}
}

// TestPrintingShowsNothing holds for every way in which Go prints.
func TestPrintingShowsNothing(t *testing.T) {
	c := credential(apiKey(header, "K"), basic, bearer)
	handles := c.Handles()
	req := &request.Request{Header: map[string][]string{}}
	handles.Place(req, c.Placements())
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		for _, thing := range []any{c, *c, handles, &handles, c.Placements(), req} {
			if text := fmt.Sprintf(verb, thing); strings.Contains(text, "k3y") || strings.Contains(text, "pa:ss") || strings.Contains(text, "YW5uOnBh") || strings.Contains(text, "6b3379") {
				t.Errorf("%s of %T shows a secret: %s", verb, thing, text)
			}
		}
	}
}

// TestRedactFindsEverySpelling: an API may repeat a secret as its own libraries
// write it.
func TestRedactFindsEverySpelling(t *testing.T) {
	c := credential()
	lower := strings.NewReplacer("%2B", "%2b", "%2F", "%2f", "%C3%BC", "%c3%bc", "%22", "%22")
	for name, text := range map[string]string{
		"as it is":                   value,
		"encoded, upper case":        request.Escape(value),
		"encoded, lower case":        lower.Replace(request.Escape(value)),
		"as in a form":               url.QueryEscape(value),
		"as in a form, lower case":   lower.Replace(url.QueryEscape(value)),
		"in base64 without padding":  "azN5ICLDvCIrLyY",
		"in base64 with padding":     "azN5ICLDvCIrLyY=",
		"in hexadecimal digits":      hex.EncodeToString([]byte(value)),
		"in large ones":              strings.ToUpper(hex.EncodeToString([]byte(value))),
		"in a json string":           `k3y \"ü\"+/&`,
		"in one of PHP":              `k3y \"\u00fc\"+\/&`,
		"in one of Python":           `k3y \"\u00fc\"+/&`,
		"in one of Java":             `k3y \"\u00FC\"+/&`,
		"in one of Go":               `k3y \"ü\"+/\u0026`,
		"in one of .NET":             `k3y \"\u00FC\"+/\u0026`,
		"in XML, by number":          `k3y &#34;ü&#34;+/&amp;`,
		"in XML, by name":            `k3y &quot;ü&quot;+/&amp;`,
		"encoded twice":              request.Escape(request.Escape(value)),
		"encoded twice, as in forms": url.QueryEscape(url.QueryEscape(value)),
		"twice, with nothing beside": value + value,
	} {
		got := c.Redact("<" + text + ">")
		if strings.Trim(strings.ReplaceAll(got, inject.Redacted, ""), "<>") != "" {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// TestRedactFindsWhatIsEscapedInPart: libraries do not agree on which characters to escape,
// nor on the digits, and one thing is written into another.
func TestRedactFindsWhatIsEscapedInPart(t *testing.T) {
	c := newCredential(map[string]secret.Text{
		"odd": secret.FromString(`p@s/w"ö rd+<&>'=z%41\x`), "base64": secret.FromString("aGVs/bG8+d29y/bGQ=="),
	}, nil, nil)
	for _, text := range []string{
		`p%40s/w%22%C3%B6%20rd%2B%3C%26%3E'%3Dz%2541%5Cx`, `p@s%2fw%22%c3%B6%20rd%2b%3C%26%3e%27=z%2541%5cx`,
		`p@s/w%22%C3%B6+rd%2B%3C%26%3E%27%3Dz%2541%5Cx`, `p%2540s%252Fw%2522%25C3%25B6%2520rd%252B%253C%2526%253E%2527%253Dz%252541%255Cx`,
		`p@s/w&quot;ö rd+&lt;&amp;&gt;&#x27;=z%41\x`, `p@s&#47;w&#34;&ouml; rd&plus;&lt;&amp;&gt;&#39;=z%41\x`, `p&commat;s&#x2F;w&#X22;ö rd+<&amp;>'=z%41\x`,
		`p@s\/w\"\u00F6 rd+\u003c\u0026\u003E\u0027=z%41\\x`, `p@s/w\x22\u00f6 rd+<&>\'=z%41\\x`,
		`p@s/w\u0026quot;ö rd+\u0026lt;\u0026amp;\u0026gt;\u0026#x27;=z%41\\x`,
		`p@s/w%22%C3%B6%20rd+%3C%26%3E'=z%41%5cx`, `p@s/w%5C%22%5Cu00f6%20rd+%3C%26%3E'=z%41%5C%5Cx`,
		"aGVs/bG8%2Bd29y/bGQ%3D%3D", "aGVs%2fbG8+d29y%2fbGQ=%3d", "aGVs/bG8%2bd29y/bGQ==", `aGVs\/bG8+d29y\/bGQ==`, `aGVs\/bG8%2Bd29y\/bGQ%3D\u003d`,
		"aGVs&#x2F;bG8&#43;d29y/bGQ==",
	} {
		want := "a%20b &amp; \\n [redacted] c%"
		if got := c.Redact("a%20b &amp; \\n " + text + " c%"); got != want {
			t.Errorf("Redact(%s) = %q", text, got)
		}
		header := map[string][]string{"Location": {"https://x?k=" + text}, "Date": {"now"}}
		if c.RedactAll(header); header["Location"][0] != "https://x?k=[redacted]" || header["Date"][0] != "now" {
			t.Errorf("RedactAll(%s): %v", text, header)
		}
	}
	for _, text := range []string{"%", "&", `\`, "%zz", "&;", "&x", `\u12`, `\ud800\u0041`, `\x1`, "a%20b", "a&amp;b", `\u00e4\n`, "100% & more"} {
		if got := c.Redact(text); got != text {
			t.Errorf("Redact(%q) = %q", text, got)
		}
	}
}

// BenchmarkRedactAll is the header of a usual answer without a secret in it.
func BenchmarkRedactAll(b *testing.B) {
	c := newCredential(map[string]secret.Text{"api_key": secret.FromString("sk-aGVs/bG8+d29y/bGQ")}, nil, nil)
	header := map[string][]string{
		"Content-Type": {"application/json; charset=utf-8"}, "Date": {"Fri, 01 May 2026 12:00:00 GMT"}, "Content-Length": {"1024"},
		"Etag": {`W/"5f4dcc3b5aa765d61d8327deb882cf99"`}, "Cache-Control": {"private, max-age=0"}, "X-Request-Id": {"0f8fad5b-d9cb-469f-a165-70867728950e"},
		"Vary": {"Accept-Encoding"}, "Server": {"nginx"},
	}
	b.ReportAllocs()
	for b.Loop() {
		c.RedactAll(header)
	}
}

// BenchmarkRedactBody is a page of JSON, as custom code gets it.
func BenchmarkRedactBody(b *testing.B) {
	c := newCredential(map[string]secret.Text{"api_key": secret.FromString("sk-aGVs/bG8+d29y/bGQ")}, nil, nil)
	page := strings.Repeat(`{"name":"a \"quoted\" one","url":"https:\/\/x.example\/?a=1&b=%20","text":"some more words here"},`, 10000)
	b.SetBytes(int64(len(page)))
	b.ReportAllocs()
	for b.Loop() {
		c.Redact(page)
	}
}

// TestASecretInsideBase64IsFound: what stands beside it shifts its characters. At its
// ends, some belong to the neighbours too and say next to nothing.
func TestASecretInsideBase64IsFound(t *testing.T) {
	c := credential()
	for _, before := range []string{"", "u", "us", "user:", "someone else:"} {
		for _, after := range []string{"", "x", "xy", ":xyz"} {
			for name, coding := range map[string]*base64.Encoding{"standard": base64.StdEncoding, "of URLs": base64.RawURLEncoding} {
				text := coding.EncodeToString([]byte(before + value + after))
				got := c.Redact(text)
				rest := len(strings.ReplaceAll(got, inject.Redacted, ""))
				if most := (len(before)+len(after))*4/3 + 8; !strings.Contains(got, inject.Redacted) || rest > most {
					t.Errorf("%q + secret + %q, %s: %s", before, after, name, got)
				}
			}
		}
	}
	if got := c.Redact("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJ"); strings.Contains(got, inject.Redacted) {
		t.Errorf("a picture: %s", got)
	}
}

// TestSecretsThatBeginAlike: taking out the shorter one first would leave the
// rest of the longer one.
func TestSecretsThatBeginAlike(t *testing.T) {
	for range 20 { // maps have no order
		c := newCredential(map[string]secret.Text{
			"a": secret.FromString("abcd"), "b": secret.FromString("abcdefgh"), "c": secret.FromString("abcdef"),
		}, nil, nil)
		if got := c.Redact("abcdefgh abcdef abcd"); got != "[redacted] [redacted] [redacted]" {
			t.Fatalf("got %q", got)
		}
	}
}

func TestALongSecretIsTakenOutWhole(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<13)
	c := newCredential(map[string]secret.Text{"a": secret.FromString(long)}, nil, nil)
	if got := c.Redact("<" + long + ">"); got != "<[redacted]>" {
		t.Errorf("%d bytes are left", len(got))
	}
}

// TestWhatIsASecret: a plain parameter becomes one where it is a credential, and
// values that are too short to be looked for are left alone.
func TestWhatIsASecret(t *testing.T) {
	key := &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_ApiKey{ApiKey: &connectorv1.ApiKeyPlacement{Parameter: "tenant", Name: "T"}}}
	tests := []struct {
		name       string
		secrets    map[string]secret.Text
		parameters map[string]string
		placements []*connectorv1.CredentialPlacement
		empty      bool
		text, want string
	}{
		{"nothing at all", nil, nil, nil, true, "text", "text"},
		{"plain parameters only", nil, map[string]string{"tenant": "contoso"}, nil, true, "contoso", "contoso"},
		{"a plain parameter that proves something", nil, map[string]string{"tenant": "contoso"}, []*connectorv1.CredentialPlacement{key}, false, "contoso", "[redacted]"},
		{"an empty secret", map[string]secret.Text{"tenant": {}}, nil, []*connectorv1.CredentialPlacement{key}, false, "text", "text"},
		{"a secret of three bytes", map[string]secret.Text{"tenant": secret.FromString("abc")}, nil, []*connectorv1.CredentialPlacement{key}, false, "abc", "abc"},
		{"a secret of four bytes", map[string]secret.Text{"tenant": secret.FromString("abcd")}, nil, []*connectorv1.CredentialPlacement{key}, false, "abcd", "[redacted]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCredential(tt.secrets, tt.parameters, &connectorv1.ParameterSet{Placements: tt.placements})
			if c.Empty() != tt.empty || c.Redact(tt.text) != tt.want {
				t.Errorf("empty %v, %q", c.Empty(), c.Redact(tt.text))
			}
		})
	}
}

// TestBasic follows RFC 7617, section 2, and what APIs make of it.
func TestBasic(t *testing.T) {
	tests := []struct {
		name       string
		secrets    map[string]secret.Text
		parameters map[string]string
		want       string // "" if nothing is sent
	}{
		{"a name and a password", map[string]secret.Text{"password": secret.FromString("open sesame")}, map[string]string{"user": "Aladdin"}, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"a password with a colon", map[string]secret.Text{"password": secret.FromString("a:b")}, map[string]string{"user": "u"}, "Basic dTphOmI="},
		{"a key in place of the name", map[string]secret.Text{"user": secret.FromString("sk_1")}, nil, "Basic c2tfMTo="},
		{"a password alone", map[string]secret.Text{"password": secret.FromString("p")}, nil, "Basic OnA="},
		{"beyond ascii, in utf-8", map[string]secret.Text{"password": secret.FromString("ü£")}, map[string]string{"user": "ä"}, "Basic w6Q6w7zCow=="},
		{"a line break is no danger", map[string]secret.Text{"password": secret.FromString("a\r\nb")}, map[string]string{"user": "u"}, "Basic dTphDQpi"},
		{"neither", nil, map[string]string{"other": "x"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := newCredential(tt.secrets, tt.parameters, &connectorv1.ParameterSet{Placements: []*connectorv1.CredentialPlacement{basic}})
			req := &request.Request{Header: map[string][]string{}}
			handles := c.Handles()
			handles.Place(req, c.Placements())
			if err := handles.Reveal(req); err != nil || req.HeaderValue("Authorization") != tt.want {
				t.Errorf("got %q, %v; want %q", req.HeaderValue("Authorization"), err, tt.want)
			}
		})
	}
}

// TestTheCredentialTakesItsPlace: what stood there goes, what stands beside it
// stays.
func TestTheCredentialTakesItsPlace(t *testing.T) {
	c := credential(apiKey(header, "x-key"), apiKey(query, "key"), apiKey(cookie, "sid"))
	req := &request.Request{
		Query:  "key=1&a=2&key=3&KEY=4&%6Bey=5",
		Header: map[string][]string{"X-Key": {"a", "b"}, "X-Other": {"c"}, "Cookie": {"sid=1; sid2=2", "Sid=3; sid=4"}},
	}
	handles := c.Handles()
	handles.Place(req, c.Placements())
	if err := handles.Reveal(req); err != nil {
		t.Fatal(err)
	}
	encoded := request.Escape(value)
	want := map[string][]string{"X-Key": {value}, "X-Other": {"c"}, "Cookie": {"sid2=2; Sid=3; sid=" + encoded}}
	if diff := cmp.Diff(want, req.Header); diff != "" || req.Query != "a=2&KEY=4&key="+encoded {
		t.Errorf("query %q, header (-want +got):\n%s", req.Query, diff)
	}
}

// TestAHandleIsOnlyAHandleWhole: whatever policies or callers make of one, no
// part of a secret comes of it.
func TestAHandleIsOnlyAHandleWhole(t *testing.T) {
	c := credential()
	handles := c.Handles()
	key, _ := handles.Parameter("api_key")
	for name, text := range map[string]string{
		"cut at its end":           key[:len(key)-1],
		"cut in its middle":        key[:len(key)/2],
		"with a slot that is none": key[:len(key)-2] + "fe",
		"with a slot that is text": key[:len(key)-2] + "zz",
		"in capitals":              strings.ToUpper(key),
	} {
		req := &request.Request{Path: "/" + text, Header: map[string][]string{"A": {text}}}
		if err := handles.Reveal(req); err != nil || req.Path != "/"+text || req.Header["A"][0] != text {
			t.Errorf("%s: %v, %+v", name, err, req)
		}
	}
	if again, _ := handles.Parameter("api_key"); again != key {
		t.Error("a secret has two handles in one call")
	}
	other := c.Handles()
	if next, _ := other.Parameter("api_key"); next == key {
		t.Error("two calls have the same handle")
	}
}

func BenchmarkReveal(b *testing.B) {
	c := credential(apiKey(header, "x-key"))
	b.ReportAllocs()
	for b.Loop() {
		req := request.Request{Path: "/items", Query: "a=1", Header: map[string][]string{"Accept": {"application/json"}}}
		handles := c.Handles()
		handles.Place(&req, c.Placements())
		if err := handles.Reveal(&req); err != nil {
			b.Fatal(err)
		}
	}
}
