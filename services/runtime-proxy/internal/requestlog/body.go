package requestlog

import (
	"fmt"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"
)

// body returns the beginning of a body without secrets, or in brackets why it is
// not kept. cut is true if there is more of it.
func (r *redactor) body(header map[string][]string, head []byte, size int64) (text string, cut bool) {
	if len(head) == 0 {
		return "", false
	}
	field := http.Header(header).Get
	if coding := field("Content-Encoding"); coding != "" && coding != "identity" {
		return fmt.Sprintf("(not kept: encoded as %s)", clip(r.text(coding), 100)), false
	}
	kind, _, err := mime.ParseMediaType(field("Content-Type"))
	if err != nil || !textual(kind) {
		kind = clip(r.text(kind), 100)
		if kind == "" {
			kind = "of an unknown kind"
		}
		return fmt.Sprintf("(not kept: %s)", kind), false
	}
	cut = int64(len(head)) < size || len(head) > MaxCapture
	text = string(head[:min(len(head), MaxCapture)])
	if cut {
		text = wholeRunes(text)
	}
	if !utf8.ValidString(text) {
		return "(not kept: not UTF-8)", false
	}
	text = r.content(kind, text)
	if cut { // a secret may have been cut off at the end, and not been found
		text = text[:max(0, len(text)-Lookahead)]
	}
	return wholeRunes(text[:min(len(text), MaxBody)]), cut || len(text) > MaxBody
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
	text = r.said(text, 0)
	if kind == "application/x-www-form-urlencoded" {
		return r.pairs(text, true)
	}
	return text
}
