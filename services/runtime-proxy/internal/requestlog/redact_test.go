package requestlog

import (
	"encoding/base64"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
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
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := newRedactor(newWords(), redactOurs, []string{"subscription"}).url(tt.url); got != tt.want {
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
		{"lines of text", "text/plain", "name: x\npassword: abc\nThe password: is here\ntoken=abc\nend", "name: x\npassword: [redacted]\nThe password: is here\ntoken= [redacted]\nend"},
		{"yaml", "application/yaml", "user: ada\nsecret: abc", "user: ada\nsecret: [redacted]"},
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
			if got := newRedactor(newWords(), redactOurs, nil).body(header, []byte(tt.body), int64(len(tt.body))); got != tt.want {
				t.Errorf("body = %q\nwant   %q", got, tt.want)
			}
		})
	}
	header := map[string][]string{"Content-Type": {"application/json"}, "Content-Encoding": {"gzip"}}
	if got := newRedactor(newWords(), redactOurs, nil).body(header, []byte("{}"), 2); got != "(not kept: encoded as gzip)" {
		t.Errorf("a compressed body = %q", got)
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
			got := newRedactor(newWords(), redact, nil).body(header, []byte(body[:MaxCapture]), int64(len(body)))
			if strings.Contains(got, "kk") || len(got) > MaxBody || !utf8.ValidString(got) {
				t.Fatalf("%d bytes, with a part of the secret, ended %d before %d", len(got), before*90, end)
			}
		}
	}
	plain := strings.Repeat("x", 3*MaxCapture)
	if got := newRedactor(newWords(), redact, nil).body(header, []byte(plain[:MaxCapture]), int64(len(plain))); len(got) != MaxBody {
		t.Errorf("%d bytes of a long body are kept, want %d", len(got), MaxBody)
	}
	if got := newRedactor(newWords(), redact, nil).body(header, []byte(plain[:MaxBody]), MaxBody); len(got) != MaxBody {
		t.Errorf("%d bytes of a body that just fits are kept", len(got))
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
			if got := r.body(header, []byte(text), int64(len(text))); !utf8.ValidString(got) || len(got) > MaxBody {
				t.Errorf("%s: %q", kind, got)
			}
		}
		if got := r.url(text + ours); strings.Contains(got, ours) {
			t.Errorf("url = %q", got)
		}
		if got := r.body(map[string][]string{"Content-Type": {"application/json"}}, []byte(`{"token":"`+canary+`","b":"`+strings.ToValidUTF8(text, "")), 1); strings.Contains(got, canary) && !strings.Contains(text, canary) {
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
		RequestBody: []byte(huge), ResponseBody: []byte(strings.ToValidUTF8(huge, "")), RequestBytes: 1, ResponseBytes: 1, Logs: strings.Split(strings.Repeat(huge[:5000]+"\n", 300), "\n"),
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
