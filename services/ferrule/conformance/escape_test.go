package conformance_test

import (
	"fmt"
	"strings"
)

// percentEncode encodes everything but the unreserved characters of RFC 3986,
// section 2.3.
func percentEncode(s string) string {
	var out strings.Builder
	for _, c := range []byte(s) {
		if unreserved(c) {
			out.WriteByte(c)
			continue
		}
		fmt.Fprintf(&out, "%%%02X", c)
	}
	return out.String()
}

// percentDecode decodes what is well-formed and leaves the rest.
func percentDecode(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		var c byte
		if s[i] == '%' && i+2 < len(s) {
			if _, err := fmt.Sscanf(s[i+1:i+3], "%02x", &c); err == nil {
				out.WriteByte(c)
				i += 2
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// canonical writes a part of a URL in one spelling (RFC 3986, section 6.2.2):
// escapes in upper case, none for unreserved characters, and all for the others
// but those in keep.
func canonical(s, keep string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]):
			plain := percentDecode(s[i : i+3])
			if unreserved(plain[0]) {
				out.WriteString(plain)
			} else {
				out.WriteString(strings.ToUpper(s[i : i+3]))
			}
			i += 2
		case unreserved(c), strings.IndexByte(keep, c) >= 0:
			out.WriteByte(c)
		default:
			fmt.Fprintf(&out, "%%%02X", c)
		}
	}
	return out.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// pairsOf splits a query or a form, as a server reads it: "+" is a space. Commas
// stay what they are, escaped or not.
func pairsOf(query string) []string {
	var out []string
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		out = append(out, canonical(strings.ReplaceAll(name, "+", " "), ",")+"="+canonical(strings.ReplaceAll(value, "+", " "), ","))
	}
	return out
}
