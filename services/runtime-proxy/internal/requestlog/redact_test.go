package requestlog

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

const (
	// ours is the connection's secret, canary one that nobody told us about.
	ours   = "s3cr3t/of+the connection"
	canary = "canary-81f0b7"
)

// redactOurs does what a credential does.
func redactOurs(text string) string {
	for _, form := range []string{ours, url.QueryEscape(ours), url.PathEscape(ours), base64.StdEncoding.EncodeToString([]byte(ours))} {
		text = strings.ReplaceAll(text, form, Redacted)
	}
	return text
}

func TestURLsShowNoSecrets(t *testing.T) {
	tests := []struct{ name, url, want string }{
		{"nothing secret", "https://api.example.com/items?page=2&q=a%20b#top", "https://api.example.com/items?page=2&q=a%20b#top"},
		{"the credential's own parameter", "https://h/x?Subscription=" + canary + "&page=2", "https://h/x?Subscription=[redacted]&page=2"},
		{"parameters that are called like secrets", "https://h/x?api_key=1&access_token=2&sig=3&key=4&client%5Fsecret=5&code=6&page=7", "https://h/x?api_key=[redacted]&access_token=[redacted]&sig=[redacted]&key=[redacted]&client%5Fsecret=[redacted]&code=[redacted]&page=7"},
		{"places in a list stay", "https://h/x?pageToken=abc&$skiptoken=d&maxTokens=5", "https://h/x?pageToken=abc&$skiptoken=d&maxTokens=5"},
		{"our secret anywhere", "https://h/" + url.PathEscape(ours) + "/x?q=" + url.QueryEscape(ours), "https://h/[redacted]/x?q=[redacted]"},
		{"our secret in an odd spelling", "https://h/x?q=%73%33" + url.QueryEscape(ours[2:]), "https://h/x?q=[redacted]"},
		{"a fragment", "https://h/cb#access_token=" + canary + "&token_type=bearer", "https://h/cb#access_token=[redacted]&token_type=bearer"},
		{"a user", "https://ada:" + canary + "@h/x", "https://[redacted]@h/x"},
		{"an empty value", "https://h/x?token=&a", "https://h/x?token=&a"},
		{"users of several URLs", "https://h/x?a=1 ftp://b:" + canary + "@f, http://c@g/", "https://h/x?a=1 ftp://[redacted]@f, http://[redacted]@g/"},
		{"a user without a scheme", "//ada:" + canary + "@h/x", "//[redacted]@h/x"},
		{"a password that is not escaped", "postgres://ada:" + canary + "/?#x@h:5432/db", "postgres://[redacted]@h:5432/db"},
		{"an address of a person is no user", "https://h:8080/x/ada@example.com and https://h//ada@example.com", "https://h:8080/x/ada@example.com and https://h//ada@example.com"},
		{"a URL with a user in a query", "https://h/x?to=https%3A%2F%2Fada%3A" + canary + "%40h&page=2", "https://h/x?to=[redacted]&page=2"},
		{"JSON in a query", "https://h/x?filter=%7B%22token%22%3A%22" + canary + "%22%7D&page=2", "https://h/x?filter=[redacted]&page=2"},
		{"a scheme in a query", "https://h/x?auth_line=Bearer%20" + canary + "&b=Basic+" + canary + "&c=a+b", "https://h/x?auth_line=[redacted]&b=[redacted]&c=a+b"},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newRedactor(newWords(), redactOurs, []string{"subscription"}).said(tt.url, 0); got != tt.want {
				t.Errorf("url = %q\nwant  %q", got, tt.want)
			}
		})
	}
}

