package h1

import (
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// inlineBody is the longest body that is sent in one piece with the header, in
// bytes, if all of it is in memory. It fits into the kernel's buffer of a fresh
// connection, so that writing it waits for nobody.
const inlineBody = 16 << 10

// defaultUserAgent is what is sent if nobody says otherwise, as net/http does. An
// empty one is not sent.
const defaultUserAgent = "Go-http-client/1.1"

// message is a request in its form on the wire.
type message struct {
	text     []byte // the header, and the body if that is inline
	length   int64  // of the body; -1 if it is sent in chunks
	streamed bool   // the body follows text
	gzip     bool   // asked for on our own account
}

// appendMessage writes a request. It relies on nobody above: what could end a
// line, or change what a line means, is refused.
func appendMessage(text []byte, req *http.Request, compress bool) (message, error) {
	m := message{length: bodyLength(req)}
	text, err := appendLine(text, req)
	if err != nil {
		return m, err
	}
	if text, err = appendFields(text, req); err != nil {
		return m, err
	}
	if text, err = m.appendFraming(text, req); err != nil {
		return m, err
	}
	if compress && req.Method != http.MethodHead && req.Header["Accept-Encoding"] == nil && req.Header["Range"] == nil {
		text, m.gzip = append(text, "Accept-Encoding: gzip\r\n"...), true
	}
	if req.Close && !hasToken(req.Header["Connection"], "close") {
		text = append(text, "Connection: close\r\n"...)
	}
	text = append(text, "\r\n"...)
	m.text = text
	if m.length > 0 && m.length <= inlineBody && req.GetBody != nil {
		err = m.appendBody(req.Body)
		return m, err
	}
	m.streamed = m.length != 0
	return m, nil
}

// bodyLength returns how long the body is, -1 if nobody knows.
func bodyLength(req *http.Request) int64 {
	switch {
	case req.Body == nil || req.Body == http.NoBody:
		return 0
	case req.ContentLength > 0:
		return req.ContentLength
	}
	return -1
}

// appendLine writes the request line and the host.
func appendLine(text []byte, req *http.Request) ([]byte, error) {
	host := req.Host
	if host == "" {
		host = req.URL.Host
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	if !isToken(method) {
		return nil, errMethod
	}
	if host == "" || !hostBytes.all(host) {
		return nil, errHost
	}
	text = append(append(text, method...), ' ')
	start := len(text)
	if u := req.URL; u.Opaque != "" && u.Opaque[0] == '/' && !strings.HasPrefix(u.Opaque, "//") {
		text = append(text, u.Opaque...) // what RequestURI makes of it, without a copy
		if u.ForceQuery || u.RawQuery != "" {
			text = append(append(text, '?'), u.RawQuery...)
		}
	} else {
		text = append(text, u.RequestURI()...)
	}
	for _, c := range text[start:] {
		if !targetBytes[c] {
			return nil, errTarget
		}
	}
	text = append(append(text, " HTTP/1.1\r\nHost: "...), host...)
	return append(text, "\r\n"...), nil
}

// appendFields writes the fields that are the caller's business.
func appendFields(text []byte, req *http.Request) ([]byte, error) {
	for name, values := range req.Header {
		if !isToken(name) {
			return nil, errName
		}
		if isOurs(name) {
			continue
		}
		for _, value := range values {
			if name == "User-Agent" && value == "" {
				continue
			}
			if value = trim(value); !valueBytes.all(value) {
				return nil, errValue
			}
			text = append(append(text, name...), ": "...)
			text = append(append(text, value...), "\r\n"...)
		}
	}
	if _, ok := req.Header["User-Agent"]; !ok {
		text = append(text, "User-Agent: "+defaultUserAgent+"\r\n"...)
	}
	return text, nil
}

// isOurs reports whether a field says where the message ends or goes. In other
// cases than the canonical one, it does too.
func isOurs(name string) bool {
	switch len(name) {
	case len("Host"):
		return strings.EqualFold(name, "Host")
	case len("Trailer"):
		return strings.EqualFold(name, "Trailer")
	case len("Content-Length"):
		return strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	}
	return false
}

// appendFraming says where the body ends, and what follows it.
func (m *message) appendFraming(text []byte, req *http.Request) ([]byte, error) {
	switch {
	case m.length < 0:
		text = append(text, "Transfer-Encoding: chunked\r\n"...)
		return appendAnnouncement(text, req.Trailer)
	case m.length > 0 || req.Method == http.MethodPost || req.Method == http.MethodPut || req.Method == http.MethodPatch:
		text = strconv.AppendInt(append(text, "Content-Length: "...), m.length, 10)
		text = append(text, "\r\n"...)
	}
	return text, nil
}

func appendAnnouncement(text []byte, trailer http.Header) ([]byte, error) {
	if len(trailer) == 0 {
		return text, nil
	}
	names := make([]string, 0, len(trailer))
	for name := range trailer {
		if !isToken(name) || isOurs(name) {
			return nil, errName
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return append(append(append(text, "Trailer: "...), strings.Join(names, ",")...), "\r\n"...), nil
}

// appendBody appends a body that is in memory.
func (m *message) appendBody(body io.ReadCloser) error {
	start := len(m.text)
	m.text = slices.Grow(m.text, int(m.length))[:start+int(m.length)]
	if _, err := io.ReadFull(body, m.text[start:]); err != nil {
		return errShort
	}
	if n, _ := body.Read(make([]byte, 1)); n > 0 {
		return errLong
	}
	return body.Close()
}
