package postman

import (
	"net/textproto"
	"slices"
	"strings"

	"github.com/ferrule-dev/ferrule/services/registry/internal/document"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/authkind"
	"github.com/ferrule-dev/ferrule/services/registry/internal/importer/secretlike"
)

// auth is how a request, a folder or the collection authenticates.
type auth struct {
	node *document.Node
	// kind is Postman's name of it, as version 2 writes it.
	kind   string
	values []pair
}

// ownVariables starts the names of variables that our own exporter makes for
// credentials.
const ownVariables = "credential_"

const (
	kindNone   = "noauth"
	kindBasic  = "basic"
	kindBearer = "bearer"
	kindDigest = "digest"
	kindKey    = "apikey"
	kindOAuth2 = "oauth2"
	// kindScheme is what Postman has no name for: another scheme of an
	// Authorization header that was written by hand.
	kindScheme = "scheme"
)

// get returns the value with this name.
func (a *auth) get(key string) string {
	for _, p := range a.values {
		if p.key == key {
			return p.value
		}
	}
	return ""
}

// authOf reads what collections 2 say; nil means that it is inherited. The values
// are an object in 2.0 and a list in 2.1.
func authOf(n *document.Node) *auth {
	kind := n.Str("type")
	if kind == "" || kind == "inherit" {
		return nil
	}
	return &auth{node: n, kind: kind, values: pairs(n.Get(kind))}
}

// helpers are the names that version 1 has for ways to authenticate.
var helpers = map[string]string{
	"basicAuth": kindBasic, "bearerAuth": kindBearer, "digestAuth": kindDigest, "apikeyAuth": kindKey,
	"oAuth1": "oauth1", "oAuth2": kindOAuth2, "hawkAuth": "hawk", "awsSigV4": "awsv4", "ntlmAuth": "ntlm",
	"edgegridAuth": "edgegrid", "asapAuth": "asap", "jwtAuth": "jwt", "noauth": kindNone, "noAuth": kindNone,
}

// auth1 reads what collections 1 say: as version 2 does, or else by a helper.
// "normal" is what old files say where nothing was chosen.
func auth1(n *document.Node) *auth {
	if a := authOf(n.Get("auth")); a != nil {
		return a
	}
	helper := n.Str("currentHelper")
	if helper == "" || helper == "normal" {
		return nil
	}
	kind, ok := helpers[helper]
	if !ok {
		kind = helper
	}
	values := n.Get("helperAttributes")
	a := &auth{node: n, kind: kind}
	if values.Is(document.String) { // the oldest files have it as text
		for _, p := range pairs(strict(values.Text())) {
			p.node = values // what is in the text has no place of its own
			a.values = append(a.values, p)
		}
		return a
	}
	a.values = pairs(values)
	return a
}

// secretValues are the values of ways to authenticate that are secrets.
var secretValues = map[string]bool{
	"password": true, "token": true, "accessToken": true, "clientSecret": true, "refreshToken": true,
	"consumerSecret": true, "tokenSecret": true, "authKey": true, "secretKey": true, "sessionToken": true,
	"accessKey": true, "privateKey": true, "secret": true, "clientToken": true,
}

// login is how one request authenticates.
type login struct {
	// schemes are ids; all are needed. None means no authentication.
	schemes []string
	// scopes are those of the OAuth scheme among them.
	scopes []string
	// headers and queries are the names that carry credentials.
	headers, queries map[string]bool
}

// add notes a scheme that is needed.
func (l *login) add(id string, scopes []string) {
	if id == "" || slices.Contains(l.schemes, id) {
		return
	}
	l.schemes = append(l.schemes, id)
	l.scopes = append(l.scopes, scopes...)
}

// login finds how a request authenticates: as it says itself, else by an
// Authorization header that somebody has written, else as its folders, the
// collection or the user in its URL say. Keys in other headers and in the query
// come on top.
func (t *translation) login(r *request) login {
	l := login{headers: map[string]bool{}, queries: map[string]bool{}}
	a := r.auth
	if a == nil && !t.col.native {
		a = t.written(r)
	}
	if a == nil {
		a = t.inherited(r)
	}
	if a != nil {
		t.secretHere(r.address.node, "password", r.address.password)
	} else if r.address.user != "" {
		a = &auth{node: r.address.node, kind: kindBasic, values: []pair{
			{key: "username", value: r.address.user}, {key: "password", value: r.address.password},
		}}
	}
	if a != nil {
		a = spelled(a)
		t.secretsOf(a)
		l.add(t.scheme(a, r))
		if a.kind == kindKey {
			l.note(a.get("in") == "query", a.get("key"))
		}
	}
	for _, h := range r.headers {
		name := textproto.CanonicalMIMEHeaderKey(h.key)
		if !h.disabled && name != "Authorization" && name != "Cookie" && isToken(h.key) && t.isKey(h) && !l.headers[name] {
			t.key(&l, r, h, "header")
		}
	}
	for _, q := range r.address.query {
		if !q.disabled && t.isKey(q) && !l.queries[q.key] {
			t.key(&l, r, q, "query")
		}
	}
	return l
}

