package dataplane

import (
	"context"
	"net/http"
	"net/textproto"
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// ownCookies is how the names of our own cookies begin; with and without the
// prefixes that browsers know.
const ownCookies = "ferrule"

// buildRequest makes the request that goes to the API: the caller's, without
// what is between the caller and us.
func buildRequest(_ context.Context, x *exchange) error {
	x.request = request.Request{
		Method: x.in.Method,
		Base:   x.binding.Base,
		Path:   x.target.path,
		Query:  x.target.query,
		Header: outgoingHeader(x.in.Header),
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
			out[name] = values[:len(values):len(values)]
		}
	}
	for _, line := range in["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			delete(out, textproto.CanonicalMIMEHeaderKey(textproto.TrimString(name)))
		}
	}
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

// stays reports whether a field is between the caller and us.
func stays(name string) bool {
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
