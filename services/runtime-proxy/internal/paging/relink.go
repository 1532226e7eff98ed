package paging

import (
	"bytes"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dotpath"
)

// NamesLink reports whether an operation says in which member of its answers the link
// to the next page is.
func NamesLink(op *connectorv1.Operation) bool {
	return op.GetPagination().GetStyle() == nil && op.GetPagination().GetNextLinkProperty() != ""
}

// Relink puts another link in the place of the one to the next page, where the
// operation says where that is. f is given what the API wrote, and returns what is to
// be there instead; false leaves it. All else in the body stays as it was written.
// Without a change there is no link, and the body is the one that was given.
func Relink(op *connectorv1.Operation, body []byte, f func(found string) (link string, ok bool)) (out []byte, link string) {
	if !NamesLink(op) {
		return body, ""
	}
	v, ok := dotpath.Find(body, op.GetPagination().GetNextLinkProperty())
	if ok && v.Kind() == '{' {
		v, ok = dotpath.Find(v, "href")
	}
	if !ok || v.Kind() != '"' {
		return body, ""
	}
	if link, ok = f(strings.TrimSpace(dotpath.Text(v))); !ok {
		return body, ""
	}
	at := placeOf(body, v)
	if at < 0 {
		return body, ""
	}
	quoted, _ := jsontext.AppendQuote(nil, link) // links are ASCII
	return slices.Concat(body[:at], quoted, body[at+len(v):]), link
}

// placeOf returns where a part begins in the text whose memory it shares.
func placeOf(text, part []byte) int {
	for at := 0; ; at++ {
		next := bytes.Index(text[at:], part)
		if next < 0 {
			return -1
		}
		if at += next; &text[at] == &part[0] {
			return at
		}
	}
}

// relations are the relations of RFC 8288 that lead through a list.
var relations = [...]string{"next", "prev", "previous", "first", "last"}

// RelinkHeader puts other targets in the place of those of the links through a list
// (RFC 8288) in the lines of a Link field. f is given a target as the API wrote it,
// and returns what is to be there instead; false takes the whole link out. next is
// the new target of the first link to the next page of the answer itself, empty for
// none. Other links, and what cannot be read, stay.
func RelinkHeader(lines []string, f func(target string) (link string, ok bool)) (out []string, next string) {
	for _, line := range lines {
		var kept []string
		for rest := line; rest != ""; {
			var one linkValue
			one, rest = oneLink(rest)
			text, link := one.relinked(f)
			if next == "" && !one.anchored && one.is("next") {
				next = link
			}
			if text != "" {
				kept = append(kept, text)
			}
		}
		if len(kept) > 0 {
			out = append(out, strings.Join(kept, ", "))
		}
	}
	return out, next
}

// relinked returns the text of a link, with its new target if it leads through a list;
// both are empty if f takes it out.
func (l *linkValue) relinked(f func(target string) (link string, ok bool)) (text, link string) {
	text = strings.Trim(l.text, " \t,")
	if l.target == "" || !l.leads() {
		return text, ""
	}
	link, ok := f(l.target)
	if !ok {
		return "", ""
	}
	return "<" + link + text[strings.IndexByte(text, '>'):], link
}

// leads reports whether a link leads through a list.
func (l *linkValue) leads() bool { return slices.ContainsFunc(relations[:], l.is) }

// is reports whether a link has a relation.
func (l *linkValue) is(relation string) bool {
	for one := range strings.FieldsSeq(l.rel) {
		if strings.EqualFold(one, relation) {
			return true
		}
	}
	return false
}
