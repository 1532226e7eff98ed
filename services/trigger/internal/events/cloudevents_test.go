package events_test

import (
	"encoding/json"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"go.opentelemetry.io/otel/trace"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/events"
)

// attributeName is what names of attributes are made of (CloudEvents 1.0.2, section
// 3: lower-case letters and digits, at most 20 of them by its advice).
var attributeName = regexp.MustCompile(`^[a-z0-9]{1,20}$`)

// traceParent is version 00 of W3C Trace Context, section 3.2.
var traceParent = regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$`)

// faultsOf returns the rules of CloudEvents 1.0.2 and its JSON format 1.0.2 that an
// event breaks.
func faultsOf(data []byte) (faults []string) {
	broken := func(bad bool, rule string) {
		if bad {
			faults = append(faults, rule)
		}
	}
	var members map[string]json.RawMessage
	broken(!utf8.Valid(data) || json.Unmarshal(data, &members) != nil, "it is a JSON object")
	text := map[string]string{}
	for name, raw := range members {
		if name == "data" || name == "data_base64" {
			continue
		}
		broken(!attributeName.MatchString(name), "names: "+name)
		var value any
		_ = json.Unmarshal(raw, &value)
		switch v := value.(type) {
		case string:
			text[name] = v
			broken(v == "", "no attribute is empty: "+name)
			broken(strings.ContainsFunc(v, unicode.IsControl), "no control characters: "+name)
			broken(strings.ContainsFunc(v, func(r rune) bool { return unicode.Is(unicode.Noncharacter_Code_Point, r) }), "characters only: "+name)
		case float64:
			broken(v != float64(int32(v)), "numbers are integers of 32 bits: "+name)
		default:
			broken(true, "attributes are texts, numbers or booleans: "+name)
		}
	}
	broken(text["specversion"] != "1.0", "specversion")
	broken(text["id"] == "", "id")
	broken(text["type"] == "", "type")
	source, err := url.Parse(text["source"])
	broken(err != nil || text["source"] == "" || source.String() != text["source"], "source is a URI-reference")
	at, err := time.Parse(time.RFC3339Nano, text["time"])
	broken(err != nil || at.Location() != time.UTC, "time is one of RFC 3339")
	if media, ok := text["datacontenttype"]; ok {
		parsed, _, err := mime.ParseMediaType(media)
		broken(err != nil || !strings.Contains(parsed, "/"), "datacontenttype is one of RFC 2046")
	}
	if schema, ok := text["dataschema"]; ok {
		parsed, err := url.Parse(schema)
		broken(err != nil || !parsed.IsAbs() || parsed.String() != schema, "dataschema is a URI")
	}
	if parent, ok := text["traceparent"]; ok {
		broken(!traceParent.MatchString(parent), "traceparent")
	}
	_, plain := members["data"]
	_, coded := members["data_base64"]
	broken(plain && coded, "data is there once")
	slices.Sort(faults)
	return faults
}

func TestEveryEventIsAValidCloudEvent(t *testing.T) {
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1})
	for _, row := range []struct {
		name   string
		change func(*core.Event)
		lacks  []string // attributes
	}{
		{"as usual", func(*core.Event) {}, nil},
		{"an item without a key", func(e *core.Event) { e.Key = "" }, []string{"subject"}},
		{"a key with a control character", func(e *core.Event) { e.Key = "a\u0085b" }, []string{"subject"}},
		{"a key that holds no character", func(e *core.Event) { e.Key = "a\ufffeb" }, []string{"subject"}},
		{"a key that is not UTF-8", func(e *core.Event) { e.Key = "a\xffb" }, nil},
		{"no media type", func(e *core.Event) { e.ContentType = "" }, []string{"datacontenttype"}},
		{"a media type with parameters", func(e *core.Event) { e.ContentType = "application/vnd.x+json; charset=utf-8" }, nil},
		{"a media type that is none", func(e *core.Event) { e.ContentType = "json" }, []string{"datacontenttype"}},
		{"a media type with a line break", func(e *core.Event) { e.ContentType = "text/plain\r\nX: y" }, []string{"datacontenttype"}},
		{"an operation with signs", func(e *core.Event) { e.Subscription.Operation = `on "é" <x>/y z` }, nil},
		{"no revision", func(e *core.Event) { e.Revision = "" }, []string{"revision", "dataschema"}},
		{"a notice", func(e *core.Event) { e.Type, e.Source = "ferrule.connection.authorized", "a" }, []string{"dataschema"}},
		{"a time elsewhere", func(e *core.Event) { e.Time = start.In(time.FixedZone("", 3600)) }, nil},
		{"bytes", func(e *core.Event) { e.JSON, e.Data = false, []byte{0, 255} }, nil},
		{"no data", func(e *core.Event) { e.Data = nil }, nil},
		{"data that does not fit", func(e *core.Event) { e.Data = []byte(`"` + strings.Repeat("x", 1<<20) + `"`) }, nil},
	} {
		e := event(subscription("u1", "items"), "e1", start)
		row.change(&e)
		m, err := events.Format{PublicURL: "https://ferrule.example.com"}.Message(trace.ContextWithSpanContext(t.Context(), span), e)
		if err != nil {
			t.Errorf("%s: %v", row.name, err)
			continue
		}
		if faults := faultsOf(m.Data); faults != nil {
			t.Errorf("%s breaks %q: %.400s", row.name, faults, m.Data)
		}
		var members map[string]any
		if err := json.Unmarshal(m.Data, &members); err != nil || members["traceparent"] == nil {
			t.Errorf("%s: %v, %v", row.name, members, err)
		}
		for _, name := range row.lacks {
			if value, ok := members[name]; ok {
				t.Errorf("%s has %s = %q", row.name, name, value)
			}
		}
	}
}

func TestAnEventNamesItsSchemaWhereItCanBeFetched(t *testing.T) {
	for _, row := range []struct{ name, base, want string }{
		{"the installation has a public URL", "https://ferrule.example.com", "https://ferrule.example.com/v1/environments/default/connectors/inventory/revisions/r1/operations?page_size=1000#On.Item%20%3Cx%3E"},
		{"it has none", "", ""},
	} {
		m, err := events.Format{PublicURL: row.base}.Message(t.Context(), event(subscription("u1", "items"), "e1", start))
		var got struct {
			DataSchema string `json:"dataschema"`
		}
		if err == nil {
			err = json.Unmarshal(m.Data, &got)
		}
		if err != nil || got.DataSchema != row.want {
			t.Errorf("%s: %q, %v; want %q", row.name, got.DataSchema, err, row.want)
		}
	}
}

func TestHowOftenAnEventHasComeThroughSinksIsReadFromItsAttributesAlone(t *testing.T) {
	for _, row := range []struct {
		name string
		hops int
		key  string
		data string
	}{
		{"an API's own", 0, "k", `{"a":1,"hops":7}`},
		{"one that came through three", 3, "k", `{"a":1,"hops":7}`},
		{"one whose key looks like it", 0, `,"hops":9,"data":`, `1`},
		{"one of bytes", 2, "k", ``},
	} {
		e := event(subscription("u1", "items"), "e1", start)
		e.Hops, e.Key, e.Data = row.hops, row.key, []byte(row.data)
		e.JSON = row.data != ""
		m, err := events.Message(t.Context(), e)
		if got := events.Hops(m.Data); err != nil || got != row.hops {
			t.Errorf("%s: %d, %v in %s", row.name, got, err, m.Data)
		}
	}
}

func TestWhatIsDeclaredAsJSONAndIsNoneComesAsBytes(t *testing.T) {
	for declared, want := range map[string]string{
		"application/json": "application/octet-stream", "application/vnd.x+json; charset=utf-8": "application/octet-stream", "text/plain": "text/plain",
	} {
		e := event(subscription("u1", "items"), "e1", start)
		e.ContentType, e.JSON, e.Data = declared, false, []byte("{oops")
		m, err := events.Message(t.Context(), e)
		var got struct {
			DataContentType string
			Data            []byte `json:"data_base64"`
		}
		if err == nil {
			err = json.Unmarshal(m.Data, &got)
		}
		if err != nil || got.DataContentType != want || string(got.Data) != "{oops" {
			t.Errorf("%s: %+v, %v", declared, got, err)
		}
	}
}

func TestTheRulesOfCloudEventsFindWhatIsWrong(t *testing.T) {
	fine := `"specversion":"1.0","id":"1","source":"a","type":"t","time":"2026-03-01T12:00:00Z"`
	for text, want := range map[string]string{
		`{` + fine + `}`:                                 "",
		`{` + fine + `,"Bad_name":"x"}`:                  "names: Bad_name",
		`{` + fine + `,"subject":""}`:                    "no attribute is empty: subject",
		`{` + fine + `,"n":3000000000}`:                  "numbers are integers of 32 bits: n",
		`{` + fine + `,"datacontenttype":"json"}`:        "datacontenttype is one of RFC 2046",
		`{` + fine + `,"dataschema":"/v1/x"}`:            "dataschema is a URI",
		`{` + fine + `,"traceparent":"1"}`:               "traceparent",
		`{` + fine + `,"data":1,"data_base64":"AA"}`:     "data is there once",
		strings.Replace(`{`+fine+`}`, "T12", " 12", 1):   "time is one of RFC 3339",
		strings.Replace(`{`+fine+`}`, `"a"`, `"a b"`, 1): "source is a URI-reference",
	} {
		if got := strings.Join(faultsOf([]byte(text)), "; "); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestAnEventIsReadWithItsSubjectAndTrace(t *testing.T) {
	f := newFixture(t)
	s := subscription("u1", "items")
	span := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: 1})
	if err := f.Publish(trace.ContextWithSpanContext(t.Context(), span), event(s, "a", start)); err != nil {
		t.Fatal(err)
	}
	page, _, err := f.Page(t.Context(), events.Range{Subscription: s}, 1)
	if err != nil || page[0].Subject != "k-a" || page[0].OmittedBytes != 0 || page[0].TraceParent != "00-01000000000000000000000000000000-0200000000000000-01" {
		t.Errorf("%+v, %v", page, err)
	}
}