func TestHeaderFieldsThatCarrySecretsAreRedacted(t *testing.T) {
	secret := []string{
		"Authorization", "authorization", "Proxy-Authorization", "Proxy-Anything", "Cookie", "Set-Cookie", "X-Api-Key", "Api-Key", "apikey",
		"X-Auth-Token", "X-Access-Token", "X-Shopify-Access-Token", "X-Amz-Security-Token", "Ocp-Apim-Subscription-Key", "X-Client-Secret",
		"X-Hub-Signature-256", "X-Own", "x-own", "Authentication-Info", "X-Goog-Api-Key", "X-CSRF-Token", "X-Session-Id", "X-Vault-Password",
	}
	plain := []string{"Content-Type", "Accept", "Etag", "X-Request-Id", "WWW-Authenticate", "Idempotency-Key", "X-RateLimit-Remaining", "Link", "Date"}
	r := newRedactor(newWords(), redactOurs, []string{"X-Own"})
	for _, name := range secret {
		if got := r.header(map[string][]string{name: {canary}})[0].GetValue(); got != Redacted {
			t.Errorf("%s: %s", name, got)
		}
	}
	for _, name := range plain {
		if got := r.header(map[string][]string{name: {canary}})[0].GetValue(); got != canary {
			t.Errorf("%s: %s", name, got)
		}
	}
	lines := r.header(map[string][]string{"B": {"2", "1"}, "A": {"see " + ours}, "Location": {"https://h/?token=" + canary}})
	got := ""
	for _, line := range lines {
		got += line.GetName() + "=" + line.GetValue() + "\n"
	}
	if want := "A=see [redacted]\nB=2\nB=1\nLocation=https://h/?token=[redacted]\n"; got != want {
		t.Errorf("header = %q\nwant     %q", got, want)
	}
}

