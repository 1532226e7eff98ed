package links

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// place is an absolute URL in parts, all in the spelling that goes over the wire
// but for the host, which is in the form that the suite compares.
type place struct {
	base  request.Base // without a path
	path  string
	query string
}

// String returns the URL.
func (p place) String() string { return p.base.String() + p.path + p.queryPart() }

func (p place) queryPart() string {
	if p.query == "" {
		return ""
	}
	return "?" + p.query
}

// split reads an absolute URL. It is strict, since two readers that disagree about
// a URL are how a credential ends up elsewhere: no user information, no
// backslashes, no control characters, no path that climbs.
func split(text string) (place, error) {
	scheme, after, ok := strings.Cut(text, "://")
	scheme = strings.ToLower(scheme)
	if !ok || (scheme != "http" && scheme != "https") {
		return place{}, Invalid("it is no http or https URL")
	}
	end := strings.IndexAny(after, "/?#\\")
	if end < 0 {
		end = len(after)
	}
	authority, target := after[:end], after[end:]
	if strings.ContainsAny(authority, "@%") || strings.ContainsAny(target, "\\#") {
		return place{}, Invalid("it holds a user name, a fragment or a backslash")
	}
	base, err := request.ParseBase(scheme + "://" + authority)
	if err != nil || strings.HasSuffix(authority, ":") {
		return place{}, Invalid("its host cannot be read")
	}
	path, query, _ := strings.Cut(target, "?")
	if request.Climbs(path) {
		return place{}, Invalid("its path has '..' between slashes, encoded or not")
	}
	for i := range len(target) {
		if c := target[i]; c <= ' ' || c == 0x7f {
			return place{}, Invalid("it has characters that have to be percent-encoded")
		}
	}
	return place{base: base, path: path, query: query}, nil
}

// clean percent-encodes what APIs leave bare in the URLs that they write and what
// must not stand in a request target: spaces, quotes, angle brackets, braces and
// bytes beyond ASCII. Controls and backslashes stay, to be refused.
func clean(text string) string {
	const bare = " \"<>^`{|}"
	if !strings.ContainsAny(text, bare) && ascii(text) {
		return text
	}
	start := strings.Index(text, "://")
	if start < 0 {
		return text
	}
	start += len("://")
	start += max(strings.IndexAny(text[start:], "/?"), 0)
	out := append(make([]byte, 0, len(text)+16), text[:start]...)
	for i := start; i < len(text); i++ {
		if c := text[i]; c < 0x80 && strings.IndexByte(bare, c) < 0 {
			out = append(out, c)
			continue
		}
		out = request.AppendEscaped(out, text[i:i+1], "")
	}
	return string(out)
}

func ascii(text string) bool {
	for i := range len(text) {
		if text[i] >= 0x80 {
			return false
		}
	}
	return true
}

var encoding = base64.RawURLEncoding.Strict()

// bind writes what a seal is for: the URL alone or, bound to an operation, method,
// operation and URL in lines of their own. A method is never the scheme of a URL,
// and a URL has no line breaks, so neither reads as the other.
func (m *Maker) bind(absolute string) string {
	if m.Operation == "" {
		return absolute
	}
	return m.Method + "\n" + m.Operation + "\n" + absolute
}

// unbind reads what bind wrote.
func unbind(text string) Opened {
	method, rest, bound := strings.Cut(text, "\n")
	last := strings.LastIndexByte(rest, '\n')
	if !bound || last < 0 {
		return Opened{URL: text}
	}
	return Opened{URL: rest[last+1:], Operation: rest[:last], Method: method}
}

// seal returns a URL, bound or not, with the proof that it was written here.
func seal(key []byte, connection resource.Connection, absolute string) string {
	return encoding.EncodeToString([]byte(absolute)) + "." + encoding.EncodeToString(mac(key, connection, absolute))
}

// unseal returns the URL of a token, and whether it was sealed with the key for
// the connection.
func unseal(key []byte, connection resource.Connection, token string) (string, bool) {
	payload, proof, ok := strings.Cut(token, ".")
	if !ok {
		return "", false
	}
	absolute, err := encoding.DecodeString(payload)
	if err != nil {
		return "", false
	}
	given, err := encoding.DecodeString(proof)
	if err != nil || !hmac.Equal(given, mac(key, connection, string(absolute))) {
		return "", false
	}
	return string(absolute), true
}

// mac proves a URL. The connection is a part of what is proved, and so is what it
// is for, so that the key can have other uses.
func mac(key []byte, connection resource.Connection, absolute string) []byte {
	h := hmac.New(sha256.New, key)
	_, _ = h.Write([]byte("ferrule link 1\n" + connection.String() + "\n" + absolute))
	return h.Sum(nil)
}
