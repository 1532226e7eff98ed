package sandbox_test

import (
	"context"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/sandbox"
)

// examples returns the code blocks of the README by their names.
func examples(tb testing.TB) map[string]string {
	tb.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		tb.Fatal(err)
	}
	found := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)```js name=(\\w+)\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		found[m[1]] = m[2]
	}
	if n := strings.Count(string(text), "```js"); n != len(found) {
		tb.Fatalf("%d examples, of which %d have a name of their own", n, len(found))
	}
	return found
}

// written is a message as the tests of examples compare it.
type written struct {
	Start  string // method and URL, or the status
	Header map[string]string
	Body   string
}

func TestTheExamplesOfTheReadmeDoWhatTheySay(t *testing.T) {
	secret := "aGFuZGxl" // "handle"
	rows := map[string]struct {
		function sandbox.Function
		request  sandbox.Request
		response *sandbox.Response
		answers  []*sandbox.Response
		want     written
	}{
		"before": {
			function: sandbox.Before,
			want:     written{Start: "GET https://api.example/v1?states=NY,CA", Header: map[string]string{"Authorization": "Bearer " + secret}},
		},
		"after": {
			function: sandbox.After,
			response: &sandbox.Response{Status: 200, Body: []byte(`{"response":{"a":[1,2]},"meta":{}}`)},
			want:     written{Start: "200", Header: map[string]string{"content-type": "application/json"}, Body: `{"a":[1,2]}`},
		},
		"handle": {
			function: sandbox.Handle,
			answers:  []*sandbox.Response{{Status: 200, Body: []byte(`{"access_token":"t-1"}`)}, {Status: 200, Body: []byte("done")}},
			want:     written{Start: "200", Header: map[string]string{}, Body: "done"},
		},
		"query": {
			function: sandbox.Before,
			want:     written{Start: "GET https://eu.api.example/v1?states%5B%5D=NY&states%5B%5D=CA", Header: map[string]string{}},
		},
		"state": {
			function: sandbox.Handle,
			answers:  []*sandbox.Response{{Status: 200, Body: []byte(`[{"updated":"2026-01-01T00:00:00Z"},{"updated":"2026-02-02T00:00:00Z"}]`)}},
			want: written{
				Start: "200", Header: map[string]string{},
				Body: `[{"updated":"2026-01-01T00:00:00Z"},{"updated":"2026-02-02T00:00:00Z"}]`,
			},
		},
		"sign": {
			function: sandbox.Before,
			want: written{Start: "GET https://api.example/v1?states=NY,CA", Header: map[string]string{
				"x-date":           "Wed, 04 Mar 2026 05:06:07 GMT",
				"x-content-sha256": "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
				"Authorization":    "HMAC " + signature("GET\n/v1\nWed, 04 Mar 2026 05:06:07 GMT\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="),
			}},
		},
		"xml": {
			function: sandbox.After,
			response: &sandbox.Response{Status: 200, Body: []byte(`<?xml version="1.0" encoding="ISO-8859-1"?><o:order><item id="7"> A &amp; B </item><note/><item id="8"/></o:order>`)},
			want: written{
				Start: "200", Header: map[string]string{"content-type": "application/json"},
				Body: `[{"id":"7","title":"A & B"},{"id":"8","title":""}]`,
			},
		},
	}
	p := newPool(t, sandbox.Options{Size: 1})
	sources := examples(t)
	if len(sources) != len(rows) {
		t.Errorf("%d examples, %d of them tested", len(sources), len(rows))
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			h := &host{parameters: map[string]string{"api_key": secret, "secret": secret, "access_key": secret}}
			h.respond = func(context.Context, *sandbox.Request) (*sandbox.Response, error) {
				answer := row.answers[0]
				row.answers = row.answers[1:]
				return answer, nil
			}
			result, err := p.Run(t.Context(), sandbox.Invocation{
				Program: sandbox.Program{Name: name + ".js", Source: sources[name]}, Function: row.function,
				Request:  &sandbox.Request{Method: "GET", URL: "https://api.example/v1?states=NY,CA"},
				Response: row.response, Host: h,
			})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, write(result)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if name == "handle" && string(h.sent[0].Body) != "grant_type=client_credentials&client_secret="+secret {
				t.Errorf("the login was %s", h.sent[0].Body)
			}
			if name == "state" && (string(h.state["since"]) != `"2026-02-02T00:00:00Z"` || len(result.Logs) != 1) {
				t.Errorf("state %s, log %v", h.state, result.Logs)
			}
		})
	}
}

// signature is the HMAC that the signing example makes.
func signature(text string) string {
	h := &host{}
	sum, _ := h.Digest(context.Background(), sandbox.Digest{Algorithm: "sha256", Keyed: true, Key: []byte("handle"), Data: []byte(text)})
	out, _ := h.Encode(context.Background(), sandbox.Base64, sum)
	return out
}

// write brings a result into the form that is compared.
func write(r sandbox.Result) written {
	w := written{Header: map[string]string{}}
	var header []sandbox.Field
	if r.Request != nil {
		w.Start, w.Body, header = r.Request.Method+" "+r.Request.URL, string(r.Request.Body), r.Request.Header
	} else {
		text, _ := json.Marshal(r.Response.Status)
		w.Start, w.Body, header = string(text), string(r.Response.Body), r.Response.Header
	}
	for _, f := range header {
		w.Header[f.Name] = f.Value
	}
	return w
}
