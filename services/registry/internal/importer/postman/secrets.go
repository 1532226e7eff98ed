package postman

import (
	"regexp"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
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

// harmless are words around "token" that make it something to go on reading
// with, or to count.
var harmless = []string{"page", "next", "continuation", "sync", "cursor", "max", "tokentype", "tokenurl", "tokens", "postmantoken", "csrf"}

// isSecretName reports whether something with this name is secret.
func isSecretName(name string) bool {
	n := normal(name)
	for _, word := range []string{"password", "passwd", "pwd", "secret", "apikey", "accesskey", "privatekey", "credential", "authorization", "signature", "subscriptionkey", "sessionid", "oauth"} {
		if strings.Contains(n, word) {
			return true
		}
	}
	if keyNames[n] {
		return true
	}
	if !strings.Contains(n, "token") {
		return false
	}
	for _, word := range harmless {
		if strings.Contains(n, word) {
			return false
		}
	}
	return true
}

// secretValue recognises tokens by how they look.
var secretValue = regexp.MustCompile(`eyJ[\w-]{8,}\.[\w-]{8,}\.|\bsk_(?:live|test)_|\bgh[pousr]_\w{20}|\bxox[abprs]-|\bAKIA[0-9A-Z]{16}\b|-----BEGIN|\b(?:[Bb]earer|[Bb]asic) [\w+/=.-]{8}`)

// secretMarks are in everything that secretValue matches, and quickly looked for.
var secretMarks = []string{"eyJ", "sk_", "gh", "xox", "AKIA", "-----BEGIN", "earer ", "asic "}

func isSecretValue(v string) bool {
	for _, mark := range secretMarks {
		if strings.Contains(v, mark) {
			return secretValue.MatchString(v)
		}
	}
	return false
}

// secretText recognises text that names a secret beside a value.
var secretText = regexp.MustCompile(`(?i)(?:password|passwd|secret|token|api[-_]?key|authorization)\w*["']?\s*[:=>]`)

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
			if isScalar(c) && isSecretName(c.Key()) && c.Text() != "" {
				b = append(t.withheld(b, c, at), blank(c)...)
			} else {
				b = t.redacted(b, c, at)
			}
		}
		return append(b, '}')
	case document.String:
		if isSecretValue(n.Text()) {
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
