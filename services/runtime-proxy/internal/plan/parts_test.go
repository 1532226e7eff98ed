package plan_test

import (
	"bytes"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// partsOf builds a multipart body with one property and lists its parts: name,
// header fields other than the disposition, content.
func partsOf(t *testing.T, e *connectorv1.PropertyEncoding, value string) string {
	t.Helper()
	e.Property = "p"
	def := operation("/")
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
		MediaType: "multipart/form-data", Kind: connectorv1.BodyKind_BODY_KIND_MULTIPART, Encodings: []*connectorv1.PropertyEncoding{e},
	}}}
	req, err := build(t, def, `{"body":{"p":`+value+`}}`)
	if err != nil {
		return err.Error()
	}
	_, parts := dismantled(t, req)
	var out []string
	for _, p := range parts {
		line := p.FormName()
		for _, name := range slices.Sorted(maps.Keys(p.Header)) {
			if name != "Content-Disposition" {
				line += "|" + name + ": " + p.Header.Get(name)
			}
		}
		out = append(out, line+"|"+p.content)
	}
	return strings.Join(out, "; ")
}

// part is one of a body, as it was written.
type part struct {
	*multipart.Part

	content string
}

// dismantled returns the media type of a multipart body, without its boundary, and its
// parts.
func dismantled(t *testing.T, req *request.Request) (mediaType string, parts []part) {
	t.Helper()
	base, parameters, err := mime.ParseMediaType(req.HeaderValue("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	boundary := parameters["boundary"]
	delete(parameters, "boundary")
	for r := multipart.NewReader(bytes.NewReader(req.Body), boundary); ; {
		p, err := r.NextRawPart()
		if err == io.EOF { //nolint:errorlint // that is how the last part is told
			return mime.FormatMediaType(base, parameters), parts
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(p)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, part{p, string(content)})
	}
}

func TestPartsAreWrittenAsTheirEncodingSays(t *testing.T) {
	const (
		png  = `{"$content":"aGk=","$content-type":"image/png"}`
		gif  = `{"$content":"aGk=","$content-type":"image/gif"}`
		none = `{"$content":"aGk="}`
	)
	type encoding = connectorv1.PropertyEncoding
	file := func(types string) *encoding { return &encoding{File: true, ContentType: types} }
	header := func(name, schema string) *encoding {
		return &encoding{Headers: []*connectorv1.ResponseHeader{{Name: name, Schema: []byte(schema)}}}
	}
	tests := []struct {
		name  string
		e     *encoding
		value string
		want  string
	}{
		{"one media type: the file's own goes first", file("image/jpeg"), png, "p|Content-Type: image/png|hi"},
		{"a list that has the file's own", file("image/jpeg, image/PNG"), png, "p|Content-Type: image/png|hi"},
		{"a list that does not have it", file("image/png, image/jpeg"), gif, "p|Content-Type: image/png|hi"},
		{"a list and a file that says nothing", file("image/*, image/jpeg"), none, "p|Content-Type: image/jpeg|hi"},
		{"a list with a range that it fits", file("image/*, application/pdf"), gif, "p|Content-Type: image/gif|hi"},
		{"a range and a file that says nothing", file("image/*"), none, "p|Content-Type: application/octet-stream|hi"},
		{"a list for a text", &encoding{ContentType: "text/csv, text/plain"}, `"a"`, "p|Content-Type: text/csv|a"},

		{"no style: a list is repeated", &encoding{}, `["a","b"]`, "p|a; p|b"},
		{"form, exploded", &encoding{Style: form, Explode: true}, `["a","b"]`, "p|a; p|b"},
		{"form", &encoding{Style: form}, `["a b","c&d","e=f"]`, "p|a b,c&d,e=f"},
		{"spaces", &encoding{Style: space}, `["a","b"]`, "p|a b"},
		{"pipes", &encoding{Style: pipe}, `["a","b"]`, "p|a|b"},
		{"no style: an object is JSON", &encoding{}, `{"R":1}`, `p|Content-Type: application/json|{"R":1}`},
		{"form of an object", &encoding{Style: form}, `{"R":1,"G":"x y"}`, "p|R,1,G,x y"},
		{"form of an object, exploded", &encoding{Style: form, Explode: true}, `{"R":1,"G":"x"}`, "R|1; G|x"},
		{"brackets", &encoding{Style: deep, Explode: true}, `{"R":[1,2],"G":{"x":3}}`, "p[R][]|1; p[R][]|2; p[G][x]|3"},
		{"a style makes the media type void", &encoding{Style: form, ContentType: "application/json"}, `["a","b"]`, "p|a,b"},
		{"a style does not split files", &encoding{Style: form, File: true}, "[" + png + "," + png + "]", "p|Content-Type: image/png|hi; p|Content-Type: image/png|hi"},
		{"nothing comes of an empty list", &encoding{Style: form}, `[]`, ""},

		{"a header with a constant", header("X-A", `{"const":"b"}`), `"a"`, "p|X-A: b|a"},
		{"a header with one value", header("x-a", `{"type":"integer","enum":[7]}`), `"a"`, "p|X-A: 7|a"},
		{"a header with a default", header("X-A", `{"type":"string","default":"d"}`), `["a","b"]`, "p|X-A: d|a; p|X-A: d|b"},
		{"a header with a choice is nobody's to make", header("X-A", `{"enum":["a","b"]}`), `"a"`, "p|a"},
		{"a header that would end its line", header("X-A", `{"const":"a\r\nX-B: c"}`), `"a"`, "p|a"},
		{"a header whose name would end its line", header("X-A\r\nX", `{"const":"a"}`), `"a"`, "p|a"},
		{"headers that are the part's own", header("Content-Disposition", `{"const":"attachment"}`), `"a"`, "p|a"},
		{"an encoding that is not applied", header("Content-Transfer-Encoding", `{"const":"base64"}`), `"a"`, "p|a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, partsOf(t, tt.e, tt.value)); diff != "" {
				t.Errorf("parts (-want +got):\n%s", diff)
			}
		})
	}
}
