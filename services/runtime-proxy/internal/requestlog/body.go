package requestlog

import (
	"fmt"
	"mime"
	"net/http"
	"net/textproto"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// body returns the beginning of a body without secrets, or in brackets why it is
// not kept.
func (r *redactor) body(header map[string][]string, head []byte, size int64) string {
	if len(head) == 0 {
		return ""
	}
	field := http.Header(header).Get
	if coding := field("Content-Encoding"); coding != "" && coding != "identity" {
		return fmt.Sprintf("(not kept: encoded as %s)", clip(r.text(coding), 100))
	}
	kind, _, err := mime.ParseMediaType(field("Content-Type"))
	if err != nil || !textual(kind) {
		kind = clip(r.text(kind), 100)
		if kind == "" {
			kind = "of an unknown kind"
		}
		return fmt.Sprintf("(not kept: %s)", kind)
	}
	cut := int64(len(head)) < size || len(head) > MaxCapture
	text := string(head[:min(len(head), MaxCapture)])
	if cut {
		text = wholeRunes(text)
	}
	if !utf8.ValidString(text) {
		return "(not kept: not UTF-8)"
	}
	text = r.content(kind, text)
	if cut { // a secret may have been cut off at the end, and not been found
		text = text[:max(0, len(text)-Lookahead)]
	}
	return wholeRunes(text[:min(len(text), MaxBody)])
}

// textual reports whether content of a media type is text.
func textual(kind string) bool {
	switch kind {
	case "application/json", "application/xml", "application/x-www-form-urlencoded", "application/javascript",
		"application/graphql", "application/x-ndjson", "application/jsonl", "application/yaml", "application/x-yaml", "application/soap+xml":
		return true
	}
	return strings.HasPrefix(kind, "text/") || strings.HasSuffix(kind, "+json") || strings.HasSuffix(kind, "+xml")
}

// wholeRunes returns text without the first part of a rune at its end.
func wholeRunes(text string) string {
	for i := 1; i < utf8.UTFMax && i <= len(text); i++ {
		if last := text[len(text)-i:]; utf8.RuneStart(last[0]) {
			if !utf8.FullRuneInString(last) {
				return text[:len(text)-i]
			}
			break
		}
	}
	return text
}

// content redacts by what the text looks like: what it is called is not always
// true.
func (r *redactor) content(kind, text string) string {
	text = r.known(text)
	switch trimmed := strings.TrimLeft(text, " \t\r\n\ufeff"); {
	case kind == "application/x-www-form-urlencoded":
		return r.pairs(text, true)
	case strings.HasPrefix(trimmed, "<"):
		return r.pairs(r.elements(text), false)
	case trimmed != "" && strings.ContainsRune("{[\"", rune(trimmed[0])) || strings.Contains(kind, "json"):
		return r.pairs(r.members(text), false)
	case strings.Contains(kind, "yaml"), strings.HasPrefix(kind, "text/"):
		return r.pairs(r.lines(text), false)
	}
	return r.pairs(text, false)
}

// members redacts JSON, also if it ends in the middle or is no JSON: members by
// their names, and strings by what they say once they are decoded.
func (r *redactor) members(text string) string {
	var out strings.Builder
	for {
		start := strings.IndexByte(text, '"')
		if start < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:start])
		text = text[start:]
		size := stringEnd(text)
		quoted := text[:size]
		text = text[size:]
		space := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
		isName := space < len(text) && text[space] == ':'
		out.WriteString(r.quoted(quoted))
		if !isName {
			continue
		}
		value := space + 1
		value += len(text[value:]) - len(strings.TrimLeft(text[value:], " \t\r\n"))
		out.WriteString(text[:value])
		text = text[value:]
		if name, ok := unquote(quoted); text != "" && (!ok || r.names.secret(name) || r.names.isOwn(name)) {
			out.WriteString(`"` + Redacted + `"`)
			text = text[valueEnd(text):]
		}
	}
}

// quoted redacts a JSON string that holds a secret in an unusual spelling.
func (r *redactor) quoted(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	if plain, ok := unquote(text); !ok || r.known(plain) == plain {
		return text
	}
	return `"` + Redacted + `"`
}

func unquote(quoted string) (string, bool) {
	plain, err := jsontext.AppendUnquote(nil, quoted)
	return string(plain), err == nil
}

// stringEnd returns how long the JSON string is that a text begins with.
func stringEnd(text string) int {
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(text)
}

// valueEnd returns how long the JSON value is that a text begins with.
func valueEnd(text string) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i += stringEnd(text[i:]) - 1
			if depth == 0 {
				return min(i+1, len(text))
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', '\n':
			if depth == 0 {
				return i
			}
		}
	}
	return len(text)
}

// elements redacts XML and HTML: elements and attributes by their names.
func (r *redactor) elements(text string) string {
	var out strings.Builder
	for {
		start := strings.IndexByte(text, '<')
		if start < 0 {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:start])
		text = text[start:]
		size := strings.IndexByte(text, '>') + 1
		if size == 0 {
			size = len(text)
		}
		tag := text[:size]
		text = text[size:]
		out.WriteString(r.attributes(tag))
		full := tag[1:]
		if end := strings.IndexAny(full, " \t\r\n/>"); end >= 0 {
			full = full[:end]
		}
		if full == "" || strings.HasSuffix(tag, "/>") || !r.names.secret(full[strings.IndexByte(full, ':')+1:]) {
			continue
		}
		out.WriteString(Redacted)
		if end := strings.Index(text, "</"+full); end >= 0 {
			text = text[end:]
		} else {
			text = ""
		}
	}
}

// attributes redacts the attributes of one tag.
func (r *redactor) attributes(tag string) string {
	var out strings.Builder
	for {
		equals := strings.IndexByte(tag, '=')
		if equals < 0 {
			out.WriteString(tag)
			return out.String()
		}
		name := strings.TrimRight(tag[:equals], " \t\r\n")
		name = name[strings.LastIndexAny(name, " \t\r\n\"'<:")+1:]
		value := equals + 1
		value += len(tag[value:]) - len(strings.TrimLeft(tag[value:], " \t\r\n"))
		out.WriteString(tag[:value])
		tag = tag[value:]
		if tag == "" || tag[0] != '"' && tag[0] != '\'' {
			continue
		}
		end := strings.IndexByte(tag[1:], tag[0]) + 2
		if end == 1 {
			end = len(tag)
		}
		if r.names.secret(name) {
			out.WriteString(`"` + Redacted + `"`)
		} else {
			out.WriteString(tag[:end])
		}
		tag = tag[end:]
	}
}

// lines redacts text of lines such as "name: value" and "name=value".
func (r *redactor) lines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		at := strings.IndexAny(line, ":=")
		if at < 0 || at+1 == len(line) {
			continue
		}
		if name := textproto.TrimString(line[:at]); !strings.ContainsAny(name, " \t") && r.names.secret(strings.TrimLeft(name, "-\"'")) {
			lines[i] = line[:at+1] + " " + Redacted
		}
	}
	return strings.Join(lines, "\n")
}