func TestBodiesShowNoSecrets(t *testing.T) {
	tests := []struct{ name, kind, body, want string }{
		{"json without secrets", "application/json", `{"a": [1, "b"], "c": {"d": null}}`, `{"a": [1, "b"], "c": {"d": null}}`},
		{"members by name", "application/json; charset=utf-8", `{"user":"ada","password":"x","api_key" : "y", "n":{"client_secret":"z"},"refreshToken":"t"}`, `{"user":"ada","password":"[redacted]","api_key" : "[redacted]", "n":{"client_secret":"[redacted]"},"refreshToken":"[redacted]"}`},
		{"a member with an escaped name", "application/json", `{"pass\u0077ord":"x"}`, `{"pass\u0077ord":"[redacted]"}`},
		{"a secret that is a number, a list or an object", "application/json", `{"pin":1234,"tokens":["a","]"],"credentials":{"a":{"b":"}"}},"e":1}`, `{"pin":"[redacted]","tokens":"[redacted]","credentials":"[redacted]","e":1}`},
		{"json that is cut off in a secret", "application/json", `{"a":1,"token":"abc`, `{"a":1,"token":"[redacted]"`},
		{"json that is cut off in a name", "application/json", `{"a":1,"tok`, `{"a":1,"tok`},
		{"what only looks secret", "application/json", `{"nextPageToken":"abc","total_tokens":5,"token_type":"bearer"}`, `{"nextPageToken":"abc","total_tokens":5,"token_type":"bearer"}`},
		{"our secret in a string", "application/json", `{"echo":"` + ours + `"}`, `{"echo":"[redacted]"}`},
		{"our secret with escapes of another kind", "application/json", `{"echo":"` + strings.ReplaceAll(ours, "/", `\/`) + `","e2":"\u00733cr3t/of+the connection"}`, `{"echo":"[redacted]","e2":"[redacted]"}`},
		{"a url in json", "application/json", `{"next":"https://h/x?access_token=abc&page=2","b":1}`, `{"next":"https://h/x?access_token=[redacted]&page=2","b":1}`},
		{"lines of json", "application/x-ndjson", "{\"token\":\"a\"}\n{\"token\":\"b\"}", "{\"token\":\"[redacted]\"}\n{\"token\":\"[redacted]\"}"},
		{"json under a wrong name", "text/plain", `{"password":"x"}`, `{"password":"[redacted]"}`},
		{"a form", "application/x-www-form-urlencoded", "grant_type=password&username=ada&password=x&client_secret=y&q=" + url.QueryEscape(ours), "grant_type=password&username=ada&password=[redacted]&client_secret=[redacted]&q=[redacted]"},
		{"xml", "application/xml", `<a><Password kind="x">abc</Password><ns:Token>t</ns:Token><b>c</b></a>`, `<a><Password kind="[redacted]">[redacted]</Password><ns:Token>[redacted]</ns:Token><b>c</b></a>`},
		{"attributes of xml", "application/soap+xml", `<login user="ada" password="abc" x='1'/><token/>`, `<login user="ada" password="[redacted]" x='1'/><token/>`},
		{"attributes of an element that is a secret", "text/xml", `<token a="abc" xmlns:b="urn:x"/><b c="d"/>`, `<token a="[redacted]" xmlns:b="urn:x"/><b c="d"/>`},
		{"pairs of names and values in xml", "text/xml", `<add key="password" value="abc"/><add key="color" value="red"/><p name="apiKey">abc</p><p name="a">b</p>`, `<add key="password" value="[redacted]"/><add key="color" value="red"/><p name="apiKey">[redacted]</p><p name="a">b</p>`},
		{"pairs of names and values", "application/json", `[{"name":"password","value":"abc"},{"value":{"a":1},"name":"color"},{"key":"client_secret","type":"s","value":["x"]}]`, `[{"name":"password","value":"[redacted]"},{"value":{"a":1},"name":"color"},{"key":"client_secret","type":"s","value":"[redacted]"}]`},
		{"keys that nobody chose", "application/json", `{"key":"AIzaSyA1234567890abcdef","n":{"Key":"PROJ-17"}}`, `{"key":"[redacted]","n":{"Key":"PROJ-17"}}`},
		{"keys of objects", "application/json", `{"key":"photos/2026/cat.jpg","e":[{"key":"a-long-name-of-something"}]}`, `{"key":"photos/2026/cat.jpg","e":[{"key":"a-long-name-of-something"}]}`},
		{"answers of SAML", "application/x-www-form-urlencoded", "SAMLResponse=PHNhbWw%2B&RelayState=a&key=k", "SAMLResponse=[redacted]&RelayState=a&key=[redacted]"},
		{"xml that is cut off in a secret", "text/xml", `<a><secret>abc`, `<a><secret>[redacted]`},
		{"lines of text", "text/plain", "name: x\npassword: abc\nThe password: is here\ntoken=abc\nend", "name: x\npassword: [redacted]\nThe password: is here\ntoken=[redacted]\nend"},
		{"yaml", "application/yaml", "user: ada\nsecret: abc", "user: ada\nsecret: [redacted]"},
		{"json in a string of json", "application/json", `{"a":"{\"password\":\"x\",\"n\":1}","b":2}`, `{"a":"{\"password\":\"[redacted]\",\"n\":1}","b":2}`},
		{"json in json in json", "application/json", `{"a":"{\"b\":\"{\\\"token\\\":\\\"x\\\"}\"}"}`, `{"a":"{\"b\":\"{\\\"token\\\":\\\"[redacted]\\\"}\"}"}`},
		{"json in json in escapes of another kind", "application/json", `{"a":"\u007b\u0022password\u0022:\u0022x\u0022}"}`, `{"a":"{\"password\":\"[redacted]\"}"}`},
		{"json in json that is cut off", "application/json", `{"a":"{\"password\":\"abc`, `{"a":"{\"password\":\"[redacted]\""`},
		{"a string of json alone", "application/json", `"{\"password\":\"x\"}"`, `"{\"password\":\"[redacted]\"}"`},
		{"xml in json", "application/json", `{"a":"<p><password>x</password></p>"}`, `{"a":"<p><password>[redacted]</password></p>"}`},
		{"a form in json", "application/json", `{"a":"grant_type=x&password=y","b":"Password=x;Server=h"}`, `{"a":"grant_type=x&password=[redacted]","b":"Password=[redacted];Server=h"}`},
		{"a query of GraphQL", "application/json", `{"query":"mutation { login(user: \"ada\", password: \"x\") { id } }"}`, `{"query":"mutation { login(user: \"ada\", password: [redacted]) { id } }"}`},
		{"lines in json", "application/json", `{"raw":"GET / HTTP/1.1\r\nX-Api-Key: x\r\nHost: h"}`, `{"raw":"GET / HTTP/1.1\r\nX-Api-Key: [redacted]\r\nHost: h"}`},
		{"users of URLs in json", "application/json", `{"a":"https://ada:x@h/","b":"https:\/\/ada:x@h","c":"ada@example.com"}`, `{"a":"https://[redacted]@h/","b":"https://[redacted]@h","c":"ada@example.com"}`},
		{"schemes in json", "application/json", `{"a":"Bearer xyz","b":"BASIC eDp5","c":"Bear\u0065r xyz","d":"a Bearer token is missing","e":["x","bearer x.y-z, and more"]}`, `{"a":"Bearer [redacted]","b":"BASIC [redacted]","c":"Bearer [redacted]","d":"a Bearer token is missing","e":["x","bearer [redacted], and more"]}`},
		{"schemes in text", "text/plain", "send Authorization: Bearer xyz\nor Basic eDp5==", "send Authorization: Bearer [redacted]\nor Basic [redacted]"},
		{"what a scheme asks for", "text/plain", `Bearer realm="x", error=invalid_token`, `Bearer realm="x", error=invalid_token`},
		{"a value before its name", "application/json", `[{"value":"x","name":"password"},{"content":{"a":[1,"}"]},"data":"y","type":"token","b":1},{"value":"z","name":"color"}]`, `[{"value":"[redacted]","name":"password"},{"content":"[redacted]","data":"[redacted]","type":"token","b":1},{"value":"z","name":"color"}]`},
		{"a list that does not end before its name", "application/json", `{"value":["x","value":"y","name":"password"`, `{"value":"[redacted]""password"`},
		{"a value around another", "application/json", `{"value":{"value":"x","key":"password"},"name":"secret","c":"d"}`, `{"value":"[redacted]","name":"secret","c":"d"}`},
		{"names of several words", "application/json", `{"smtp_pass":"x","cardPin":"y","dbPwd":"z","passes":1,"spinning":"a","footprint":"b","account_sid":"c"}`, `{"smtp_pass":"[redacted]","cardPin":"[redacted]","dbPwd":"[redacted]","passes":1,"spinning":"a","footprint":"b","account_sid":"c"}`},
		{"a form of nested names", "application/x-www-form-urlencoded", "card[cvc]=123&user%5Bpin%5D=9&user.password=x&card[exp]=1", "card[cvc]=[redacted]&user%5Bpin%5D=[redacted]&user.password=[redacted]&card[exp]=1"},
		{"json and URLs in a form", "application/x-www-form-urlencoded", "payload=%7B%22token%22%3A%22x%22%7D&to=https%3A%2F%2Fa%3Ab%40h&n=a+b", "payload=[redacted]&to=[redacted]&n=a+b"},
		{"json that is called a form", "application/x-www-form-urlencoded", `{"password":"x"}`, `{"password":"[redacted]"}`},
		{"json behind something else", "text/event-stream", "event: a\ndata: {\"token\":\"x\"}\n", "event: a\ndata: {\"token\":\"[redacted]\"}\n"},
		{"json behind a line with a quote too many", "text/plain", "5\" wide\n{\"token\":\"x\"}", "5\" wide\n{\"token\":\"[redacted]\"}"},
		{"a script", "application/javascript", `connect({password: "x", user: 'a'})`, `connect({password: [redacted], user: 'a'})`},
		{"elements in elements of their name", "text/xml", `<secret><secret>a</secret>b</secret><c>d</c>`, `<secret>[redacted]</secret><c>d</c>`},
		{"elements whose names begin alike", "text/xml", `<token>a</tokenType>b</token><tokenType>c</tokenType>`, `<token>[redacted]</token><tokenType>c</tokenType>`},
		{"names and values as elements", "text/xml", `<m><name>password</name><value><string>x</string></value></m><m><name>color</name><value>red</value></m>`, `<m><name>password</name><value>[redacted]</value></m><m><name>color</name><value>red</value></m>`},
		{"xml in xml", "text/xml", `<a>&lt;password&gt;x&lt;/password&gt;</a><b>&amp;</b>`, `<a>&lt;password&gt;[redacted]&lt;/password&gt;</a><b>&amp;</b>`},
		{"json in xml", "text/xml", `<a><![CDATA[{"token":"x"}]]></a><b>{"token":"y"}</b>`, `<a><![CDATA[{"token":"[redacted]"}]]></a><b>{&#34;token&#34;:&#34;[redacted]&#34;}</b>`},
		{"an end of an element inside its text", "text/xml", `<token><![CDATA[a</token>b]]></token>`, `<token>[redacted]</token>`},
		{"an attribute with an end of a tag", "text/xml", `<a b=">" password="x"/>`, `<a b=">" password="[redacted]"/>`},
		{"attributes without quotes", "text/html", `<input name=password value=x><input type="password" value="y">`, `<input name=password value="[redacted]"><input type="password" value="[redacted]">`},
		{"schemes and users in xml", "text/xml", `<a b="https://x:y@h">Bearer xyz</a><c>Basic&#32;eDp5</c>`, `<a b="https://[redacted]@h">Bearer [redacted]</a><c>Basic [redacted]</c>`},
		{"our secret as xml writes it", "text/xml", `<a>s3cr3t&#x2f;of+the connection</a><b c="s3cr3t&#47;of+the connection"/>`, `<a>[redacted]</a><b c=&#34;[redacted]&#34;/>`},
		{"xml in text", "text/plain", "it said <password>x</password>", "it said <password>[redacted]</password>"},
		{"a smaller number is no tag", "text/plain", "1 < 2's </a> token=x", "1 < 2's </a> token=[redacted]"},
		{"nothing", "application/json", "", ""},
		{"several parts", "multipart/form-data; boundary=x", "--x", "(not kept: multipart/form-data)"},
		{"bytes", "application/octet-stream", "\x00\x01", "(not kept: application/octet-stream)"},
		{"a picture", "image/png", "\x89PNG", "(not kept: image/png)"},
		{"nobody knows what", "", "abc", "(not kept: of an unknown kind)"},
		{"text that is not utf-8", "text/plain", "a\xffb", "(not kept: not UTF-8)"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header := map[string][]string{"Content-Type": {tt.kind}}
			if got, cut := newRedactor(newWords(), redactOurs, nil).body(header, []byte(tt.body), int64(len(tt.body))); got != tt.want || cut {
				t.Errorf("body = %q\nwant   %q, cut %v", got, tt.want, cut)
			}
		})
	}
	header := map[string][]string{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	if got, _ := newRedactor(newWords(), redactOurs, nil).body(header, []byte("{}"), 2); got != "(not kept: encoded as gzip)" {
		t.Errorf("a compressed body = %q", got)
	}
}

