package postman

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
)

// addressOf reads a URL, which is text or an object of its pieces.
func (t *translation) addressOf(n *document.Node) address {
	if !n.Is(document.Object) {
		return t.split(address{node: n}, plain(n))
	}
	a := address{node: n, variables: pairs(n.Get("variable"))}
	if t.col.native {
		return nativeAddress(a)
	}
	base := joined(n.Get("host"), ".")
	path := joined(n.Get("path"), "/")
	if base == "" && path == "" {
		a = t.split(a, n.Str("raw"))
	} else {
		if port := plain(n.Get("port")); port != "" {
			base += ":" + port
		}
		if protocol := strings.TrimSuffix(n.Str("protocol"), "://"); protocol != "" && base != "" {
			base = protocol + "://" + base
		}
		a = t.split(a, base+"/"+strings.TrimPrefix(path, "/"))
	}
	if q := n.Get("query"); q.Is(document.Array) && len(q.Children()) > 0 {
		a.query = queryList(q)
	} else if q.Is(document.String) && len(a.query) == 0 {
		a.query = query(q, q.Text())
	}
	if auth := n.Get("auth"); auth.Is(document.Object) {
		a.user, a.password = auth.Str("user"), auth.Str("password")
	}
	return a
}

// nativeAddress reads a URL of our own exporter. Its path may have a query of its
// own, which belongs to the path in the model.
func nativeAddress(a address) address {
	a.base = joined(a.node.Get("host"), ".") + "/" + joined(a.node.Get("path"), "/")
	a.query = queryList(a.node.Get("query"))
	return a
}

// queryList reads the query of a URL in pieces.
func queryList(n *document.Node) []pair {
	var list []pair
	for _, p := range pairs(n) {
		if p.key != "" || p.value != "" {
			p.key, p.value = unescape(p.key), unescape(p.value)
			list = append(list, p)
		}
	}
	return list
}

// joined returns the pieces of a host or path as text. A piece of a path may be
// an object with its value.
func joined(n *document.Node, separator string) string {
	if !n.Is(document.Array) {
		return plain(n)
	}
	var pieces []string
	for _, c := range n.Children() {
		if c.Is(document.Object) {
			c = c.Get("value")
		}
		pieces = append(pieces, plain(c))
	}
	return strings.Join(pieces, separator)
}

// split takes fragment, query and user off the URL.
func (t *translation) split(a address, raw string) address {
	raw = strings.TrimSpace(raw)
	if len(raw) > maxURLBytes {
		t.warn("UrlInvalid", a.node, "shorten it", "the URL has more than %d bytes and is ignored", maxURLBytes)
		return a
	}
	raw, _, _ = strings.Cut(raw, "#")
	base, q, _ := strings.Cut(raw, "?")
	a.query = query(a.node, q)
	scheme, rest, ok := strings.Cut(base, "://")
	if !ok {
		scheme, rest = "", base
	}
	host, path, hasPath := strings.Cut(strings.TrimPrefix(rest, "//"), "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		a.user, a.password, _ = strings.Cut(host[:i], ":")
		base = host[i+1:]
		if hasPath {
			base += "/" + path
		}
		if ok {
			base = scheme + "://" + base
		}
	}
	a.base = base
	return a
}

// query splits the text of a query. The values stay in their order, repeated
// names included.
func query(n *document.Node, q string) []pair {
	var list []pair
	for piece := range strings.SplitSeq(q, "&") {
		if piece == "" {
			continue
		}
		key, value, found := strings.Cut(piece, "=")
		if key != "" {
			list = append(list, pair{node: n, key: unescape(key), value: unescape(value), bare: !found})
		}
	}
	return list
}

// unescape decodes what is encoded in a query; what is not encoded rightly is
// meant as it stands.
func unescape(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}

// segment matches what stands for a value in a piece of a path: "{{name}}",
// ":name" at its start, and "{name}", which Postman does not know but people
// write.
var segment = regexp.MustCompile(`\{\{[^{}]*\}\}|^:[\w-]+|\{[^{}]*\}`)

// placeholderIn is a value in a path template.
type placeholderIn struct {
	// variable is the name in the collection, name that of the parameter.
	variable, name string
	// own is true of ":name", whose value stands beside the URL.
	own bool
}

// pathTemplate turns the path of a URL into a template.
func pathTemplate(path string) (string, []placeholderIn) {
	var found []placeholderIn
	var b strings.Builder
	for piece := range strings.SplitSeq(strings.TrimPrefix(path, "/"), "/") {
		b.WriteByte('/')
		last := 0
		for _, loc := range segment.FindAllStringIndex(piece, -1) {
			match := piece[loc[0]:loc[1]]
			b.WriteString(literal(piece[last:loc[0]]))
			last = loc[1]
			p := placeholderIn{variable: strings.Trim(match, "{}: "), own: match[0] == ':'}
			p.name = identifier(p.variable)
			found = append(found, p)
			b.WriteString("{" + p.name + "}")
		}
		b.WriteString(literal(piece[last:]))
	}
	return b.String(), found
}

// nativePath is [pathTemplate] for URLs of our own exporter, which says exactly
// what is a parameter, whatever its name.
func nativePath(path string, variables []pair) (string, []placeholderIn) {
	declared := map[string]bool{}
	for _, v := range variables {
		declared[v.key] = true
	}
	var found []placeholderIn
	pieces := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, piece := range pieces {
		if name, ok := strings.CutPrefix(piece, ":"); ok && declared[name] {
			found = append(found, placeholderIn{variable: name, name: name, own: true})
			pieces[i] = "{" + name + "}"
			continue
		}
		pieces[i] = template.ReplaceAllStringFunc(piece, func(m string) string {
			name := m[2 : len(m)-2]
			found = append(found, placeholderIn{variable: name, name: name})
			return "{" + name + "}"
		})
	}
	return "/" + strings.Join(pieces, "/"), found
}

// literal is text of a path as it may stand in a template.
func literal(s string) string {
	if !strings.ContainsAny(s, " {}\"<>\\^`\t\r\n") {
		return s
	}
	return strings.NewReplacer(" ", "%20", "{", "%7B", "}", "%7D", `"`, "%22", "<", "%3C", ">", "%3E",
		`\`, "%5C", "^", "%5E", "`", "%60", "\t", "%09", "\r", "%0D", "\n", "%0A").Replace(s)
}
