package plan_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestChoosingARepresentation: the input Content-Type chooses, and so does the
// media type of content.
func TestChoosingARepresentation(t *testing.T) {
	several := []*connectorv1.MediaType{
		{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(`{"type":"object","required":["a"]}`)},
		{MediaType: "text/plain", Kind: connectorv1.BodyKind_BODY_KIND_TEXT},
		{MediaType: "application/merge-patch+json", Kind: connectorv1.BodyKind_BODY_KIND_JSON},
		{MediaType: "image/*", Kind: connectorv1.BodyKind_BODY_KIND_BINARY},
		{MediaType: "application/x-www-form-urlencoded", Kind: connectorv1.BodyKind_BODY_KIND_FORM},
	}
	const all = `must be one of "application/json", "text/plain", "application/merge-patch+json", "image/*", "application/x-www-form-urlencoded"`
	header := &parameter{Name: "content-type", Location: inHeader, Schema: []byte(`{"type":"string"}`)}
	choice := &parameter{Name: "content-type", Location: inHeader, Schema: []byte(`{"type":"string","enum":["text/csv","text/plain"]}`)}
	plain := []*connectorv1.MediaType{{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON}}
	form := &parameter{Name: "content-type", Location: inHeader, Schema: []byte(`{"type":"string","default":"application/x-www-form-urlencoded"}`)}
	tests := []struct {
		name     string
		contents []*connectorv1.MediaType
		declared *parameter
		input    string
		want     string // body and its media type, or the first violation
	}{
		{"nothing chosen: the first", several, nil, `{"body":{"a":1}}`, `{"a":1} of application/json`},
		{"an input chooses text", several, nil, `{"Content-Type":"text/plain; charset=utf-8","body":"hi"}`, "hi of text/plain; charset=utf-8"},
		{"in any case", several, nil, `{"content-type":"TEXT/plain","body":"hi"}`, "hi of TEXT/plain"},
		{"an input chooses other JSON", several, nil, `{"Content-Type":"application/merge-patch+json","body":{"b":null}}`, `{"b":null} of application/merge-patch+json`},
		{"an input chooses from a range", several, nil, `{"Content-Type":"image/png","body":{"$content":"aGk="}}`, "hi of image/png"},
		{"an input that nothing fits", several, nil, `{"Content-Type":"text/csv","body":"hi"}`, "Content-Type: " + all},
		{"an input that is no text", several, nil, `{"Content-Type":7,"body":"hi"}`, "Content-Type: " + all},
		{"a range is no choice", several, nil, `{"Content-Type":"image/*","body":{"$content":"aGk="}}`, "Content-Type: " + all},
		{"a line break is no choice", several, nil, `{"Content-Type":"text/plain;\r\nX-A: b","body":"hi"}`, "Content-Type: " + all},
		{"a declared input chooses", several, header, `{"content-type":"text/plain","body":"hi"}`, "hi of text/plain"},
		{"a declared input that nothing fits", several, header, `{"content-type":"text/csv","body":"hi"}`, "content-type: " + all},
		{"a declared input with a choice that the body does not have", several, choice, `{"content-type":"text/csv","body":"a,b"}`, "a,b of text/csv"},
		{"a declared input with a choice that the body has", several, choice, `{"content-type":"text/plain","body":"hi"}`, "hi of text/plain"},
		{"a declared input makes a text a form that is written already", plain, form, `{"content-type":"application/x-www-form-urlencoded","body":"a=b&c=d"}`, "a=b&c=d of application/x-www-form-urlencoded"},
		{"a declared input makes an object a form", plain, form, `{"content-type":"application/x-www-form-urlencoded","body":{"a":"b c"}}`, "a=b+c of application/x-www-form-urlencoded"},
		{"content chooses text", several, nil, `{"body":{"$content":"aGk=","$content-type":"text/plain"}}`, "hi of text/plain"},
		{"content chooses JSON", several, nil, `{"body":{"$content":"eyJhIjoxfQ==","$content-type":"application/json"}}`, `{"a":1} of application/json`},
		{"content is checked as JSON", several, nil, `{"body":{"$content":"e30=","$content-type":"application/json"}}`, "body.a: is required"},
		{"content that is no JSON", several, nil, `{"body":{"$content":"aGk=","$content-type":"application/json"}}`, "body: has a $content that is not json, which its $content-type says"},
		{"content chooses from a range", several, nil, `{"body":{"$content":"aGk=","$content-type":"image/gif"}}`, "hi of image/gif"},
		{"content that nothing fits", several, nil, `{"body":{"$content":"aGk=","$content-type":"text/csv"}}`, "body.$content-type: " + all},
		{"content that is broken", several, nil, `{"body":{"$content":"%","$content-type":"text/plain"}}`, "body: has a $content that is not base64"},
		{"content chooses a form, which is sent as it is", several, nil, `{"body":{"$content":"YT1i","$content-type":"application/x-www-form-urlencoded"}}`, "a=b of application/x-www-form-urlencoded"},
		{"an input chooses a form that is written already", several, nil, `{"Content-Type":"application/x-www-form-urlencoded","body":{"$content":"YT1i"}}`, "a=b of application/x-www-form-urlencoded"},
		{"the input goes before the content", several, nil, `{"Content-Type":"image/png","body":{"$content":"aGk=","$content-type":"text/plain"}}`, "hi of image/png"},
		{"JSON alone takes no text", several[:1], nil, `{"body":{"$content":"aGk=","$content-type":"text/plain"}}`, `body.$content-type: must be one of "application/json"`},
		{"text alone takes what it is given", several[1:2], nil, `{"body":{"$content":"aGk=","$content-type":"text/markdown"}}`, "hi of text/markdown"},
		{"one alone leaves nothing to choose", several[:1], nil, `{"Content-Type":"application/json","body":{"a":1}}`, "Content-Type: is no input of this operation; it takes body"},
		{"a typo is told what there is", several, nil, `{"ContentType":"text/plain","body":{"a":1}}`, "ContentType: is no input of this operation; did you mean Content-Type?"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := operation("/")
			if tt.declared != nil {
				def = operation("/", tt.declared)
			}
			def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: tt.contents}
			req, err := build(t, def, tt.input)
			var got string
			if err != nil {
				v := fault.From(err).Violations()[0]
				got = v.Field + ": " + v.Description
			} else {
				got = string(req.Body) + " of " + req.HeaderValue("Content-Type")
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestRangesOfMediaTypesAreNotSent: a range says what an API takes; a body is of one
// media type (RFC 9110, sections 8.3.1 and 12.5.1).
func TestRangesOfMediaTypesAreNotSent(t *testing.T) {
	const (
		json   = connectorv1.BodyKind_BODY_KIND_JSON
		text   = connectorv1.BodyKind_BODY_KIND_TEXT
		xml    = connectorv1.BodyKind_BODY_KIND_XML
		binary = connectorv1.BodyKind_BODY_KIND_BINARY
		parts  = connectorv1.BodyKind_BODY_KIND_MULTIPART
	)
	for _, row := range []struct {
		name, ranges string
		kind         connectorv1.BodyKind
		input, want  string
	}{
		{"anything", "*/*", json, `{"body":{"a":1}}`, "application/json"},
		{"any application", "application/*", json, `{"body":{"a":1}}`, "application/json"},
		{"any kind of JSON", "application/*+json", json, `{"body":{"a":1}}`, "application/json"},
		{"any kind of XML", "application/*+xml", xml, `{"body":"<a/>"}`, "application/xml"},
		{"any text", "text/*", text, `{"body":"a"}`, "text/plain"},
		{"any image", "image/*", binary, `{"body":{"$content":"aGk="}}`, "application/octet-stream"},
		{"any image, of which the content says more", "image/*", binary, `{"body":{"$content":"aGk=","$content-type":"image/gif"}}`, "image/gif"},
		{"a parameter of a range", "text/*; charset=utf-8", text, `{"body":"a"}`, "text/plain; charset=utf-8"},
		{"any multipart", "multipart/*", parts, `{"body":{"a":"b"}}`, "multipart/form-data"},
	} {
		t.Run(row.name, func(t *testing.T) {
			def := operation("/")
			def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{MediaType: row.ranges, Kind: row.kind}}}
			req, err := build(t, def, row.input)
			if err != nil {
				t.Fatal(err)
			}
			got, _, _ := strings.Cut(req.HeaderValue("Content-Type"), "; boundary=")
			if got != row.want {
				t.Errorf("media type %q, want %q", got, row.want)
			}
		})
	}
}

func TestAChoiceFromARangeOfJSONIsSent(t *testing.T) {
	def := operation("/")
	def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{
		{MediaType: "text/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON}, {MediaType: "application/*+json", Kind: connectorv1.BodyKind_BODY_KIND_JSON},
	}}
	req, err := build(t, def, `{"Content-Type":"application/merge-patch+json","body":{"a":1}}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := req.HeaderValue("Content-Type"); got != "application/merge-patch+json" {
		t.Errorf("media type %q", got)
	}
}
