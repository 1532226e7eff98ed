package plan_test

import (
	"strings"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// TestFormatsOfTexts: bytes may be given as content, which is sent as its base64;
// times are sent as they were given. It is the same in bodies and in every
// place of a parameter.
func TestFormatsOfTexts(t *testing.T) {
	const (
		notBase64 = "has a $content that is not base64"
		noDay     = "is a date or a time that does not exist"
		wrapper   = `{"$content":"AAH/","$content-type":"image/png"}`
	)
	tests := []struct{ name, schema, value, want string }{
		{"bytes as content", `{"type":"string","format":"byte"}`, wrapper, "AAH/"},
		{"bytes as content without a type", `{"type":"string","format":"byte"}`, `{"$content":"YQ=="}`, "YQ=="},
		{"bytes as base64", `{"type":"string","format":"byte"}`, `"AAH/"`, "AAH/"},
		{"bytes in another spelling are the API's to judge", `{"type":"string","format":"byte"}`, `"%"`, "%"},
		{"binary as content", `{"type":"string","format":"binary"}`, wrapper, "AAH/"},
		{"the words of newer drafts", `{"type":"string","contentEncoding":"base64"}`, wrapper, "AAH/"},
		{"content that is not base64", `{"type":"string","format":"byte"}`, `{"$content":"%"}`, notBase64},
		{"content of no type", `{"type":"string","format":"byte"}`, `{"$content":"YQ==","$content-type":"a b"}`, "has a $content-type that is no media type"},
		{"content with a member that is none of its own", `{"type":"string","format":"byte"}`, `{"$content":"YQ==","a":1}`, "must be a string, not an object"},
		{"content for a time", `{"type":"string","format":"date-time"}`, wrapper, "must be a string, not an object"},
		{"content for a text", `{"type":"string"}`, wrapper, "must be a string, not an object"},
		{"content for a number", `{"type":"integer","format":"byte"}`, wrapper, "must be an integer, not an object"},

		{"a time in UTC", `{"type":"string","format":"date-time"}`, `"2026-01-31T09:30:00Z"`, "2026-01-31T09:30:00Z"},
		{"a time with an offset", `{"type":"string","format":"date-time"}`, `"2026-01-31T09:30:00.5+02:00"`, "2026-01-31T09:30:00.5+02:00"},
		{"a time without an offset stays without", `{"type":"string","format":"date-time"}`, `"2026-01-31T09:30:00"`, "2026-01-31T09:30:00"},
		{"a fraction without an offset", `{"type":"string","format":"date-time"}`, `"2026-01-31T09:30:00.123"`, "2026-01-31T09:30:00.123"},
		{"a minute without an offset", `{"type":"string","format":"date-time"}`, `"2026-01-31T09:30"`, "2026-01-31T09:30"},
		{"a day that there is not", `{"type":"string","format":"date-time"}`, `"2026-02-30T09:30:00Z"`, noDay},
		{"an hour that there is not", `{"type":"string","format":"date-time"}`, `"2026-02-03T25:30:00"`, noDay},
		{"a leap second", `{"type":"string","format":"date-time"}`, `"2016-12-31T23:59:60Z"`, "2016-12-31T23:59:60Z"},
		{"the end of a day", `{"type":"string","format":"date-time"}`, `"2016-12-31T24:00:00Z"`, "2016-12-31T24:00:00Z"},
		{"a time in a spelling of the API's", `{"type":"string","format":"date-time"}`, `"yesterday"`, "yesterday"},
		{"a date for a time", `{"type":"string","format":"date-time"}`, `"2026-01-31"`, "2026-01-31"},
		{"no time at all", `{"type":"string","format":"date-time"}`, `""`, ""},
		{"a time that has to look otherwise", `{"type":"string","format":"date-time","pattern":"00$"}`, `"2026-01-31T09:30:00"`, "2026-01-31T09:30:00"},
		{"a time of a list of choices", `{"type":"string","format":"date-time","enum":["2026-01-31T09:30:00"]}`, `"2026-01-31T09:30:00"`, "2026-01-31T09:30:00"},
		{"a time as a number", `{"type":"integer","format":"date-time"}`, `7`, "7"},

		{"a time that has no offset", `{"type":"string","format":"date-no-tz"}`, `"2026-01-31T09:30:00"`, "2026-01-31T09:30:00"},
		{"a local time with an offset", `{"type":"string","format":"date-no-tz"}`, `"2026-01-31T09:30:00Z"`, "2026-01-31T09:30:00Z"},
		{"a local time that there is not", `{"type":"string","format":"date-no-tz"}`, `"2026-02-31T09:30:00"`, noDay},
		{"a time as it was typed", `{"type":"string","format":"date-no-tz"}`, `"31.1.2026 9:30"`, "31.1.2026 9:30"},

		{"a date", `{"type":"string","format":"date"}`, `"2026-01-31"`, "2026-01-31"},
		{"a date that there is not", `{"type":"string","format":"date"}`, `"2026-02-30"`, noDay},
		{"a date with a time", `{"type":"string","format":"date"}`, `"2026-01-31T00:00:00Z"`, "2026-01-31T00:00:00Z"},
		{"a date in a spelling of the API's", `{"type":"string","format":"date"}`, `"1/31/2026"`, "1/31/2026"},
		{"another format", `{"type":"string","format":"time"}`, `"2026-02-30T00:00:00"`, "2026-02-30T00:00:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for place, location := range map[string]connectorv1.ParameterLocation{"query": inQuery, "header": inHeader} {
				def := operation("/", &parameter{Name: "p", Location: location, Schema: []byte(tt.schema)})
				want := tt.want
				if location == inQuery {
					want = strings.NewReplacer(":", "%3A", "+", "%2B", " ", "%20", "%", "%25", "/", "%2F", "=", "%3D").Replace(tt.want)
				}
				if faults := faultsOf(t, def, `{"p":`+tt.value+`}`); len(faults) > 0 {
					if got := strings.Join(faults, "|"); got != "p: "+tt.want {
						t.Errorf("%s: %s", place, got)
					}
					continue
				}
				req, _ := build(t, def, `{"p":`+tt.value+`}`)
				if got := strings.TrimPrefix(req.Query, "p=") + req.HeaderValue("P"); got != want {
					t.Errorf("%s: sent %q, want %q", place, got, want)
				}
			}
			schema := `{"type":"object","properties":{"list":{"type":"array","items":` + tt.schema + `}}}`
			def := withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_JSON, "application/json", schema)
			if faults := faultsOf(t, def, `{"body":{"list":[`+tt.value+`]}}`); len(faults) > 0 {
				got := strings.Replace(strings.Join(faults, "|"), "body.list[0]", "p", 1)
				if got != "p: "+tt.want {
					t.Errorf("body: %s", got)
				}
				return
			}
			req, _ := build(t, def, `{"body":{"list":[`+tt.value+`]}}`)
			want := `{"list":["` + tt.want + `"]}`
			if strings.Contains(tt.schema, "integer") {
				want = strings.ReplaceAll(want, `"7"`, "7")
			}
			if string(req.Body) != want {
				t.Errorf("body: sent %s, want %s", req.Body, want)
			}
		})
	}
}

