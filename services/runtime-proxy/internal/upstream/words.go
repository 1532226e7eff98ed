package upstream

import (
	"bytes"
	"maps"
	"mime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// maxErrorBody is how much of an error's body is looked at, in bytes.
const maxErrorBody = 256 << 10

// errorBody is the body of an answer that reports a failure, as far as it is
// looked at.
type errorBody struct {
	json   jsontext.Value // an object, an array or a text; nil if it is no JSON
	markup []byte         // XML or HTML; nil if it is none
	text   string
}

func newErrorBody(resp *Response) *errorBody {
	content := document(resp)
	if len(content) == 0 {
		return &errorBody{}
	}
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case content[0] == '{' || content[0] == '[' || content[0] == '"':
		return &errorBody{json: content}
	case content[0] == '<':
		return &errorBody{markup: content}
	case media == "text/plain", media == "" && len(content) <= maxPlain && utf8.Valid(content):
		return &errorBody{text: string(content)}
	}
	return &errorBody{}
}

// maxPlain is how long a body of no stated type may be to count as a sentence.
const maxPlain = 1 << 10

// words returns an API's own message, "" if none is found. It knows problem+json
// (RFC 9457: detail, title), {"error": {"message"}} (OData, Google, Stripe),
// {"message"}, {"error_description"} (RFC 6749), {"error": text}, {"errors": […]}
// (JSON:API, GraphQL), {"errors": {field: text}} (Atlassian, ASP.NET), the XML of
// AWS and SOAP, the title of an HTML page, and short plain text. Where there is
// only a code, it is that.
func (b *errorBody) words() string {
	switch {
	case b.json != nil:
		if said := messageIn(b.json, 0); said != "" {
			return said
		}
		return codeIn(b.json, 0)
	case b.markup != nil:
		return markupWords(b.markup)
	}
	return b.text
}

// keys are where messages are found, the most specific first.
var keys = [...]string{
	"faultstring", "detail", "message", "error_description", "Message", "errorMessage", "error_message", "description",
	"errorMessages", "errorSummary", "error", "errors", "odata.error", "fault", "Error", "value", "title", "reason", "msg",
}

// maxSearch is how many levels down a message is looked for, maxParts how many are
// given of several.
const (
	maxSearch = 4
	maxParts  = 3
)

// messageIn finds the message in a value.
func messageIn(v jsontext.Value, depth int) string {
	if depth > maxSearch {
		return ""
	}
	switch v.Kind() {
	case '"':
		return plain(v)
	case '[':
		return messageInItems(v, depth)
	case '{':
		return messageInFields(v, depth)
	default: // a number or a flag is no message
	}
	return ""
}

func messageInItems(v jsontext.Value, depth int) string {
	var all []string
	for _, item := range items(v) {
		if found := messageIn(item, depth+1); found != "" {
			all = append(all, found)
		}
		if len(all) == maxParts {
			break
		}
	}
	return strings.Join(all, "; ")
}

func messageInFields(v jsontext.Value, depth int) string {
	fields := fieldsOf(v)
	for _, key := range keys {
		value, ok := fields[key]
		if !ok {
			continue
		}
		found := messageIn(value, depth+1)
		if found == "" && key == "errors" {
			found = byField(value)
		}
		if found != "" {
			return found
		}
	}
	return ""
}

// byField reads messages that are kept under the names of what they are about, in
// the order of the names.
func byField(v jsontext.Value) string {
	if v.Kind() != '{' {
		return ""
	}
	fields := fieldsOf(v)
	var all []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if found := messageIn(fields[name], maxSearch-1); found != "" && len(all) < maxParts {
			all = append(all, name+": "+found)
		}
	}
	return strings.Join(all, "; ")
}

func plain(v jsontext.Value) string {
	text, err := jsontext.AppendUnquote(nil, v)
	if err != nil {
		return ""
	}
	return string(text)
}

// items and fieldsOf read as far as the text is valid: an error of an API is the
// last thing to be strict about.
func items(v jsontext.Value) []jsontext.Value {
	d := lenient(v)
	var out []jsontext.Value
	for d.PeekKind() != ']' {
		item, err := d.ReadValue()
		if err != nil {
			return out
		}
		out = append(out, item.Clone())
	}
	return out
}

func fieldsOf(v jsontext.Value) map[string]jsontext.Value {
	d := lenient(v)
	out := map[string]jsontext.Value{}
	for d.PeekKind() != '}' {
		name, err := d.ReadToken()
		if err != nil {
			return out
		}
		key := name.String()
		value, err := d.ReadValue()
		if err != nil {
			return out
		}
		out[key] = value.Clone()
	}
	return out
}

func lenient(v jsontext.Value) *jsontext.Decoder {
	d := jsontext.NewDecoder(bytes.NewBuffer(v), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	_, _ = d.ReadToken() // the caller has seen the bracket
	return d
}

// line makes one printable line of at most maxWords bytes.
func line(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, " "))
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= maxWords {
		return text
	}
	return strings.ToValidUTF8(text[:maxWords], "") + "…"
}
