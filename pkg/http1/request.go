package http1

import (
	"context"
	"net/http"
	"net/url"

	"github.com/ferrule-dev/ferrule/pkg/lifetime"
)

// exchange is a request with its answer. Each has memory of its own: what it gave to a
// handler may be kept.
type exchange struct {
	answer

	conn    *conn
	request *http.Request
	ctx     lifetime.Plain // ends when the caller has left, or the request is served
	body    body
	hasBody bool
	isHead  bool // the method is HEAD
}

// begin makes c.now of the head that was read.
func (c *conn) begin() bool {
	h, b := &c.head, c.buf[c.from:c.to]
	target := string(h.target.of(b)) // apart from the rest: who keeps it keeps no credentials
	at, err := url.ParseRequestURI(target)
	if err != nil {
		c.handOver()
		return false
	}
	x := &exchange{conn: c, hasBody: h.length > 0}
	x.ctx.Context = c.ctx //nolint:fatcontext // for its values; it has none of another request
	if c.gone.Load() {
		x.ctx.Finish(context.Canceled)
	}
	r := c.server.prototype.WithContext(&x.ctx)
	r.Method, r.URL, r.RequestURI, r.RemoteAddr = method(h.method.of(b)), at, target, c.remote
	r.Header, r.Host = h.header(b)
	r.ContentLength, r.Close = h.length, h.close
	p := quiet
	if x.hasBody {
		x.body.conn, x.body.left, x.body.closing = c, h.length, h.close
		r.Body = &x.body
		p = reading
	}
	x.request, x.isHead = r, r.Method == http.MethodHead
	x.begin()
	c.from += h.size
	c.begun = false
	c.posted, c.served, c.now = r.Method == http.MethodPost, true, x
	return c.phase.become(p, c.server.now())
}

// newPrototype is what all requests have in common.
func newPrototype() *http.Request {
	return &http.Request{Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody}
}

// method returns one that requestLine takes, without memory of its own.
func method(b []byte) string {
	for _, m := range [...]string{
		http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead, http.MethodOptions,
	} {
		if string(b) == m {
			return m
		}
	}
	return string(b)
}

// header returns the fields as net/http gives them to handlers, and the host. The
// names in b become canonical.
func (h *head) header(b []byte) (header http.Header, host string) {
	for _, f := range h.fields {
		canonical(f.name.of(b))
	}
	start := h.fields[0].name.from
	text := string(b[start:h.size])
	header = make(http.Header, len(h.fields))
	values := make([]string, len(h.fields))
	for i, f := range h.fields {
		values[i] = text[f.value.from-start : f.value.to-start]
		if i == h.host {
			host = values[i]
			continue
		}
		name := text[f.name.from-start : f.name.to-start]
		if before := header[name]; before != nil {
			header[name] = append(before, values[i])
			continue
		}
		header[name] = values[i : i+1 : i+1]
	}
	if pragma := header["Pragma"]; len(pragma) > 0 && pragma[0] == "no-cache" && header["Cache-Control"] == nil {
		header["Cache-Control"] = []string{"no-cache"} // RFC 9111, section 5.4
	}
	return header, host
}
