package plan_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// sentParts lists the media type of a body without its boundary, and its parts with all of
// their header.
func sentParts(t *testing.T, mediaType, input string) string {
	t.Helper()
	def := operation("/")
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: mediaType, Kind: connectorv1.BodyKind_BODY_KIND_MULTIPART,
		Schema: []byte(`{"type":"object","required":["meta"],"properties":{"meta":{"type":"object"},"file":{"type":"string"},"note":{"type":"string"},"list":{"type":"array","items":{"type":"string"}}}}`),
	}}}
	req, err := build(t, def, input)
	if err != nil {
		return err.Error()
	}
	got, parts := dismantled(t, req)
	out := []string{got}
	for _, p := range parts {
		line := ""
		for _, name := range slices.Sorted(maps.Keys(p.Header)) {
			line += name + ": " + p.Header.Get(name) + " | "
		}
		out = append(out, line+p.content)
	}
	return strings.Join(out, "\n")
}

// TestMultipartIsSentAsItIsDescribed: an API that takes metadata and a file in
// multipart/related does not take a form for it.
func TestMultipartIsSentAsItIsDescribed(t *testing.T) {
	const input = `{"body":{"note":"ä","file":{"$content":"aGk=","$content-type":"image/png","$filename":"a\"b.png"},"meta":{"x":1}}}`
	const parts = `Content-Id: <meta> | Content-Type: application/json | {"x":1}
Content-Disposition: attachment; filename="a%22b.png" | Content-Id: <file> | Content-Type: image/png | hi
Content-Id: <note> | Content-Type: text/plain; charset=utf-8 | ä`
	const several = `{"body":{"meta":{},"list":["a","b"],"list.2":"c"}}`
	const numbered = "multipart/mixed\n" + `Content-Id: <meta> | Content-Type: application/json | {}
Content-Id: <list> | Content-Type: text/plain; charset=utf-8 | a
Content-Id: <list.2> | Content-Type: text/plain; charset=utf-8 | b
Content-Id: <list.2.2> | Content-Type: text/plain; charset=utf-8 | c`
	if got := sentParts(t, "multipart/mixed", several); got != numbered {
		t.Errorf("a list: got\n%s\nwant\n%s", got, numbered)
	}
	for _, row := range []struct{ mediaType, want string }{
		{"multipart/related", `multipart/related; start="<meta>"; type="application/json"` + "\n" + parts},
		{`Multipart/Related; type="text/xml"; start-info=a`, `multipart/related; start="<meta>"; start-info=a; type="application/json"` + "\n" + parts},
		{"multipart/mixed", "multipart/mixed\n" + parts},
		{"multipart/mixed; x=y; boundary=fixed", "multipart/mixed; x=y\n" + parts},
	} {
		if got := sentParts(t, row.mediaType, input); got != row.want {
			t.Errorf("%s: got\n%s\nwant\n%s", row.mediaType, got, row.want)
		}
	}
}

// TestPartsThatAreWrittenAlready are what designers of flows write.
func TestPartsThatAreWrittenAlready(t *testing.T) {
	written := func(parts string) string {
		return `{"body":{"$content-type":"multipart/form-data","$multipart":[` + parts + `]}}`
	}
	const file = `{"headers":{"content-disposition":"form-data; name=\"file\"; filename=\"y.png\"","Content-Transfer-Encoding":"base64"},"body":{"$content-type":"image/png","$content":"aGk="}}`
	for _, row := range []struct{ name, mediaType, input, want string }{
		{
			"text, a file, an object and nothing", "multipart/form-data",
			written(`{"headers":{"Content-Disposition":"form-data; name=\"a\""},"body":"text"},` + file + `,{"headers":{"Content-Disposition":"form-data; name=\"o\""},"body":{"x":1.10}},{"headers":{"Content-Disposition":"form-data; name=\"n\"","X-A":"b"},"body":null}`),
			"multipart/form-data\nContent-Disposition: form-data; name=\"a\" | text\n" +
				"Content-Disposition: form-data; name=\"file\"; filename=\"y.png\" | Content-Type: image/png | hi\n" +
				"Content-Disposition: form-data; name=\"o\" | Content-Type: application/json | {\"x\":1.10}\n" +
				"Content-Disposition: form-data; name=\"n\" | X-A: b | ",
		},
		{
			"of another kind", "multipart/related", written(`{"headers":{"Content-ID":"<1>","Content-Type":"application/json; charset=utf-8"},"body":"{}"}`),
			`multipart/related; start="<1>"; type="application/json"` + "\nContent-Id: <1> | Content-Type: application/json; charset=utf-8 | {}",
		},
	} {
		if got := sentParts(t, row.mediaType, row.input); got != row.want {
			t.Errorf("%s: got\n%s\nwant\n%s", row.name, got, row.want)
		}
	}
	for _, row := range []struct{ parts, want string }{
		{`"a"`, "must be an object with"},
		{`{"headers":{},"body":"x"}`, "Content-Disposition"},
		{`{"headers":{"Content-Disposition":"a\r\nX: b"},"body":"x"}`, "that cannot be sent"},
		{`{"headers":{"Content-Disposition":"form-data; name=\"a\""},"body":{"$content":"?"}}`, "not base64"},
	} {
		if got := sentParts(t, "multipart/form-data", written(row.parts)); !strings.Contains(got, row.want) {
			t.Errorf("%s: %s", row.parts, got)
		}
	}
}

func TestABodyOfPartsHasOneAtLeast(t *testing.T) {
	const none = `{"body":{"$content-type":"multipart/mixed","$multipart":[]}}`
	if got := sentParts(t, "multipart/mixed", none); !strings.Contains(got, "must have a part") {
		t.Error(got)
	}
}
