// Package links makes the links that the runtime hands to callers, and reads them
// when they come back.
//
// An API that answers with the URL of the next page means its own address, which
// a caller cannot use: the credential is here. [Maker.Make] turns it into one of
// ours, in two forms. What lies below the connection's base is the address of the
// pass-through data plane, readable and stable:
//
//	{public}/v1/environments/{e}/connections/{c}/proxy/{rest}?{query}
//
// What lies elsewhere, on a host that the connection may use, is sealed with the
// connection's link key, so that only what an API said can be followed:
//
//	{public}/v1/environments/{e}/connections/{c}/proxy/~/{base64url(url)}.{base64url(HMAC-SHA256)}
//
// A page that only one operation can go on with ([Maker.Operation]) is sealed too,
// wherever it lies, together with the operation and the method to call it with.
//
// [Maker.Read] takes all of them back, with or without the part before /v1, and also
// the API's own URL where it lies below the base; as which operation a link without
// a seal may be called is for its caller to find out. [Maker.Place] says what request
// an opened link is. A link never carries a secret: what the credential writes into
// queries is taken out, since it is written again when the link is followed.
package links

import (
	"strings"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/request"
)

// MaxLink is the longest link that is made or opened, in bytes.
const MaxLink = 16 << 10

// KeySize is the length of a link key in bytes.
const KeySize = 32

// sealed is the segment below "proxy" that tells sealed links.
const sealed = "/~/"

// Maker makes and opens the links of one connection. It is a plain value, safe
// for concurrent use as long as nobody changes it.
type Maker struct {
	// PublicURL is where callers reach the data plane, without a slash at the end;
	// with the path that a proxy in front adds, if any. Empty makes links that are
	// a path only.
	PublicURL string
	// Connection is what the links belong to.
	Connection resource.Connection
	// Key seals links to other places than the base; anything but [KeySize] bytes
	// means that there are none.
	Key []byte
	// Base is where the connection's API is.
	Base request.Base
	// Allowed reports whether the connection may use another place; nil allows
	// none.
	Allowed func(request.Base) bool
	// SecretQuery names the query parameters that the credential writes. They are
	// left out of links that are made.
	SecretQuery []string
	// Redact removes the credential's secrets from text; a link that it would
	// change is not made. Nil means that there are none.
	Redact func(string) string
	// Operation is what the links are made for: sealed ones are bound to it, and to
	// Method. Empty binds them to none.
	Operation string
	// Method is how sealed links of the operation are called.
	Method string
	// Known reports whether a path below the base needs no seal, since whoever reads
	// it finds the operation by it; nil is for all paths. Without a key there are no
	// seals, and nothing is asked.
	Known func(path string) bool
}

// Opened is what a link means.
type Opened struct {
	// URL is where it leads, absolute.
	URL string
	// Operation is what it was sealed for; empty if it is bound to none, whether it
	// has a seal or not.
	Operation string
	// Method is how to call it; empty where Operation is.
	Method string
}

// Make turns an absolute URL that an API wrote into a link for callers. It is
// false where there can be none: the URL is not http or https, leads out of the
// base, to a place that is not allowed or would need a key that there is not, has
// user information or a secret in it, or is too long. Such a URL should be left as it is, and cannot
// be followed. A fragment is dropped: it is never sent.
func (m *Maker) Make(absolute string) (string, bool) {
	if len(absolute) > MaxLink {
		return "", false
	}
	absolute, _, _ = strings.Cut(absolute, "#")
	place, err := split(clean(absolute))
	if err != nil {
		return "", false
	}
	place.query = m.withoutSecrets(place.query)
	rest, below := m.rest(place)
	var out string
	switch {
	case below && !strings.HasPrefix(rest, sealed) && (len(m.Key) != KeySize || m.Known == nil || m.Known(rest)):
		out = m.address() + rest + place.queryPart()
	case len(m.Key) == KeySize && (below || m.allows(place.base)):
		out = m.address() + sealed + seal(m.Key, m.Connection, m.bind(place.String()))
	default:
		return "", false
	}
	if len(out) > MaxLink || (m.Redact != nil && m.Redact(place.String()) != place.String()) {
		return "", false
	}
	return out, true
}

// Open returns the absolute URL at the API that a link means, for those who have
// it from the API. Its errors are those of [Maker.Read].
func (m *Maker) Open(link string) (string, error) {
	opened, err := m.Read(link)
	return opened.URL, err
}

// Read returns what a link means. Whatever was not made here for this connection is
// LINK_INVALID, except the API's own URLs below the base.
func (m *Maker) Read(link string) (Opened, error) {
	if len(link) > MaxLink {
		return Opened{}, Invalid("it is longer than %d bytes", MaxLink)
	}
	for i := range len(link) {
		if c := link[i]; c <= ' ' || c == 0x7f || c == '#' {
			return Opened{}, Invalid("it has a fragment, or characters that have to be percent-encoded")
		}
	}
	if path, ours := m.cutPublic(link); ours {
		return m.readOwn(path)
	}
	place, err := split(link)
	if err != nil {
		return Opened{}, err
	}
	if _, below := m.rest(place); !below {
		return Opened{}, Invalid("it leads elsewhere than to the connection's API")
	}
	return Opened{URL: place.String()}, nil
}