// TestAnyHeaderMayCarryASecret: not only those that are made for one.
func TestAnyHeaderMayCarryASecret(t *testing.T) {
	r := newRedactor(newWords(), redactOurs, nil)
	for value, want := range map[string]string{
		"Bearer " + canary:                       "Bearer [redacted]",
		"basic  eDp5":                            "basic  [redacted]",
		"see https://ada:" + canary + "@h/x":     "see https://[redacted]@h/x",
		`{"token":"` + canary + `","a":1}`:       `{"token":"[redacted]","a":1}`,
		`{"a":"{\"token\":\"` + canary + `\"}"}`: `{"a":"{\"token\":\"[redacted]\"}"}`,
		"a=1; session_token=" + canary + "; b":   "a=1; session_token=[redacted]; b",
		`<https://h/?token=x>; rel="next"`:       `<https://h/?token=[redacted]>; rel="next"`,
		"Mon, 02 Jan 2006 15:04:05 GMT":          "Mon, 02 Jan 2006 15:04:05 GMT",
		`W/"abc:def"`:                            `W/"abc:def"`,
		"forward bearers and basics":             "forward bearers and basics",
	} {
		if got := r.header(map[string][]string{"X-Note": {value}})[0].GetValue(); got != want {
			t.Errorf("%s: %s, want %s", value, got, want)
		}
	}
}

