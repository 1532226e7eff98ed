package dataplane

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/links"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
)

// nextLink is the field that says where a list goes on, a link of ours. An API's own
// field of that name does not get here (package upstream).
const nextLink = "Ferrule-Next-Link"

// lead makes what a header says about other places lead through us: its Location, and
// the links of a list. next is where the list goes on, if the body has said so; empty
// if not.
func (h *Handler) lead(ctx context.Context, x *exchange, header http.Header, next string) {
	h.relocate(x, header)
	header.Del("Refresh") // it is a Location for browsers
	if lines := header["Link"]; len(lines) > 0 {
		maker, err := h.deps.Pipeline.LinksThrough(ctx, x.binding, &x.through, x.in.Method, x.target.path)
		if err != nil {
			maker = nil
		}
		kept, found := paging.RelinkHeader(lines, func(target string) (string, bool) { return x.relink(maker, target) })
		if header["Link"] = kept; len(kept) == 0 {
			delete(header, "Link")
		}
		if next == "" && maker != nil && maker.Ours(found) {
			next = found
		}
	}
	if next != "" {
		header[nextLink] = []string{next}
	}
}

// relink makes one link of a list lead through us. Another host's stays as it is, and
// what would lead to any path of ours goes: clients follow links with our token.
func (x *exchange) relink(maker *links.Maker, target string) (string, bool) {
	if maker != nil && maker.Ours(target) {
		return target, true // a policy made it
	}
	absolute, ok := x.resolve(target)
	if !ok {
		return "", false
	}
	if maker != nil {
		if link, ok := maker.Make(absolute.String()); ok {
			return link, true
		}
	}
	return absolute.String(), !x.near(absolute.Hostname())
}

// relocate makes a Location one that the caller can follow with our credential,
// where it leads to the API. What is left of it must not lead to us: a client that
// follows by itself would carry our token to any path of ours that an API names.
func (h *Handler) relocate(x *exchange, header http.Header) {
	location := header.Get("Location")
	if location == "" {
		return
	}
	absolute, ok := x.resolve(location)
	if !ok {
		header.Del("Location")
		return
	}
	if maker, err := h.deps.Pipeline.Links(x.binding, nil); err == nil {
		if maker.Ours(location) {
			return // a policy made it
		}
		if link, ok := maker.Make(absolute.String()); ok {
			header.Set("Location", link)
			return
		}
	}
	if x.near(absolute.Hostname()) {
		header.Del("Location")
		return
	}
	header.Set("Location", absolute.String())
}

// near reports whether a host is the one under which the caller reaches us, on
// whatever port, or a name below it: clients carry tokens to those by themselves.
func (x *exchange) near(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	for own := range strings.SplitSeq(x.in.Host+","+x.in.Header.Get("X-Forwarded-Host"), ",") {
		u := url.URL{Host: strings.ToLower(strings.TrimSpace(own))}
		if name := strings.TrimSuffix(u.Hostname(), "."); name != "" && (host == name || strings.HasSuffix(host, "."+name)) {
			return true
		}
	}
	return false
}

// resolve makes a reference of the API absolute.
func (x *exchange) resolve(reference string) (*url.URL, bool) {
	to, err := url.Parse(reference)
	if err != nil {
		return nil, false
	}
	from, err := url.Parse(x.base.String() + x.target.path)
	if err != nil {
		return nil, false
	}
	absolute := from.ResolveReference(to)
	return absolute, absolute.Host != ""
}