// readOwn reads the part of a link from "/v1/" on.
func (m *Maker) readOwn(path string) (Opened, error) {
	rest, ok := strings.CutPrefix(path, m.path())
	if !ok || (rest != "" && rest[0] != '/' && rest[0] != '?') {
		return Opened{}, Invalid("it was made for another connection than %q", m.Connection.String())
	}
	if token, ok := strings.CutPrefix(rest, sealed); ok {
		return m.unseal(token)
	}
	place, err := split(m.Base.String() + rest)
	if err != nil {
		return Opened{}, err
	}
	return Opened{URL: place.String()}, nil
}

func (m *Maker) unseal(token string) (Opened, error) {
	if len(m.Key) != KeySize {
		return Opened{}, Invalid("it is sealed, and the connection has no key for links any more")
	}
	text, ok := unseal(m.Key, m.Connection, token)
	if !ok {
		return Opened{}, Invalid("its seal does not fit; it was changed on its way")
	}
	opened := unbind(text)
	place, err := split(opened.URL)
	if err != nil {
		return Opened{}, err
	}
	opened.URL = place.String()
	return opened, nil
}

// Place says what an opened link is as a request: the base that it lies below (the
// connection's own where that is so, or else the root of its host), the path below
// that, and the query.
func (m *Maker) Place(absolute string) (base request.Base, path, query string, err error) {
	place, err := split(absolute)
	if err != nil {
		return request.Base{}, "", "", err
	}
	if rest, below := m.rest(place); below {
		return m.Base, rest, place.query, nil
	}
	return place.base, place.path, place.query, nil
}

// rest returns the path below the base, and whether the place lies there.
func (m *Maker) rest(p place) (rest string, below bool) {
	if p.base.Scheme != m.Base.Scheme || p.base.Endpoint() != m.Base.Endpoint() {
		return "", false
	}
	rest, below = strings.CutPrefix(p.path, m.Base.Path)
	return rest, below && (rest == "" || rest[0] == '/')
}

// allows reports whether a place outside of the base may be sealed. A link that
// would go on without TLS is not made where the API itself has it.
func (m *Maker) allows(base request.Base) bool {
	if m.Allowed == nil || (m.Base.Scheme == "https" && base.Scheme != "https") {
		return false
	}
	return m.Allowed(base)
}

// path is what the path of every link of the connection begins with.
func (m *Maker) path() string { return "/v1/" + m.Connection.String() + "/proxy" }

func (m *Maker) address() string { return strings.TrimRight(m.PublicURL, "/") + m.path() }

// names is what the paths of all our links begin with.
const names = "/v1/environments/"

// cutPublic returns a link of ours from "/v1/" on.
func (m *Maker) cutPublic(link string) (path string, ours bool) {
	public := strings.TrimRight(m.PublicURL, "/")
	if public != "" {
		if path, ours = strings.CutPrefix(link, public); ours && strings.HasPrefix(path, names) {
			return path, true
		}
		if _, after, ok := strings.Cut(public, "://"); ok && strings.HasPrefix(link, "/") {
			if slash := strings.IndexByte(after, '/'); slash >= 0 {
				if path, ours = strings.CutPrefix(link, after[slash:]); ours && strings.HasPrefix(path, names) {
					return path, true
				}
			}
		}
	}
	return link, strings.HasPrefix(link, names)
}

// withoutSecrets takes the parameters of the credential out of a query.
func (m *Maker) withoutSecrets(query string) string {
	if query == "" || len(m.SecretQuery) == 0 {
		return query
	}
	req := request.Request{Query: query}
	for _, name := range m.SecretQuery {
		req.DeleteQuery(name)
	}
	return strings.Trim(req.Query, "&")
}

const (
	refusal = "the link cannot be followed: "
	remedy  = "; use a link as an answer of this connection gave it"
)

// Why returns the clause that says what is wrong with a link, empty for an error that
// [Invalid] has not made.
func Why(err error) string {
	f := fault.From(err)
	if err == nil || f.Reason() != fault.ReasonLinkInvalid {
		return ""
	}
	return strings.TrimSuffix(strings.TrimPrefix(f.Message(), refusal), remedy)
}

// Invalid makes the one kind of error that a link can be. The format says in one
// clause what is wrong with it.
func Invalid(format string, args ...any) error {
	return fault.Invalid(fault.ReasonLinkInvalid, refusal+format+remedy, args...).
		Field("link", "must be a link that an answer of this connection held")
}
