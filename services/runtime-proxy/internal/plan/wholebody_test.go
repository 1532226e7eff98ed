package plan_test

import (
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestBodiesThatNobodyGave: what defaults alone make is sent if it is whole; else
// an optional body is left out and one that is required is refused.
func TestBodiesThatNobodyGave(t *testing.T) {
	const (
		whole   = `{"type":"object","required":["mode"],"properties":{"mode":{"type":"string","default":"fast"}}}`
		partial = `{"type":"object","required":["mode","to"],"properties":{"mode":{"type":"string","default":"fast"},"to":{"type":"string"}}}`
		hidden  = `{"type":"object","required":["to"],"properties":{"v":{"type":"integer","default":2,"x-ms-visibility":"internal"},"to":{"type":"string"}}}`
	)
	tests := []struct {
		name, schema, input string
		required            bool
		want                string
	}{
		{"defaults make a whole body", whole, `{}`, false, `{"mode":"fast"}`},
		{"an optional body that defaults leave incomplete", partial, `{}`, false, ``},
		{"an optional body with an internal default", hidden, `{}`, false, ``},
		{"a required body that defaults leave incomplete", partial, `{}`, true, `body.to is required`},
		{"a body that is given is completed", partial, `{"body":{"to":"a"}}`, false, `{"to":"a","mode":"fast"}`},
		{"a body that is given and lacks something", hidden, `{"body":{}}`, false, `body.to is required`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := operation("/")
			def.Operations[0].RequestBody = &connectorv1.RequestBody{Required: tt.required, Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON, Schema: []byte(tt.schema),
			}}}
			req, err := build(t, def, tt.input)
			var got string
			if err != nil {
				v := fault.From(err).Violations()[0]
				got = v.Field + " " + v.Description
			} else {
				got = string(req.Body)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// TestAHeaderThatNamesAnotherMediaType: the one media type of the description and
// the header Content-Type that it declares do not agree. The header is what the
// API sees, so the body is written as it says.
func TestAHeaderThatNamesAnotherMediaType(t *testing.T) {
	tests := []struct {
		name, contentType, body, want string
	}{
		{"a text in HTML is no JSON string", "text/html", `"<p>a</p>"`, "<p>a</p> of text/html"},
		{"an object stays JSON", "text/html", `{"a":1}`, `{"a":1} of text/html`},
		{"another kind of JSON", "application/vnd.api+json", `{"a":1}`, `{"a":1} of application/vnd.api+json`},
		{"a text as another kind of JSON", "application/vnd.api+json", `"a"`, `"a" of application/vnd.api+json`},
		{"an object as a form", "application/x-www-form-urlencoded", `{"a":"b c","d":[1,2]}`, "a=b+c&d=1&d=2 of application/x-www-form-urlencoded"},
		{"a list is no form", "application/x-www-form-urlencoded", `[1]`, "[1] of application/x-www-form-urlencoded"},
		{"a text as XML", "text/xml", `"<a/>"`, "<a/> of text/xml"},
		{"the same with a parameter", "application/json; charset=utf-8", `"a"`, `"a" of application/json; charset=utf-8`},
	}
	t.Run("a form that the header calls JSON", func(t *testing.T) {
		def := operation("/", &parameter{Name: "Content-Type", Location: inHeader, Schema: []byte(`{"type":"string","default":"application/json"}`)})
		def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
			MediaType: "multipart/form-data", Kind: connectorv1.BodyKind_BODY_KIND_MULTIPART,
		}}}
		req, err := build(t, def, `{"body":{"a":1}}`)
		if err != nil || string(req.Body) != `{"a":1}` || req.HeaderValue("Content-Type") != "application/json" {
			t.Errorf("got %s of %s, %v", req.Body, req.HeaderValue("Content-Type"), err)
		}
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := operation("/", &parameter{Name: "Content-Type", Location: inHeader, Schema: []byte(`{"type":"string","default":"` + tt.contentType + `"}`)})
			def.Operations[0].RequestBody = &connectorv1.RequestBody{Contents: []*connectorv1.MediaType{{
				MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON,
			}}}
			req, err := build(t, def, `{"body":`+tt.body+`}`)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(req.Body) + " of " + req.HeaderValue("Content-Type"); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestHeadersOfCarelessDescriptions(t *testing.T) {
	t.Run("a default with a line break behind it", func(t *testing.T) {
		req, err := build(t, operation("/", &parameter{Name: "Accept", Location: inHeader, Schema: []byte(`{"type":"string","default":" */*\r\n"}`)}), "")
		if err != nil || req.HeaderValue("Accept") != "*/*" {
			t.Errorf("Accept = %q, %v", req.HeaderValue("Accept"), err)
		}
	})
	t.Run("no content coding is said in words", func(t *testing.T) {
		req, err := build(t, operation("/", &parameter{Name: "accept-encoding", Location: inHeader}), `{"accept-encoding":""}`)
		if err != nil || req.HeaderValue("Accept-Encoding") != "identity" {
			t.Errorf("Accept-Encoding = %q, %v", req.HeaderValue("Accept-Encoding"), err)
		}
	})
	for name, tt := range map[string]struct {
		contents []*connectorv1.MediaType
		want     string
	}{
		"a file may be of any type": {
			[]*connectorv1.MediaType{{MediaType: "application/octet-stream", Kind: connectorv1.BodyKind_BODY_KIND_BINARY}}, "application/octet-stream, */*",
		},
		"a file whose type is known": {
			[]*connectorv1.MediaType{{MediaType: "application/pdf", Kind: connectorv1.BodyKind_BODY_KIND_BINARY}}, "application/pdf",
		},
		"json": {
			[]*connectorv1.MediaType{{MediaType: "application/json", Kind: connectorv1.BodyKind_BODY_KIND_JSON}}, "application/json",
		},
		"what is accepted already": {
			[]*connectorv1.MediaType{{MediaType: "*/*"}, {MediaType: "application/octet-stream"}}, "*/*, application/octet-stream",
		},
	} {
		t.Run(name, func(t *testing.T) {
			def := operation("/")
			def.Operations[0].Responses = []*connectorv1.Response{{Status: "200", Contents: tt.contents}}
			req, err := build(t, def, "")
			if err != nil || req.HeaderValue("Accept") != tt.want {
				t.Errorf("Accept = %q, %v, want %q", req.HeaderValue("Accept"), err, tt.want)
			}
		})
	}
}
