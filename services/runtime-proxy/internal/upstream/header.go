package upstream

import (
	"net/http"
	"net/textproto"
	"strings"
)

// hopByHop are the fields of a single connection (RFC 9110, section 7.6.1, and
// those that old software still sends).
var hopByHop = [...]string{
	"Connection", "Proxy-Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization",
	"Te", "Trailer", "Transfer-Encoding", "Upgrade",
}

// RemoveHopByHop removes the fields of a single connection from a header, those
// that its Connection field names included.
func RemoveHopByHop(header http.Header) {
	for _, line := range header["Connection"] {
		for name := range strings.SplitSeq(line, ",") {
			if name = textproto.TrimString(name); name != "" {
				header.Del(name)
			}
		}
	}
	for _, name := range hopByHop {
		delete(header, name)
	}
}

// ofOrigin are fields that act on the origin that sends them, which would be
// ours. Cookies are among them: a cookie is between an API and its host, and our
// host is that of all connections, so that one API's cookie would go to the
// next.
var ofOrigin = [...]string{
	"Set-Cookie", "Set-Cookie2", "Strict-Transport-Security", "Alt-Svc", "Clear-Site-Data", "Public-Key-Pins",
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
	CleanHeader(trailer)
	for _, name := range beforeBody {
		delete(trailer, name)
	}
}

// CleanHeader removes from an answer what callers must not get: the fields of
// the single connection, and those that act on an origin, such as Set-Cookie.
func CleanHeader(header http.Header) {
	RemoveHopByHop(header)
	for _, name := range ofOrigin {
		delete(header, name)
	}
}
