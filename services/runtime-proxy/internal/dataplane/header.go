package dataplane

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream"
)

// ownCookies is how the names of our own cookies begin; with and without the
// prefixes that browsers know.
const ownCookies = "ferrule"

// roundabout are fields by which some servers take a request for one with another
// method or path than those that policies, limits and the memory went by. They are
// for operations that are described with them.
var roundabout = [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Original-Url", "X-Rewrite-Url"}

// buildRequest makes the request that goes to the API: the caller's, without
// what is between the caller and us.
func buildRequest(_ context.Context, x *exchange) error {
	base, err := x.binding.BaseOf(nil)
	if x.target.base != nil {
		base, err = *x.target.base, nil
	}
	if err != nil {
		return err
	}
	x.request = request.Request{
		Method: x.in.Method,
		Base:   base,
		Path:   x.target.path,
		Query:  x.target.query,
		Header: outgoingHeader(x.in.Header),
	}
	for _, name := range roundabout {
		if values := x.in.Header[name]; len(values) > 0 && x.binding.Revision.TakesHeader(x.in.Method, x.target.path, name) {
			x.request.Header[name] = slices.Clip(values)
		}
	}
	return nil
}

// outgoingHeader copies what an API may see. Fields that Connection names are
// left out here, before the credential comes in: otherwise a caller could name
// the credential's field there.
func outgoingHeader(in http.Header) map[string][]string {
	out := make(map[string][]string, len(in)+2)
	for name, values := range in {
		if !stays(name) {
			out[name] = slices.Clip(values)
		}
	}
	deleteNamed(out, in["Connection"])
	request.DropAmbiguous(out)
	for _, line := range in["Te"] {
		if strings.Contains(strings.ToLower(line), "trailers") {
			out["Te"] = []string{"trailers"} // the one that means something to an API: gRPC needs it
		}
	}
	if cookies, ok := out["Cookie"]; ok {
		filterCookies(out, cookies)
	}
	if _, ok := out["User-Agent"]; !ok {
		out["User-Agent"] = []string{""} // or net/http adds its own
	}
	return out
}

// deleteNamed deletes the fields that the lines of a Connection field name.
func deleteNamed(header map[string][]string, lines []string) {
	for _, line := range lines {
		for name := range strings.SplitSeq(line, ",") {
			delete(header, textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)))
		}
	}
}

// outgoingTrailer returns the trailer fields that the caller announced and an
// API may see, still without values. What may not stand before the body may not
// stand behind it either, nor may the name of the credential.
func (x *exchange) outgoingTrailer() http.Header {
	if len(x.in.Trailer) == 0 {
		return nil
	}
	out := make(http.Header, len(x.in.Trailer))
	for name := range x.in.Trailer {
		if !stays(name) {
			out[name] = nil
		}
	}
	deleteNamed(out, x.in.Header["Connection"])
	for _, name := range x.binding.Credential.Names() {
		out.Del(name)
	}
	upstream.CleanTrailer(out)
	return out
}

// trailing is a body that fills in the trailer when it ends: the server learns
// the values then, those of fields that nobody announced too.
type trailing struct {
	io.ReadCloser

	from *http.Request
	to   http.Header
}

// Read implements [io.Reader].
func (t *trailing) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) {
		for name := range t.to {
			t.to[name] = t.from.Trailer[name]
		}
	}
	return n, err
}

// dropAlike takes out what the caller sent beside a field of the credential's or of a
// policy's, under a name that some servers take for the same.
func dropAlike(_ context.Context, x *exchange) error {
	request.DropAlike(x.request.Header, x.in.Header)
	return nil
}

// stays reports whether a field is between the caller and us, also by a name that some
// servers take for the same.
func stays(name string) bool {
	if strings.IndexByte(name, '_') >= 0 {
		name = textproto.CanonicalMIMEHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	if slices.Contains(roundabout[:], name) {
		return true
	}
	switch name {
	case "Authorization", // our token: an API must never see it
		"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Content-Length", "Host",
		"Forwarded", "X-Real-Ip", "Via", "Http2-Settings":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Ferrule-")
}

// filterCookies keeps the cookies that are not ours.
func filterCookies(out map[string][]string, lines []string) {
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			name := strings.TrimPrefix(strings.TrimPrefix(strings.ToLower(pair), "__host-"), "__secure-")
			if pair != "" && !strings.HasPrefix(name, ownCookies) {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		delete(out, "Cookie")
		return
	}
	out["Cookie"] = []string{strings.Join(kept, "; ")}
}
