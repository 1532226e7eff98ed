package oauth

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWhatProvidersSayIsCleaned(t *testing.T) {
	var r redactor
	r.add([]byte("client-secret/1"))
	r.add([]byte("pw"))
	r.add([]byte(`quo"ted\secret`))
	defer r.clear()
	tests := []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"words", "The code is wrong.", "The code is wrong."},
		{"lines", "one\r\n\ttwo\x00\x1b[31m three  ", "one two[31m three"},
		{"text that is not UTF-8", "J\xf6rg ü", "Jrg ü"},
		{"characters that turn the line around", "a\u202eb\u200bc", "abc"},
		{"a secret", "bad client-secret/1!", "bad [redacted]!"},
		{"a secret twice", "client-secret/1 client-secret/1", "[redacted] [redacted]"},
		{"two in a row", "client-secret/1client-secret/1", "[redacted]"},
		{"the start of a secret", "bad client-sec…", "bad [redacted]…"},
		{"the end of a secret", "…secret/1 is bad", "…[redacted] is bad"},
		{"too little of it to tell", "client", "client"},
		{"a secret for a URL", "x=client-secret%2F1", "x=[redacted]"},
		{"a secret for a URL in lower case", "x=client-secret%2f1", "x=[redacted]"},
		{"a secret in base64", base64.StdEncoding.EncodeToString([]byte("client-secret/1")), "[redacted]"},
		{"a secret in JSON", `{"s":"quo\"ted\\secret"}`, `{"s":"[redacted]"}`},
		{"a short secret", "the pw is pw", "the [redacted] is [redacted]"},
		{"too many words", strings.Repeat("é", 400), strings.Repeat("é", 150)},
		{"a secret in too many words", strings.Repeat("x", 295) + "client-secret/1", strings.Repeat("x", 295) + "[reda"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, r.clean([]byte(tt.text))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretsAreFoundWhereverTheyStand(t *testing.T) {
	const hidden = "secret-0123456789-abcdef"
	var r redactor
	r.add([]byte(hidden))
	defer r.clear()
	for at := range 2100 {
		got := r.clean([]byte(strings.Repeat(" ", at) + hidden + strings.Repeat(" y", 100)))
		if strings.Contains(got, hidden[:window]) || strings.Contains(got, hidden[len(hidden)-window:]) {
			t.Fatalf("at %d: %q", at, got)
		}
	}
}

func TestClearedRedactorsKnowNothing(t *testing.T) {
	var r redactor
	r.add([]byte("client-secret/1"))
	needle := r.needles[0]
	r.clear()
	if strings.Contains(string(needle), "client") || r.holds([]byte("client-secret/1")) {
		t.Errorf("it still knows %q", needle)
	}
}

func TestSecretsAreOverwrittenAfterUse(t *testing.T) {
	p := &Profile{Client: Registration{ID: "app"}}
	r, failed := newRequest(p, "token endpoint", "https://login.example/token")
	if failed != nil {
		t.Fatal(failed)
	}
	value := []byte("refresh-0")
	r.own("refresh_token", value)
	r.text, r.query = []byte("text-0"), []byte("query-0")
	text, query := r.text, r.query
	r.close()
	body := &held{bytes: []byte("body-0")}
	kept, reader := body.bytes, body.reader()
	body.clear()
	tree := parse([]byte(`{"access_token":"access-0","n":[{"deep":"deep-0"}]}`))
	access, deep := tree.get("access_token").text, tree.at("n", "0", "deep").text
	tree.clear()
	for i, b := range [][]byte{value, text, query, kept, access, deep} {
		if len(b) == 0 || strings.Trim(string(b), "\x00") != "" {
			t.Errorf("%d still is %q", i, b)
		}
	}
	if n, err := reader.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("the body can still be read: %d, %v", n, err)
	}
}

func TestFormsReplaceAndRemove(t *testing.T) {
	var f form
	f.add("a", "1")
	f.add("b", "2")
	f.add("none", "")
	f.replace([]Parameter{{"a", "x"}, {"a", "y"}, {"b", ""}, {"c", "z"}})
	if got := string(f.encode()); got != "a=x&a=y&c=z" {
		t.Errorf("the form is %s", got)
	}
	if got := string(f.encodeJSON()); got != `{"a":"x","a":"y","c":"z"}` {
		t.Errorf("the object is %s", got)
	}
	if f.has("b") || !f.has("c") || f.get("d") != nil {
		t.Error("what is there is not known")
	}
}

func TestNodesAreFoundByPath(t *testing.T) {
	tree := parse([]byte(`{"a":{"b":[{"c":"x"},7]},"Some_Name":"y","n":null}`))
	for path, want := range map[string]string{"a.b.0.c": "x", "a.b.1": "7", "someName": "y", "some-name": "y", "a.b.2": "", "a.b.-1": "", "a.b.x": "", "n": "", "z.z": "", "a.b.0.c.d": ""} {
		if got := tree.at(strings.Split(path, ".")...).str(); got != want {
			t.Errorf("%s is %q, want %q", path, got, want)
		}
	}
}

func TestOnlySoManyDocumentsAreRemembered(t *testing.T) {
	known := newDocuments()
	start := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range maxDocuments + 10 {
		known.put(fmt.Sprint(i), &metadata{issuer: fmt.Sprint(i)}, start)
		known.put(fmt.Sprint(i), &metadata{issuer: fmt.Sprint(i)}, start)
	}
	if len(known.known) != maxDocuments || len(known.order) != maxDocuments {
		t.Errorf("there are %d in an order of %d", len(known.known), len(known.order))
	}
	if _, ok := known.get("9", start); ok {
		t.Error("the oldest is still there")
	}
	if found, ok := known.get("10", start); !ok || found.issuer != "10" {
		t.Error("one that should be there is not")
	}
	if _, ok := known.get("10", start.Add(documentLifetime)); ok {
		t.Error("it is believed for longer than an hour")
	}
}

func TestRemovedValuesAreOverwritten(t *testing.T) {
	value := []byte("removed-0")
	f := form{{"a", value}, {"b", []byte("kept")}}
	f.remove("a")
	if strings.Trim(string(value), "\x00") != "" || f.has("a") || !f.has("b") {
		t.Errorf("%q is left, the form is %s", value, f.encode())
	}
}