// TestFormatsAreFoundWhereverSchemasHaveThem: below references, in parts, forms and
// members that only a rule for all of them describes. What is not touched keeps its
// text, and what no schema describes is the caller's own.
func TestFormatsAreFoundWhereverSchemasHaveThem(t *testing.T) {
	const content = `{"$content":"YQ=="}`
	named := []*connectorv1.Schema{
		{Name: "Node", Json: []byte(`{"type":"object","properties":{"file":{"$ref":"#/$defs/File"},"next":{"$ref":"#/$defs/Node"}}}`)},
		{Name: "File", Json: []byte(`{"type":"string","format":"byte"}`)},
	}
	tests := []struct{ name, schema, body, want string }{
		{"a schema that names itself", `{"$ref":"#/$defs/Node"}`, `{"next":{"next":{"file":` + content + `}}}`, `{"next":{"next":{"file":"YQ=="}}}`},
		{"parts", `{"allOf":[{"type":"object"},{"properties":{"a":{"type":"string","format":"byte"}}}]}`, `{"a":` + content + `}`, `{"a":"YQ=="}`},
		{"forms", `{"oneOf":[{"properties":{"a":{"type":"integer"}}},{"properties":{"a":{"type":"string","format":"byte"}}}]}`, `{"a":` + content + `}`, `{"a":"YQ=="}`},
		{"members of any name", `{"type":"object","additionalProperties":{"type":"string","format":"byte"}}`, `{"x":` + content + `}`, `{"x":"YQ=="}`},
		{"the whole body", `{"type":"string","format":"byte"}`, `{"$content":"YQ==","$content-type":"image/png"}`, `"YQ=="`},
		{"spaces and numbers are left", `{"$ref":"#/$defs/Node"}`, `{ "n": 1.50, "file": ` + content + `, "é": "\u00e9" }`, `{ "n": 1.50, "file": "YQ==", "é": "\u00e9" }`},
		{"nothing is known", ``, `{"a":` + content + `}`, `{"a":{"$content":"YQ=="}}`},
		{"an object of its own", `{"type":"object","properties":{"a":{"type":"object"}}}`, `{"a":` + content + `}`, `{"a":{"$content":"YQ=="}}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			def := withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_JSON, "application/json", tt.schema)
			def.Schemas = named
			req, err := build(t, def, `{"body":`+tt.body+`}`)
			if err != nil || string(req.Body) != tt.want {
				t.Errorf("sent %s (%v), want %s", req.Body, err, tt.want)
			}
		})
	}
	t.Run("a form and XML write the base64", func(t *testing.T) {
		for kind, want := range map[connectorv1.BodyKind]string{
			connectorv1.BodyKind_BODY_KIND_FORM: "file=YQ%3D%3D",
			connectorv1.BodyKind_BODY_KIND_XML:  `<?xml version="1.0" encoding="UTF-8"?><Node><file>YQ==</file></Node>`,
		} {
			def := withBody(operation("/"), kind, "a/b", `{"$ref":"#/$defs/Node"}`)
			def.Schemas = named
			if req, err := build(t, def, `{"body":{"file":`+content+`}}`); err != nil || string(req.Body) != want {
				t.Errorf("%s: sent %s (%v), want %s", kind, req.Body, err, want)
			}
		}
	})
	t.Run("a value that is nested without end is no work without end", func(t *testing.T) {
		def := withBody(operation("/"), connectorv1.BodyKind_BODY_KIND_JSON, "application/json", `{"$ref":"#/$defs/Node"}`)
		def.Schemas = named
		const levels = 9000
		body := strings.Repeat(`{"next":`, levels) + `{"file":"a"}` + strings.Repeat("}", levels)
		if req, err := build(t, def, `{"body":`+body+`}`); err != nil || string(req.Body) != body {
			t.Errorf("refused: %v", err)
		}
	})
}
