package http1

import (
	"bytes"
	"strings"
)

// What an octet may be a part of.
const (
	inToken  = 1 << iota // of a name (RFC 9110, section 5.6.2)
	inTarget             // of a path with a query; no "#", nothing that is not visible
	inHost               // of the value of Host, as net/http judges it
	inValue              // of any other value: no control characters but tabs
)

// octets says what each octet may be a part of.
var octets = classify()

func classify() (of [256]byte) {
	const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	for i := range of {
		b := byte(i)
		if strings.IndexByte(alphanumeric+"!#$%&'*+-.^_`|~", b) >= 0 {
			of[i] |= inToken
		}
		if b > ' ' && b < 0x7f && b != '#' {
			of[i] |= inTarget
		}
		if strings.IndexByte(alphanumeric+"!$%&'()*+,-.:;=[]_~", b) >= 0 {
			of[i] |= inHost
		}
		if b == '\t' || (b >= ' ' && b != 0x7f) {
			of[i] |= inValue
		}
	}
	return of
}

// only reports whether all of b may be a part of what class says.
func only(b []byte, class byte) bool {
	for _, c := range b {
		if octets[c]&class == 0 {
			return false
		}
	}
	return true
}

// verdict is what is known of the bytes with which a request begins.
type verdict int

const (
	incomplete verdict = iota // nothing odd so far
	ordinary                  // all of the head is there
	odd                       // for net/http to judge
)

// part is where in the buffer something is: its first byte, and the one behind it.
type part struct{ from, to int }

func (p part) of(b []byte) []byte { return b[p.from:p.to] }

// field is one line of a header.
type field struct{ name, value part }

// head is the parts of a head in the buffer that it was read into. It is used again
// for each request of a connection.
type head struct {
	method, target part
	fields         []field
	host           int   // the number of the field
	length         int64 // of the body; 0 if there is none
	close          bool  // the caller wants no other request on the connection
	size           int   // of the head, with the empty line

	hosts, lengths, connections int
}

// scan judges what b begins with. It understands what is ordinary and nothing else:
// whatever it does not know for certain is odd.
func (h *head) scan(b []byte) verdict {
	*h = head{fields: h.fields[:0]}
	end := bytes.IndexByte(b, '\n')
	if end < 0 {
		return incomplete
	}
	if !h.requestLine(b[:end]) {
		return odd
	}
	for at := end + 1; ; at = end + 1 {
		n := bytes.IndexByte(b[at:], '\n')
		if n < 0 {
			return incomplete
		}
		end = at + n
		if n == 0 || b[end-1] != '\r' {
			return odd
		}
		if n == 1 {
			h.size = end + 1
			break
		}
		if !h.line(b, at, end-1) {
			return odd
		}
	}
	if h.hosts != 1 {
		return odd
	}
	return ordinary
}

// requestLine takes the first line, without its line feed.
func (h *head) requestLine(line []byte) bool {
	const version = " HTTP/1.1\r"
	space := bytes.IndexByte(line, ' ')
	if space < 0 || !bytes.HasSuffix(line, []byte(version)) || len(line) < space+1+1+len(version) {
		return false
	}
	switch string(line[:space]) {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
	default:
		return false
	}
	h.method, h.target = part{0, space}, part{space + 1, len(line) - len(version)}
	target := h.target.of(line)
	return target[0] == '/' && (len(target) == 1 || target[1] != '/') && only(target, inTarget)
}

// line takes the field in b[from:to].
func (h *head) line(b []byte, from, to int) bool {
	colon := bytes.IndexByte(b[from:to], ':')
	if colon <= 0 {
		return false
	}
	f := field{part{from, from + colon}, part{from + colon + 1, to}}
	for f.value.from < f.value.to && blank(b[f.value.from]) {
		f.value.from++
	}
	for f.value.from < f.value.to && blank(b[f.value.to-1]) {
		f.value.to--
	}
	value := f.value.of(b)
	if !only(f.name.of(b), inToken) || !only(value, inValue) || !h.judge(f.name.of(b), value) {
		return false
	}
	h.fields = append(h.fields, f)
	return true
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// judge looks at the fields that say where a request ends, for whom it is and what
// becomes of the connection. It reports false for those that are not ordinary.
func (h *head) judge(name, value []byte) bool {
	switch len(name) {
	case len("Host"):
		if is(name, "host") {
			h.host = len(h.fields)
			h.hosts++
			return h.hosts == 1 && len(value) > 0 && only(value, inHost)
		}
	case len("Connection"):
		if is(name, "connection") {
			h.connections++
			h.close = is(value, "close")
			return h.connections == 1 && (h.close || is(value, "keep-alive"))
		}
	case len("Content-Length"):
		if is(name, "content-length") {
			h.lengths++
			return h.lengths == 1 && h.setLength(value)
		}
		return !is(name, "http2-settings")
	case len("Transfer-Encoding"):
		return !is(name, "transfer-encoding")
	case len("Expect"):
		return !is(name, "expect")
	case len("Upgrade"):
		return !is(name, "upgrade") && !is(name, "trailer")
	case len("Proxy-Connection"):
		return !is(name, "proxy-connection")
	}
	return true
}

// setLength takes a length of up to 18 digits, which no arithmetic makes overflow.
func (h *head) setLength(digits []byte) bool {
	if len(digits) == 0 || len(digits) > 18 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
		h.length = h.length*10 + int64(c-'0')
	}
	return true
}

// is reports whether b is text, which is in lower case, in any case of ASCII.
func is(b []byte, text string) bool {
	if len(b) != len(text) {
		return false
	}
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != text[i] {
			return false
		}
	}
	return true
}

// canonical makes the name of a field canonical, where it is.
func canonical(name []byte) {
	upper := true
	for i, c := range name {
		switch {
		case upper && c >= 'a' && c <= 'z':
			name[i] = c - ('a' - 'A')
		case !upper && c >= 'A' && c <= 'Z':
			name[i] = c + ('a' - 'A')
		}
		upper = c == '-'
	}
}
