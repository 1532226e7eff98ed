package policy

import (
	"strings"

	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// What a literal text keeps in the parts of a URL (RFC 3986, section 3.3 and
// 3.4); all else in it is percent-encoded, and all but unreserved characters in
// values of calls.
const (
	keepInPath  = "/:@!$&'()*+,;="
	keepInQuery = keepInPath + "?"
)

// location is the path and the query of a URL with calls in it.
type location struct {
	path, query *expression
	hasQuery    bool
	moved       []string // query parameters that the calls read
}

// location compiles a parameter that is a relative URL.
func (s settings) location(text string) location {
	x := parse(text, dialectRoute)
	*s.body = *s.body || x.readsBody()
	l := location{path: &expression{}, query: &expression{}}
	for _, p := range x.parts {
		switch {
		case p.Function == queryParameter:
			l.moved = append(l.moved, p.Name)
		case p.Function == literal && !l.hasQuery:
			before, after, found := strings.Cut(p.Literal, "?")
			l.path.add(encodeLiteral(before, keepInPath))
			if l.hasQuery = found; found {
				l.query.add(encodeLiteral(after, keepInQuery))
			}
			continue
		case p.Function == literal:
			l.query.add(encodeLiteral(p.Literal, keepInQuery))
			continue
		}
		if l.hasQuery {
			l.query.parts = append(l.query.parts, p)
		} else {
			l.path.parts = append(l.path.parts, p)
		}
	}
	return l
}

// hasScheme reports whether a text begins like the address of another server.
func hasScheme(text string) bool {
	scheme, _, found := strings.Cut(text, "://")
	return found && scheme != "" && !strings.ContainsAny(scheme, "/?@{")
}

// isWeb reports whether an address begins with a protocol that is spoken here.
func isWeb(text string) bool {
	scheme, _, _ := strings.Cut(text, "://")
	return strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "https")
}

// encodeLiteral encodes what has no place in a URL and leaves triplets alone.
func encodeLiteral(text, keep string) string {
	var out []byte
	for i := range len(text) {
		if text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]) {
			out = append(out, '%')
			continue
		}
		out = request.AppendEscaped(out, text[i:i+1], keep)
	}
	return string(out)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// resolve returns path and query of a call. The path begins with "/".
func (l *location) resolve(s *scope) (path, query string, err error) {
	if path, err = l.path.encoded(s, request.Escape); err != nil {
		return "", "", err
	}
	if query, err = l.query.encoded(s, request.Escape); err != nil {
		return "", "", err
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if request.Climbs(path) {
		return "", "", problem("a value would make the path leave that of the API; send one without '..'")
	}
	return path, query, nil
}
