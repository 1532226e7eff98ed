package http1

import (
	"net/http"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
)

// answerFields is what was found in the header of an answer when it was taken, with
// the lines that may have to be cut out of the head again: part{} for those that are
// not there.
type answerFields struct {
	connection, contentLength, contentType, transferEncoding part

	connectionFirst, encodingFirst         string // the first value; empty for none
	hasLength, hasType, hasDate, isEncoded bool
	trailing                               bool     // trailers are, or may be, sent
	trailers                               []string // that were announced
}

// takeFields writes the fields of the header into the head, in the order of their names.
func (x *exchange) takeFields() {
	names := x.buf.names[:0]
	for name := range x.header {
		names = append(names, name)
	}
	slices.Sort(names)
	head := appendStatusLine(x.buf.head[:0], x.status)
	for _, name := range names {
		if strings.HasPrefix(name, http.TrailerPrefix) {
			x.fields.trailing = true
			continue
		}
		from := len(head)
		head = appendField(head, name, x.header[name])
		x.fields.note(name, x.header[name], part{from, len(head)})
	}
	x.buf.names, x.buf.head = names, head
}

// note notes the fields that the rest of the head depends on. As in net/http they are
// those with canonical names; the others are passed on as they are.
func (f *answerFields) note(name string, values []string, at part) {
	switch name {
	case "Connection":
		f.connection, f.connectionFirst = at, first(values)
	case "Content-Encoding":
		f.isEncoded = first(values) != ""
	case "Content-Length":
		f.contentLength, f.hasLength = at, true
	case "Content-Type":
		f.contentType, f.hasType = at, true
	case "Date":
		f.hasDate = true
	case "Trailer":
		for _, line := range values {
			f.trailing = true
			f.announce(line)
		}
	case "Transfer-Encoding":
		f.transferEncoding, f.encodingFirst = at, first(values)
	}
}

// announce takes the names of trailers in a line of the field Trailer.
func (f *answerFields) announce(line string) {
	for name := range strings.SplitSeq(line, ",") {
		name = textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name))
		if name != "" && mayTrail(name) {
			f.trailers = append(f.trailers, name)
		}
	}
}

// mayTrail reports whether a field may stand behind a body, by the list that net/http has.
func mayTrail(name string) bool {
	switch name {
	case "Authorization", "Cache-Control", "Connection", "Content-Encoding", "Content-Length", "Content-Range",
		"Content-Type", "Expect", "Host", "Keep-Alive", "Max-Forwards", "Pragma", "Proxy-Authenticate",
		"Proxy-Authorization", "Proxy-Connection", "Range", "Realm", "Te", "Trailer", "Transfer-Encoding",
		"Www-Authenticate":
		return false
	}
	return !strings.HasPrefix(name, "If-")
}

// finalTrailers are the trailers that the handler has set; nil if there are none.
func (x *exchange) finalTrailers() http.Header {
	if !x.fields.trailing && len(x.header) == 0 {
		return nil
	}
	var trailers http.Header
	add := func(name string, values []string) {
		if trailers == nil {
			trailers = make(http.Header)
		}
		trailers[name] = values
	}
	for name, values := range x.header {
		if rest, found := strings.CutPrefix(name, http.TrailerPrefix); found {
			add(rest, values)
		}
	}
	for _, name := range x.fields.trailers {
		if values := x.header[name]; len(values) > 0 {
			add(name, append(trailers[name], values...))
		}
	}
	return trailers
}

// appendStatusLine appends the first line of an answer.
func appendStatusLine(to []byte, status int) []byte {
	to = append(to, "HTTP/1.1 "...)
	to = strconv.AppendInt(to, int64(status), 10)
	to = append(to, ' ')
	if text := http.StatusText(status); text != "" {
		to = append(to, text...)
	} else {
		to = append(to, "status code "...)
		to = strconv.AppendInt(to, int64(status), 10)
	}
	return append(to, "\r\n"...)
}

// appendField appends a line for each value; none if the name is not one. Whatever a
// value contains, it stays within its line.
func appendField(to []byte, name string, values []string) []byte {
	if name == "" || !only([]byte(name), inToken) {
		return to
	}
	for _, value := range values {
		to = append(to, name...)
		to = append(to, ": "...)
		from := len(to)
		to = append(to, textproto.TrimString(value)...)
		for i, c := range to[from:] {
			if c == '\r' || c == '\n' {
				to[from+i] = ' '
			}
		}
		to = append(to, "\r\n"...)
	}
	return to
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// bodyAllowed reports whether an answer of a status may have a body (RFC 9110, section
// 6.4.1).
func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// hasToken reports whether a list has an element, in any case, by what net/http takes
// for the limits of one in its own answers.
func hasToken(list, token string) bool {
	for element := range strings.FieldsFuncSeq(list, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
		if strings.EqualFold(element, token) {
			return true
		}
	}
	return false
}
