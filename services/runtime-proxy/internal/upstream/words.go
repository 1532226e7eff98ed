package upstream

import (
	"bytes"
	"mime"
	"strings"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// maxErrorBody is how much of an error's body is looked at, in bytes.
const maxErrorBody = 256 << 10

// words returns an API's own message from the body of an error, "" if none is
// found. It knows problem+json (RFC 9457: detail, title),
// {"error": {"message"}} (OData, Google, Stripe), {"message"},
// {"error_description"} (RFC 6749), {"error": text}, {"errors": […]}, and short
// plain text.
func words(resp *Response) string {
	body := resp.Body[:min(len(resp.Body), maxErrorBody)]
	trimmed := bytes.TrimSpace(body)
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case len(trimmed) == 0:
		return ""
	case trimmed[0] == '{' || trimmed[0] == '[':
		return fromValue(jsontext.Value(trimmed), 0)
	case trimmed[0] == '"':
		return plain(jsontext.Value(trimmed))
	case media == "text/plain":
		return string(trimmed)
	}
	return ""
}

// keys are where messages are found, the most specific first.
var keys = [...]string{
	"detail", "message", "error_description", "Message", "errorMessage", "error_message", "description",
	"error", "errors", "odata.error", "fault", "Error", "value", "title", "reason", "msg",
}

// maxSearch is how many levels down a message is looked for.
const maxSearch = 4

// fromValue finds the message in a value.
func fromValue(v jsontext.Value, depth int) string {
	if depth > maxSearch {
		return ""
	}
	switch v.Kind() {
	case '"':
		return plain(v)
	case '[':
		var all []string
		for _, item := range items(v) {
			if found := fromValue(item, depth+1); found != "" && len(all) < 3 {
				all = append(all, found)
			}
		}
		return strings.Join(all, "; ")
	case '{':
		fields := fieldsOf(v)
		for _, key := range keys {
			value, ok := fields[key]
			if !ok {
				continue
			}
			if found := fromValue(value, depth+1); found != "" {
				return found
			}
		}
	default: // a number or a flag is no message
	}
	return ""
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