// TestOurSecretIsFoundInsideOtherTexts: in every encoding that a credential finds, in
// texts in texts.
func TestOurSecretIsFoundInsideOtherTexts(t *testing.T) {
	known := func(text string) string {
		for _, form := range []string{ours, url.QueryEscape(ours), base64.StdEncoding.EncodeToString([]byte(ours)), hex.EncodeToString([]byte(ours))} {
			text = strings.ReplaceAll(text, form, Redacted)
		}
		return text
	}
	escaped := func(text string) (out string) {
		for _, c := range text {
			out += fmt.Sprintf(`\u%04x`, c)
		}
		return out
	}
	forms := map[string]string{
		"as it is": ours, "in base64": base64.StdEncoding.EncodeToString([]byte(ours)), "in hexadecimal": hex.EncodeToString([]byte(ours)),
		"encoded": url.QueryEscape(ours), "encoded twice": url.QueryEscape(url.QueryEscape(ours)),
	}
	for form, text := range forms {
		for place, body := range map[string]string{
			"json":               `{"a":"` + text + `"}`,
			"json in \\u":        `{"a":"` + escaped(text) + `"}`,
			"json in json":       `{"a":"{\"b\":\"` + escaped(text) + `\"}"}`,
			"json with a slash":  `{"a":"` + strings.ReplaceAll(text, "/", `\/`) + `"}`,
			"a query":            `{"a":"https://h/?x=` + url.QueryEscape(text) + `"}`,
			"an element":         "<a>" + strings.ReplaceAll(text, "/", "&#47;") + "</a>",
			"json in an element": `<a>{&quot;b&quot;:&quot;` + text + `&quot;}</a>`,
			"a form":             "x=" + url.QueryEscape(text),
		} {
			for _, kind := range []string{"application/json", "text/plain", "application/x-www-form-urlencoded", "text/xml"} {
				got, _ := newRedactor(newWords(), known, nil).body(map[string][]string{"Content-Type": {kind}}, []byte(body), int64(len(body)))
				if !strings.Contains(got, Redacted) || strings.Contains(got, "connection") || strings.Contains(got, text) {
					t.Errorf("%s in %s as %s: %s", form, place, kind, got)
				}
			}
		}
	}
}

