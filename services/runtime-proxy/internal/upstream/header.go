package upstream

import (
	"net/http"
	"net/textproto"
	"strings"
)

// isHopByHop tells the fields of a single connection (RFC 9110, section 7.6.1, and
// those that old software still sends). Headers are short: to look at each of their
// fields takes half of the time of looking for each of these.
func isHopByHop(name string) bool {
	switch name {
	case "Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade":
		return true
	}
	return false
}

// removeNamed removes the fields that the Connection field names.
func removeNamed(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			// The usual ones are no fields, or go anyway; making them canonical allocates.
			if name = textproto.TrimString(name); name != "" && name != "keep-alive" && name != "close" {
				header.Del(name)
			}
		}
	}
}

// ownPrefix is how the names of our own fields begin. An API's field of such a name
// would pass for a word of ours.
const ownPrefix = "Ferrule-"

// isOfOrigin tells fields that act on the origin that sends them beyond their own answer,
// which would be ours, and those of our own name. Our origin is that of all connections, so
// that one API could watch, log out or reconfigure what browsers do with all others:
//
//   - what is kept and sent again, such as a cookie, a login, a dictionary or a bound session;
//   - what browsers are to do from now on: keys, transports, isolation, hints that they send;
//   - whom they tell about it: reports of network errors and of policies go to the API with
//     the URLs of others, and with what is in them;
//   - what scripts on our origin may do, or are prefetched.
func isOfOrigin(name string) bool {
	switch name {
	case "Set-Cookie", "Set-Cookie2", "Clear-Site-Data", "Set-Login", "Activate-Storage-Access",
		"Sec-Session-Registration", "Sec-Session-Challenge", "Secure-Session-Registration", "Secure-Session-Challenge",
		"Use-As-Dictionary", "Service-Worker-Allowed", "Sourcemap", "X-Sourcemap", "Speculation-Rules",
		"Strict-Transport-Security", "Public-Key-Pins", "Public-Key-Pins-Report-Only", "Expect-Ct", "Alt-Svc",
		"Origin-Agent-Cluster", "Accept-Ch", "Accept-Ch-Lifetime", "Critical-Ch", "Supports-Loading-Mode",
		"X-Permitted-Cross-Domain-Policies", "Origin-Trial", "Observe-Browsing-Topics",
		"Nel", "Report-To", "Reporting-Endpoints", "Content-Security-Policy-Report-Only",
		"Cross-Origin-Opener-Policy-Report-Only", "Cross-Origin-Embedder-Policy-Report-Only",
		"Permissions-Policy-Report-Only", "Document-Policy-Report-Only", "Integrity-Policy-Report-Only",
		"Attribution-Reporting-Register-Source", "Attribution-Reporting-Register-Trigger":
		return true
	}
	return strings.HasPrefix(name, ownPrefix)
}

// beforeBody are fields that a recipient needs before the content, and that must
// not be in a trailer (RFC 9110, section 6.5.1): one that merges trailers into
// the header would take them for more than they are.
var beforeBody = [...]string{
	"Authorization", "Www-Authenticate", "Authentication-Info", "Cookie", "Host", "Expect", "Max-Forwards", "Range", "Location",
	"Cache-Control", "Pragma", "Age", "Vary", "Content-Encoding", "Content-Length", "Content-Range", "Content-Type",
}

// CleanTrailer removes from a trailer what has no place in one, and what
// [CleanHeader] removes from a header.
func CleanTrailer(trailer http.Header) {
	if len(trailer) == 0 {
		return
	}
	CleanHeader(trailer)
	for _, name := range beforeBody {
		delete(trailer, name)
	}
}

// CleanHeader removes from an answer what callers must not get: the fields of
// the single connection, those that act on an origin, such as Set-Cookie, and those
// that have our own name.
func CleanHeader(header http.Header) {
	removeNamed(header)
	for name := range header {
		if isHopByHop(name) || isOfOrigin(name) {
			delete(header, name)
		}
	}
	if lines := header["Content-Security-Policy"]; len(lines) > 0 {
		header["Content-Security-Policy"] = withoutReports(lines)
	}
}

// withoutReports takes out of policies whom browsers tell about what is not allowed: the
// restrictions stay.
func withoutReports(lines []string) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		var kept []string
		for one := range strings.SplitSeq(line, ";") {
			name, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(one)), " ")
			if name != "report-uri" && name != "report-to" {
				kept = append(kept, one)
			}
		}
		out[i] = strings.Join(kept, ";")
	}
	return out
}
