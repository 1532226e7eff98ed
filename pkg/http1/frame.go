package http1

import (
	"net/http"
	"slices"
	"strconv"
)

// framer takes the body of an answer in pieces: those that the buffer in front of it
// makes.
type framer struct{ x *exchange }

// Write implements [io.Writer].
func (f framer) Write(p []byte) (int, error) {
	x := f.x
	if !x.sent {
		x.sendHead(p)
	}
	if x.isHead {
		return len(p), nil
	}
	out := x.buf.out
	if !x.chunked {
		return f.check(out.Write(p))
	}
	size := strconv.AppendInt(out.AvailableBuffer(), int64(len(p)), 16)
	if _, err := out.Write(append(size, "\r\n"...)); err != nil {
		return f.check(0, err)
	}
	n, err := out.Write(p)
	if err == nil {
		_, err = out.WriteString("\r\n")
	}
	return f.check(n, err)
}

// check closes the connection on which something could not be written.
func (f framer) check(n int, err error) (int, error) {
	if err != nil {
		_ = f.x.conn.socket.Close()
	}
	return n, err
}

// endFrames writes what is behind the body, and the head if it was not written.
func (x *exchange) endFrames() {
	if !x.sent {
		x.sendHead(nil)
	}
	if !x.chunked {
		return
	}
	out := x.buf.out
	_, _ = out.WriteString("0\r\n")
	if trailers := x.finalTrailers(); trailers != nil {
		_ = trailers.Write(out)
	}
	_, _ = out.WriteString("\r\n")
}

// added is what the server adds to the head of an answer; empty for what it does not.
type added struct {
	contentLength                    int64 // -1 for none
	contentType, connection, framing string
}

// sendHead completes the head and writes it. p is the first piece of the body: all of
// it, if the handler has returned.
func (x *exchange) sendHead(p []byte) {
	x.sent = true
	f := &x.fields
	encoding, allowed := f.encodingFirst, bodyAllowed(x.status)
	add := added{contentLength: -1}
	if x.complete && !f.trailing && encoding == "" && allowed && !f.hasLength && (!x.isHead || len(p) > 0) {
		x.length = int64(len(p))
		add.contentLength = x.length
	}
	stopping := x.conn.server.closing.Load()
	if f.connectionFirst == "close" || stopping {
		x.last = true
	}
	x.clearWay()
	if x.tooMuch {
		f.connectionFirst = ""
		x.cut(&f.connection)
		add.connection = "close"
	}
	if allowed && !f.isEncoded && !f.hasType && encoding == "" && len(p) > 0 {
		add.contentType = http.DetectContentType(p)
	}
	add.framing = x.frame(allowed)
	if x.last && (stopping || !hasToken(f.connectionFirst, "close")) && x.status != http.StatusSwitchingProtocols {
		x.cut(&f.connection)
		add.connection = "close"
	}
	x.writeHead(add)
}

// clearWay reads what is left of the request's body, unless the handler means to
// itself: callers that send all of a request before they read would wait for us, and we
// for them.
func (x *exchange) clearWay() {
	if !x.hasBody || x.last || x.fullDuplex {
		return
	}
	on, tooMuch := x.body.beforeAnswer()
	x.last, x.tooMuch = !on, tooMuch
}

// frame decides how the caller will know where the body ends, and returns what the
// field Transfer-Encoding has to say about it. It cuts what contradicts it.
func (x *exchange) frame(allowed bool) string {
	f := &x.fields
	encoding, sized := f.encodingFirst, x.length >= 0
	if sized && encoding != "" && encoding != "identity" {
		x.conn.server.logf("http: WriteHeader called with both Transfer-Encoding of %q and a Content-Length of %d", encoding, x.length)
		x.cut(&f.contentLength)
		sized = false
	}
	if x.status == http.StatusNotModified {
		x.cut(&f.contentType)
	}
	switch {
	case !allowed:
		x.cut(&f.transferEncoding)
		x.cut(&f.contentLength)
	case x.isHead, sized:
		x.cut(&f.transferEncoding)
	case encoding == "identity":
		x.last = true
		x.cut(&f.transferEncoding)
	default:
		x.chunked = true
		if encoding == "chunked" {
			x.cut(&f.transferEncoding)
		}
		x.cut(&f.contentLength)
		return "chunked"
	}
	return ""
}

// cut takes a line out of the head.
func (x *exchange) cut(line *part) {
	n := line.to - line.from
	if n == 0 {
		return
	}
	x.buf.head = slices.Delete(x.buf.head, line.from, line.to)
	f := &x.fields
	for _, other := range [...]*part{&f.connection, &f.contentLength, &f.contentType, &f.transferEncoding} {
		if other.from >= line.to {
			other.from, other.to = other.from-n, other.to-n
		}
	}
	*line = part{}
}

// writeHead writes the head with what the server adds to it.
func (x *exchange) writeHead(add added) {
	head := x.buf.head
	if !x.fields.hasDate {
		head = append(append(append(head, "Date: "...), x.conn.server.date()...), "\r\n"...)
	}
	if add.contentLength >= 0 {
		head = append(strconv.AppendInt(append(head, "Content-Length: "...), add.contentLength, 10), "\r\n"...)
	}
	head = appendAdded(head, "Content-Type: ", add.contentType)
	head = appendAdded(head, "Connection: ", add.connection)
	head = appendAdded(head, "Transfer-Encoding: ", add.framing)
	head = append(head, "\r\n"...)
	x.buf.head = head
	_, _ = x.buf.out.Write(head)
}

func appendAdded(to []byte, name, value string) []byte {
	if value == "" {
		return to
	}
	return append(append(append(to, name...), value...), "\r\n"...)
}
