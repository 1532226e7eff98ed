package request

import (
	"net/url"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// Escape percent-encodes everything but the unreserved characters of RFC 3986,
// section 2.3. Its result is safe in any part of a URL.
func Escape(text string) string {
	if !needsEscape(text, "") {
		return text
	}
	return string(AppendEscaped(nil, text, ""))
}

// AppendEscaped appends text to out, percent-encoding everything but unreserved
// characters and those in keep.
func AppendEscaped(out []byte, text, keep string) []byte {
	if !needsEscape(text, keep) {
		return append(out, text...)
	}
	for i := range len(text) {
		c := text[i]
		if unreserved(c) || strings.IndexByte(keep, c) >= 0 {
			out = append(out, c)
			continue
		}
		out = append(out, '%', upperHex[c>>4], upperHex[c&15])
	}
	return out
}

func needsEscape(text, keep string) bool {
	for i := range len(text) {
		if c := text[i]; !unreserved(c) && strings.IndexByte(keep, c) < 0 {
			return true
		}
	}
	return false
}

func unreserved(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '-' || c == '.' || c == '_' || c == '~'
}

// decodeRounds is how often a path is decoded in search of a climb. Two rounds
// are common (a gateway and the server behind it); one more is for safety.
const decodeRounds = 3

// Climbs reports whether a percent-encoded path has a segment that some server
// takes for "..": as it stands, decoded up to three times, with "\" for "/", or
// followed by a ";" parameter. Such a path could leave the base path of an API,
// whatever it looks like to us.
func Climbs(path string) bool {
	for range decodeRounds + 1 {
		if hasDots(path) {
			return true
		}
		if !strings.Contains(path, "%") {
			return false
		}
		plain, err := url.PathUnescape(path)
		if err != nil {
			plain = lenientUnescape(path)
		}
		if plain == path {
			return false
		}
		path = plain
	}
	return false
}

func hasDots(path string) bool {
	if !strings.Contains(path, "..") {
		return false
	}
	for segment := range strings.FieldsFuncSeq(path, func(r rune) bool { return r == '/' || r == '\\' }) {
		plain, _, _ := strings.Cut(segment, ";")
		if plain == ".." {
			return true
		}
	}
	return false
}

// lenientUnescape decodes the triplets that are well-formed and leaves the rest,
// as lenient servers do.
func lenientUnescape(path string) string {
	var out strings.Builder
	for i := 0; i < len(path); i++ {
		if path[i] == '%' && i+2 < len(path) {
			if plain, err := url.PathUnescape(path[i : i+3]); err == nil {
				out.WriteString(plain)
				i += 2
				continue
			}
		}
		out.WriteByte(path[i])
	}
	return out.String()
}
