package h1

import "strings"

// bytesOf is a set of bytes.
type bytesOf [256]bool

func set(text string, ranges ...[2]byte) *bytesOf {
	var s bytesOf
	for i := range len(text) {
		s[text[i]] = true
	}
	for _, r := range ranges {
		for c := int(r[0]); c <= int(r[1]); c++ {
			s[c] = true
		}
	}
	return &s
}

var (
	// tokenBytes are those of a token (RFC 9110, section 5.6.2).
	tokenBytes = set("!#$%&'*+-.^_`|~", [2]byte{'0', '9'}, [2]byte{'a', 'z'}, [2]byte{'A', 'Z'})
	// valueBytes are those of a field's value: no control characters but tabs.
	// Bytes beyond ASCII mean what the two ends take them for.
	valueBytes = set("\t", [2]byte{' ', '~'}, [2]byte{0x80, 0xff})
	// targetBytes are those that do not end a request target. Bytes beyond ASCII
	// are not for it, but common.
	targetBytes = set("", [2]byte{'!', '~'}, [2]byte{0x80, 0xff})
	// hostBytes are those of RFC 3986, section 3.2.2, without percent signs: an
	// encoded host is nobody's name.
	hostBytes = set("-._~!$&'()*+,;=:[]", [2]byte{'0', '9'}, [2]byte{'a', 'z'}, [2]byte{'A', 'Z'})
)

func (s *bytesOf) all(text string) bool {
	for i := range len(text) {
		if !s[text[i]] {
			return false
		}
	}
	return true
}

func isToken(text string) bool { return text != "" && tokenBytes.all(text) }

// hasToken reports whether the lines of a field list a token, in whatever case.
func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(trim(one), token) {
				return true
			}
		}
	}
	return false
}

// trim removes optional white space (RFC 9110, section 5.6.3).
func trim(text string) string { return strings.Trim(text, " \t") }