// TestTextsInTextsHaveAnEnd: what is nested deeper than anybody means is taken out.
func TestTextsInTextsHaveAnEnd(t *testing.T) {
	text := canary
	for range 9 {
		quoted, err := json.Marshal(map[string]string{"a": text})
		if err != nil {
			t.Fatal(err)
		}
		text = string(quoted)
	}
	got := newRedactor(newWords(), redactOurs, nil).said(text, 0)
	if strings.Contains(got, canary) || !strings.Contains(got, Redacted) || !json.Valid([]byte(got)) {
		t.Errorf("got %s", got)
	}
}

// TestASecretThatIsCutOffIsNotKept moves a secret over every end of what is seen.
func TestASecretThatIsCutOffIsNotKept(t *testing.T) {
	header := map[string][]string{"Content-Type": {"text/plain"}}
	long := strings.Repeat("k", 4000) + canary
	redact := func(text string) string { return strings.ReplaceAll(text, long, Redacted) }
	for _, end := range []int{MaxBody, MaxCapture} {
		for before := range 50 {
			body := strings.Repeat("ä", (end-before*90)/2) + long + strings.Repeat("x", 40_000)
			got, cut := newRedactor(newWords(), redact, nil).body(header, []byte(body[:MaxCapture]), int64(len(body)))
			if !cut || strings.Contains(got, "kk") || len(got) > MaxBody || !utf8.ValidString(got) {
				t.Fatalf("%d bytes, with a part of the secret, ended %d before %d", len(got), before*90, end)
			}
		}
	}
	plain := strings.Repeat("x", 3*MaxCapture)
	for size, cut := range map[int]bool{3 * MaxCapture: true, MaxBody + 1: true, MaxBody: false} {
		got, isCut := newRedactor(newWords(), redact, nil).body(header, []byte(plain[:min(size, MaxCapture)]), int64(size))
		if len(got) != MaxBody || isCut != cut {
			t.Errorf("of %d bytes %d are kept, cut %v", size, len(got), isCut)
		}
	}
}

