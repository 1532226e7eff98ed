package upstream

import (
	"bytes"
	"encoding/xml"
	"html"
	"strings"
)

// maxElements is how many elements of a document are looked at.
const maxElements = 512

// messageElements are where the XML of APIs has its message (SOAP 1.1 and 1.2, AWS,
// OData, problem+xml), codeElements where it has a code; in lower case.
var (
	messageElements = [...]string{"faultstring", "text", "message", "detail", "errormessage", "error_description", "description", "title", "msg"}
	codeElements    = [...]string{"code", "errorcode", "faultcode", "value"}
)

// markupWords returns the message of an XML document, or the title of an HTML page:
// what else is on one is not for people who asked an API.
func markupWords(content []byte) string {
	if isHTML(content) {
		return pageTitle(content)
	}
	if said := firstOf(content, messageElements[:]); said != "" {
		return said
	}
	return firstOf(content, append(codeElements[:], "error"))
}

// markupCode returns the code of an XML document, "" for none.
func markupCode(content []byte) string {
	if isHTML(content) {
		return ""
	}
	code := firstOf(content, codeElements[:])
	if _, local, ok := strings.Cut(code, ":"); ok { // a qualified name, as in SOAP
		return local
	}
	return code
}

func isHTML(content []byte) bool {
	head := bytes.ToLower(content[:min(len(content), 512)])
	return bytes.Contains(head, []byte("<!doctype html")) || bytes.Contains(head, []byte("<html")) ||
		bytes.Contains(head, []byte("<head")) || bytes.Contains(head, []byte("<body")) || bytes.HasPrefix(head, []byte("<h1"))
}

func pageTitle(content []byte) string {
	lower := bytes.ToLower(content) // same length for ASCII, which is all that is looked for
	if len(lower) != len(content) {
		lower = content
	}
	from := bytes.Index(lower, []byte("<title"))
	if from < 0 {
		return ""
	}
	open := bytes.IndexByte(lower[from:], '>')
	if open < 0 {
		return ""
	}
	from += open + 1
	to := bytes.Index(lower[from:], []byte("</title"))
	if to < 0 {
		return ""
	}
	return html.UnescapeString(string(content[from : from+to]))
}

// firstOf returns the text of the first element that has one of the names, those
// that are named first being preferred. It reads as far as the document is valid.
func firstOf(content []byte, names []string) string {
	d := xml.NewDecoder(bytes.NewReader(content))
	d.Strict = false
	best, text := len(names), ""
	inside := -1 // which name the present element has
	for range maxElements * 3 {
		token, err := d.RawToken()
		if err != nil {
			break
		}
		switch t := token.(type) {
		case xml.StartElement:
			inside = -1
			for i, name := range names {
				if strings.EqualFold(name, t.Name.Local) {
					inside = i
				}
			}
		case xml.EndElement:
			inside = -1
		case xml.CharData:
			if said := strings.TrimSpace(string(t)); inside >= 0 && inside < best && said != "" {
				best, text = inside, said
			}
		}
	}
	return text
}

// withoutMarkup removes tags from a message and decodes character references. A "<"
// that begins no tag stays.
func withoutMarkup(text string) string {
	if !strings.ContainsAny(text, "<&") {
		return text
	}
	var out strings.Builder
	for {
		before, rest, ok := strings.Cut(text, "<")
		out.WriteString(before)
		if !ok {
			break
		}
		if !beginsTag(rest) {
			out.WriteByte('<')
			text = rest
			continue
		}
		_, after, ends := strings.Cut(rest, ">")
		if !ends { // nothing after it ends either
			out.WriteByte('<')
			out.WriteString(rest)
			break
		}
		out.WriteByte(' ')
		text = after
	}
	return html.UnescapeString(out.String())
}

func beginsTag(rest string) bool {
	if rest == "" {
		return false
	}
	c := rest[0]
	return c == '/' || c == '!' || c == '?' || (c|0x20 >= 'a' && c|0x20 <= 'z')
}