// note remembers which header or query parameter carries a key.
func (l *login) note(isQuery bool, name string) {
	if isQuery {
		l.queries[name] = true
	} else {
		l.headers[textproto.CanonicalMIMEHeaderKey(name)] = true
	}
}

// inherited is what the closest folder says, or else the collection.
func (t *translation) inherited(r *request) *auth {
	for f := r.folder; f != nil; f = f.parent {
		if f.auth != nil {
			return f.auth
		}
	}
	return t.col.auth
}

// key takes a header or query parameter as an API key.
func (t *translation) key(l *login, r *request, p pair, in string) {
	l.note(in == "query", p.key)
	t.secretHere(p.node, p.key, p.value)
	l.add(t.scheme(&auth{node: p.node, kind: kindKey, values: []pair{
		{key: "key", value: p.key}, {key: "in", value: in}, {key: "value", value: p.value},
	}}, r))
}

// isKey reports whether a header or query parameter is an API key: by its name,
// or by the name of the variable that is its value. Our own exporter marks them.
func (t *translation) isKey(p pair) bool {
	if t.col.native {
		_, inside := around(p.value)
		return strings.HasPrefix(only(p.value), ownVariables) || strings.HasPrefix(inside, ownVariables)
	}
	n := normal(p.key)
	if keyNames[n] || (n == "key" || n == "code") && !isPlaceholder(p.value) && secretlike.Query(p.key, p.value) {
		return true
	}
	return secretlike.Name(only(p.value)) && !strings.Contains(n, "pass") && !strings.Contains(n, "pwd") && !strings.Contains(n, "secret")
}

// written reads an Authorization header that was written by hand.
func (t *translation) written(r *request) *auth {
	for _, h := range r.headers {
		if h.disabled || !strings.EqualFold(h.key, "Authorization") || h.value == "" {
			continue
		}
		return authorization(h.node, h.value)
	}
	return nil
}

// spelled reads an API key that is the whole Authorization header, which is how
// people write schemes that Postman has no name for; other ways stay as they are.
func spelled(a *auth) *auth {
	if a.kind != kindKey || a.get("in") == "query" || !strings.EqualFold(a.get("key"), "Authorization") {
		return a
	}
	if as := authorization(a.node, a.get("value")); as.kind != kindKey {
		return as
	}
	return a
}

// authorization reads the value of an Authorization header: a scheme and what
// belongs to it, or else one key.
func authorization(node *document.Node, value string) *auth {
	word, rest, ok := strings.Cut(strings.TrimSpace(value), " ")
	a := &auth{node: node}
	_, isUnsupported := authkind.Header(word, rest)
	switch {
	case !ok || strings.Contains(word, "{{") || !isToken(word):
		a.kind, a.values = kindKey, []pair{{key: "key", value: "Authorization"}, {key: "in", value: "header"}, {key: "token", value: value}}
		return a
	case strings.EqualFold(word, "Bearer"):
		a.kind = kindBearer
	case strings.EqualFold(word, "Basic"):
		a.kind = kindBasic
	case strings.EqualFold(word, "Digest"):
		a.kind = kindDigest
	case strings.EqualFold(word, awsScheme):
		signature(a, rest)
	case isUnsupported:
		a.kind = strings.ToLower(word)
	case isAround(value, rest):
		a.kind, a.values = kindKey, []pair{{key: "key", value: "Authorization"}, {key: "in", value: "header"}, {key: "value", value: value}}
		return a
	default:
		a.kind, a.values = kindScheme, []pair{{key: "scheme", value: word}}
	}
	a.values = append(a.values, pair{node: node, key: "token", value: strings.TrimSpace(rest)})
	return a
}

// isAround reports whether the value of an Authorization header is a key with
// text around it, and not only behind the name of a scheme.
func isAround(value, rest string) bool {
	keyTemplate, _ := around(value)
	return keyTemplate != "" && only(rest) == ""
}

// secretsOf reports the secrets that stand in the file, once for each place.
func (t *translation) secretsOf(a *auth) {
	if t.once("auth ", a.node) {
		return
	}
	for _, p := range a.values {
		if secretValues[p.key] || a.kind == kindKey && p.key == "value" {
			at := p.node
			if at == nil {
				at = a.node
			}
			t.secretHere(at, p.key, p.value)
		}
	}
}
