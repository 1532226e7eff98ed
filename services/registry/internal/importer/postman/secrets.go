package postman

import (
	"strconv"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// normal returns a name in lower case without what separates its words.
func normal(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '-', r == '_', r == '.', r == ' ':
			return -1
		}
		return r
	}, name)
}

// keyNames are the headers and query parameters that are API keys, whatever
// their value.
var keyNames = map[string]bool{
	"apikey": true, "xapikey": true, "xapitoken": true, "apitoken": true, "accesskey": true,
	"ocpapimsubscriptionkey": true, "subscriptionkey": true, "xauthtoken": true, "authtoken": true,
	"accesstoken": true, "xaccesstoken": true, "appkey": true, "xappkey": true, "xrapidapikey": true,
	"privatetoken": true, "xauthkey": true, "authkey": true, "xtoken": true, "xfunctionskey": true,
	"xshopifyaccesstoken": true, "xgooapikey": true,
}

// secretHere reports that a secret of this name stands here, if it does. Where a
// variable holds it, that has been reported when the variable was read.
func (t *translation) secretHere(n *document.Node, name, value string) {
	if value == "" || isPlaceholder(value) || template.MatchString(value) {
		return
	}
	t.warn("SecretInSource", n, revoke, "the value of %q is a secret that stands in the file; it was not copied", shorten(name))
}

// revoke is what to do about a secret in a file.
const revoke = "revoke it if the file has been shared, and empty the value before exporting"

// redacted appends the value without what is secret in it.
func (t *translation) redacted(b []byte, n *document.Node, at *document.Node) []byte {
	switch n.Kind() {
	case document.Array:
		b = append(b, '[')
		for i, c := range n.Children() {
			if i > 0 {
				b = append(b, ',')
			}
			b = t.redacted(b, c, at)
		}
		return append(b, ']')
	case document.Object:
		b = append(b, '{')
		for i, c := range n.Children() {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(document.AppendString(b, c.Key()), ':')
			if isScalar(c) && c.Text() != "" && secretlike.Member(c.Key(), c.Text()) {
				b = append(t.withheld(b, c, at), blank(c)...)
			} else {
				b = t.redacted(b, c, at)
			}
		}
		return append(b, '}')
	case document.String:
		if secretlike.Inside(n.Text()) {
			return append(t.withheld(b, n, at), `""`...)
		}
	case document.Invalid, document.Null, document.Bool, document.Number:
	}
	return n.AppendJSON(b)
}

// blank is a value of the same type that says nothing.
func blank(n *document.Node) string {
	if n.Is(document.Number) {
		return "0"
	}
	return `""`
}

func isScalar(n *document.Node) bool {
	return n.Is(document.String) || n.Is(document.Number)
}

// withheld reports a secret in an example, unless it is a template.
func (t *translation) withheld(b []byte, n, at *document.Node) []byte {
	if !isPlaceholder(n.Text()) {
		t.warn("SecretInSource", at, revoke,
			"the member %q of an example is a secret that stands in the file; it was not copied", shorten(n.Key()))
	}
	return b
}

// isPlaceholder recognises what stands for a value and is none.
func isPlaceholder(v string) bool {
	return v == "" || v[0] == '<' && v[len(v)-1] == '>'
}

// prose returns text that people read, without the credentials in it.
func (t *translation) prose(at *document.Node, text string) string {
	clean := secretlike.Text(text)
	if clean != text {
		t.warn("SecretInSource", at, revoke, "a name or description has a secret in it; it was not copied")
	}
	return clean
}

// readable cleans all texts of a request that people read.
func (t *translation) readable(r *request) {
	r.name, r.description = t.prose(r.node, r.name), t.prose(r.node, r.description)
	for _, list := range [][]pair{r.headers, r.address.query, r.address.variables, r.body.fields} {
		t.readablePairs(list)
	}
	for i, s := range r.responses {
		r.responses[i].name = t.prose(s.node, s.name)
		t.readablePairs(s.headers)
	}
}

func (t *translation) readablePairs(list []pair) {
	for i, p := range list {
		list[i].description = t.prose(p.node, p.description)
	}
}

// hidePath makes parameters of the credentials in the path of a URL. They are
// called after what stands in front of them.
func (t *translation) hidePath(r *request) {
	a := &r.address
	scheme, rest, hasScheme := strings.Cut(a.base, "://")
	if !hasScheme {
		scheme, rest = "", a.base
	}
	segments := strings.Split(rest, "/")
	taken := map[string]bool{}
	for i, s := range segments {
		from, ok := 0, false
		if i > 0 { // the first is the host
			from, ok = secretlike.Segment(segments[:i], s)
		}
		if !ok || strings.Contains(s, "{{") {
			continue
		}
		name := tokenName(segments[1:i], s[:from])
		for n := 2; taken[name]; n++ {
			name = tokenName(segments[1:i], s[:from]) + strconv.Itoa(n)
		}
		taken[name] = true
		t.warn("SecretInSource", a.node, revoke, "the path has a secret in it; it is the parameter %q now", name)
		segments[i] = s[:from] + "{" + name + "}"
		if t.col.native && from == 0 {
			segments[i] = ":" + name
			a.variables = append(a.variables, pair{node: a.node, key: name})
		} else if t.col.native {
			segments[i] = s[:from] + "{{" + name + "}}"
		}
	}
	if len(taken) == 0 {
		return
	}
	if a.base = strings.Join(segments, "/"); hasScheme {
		a.base = scheme + "://" + a.base
	}
}

// tokenName calls a credential in a path after the text in front of it: "bot" of
// the same segment, or the last segment that is a word.
func tokenName(before []string, prefix string) string {
	word := strings.Trim(prefix, "-_.:")
	for i := len(before) - 1; word == "" && i >= 0; i-- {
		if s := before[i]; s != "" && s == strings.ToLower(s) && !strings.ContainsAny(s, "{}:.%0123456789") {
			word = s
		}
	}
	if word == "" {
		return "token"
	}
	return identifier(word) + "Token"
}
