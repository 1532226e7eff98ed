package egress

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"time"
)

const (
	// maxRedirects is enough for http to https, a bare name to www, a moved
	// page and a login hop, and few enough to end a loop at once.
	maxRedirects = 5

	// defaultClientTimeout bounds a whole exchange, redirects and body
	// included: what a client fetches here are documents and tokens.
	defaultClientTimeout = 120 * time.Second

	// defaultMaxBody bounds an answer's body: the largest definition that an
	// import accepts (20 MiB).
	defaultMaxBody = 20 << 20
)

// ClientOptions tune a client. The zero value is a good default.
type ClientOptions struct {
	// Transport are the options of the client's own transport.
	Transport TransportOptions

	// Timeout bounds an exchange from dialling to the last byte of the body,
	// all redirects included; 0 means 120 s.
	Timeout time.Duration

	// MaxBody bounds the body of an answer in bytes, after decompression;
	// reading past it fails as [ReadAll] does. 0 means 20 MiB.
	MaxBody int64
}

// Client returns a client on a transport of its own, for documents and tokens.
// It keeps no cookies and follows at most five redirects, each of which
//   - dials, and is judged, like a first request;
//   - must be http or https, and never http after https;
//   - loses, once any hop has left the first request's origin (scheme, host
//     and port), all headers but a few that say what kind of answer is wanted:
//     so whatever header holds a credential, it stays behind;
//   - is refused if it would carry a request body to another origin.
//
// Such a refusal is EGRESS_REFUSED with the metadata "host". The error of Do
// is an [*url.Error], whose text holds the URL and its query: log the cause.
func (g *Guard) Client(options ClientOptions) *http.Client {
	return &http.Client{
		Transport: &limitingTransport{
			next:  g.Transport(options.Transport),
			limit: cmp.Or(options.MaxBody, defaultMaxBody),
		},
		CheckRedirect: checkRedirect,
		Timeout:       cmp.Or(options.Timeout, defaultClientTimeout),
	}
}

// checkRedirect is called before each hop with the request to come and those
// made, oldest first. net/http builds each hop's header anew from the first
// request, so what has been dropped once must be dropped every time.
func checkRedirect(next *http.Request, made []*http.Request) error {
	host := next.URL.Hostname()
	if len(made) > maxRedirects {
		return refuse("a redirect to %q is refused: more than %d in a row", host, maxRedirects).With("host", host)
	}
	if next.URL.Scheme != "http" && next.URL.Scheme != "https" {
		return refuse("a redirect to the scheme %q is refused: only http and https are followed", next.URL.Scheme).With("host", host)
	}
	if next.URL.Scheme == "http" && made[len(made)-1].URL.Scheme == "https" {
		return refuse("a redirect from https to http at %q is refused: the answer could be forged", host).With("host", host)
	}
	if staysHome(next, made) {
		return nil
	}
	if next.Body != nil && next.Body != http.NoBody {
		return refuse("a redirect to %q is refused: it would carry the request's body to another origin", host).With("host", host)
	}
	dropCredentials(next)
	return nil
}

// staysHome tells whether no hop so far, the next one included, has left the
// origin of the first request. A way back home does not count: another origin
// chose it, and must not get to use our credentials.
func staysHome(next *http.Request, made []*http.Request) bool {
	home := originOf(made[0].URL)
	away := func(r *http.Request) bool { return originOf(r.URL) != home }
	return !away(next) && !slices.ContainsFunc(made, away)
}

// dropCredentials keeps what describes the wanted answer. It is a list of what
// may travel, because headers that hold credentials have any name; Referer,
// which net/http adds and which may hold a key in its query, is not in it.
func dropCredentials(r *http.Request) {
	travels := []string{"Accept", "Accept-Charset", "Accept-Encoding", "Accept-Language", "User-Agent"}
	for name := range r.Header {
		if !slices.Contains(travels, name) {
			delete(r.Header, name)
		}
	}
	r.URL.User = nil // a redirect must not bring credentials along either
}

// origin is who answers. Names are compared as written: with and without a
// trailing dot they may resolve differently, and net/http, which drops some
// headers by itself, takes another case for another host.
type origin struct{ scheme, host, port string }

func originOf(u *url.URL) origin {
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	}
	if port == "" && u.Scheme == "http" {
		port = "80"
	}
	return origin{u.Scheme, u.Hostname(), port}
}