func FuzzRedaction(f *testing.F) {
	for _, seed := range []string{`{"a":"b\`, `<a b="c`, "x=y&z", `{"password":`, `<token`, "a?b=c", `"`, `{"a":{`, "<>", "</", `{"token":[`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := newRedactor(newWords(), redactOurs, []string{"x-own"})
		for _, kind := range []string{"application/json", "application/xml", "application/x-www-form-urlencoded", "text/plain"} {
			header := map[string][]string{"Content-Type": {kind}}
			if got, _ := r.body(header, []byte(text), int64(len(text))); !utf8.ValidString(got) || len(got) > MaxBody {
				t.Errorf("%s: %q", kind, got)
			}
		}
		if got := r.said(text+ours, 0); strings.Contains(got, ours) {
			t.Errorf("url = %q", got)
		}
		if got, _ := r.body(map[string][]string{"Content-Type": {"application/json"}}, []byte(`{"token":"`+canary+`","b":"`+strings.ToValidUTF8(text, "")), 1); strings.Contains(got, canary) && !strings.Contains(text, canary) {
			t.Errorf("body = %q", got)
		}
	})
}

// TestAnEntryFitsIntoAMessage gives a tap the most of everything.
func TestAnEntryFitsIntoAMessage(t *testing.T) {
	huge := strings.Repeat("\xffä", 200_000)
	header := map[string][]string{"Content-Type": {"text/plain"}, huge: {huge}}
	for range 300 {
		header["X-Many"] = append(header["X-Many"], huge[:20_000])
	}
	tap := &Tap{log: &Log{words: newWords()}, bodies: true}
	entry := tap.entry(&Exchange{
		Operation: huge, Principal: huge, Method: huge, URL: huge, RequestHeader: header, ResponseHeader: header,
		RequestBody: []byte(huge), ResponseBody: []byte(strings.ToValidUTF8(huge, "")), RequestBytes: 1, ResponseBytes: 1, Logs: slices.Repeat([]sandbox.Line{{Level: sandbox.LevelWarn, Text: huge[:5000]}}, 300),
	})
	data, err := proto.Marshal(entry)
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > 1<<19 || len(entry.GetRequestHeaders()) < maxHeader/maxValue-1 || len(entry.GetLogs()) != maxLogs {
		t.Errorf("%d bytes, %d fields, %d lines", len(data), len(entry.GetRequestHeaders()), len(entry.GetLogs()))
	}
}

func TestAnEntryWithoutBodiesHasTheirLengths(t *testing.T) {
	entry := (&Tap{log: &Log{words: newWords()}}).entry(&Exchange{RequestBody: []byte("{}"), RequestBytes: 2, ResponseBytes: 7})
	want := &runtimev1.RequestLogEntry{RequestBytes: 2, ResponseBytes: 7, Time: entry.GetTime(), Latency: entry.GetLatency()}
	if !proto.Equal(want, entry) || !entry.GetTime().IsValid() {
		t.Errorf("entry = %v at %v", entry, timestamppb.New(entry.GetTime().AsTime()))
	}
}
