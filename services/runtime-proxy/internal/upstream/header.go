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

// RemoveHopByHop removes the fields of a single connection from a header, those
// that its Connection field names included.
func RemoveHopByHop(header http.Header) {
	removeNamed(header)
	for name := range header {
		if isHopByHop(name) {
			delete(header, name)
		}
	}
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

// isOfOrigin tells fields that act on the origin that sends them, which would be
// ours, and those of our own name. Cookies are among them: a cookie is between an API and its host, and our
// host is that of all connections, so that one API's cookie would go to the
// next.
func isOfOrigin(name string) bool {
	switch name {
	case "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security", "Alt-Svc", "Clear-Site-Data", "Public-Key-Pins", "Service-Worker-Allowed":
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
}
