package request

import "strings"

// ValidFieldName reports whether a name can be that of a header field (RFC 9110,
// section 5.6.2: a token).
func ValidFieldName(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		return !strings.ContainsRune("!#$%&'*+-.^_`|~", r) &&
			(r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

// ValidFieldValue reports whether text can be the value of a header field: it
// holds no control character but tabs. Bytes beyond ASCII are left to the API.
func ValidFieldValue(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return (r < ' ' && r != '\t') || r == 0x7f }) < 0
}

// OfTransport reports whether a field, by its canonical name, is one that only
// the transport may write, because it decides where a message ends or what
// becomes of its connection.
func OfTransport(name string) bool {
	switch name {
	case "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Te", "Trailer", "Keep-Alive", "Proxy-Connection":
		return true
	}
	return false
}
