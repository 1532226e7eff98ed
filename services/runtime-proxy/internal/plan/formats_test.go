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
		{"an offset that no place has", `{"type":"string","format":"date-time"}`, `"2026-02-03T09:30:00+25:00"`, noDay},
		{"an offset of no clock", `{"type":"string","format":"date-time"}`, `"2026-02-03T09:30:00-99:99"`, noDay},
		{"an offset with too many minutes", `{"type":"string","format":"date-no-tz"}`, `"2026-02-03T09:30+02:60"`, noDay},
		{"the same in other spellings", `{"type":"string","format":"date-time"}`, `"2026-02-03t09:30:00.5-2400"`, noDay},
		{"an offset of too many hours", `{"type":"string","format":"date-time"}`, `"2026-02-03T09:30:00+24"`, noDay},
		{"the furthest offsets that are possible", `{"type":"string","format":"date-time"}`, `"2026-02-03T09:30:00-23:59"`, "2026-02-03T09:30:00-23:59"},
		{"an offset that says that none is known", `{"type":"string","format":"date-time"}`, `"2026-02-03T09:30:00-00:00"`, "2026-02-03T09:30:00-00:00"},
		{"an offset in a spelling of the API's", `{"type":"string","format":"date-time"}`, `"2026-02-03T09:30:00 GMT+25"`, "2026-02-03T09:30:00 GMT+25"},
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

// TestNumbersAreSentAsTheyAreWrittenOrRefused: never as another number, in no place. What
// no program can hold is refused where a schema says that it is a number, and so is what
// would keep the validator busy.
func TestNumbersAreSentAsTheyAreWrittenOrRefused(t *testing.T) {
	const tooFar = "is a number beyond what programs can hold (about 1e308, or 1e-324 from zero)"
	long := "0." + strings.Repeat("1", 2000)
	tests := []struct{ name, schema, value, want string }{
		{"an exponent, where nothing is said of a type", `{}`, `1e3`, "1e3"},
		{"a large one, where nothing is said", `{}`, `1E+3`, "1E+3"},
		{"an exponent of a number", `{"type":"number"}`, `1e3`, "1e3"},
		{"a fraction of zero of a number", `{"type":"number"}`, `1.50`, "1.50"},
		{"an exponent of an integer", `{"type":"integer"}`, `1e3`, "1000"},
		{"a negative integer with an exponent", `{"type":"integer"}`, `-1e3`, "-1000"},
		{"an integer whose fraction an exponent takes away", `{"type":"integer"}`, `1.5e1`, "15"},
		{"an integer that is larger than anybody counts", `{"type":"integer"}`, `1e100`, "1e100"},
		{"a fraction for an integer", `{"type":"integer"}`, `15e-1`, "must be an integer, not a"},
		{"many digits", `{"type":"number"}`, `12345678901234567890.12345678901234567890`, "12345678901234567890.12345678901234567890"},
		{"the largest that programs hold", `{"type":"number","format":"double","minimum":1}`, `1.7976931348623157e308`, "1.7976931348623157e308"},
		{"one of a list in another spelling", `{"type":"number","enum":[1,1000]}`, `1e3`, "1e3"},
		{"infinity", `{"type":"number"}`, `1e100000`, tooFar},
		{"negative infinity", `{"type":"number","format":"double"}`, `-1e400`, tooFar},
		{"infinity of integers", `{"type":"integer","format":"int64"}`, `1e100000`, tooFar},
		{"infinity with a limit", `{"type":"number","minimum":1}`, `1e99999999999`, tooFar},
		{"infinity with a step", `{"type":"number","multipleOf":0.01}`, `1e1000001`, tooFar},
		{"infinity in digits", `{"type":"number"}`, "1" + strings.Repeat("0", 400), tooFar},
		{"zero that is none", `{"type":"number","maximum":1}`, `1e-99999999999`, tooFar},
		{"digits without end", `{"type":"number","maximum":1}`, long, tooFar},
		{"zero with any exponent", `{"type":"number","maximum":1}`, `0e99999999999`, "0e99999999999"},
		{"a schema with limits beyond all", `{"type":"number","minimum":-1e99999999999,"maximum":1e99999999999,"exclusiveMaximum":1e99999999999}`, `5`, "5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			sent := func(def *connectorv1.Definition, input string) (string, string) {
				if faults := faultsOf(t, def, input); len(faults) > 0 {
					return "", strings.Join(faults, "|")
				}
				req, err := build(t, def, input)
				if err != nil {
					t.Fatal(err)
				}
				return req.Query + string(req.Body), ""
			}
			body := func(kind connectorv1.BodyKind, mediaType string) *connectorv1.Definition {
				return withBody(operation("/"), kind, mediaType, `{"type":"object","properties":{"p":`+tt.schema+`}}`)
			}
			for _, place := range []struct {
				name, input, sent, field string
				def                      *connectorv1.Definition
			}{
				{"a query", `{"p":` + tt.value + `}`, "p=" + strings.ReplaceAll(tt.want, "+", "%2B"), "p: ", operation("/", &parameter{Name: "p", Location: inQuery, Schema: []byte(tt.schema)})},
				{"a text for a parameter", `{"p":"` + tt.value + `"}`, "p=" + strings.ReplaceAll(tt.want, "+", "%2B"), "p: ", operation("/", &parameter{Name: "p", Location: inQuery, Schema: []byte(tt.schema)})},
				{"JSON", `{"body":{"p":` + tt.value + `}}`, `{"p":` + tt.want + `}`, "body.p: ", body(connectorv1.BodyKind_BODY_KIND_JSON, "application/json")},
				{"a form", `{"body":{"p":` + tt.value + `}}`, "p=" + strings.ReplaceAll(tt.want, "+", "%2B"), "body.p: ", body(connectorv1.BodyKind_BODY_KIND_FORM, "application/x-www-form-urlencoded")},
			} {
				got, faults := sent(place.def, place.input)
				if got != place.sent && (faults == "" || !strings.HasPrefix(faults, place.field+tt.want)) {
					t.Errorf("%s: sent %q, faults %q", place.name, got, faults)
				}
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
