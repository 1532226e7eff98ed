package upstream

import (
	"mime"
	"net/http"
)

// unread is an answer whose body is left to the one who asked.
func unread(resp *http.Response) *Response {
	CleanHeader(resp.Header)
	resp.Header.Del("Content-Length") // of what was sent, perhaps compressed
	return &Response{Status: resp.StatusCode, Header: resp.Header, Rest: resp.Body, RestLength: resp.ContentLength}
}

// EventStream reports whether an answer goes on for as long as there are events: it
// may never end, and nobody wants to wait for that.
func EventStream(header http.Header) bool {
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	return err == nil && kind == "text/event-stream"
}

// Close closes what is left to be read, if anything is.
func (r *Response) Close() {
	if r != nil && r.Rest != nil {
		_ = r.Rest.Close()
	}
}
