package requestlog

import (
	"net/url"
	"slices"
	"strings"
)

// secretParts are what names of secrets hold, without case and punctuation.
func secretParts() []string {
	return []string{
		"password", "passwd", "passphrase", "passcode", "secret", "token", "apikey", "accesskey", "privatekey", "accountkey",
		"sharedkey", "subscriptionkey", "masterkey", "credential", "authorization", "signature", "assertion", "cookie", "sessionid", "bearer",
		"samlresponse", "samlrequest", "samlart", "pwd", "jwt", "hmac", "cvv", "cvc",
	}
}

// harmlessParts are what names hold that only look like those of secrets: places
// in lists, counts of words, and what a token is like.
func harmlessParts() []string {
	return []string{
		"pagetoken", "continuationtoken", "skiptoken", "synctoken", "deltatoken", "tokentype", "tokenendpoint", "tokenurl", "tokencount",
		"maxtokens", "totaltokens", "prompttokens", "completiontokens", "inputtokens", "outputtokens", "signaturemethod", "signatureversion",
	}
}

// secretWords are whole names of secrets, and lastWords what names of secrets end with:
// "smtp_pass", "card[pin]".
func secretWords() []string { return []string{"auth", "sid"} }

func lastWords() []string { return []string{"pass", "sig", "pin", "otp", "sas"} }

// words tell secrets by what they are usually called.
type words struct{ parts, harmless, whole, last, afterScheme []string }

func newWords() *words {
	return &words{secretParts(), harmlessParts(), secretWords(), lastWords(), harmlessWords()}
}

// names tells secrets of a connection by what they are called.
type names struct {
	*words

	own []string // names that its credential is sent in
}

// isOwn reports whether the connection's credential is sent in a place with this
// name.
func (n *names) isOwn(name string) bool {
	return slices.ContainsFunc(n.own, func(own string) bool { return strings.EqualFold(own, name) })
}

// secret reports whether a member, an element or a form field with this name is
// taken for a secret.
func (n *names) secret(name string) bool {
	if len(name) > maxText {
		return true // no name that anybody would miss
	}
	plain := strings.Map(func(c rune) rune {
		if strings.ContainsRune(punctuation, c) {
			return -1
		}
		return c
	}, strings.ToLower(name))
	if slices.Contains(n.whole, plain) || slices.Contains(n.last, strings.ToLower(lastWord(name))) {
		return true
	}
	for _, part := range n.harmless {
		if strings.Contains(plain, part) {
			return false
		}
	}
	for _, part := range n.parts {
		if strings.Contains(plain, part) {
			return true
		}
	}
	return false
}

// punctuation is what stands between the words of a name.
const punctuation = "-_. []:/$"

// lastWord returns the last word of a name in any of the usual spellings.
func lastWord(name string) string {
	name = strings.TrimRight(name, punctuation)
	for i := len(name) - 1; i > 0; i-- {
		upper := name[i] >= 'A' && name[i] <= 'Z'
		before := name[i-1]
		if strings.IndexByte(punctuation, before) >= 0 || upper && before >= 'a' && before <= 'z' {
			return name[i:]
		}
	}
	return name
}

// parameter is secret for what stands in a query, where keys of APIs have shorter
// names and codes can be traded for tokens.
func (n *names) parameter(name string) bool {
	if decoded, err := url.QueryUnescape(name); err == nil {
		name = decoded
	}
	name = strings.ToLower(name)
	return n.isOwn(name) || name == "key" || name == "code" || n.secret(name)
}

// field is secret for header fields: Authorization, Proxy-Authorization, X-Auth-…,
// cookies both ways, and everything of proxies.
func (n *names) field(name string) bool {
	name = strings.ToLower(name)
	if name == "www-authenticate" { // what an API asks for
		return n.isOwn(name)
	}
	return n.isOwn(name) || strings.HasPrefix(name, "proxy-") || strings.Contains(name, "auth") || name == "x-key" || n.secret(name)
}

// minKey is how long a key is at least that nobody chose.
const minKey = 16

// unchosenKey reports whether a member named "key" holds a secret: one that nobody chose,
// long and of letters and digits. Issues, objects and pairs have keys too.
func unchosenKey(name, value string) bool {
	if !strings.EqualFold(name, "key") || len(value) < minKey {
		return false
	}
	const digits = "0123456789"
	letters := strings.ContainsFunc(value, func(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' })
	odd := strings.ContainsFunc(value, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && !strings.ContainsRune(digits+"-_+=", c)
	})
	return letters && !odd && strings.ContainsAny(value, digits)
}

// naming reports whether a member or an attribute with this name may name what stands
// beside it, as in {"name": "password", "value": …}.
func naming(name string) bool {
	return slices.Contains([]string{"name", "key", "k", "id", "field", "param", "parameter", "header", "label", "type"}, strings.ToLower(name))
}

// named reports whether a member with this name may be what another one beside it names.
func named(name string) bool {
	return slices.Contains([]string{"value", "val", "v", "content", "text", "data"}, strings.ToLower(name))
}
