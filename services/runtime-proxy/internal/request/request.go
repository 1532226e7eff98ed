// Package request is one HTTP request to an API while it is being built.
//
// A [Request] starts as the answer to "where and what" (package plan), gets
// credential handles and is changed by policies, and is sent at the end
// (package upstream). All of its text is in the form that goes over the wire:
// paths and queries are percent-encoded. [Base] is where an API lives.
package request

import (
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
)

// Base is the place below which all paths of an API lie.
type Base struct {
	// Scheme is "http" or "https".
	Scheme string
	// Host is the lower-case host name or address, with a port only if the URL
	// names one.
	Host string
	// Path is the percent-encoded path without a trailing slash; empty for the
	// root.
	Path string
}

// ParseBase reads the URL of a server. It must be absolute, http or https, and
// without user information, query and fragment.
func ParseBase(text string) (Base, error) {
	u, err := url.Parse(text)
	if err != nil {
		return Base{}, fmt.Errorf("the server url cannot be read") // the parser's error repeats the text
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return Base{}, fmt.Errorf("the server url must begin with http:// or https://")
	case u.Host == "" || u.Hostname() == "":
		return Base{}, fmt.Errorf("the server url has no host")
	case u.User != nil:
		return Base{}, fmt.Errorf("the server url must not hold a user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return Base{}, fmt.Errorf("the server url must not hold a query or a fragment")
	}
	path := strings.TrimRight(u.EscapedPath(), "/")
	if Climbs(path) {
		return Base{}, fmt.Errorf("the path of the server url must not hold '..'")
	}
	return Base{Scheme: u.Scheme, Host: canonicalHost(u), Path: path}, nil
}

// canonicalHost writes the host in the one form in which the suite compares
// hosts: lower case, without a trailing dot, addresses as netip writes them.
func canonicalHost(u *url.URL) string {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if addr, err := netip.ParseAddr(host); err == nil {
		host = addr.String()
	}
	if port := u.Port(); port != "" {
		return net.JoinHostPort(host, port)
	}
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// String returns the URL.
func (b Base) String() string { return b.Scheme + "://" + b.Host + b.Path }

// Endpoint returns the host and the port that a connection goes to, in the form
// "host:port", lower case, with the scheme's own port where none is named.
func (b Base) Endpoint() string {
	host, port := splitHost(b.Host)
	if port == "" {
		port = defaultPort(b.Scheme)
	}
	return net.JoinHostPort(host, port)
}

// Allows reports whether an entry of an allow list, an origin such as
// "https://host" or "https://host:8443", names the place. An entry without a port
// means the scheme's own port. Names are compared without case. What may go to a
// host encrypted may not go there in clear: an entry without a scheme names nothing.
func (b Base) Allows(entry string) bool {
	scheme, place, named := strings.Cut(strings.ToLower(entry), "://")
	if !named || scheme != b.Scheme {
		return false
	}
	host, port := splitHost(place)
	if port == "" {
		port = defaultPort(b.Scheme)
	}
	return host != "" && net.JoinHostPort(host, port) == b.Endpoint()
}

// AllowedBy reports whether one of the entries allows the place.
func (b Base) AllowedBy(entries []string) bool {
	return slices.ContainsFunc(entries, b.Allows)
}

func splitHost(text string) (host, port string) {
	if host, port, err := net.SplitHostPort(text); err == nil {
		return host, port
	}
	return strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"), ""
}

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

// Request is a request under construction. It belongs to the goroutine of its
// call. Once handles have become secrets it must not be logged or kept.
type Request struct {
	// Method is the HTTP method, upper case.
	Method string
	// Base is where the API lives.
	Base Base
	// Path is the percent-encoded path below Base; it begins with "/" or is
	// empty.
	Path string
	// Query is the percent-encoded query without "?".
	Query string
	// Header holds the fields by canonical name. Hop-by-hop fields and Host do
	// not belong in it.
	Header map[string][]string
	// Host is sent instead of Base.Host, if not empty. It changes what the
	// server is told, not where the connection goes.
	Host string
	// Body is the content; nil sends none.
	Body []byte
}

// Clone returns a copy that shares only the body, which nobody writes to.
func (r *Request) Clone() Request {
	out := *r
	count := 0
	for _, values := range r.Header {
		count += len(values)
	}
	out.Header = make(map[string][]string, len(r.Header))
	all := make([]string, 0, count) // one piece of memory for all fields
	for name, values := range r.Header {
		from := len(all)
		all = append(all, values...)
		out.Header[name] = all[from:len(all):len(all)]
	}
	return out
}

// URL returns where the request goes, as text.
func (r *Request) URL() string { return r.Base.Scheme + "://" + r.Base.Host + r.Target() }

// Target returns the request target: path and query as they go over the wire.
func (r *Request) Target() string {
	target := r.Base.Path + r.Path
	if target == "" {
		target = "/"
	}
	if r.Query != "" {
		target += "?" + r.Query
	}
	return target
}

// SetHeader replaces all values of a field. The name need not be canonical.
func (r *Request) SetHeader(name, value string) {
	r.Header[textproto.CanonicalMIMEHeaderKey(name)] = []string{value}
}

// AddHeader adds a value to a field.
func (r *Request) AddHeader(name, value string) {
	name = textproto.CanonicalMIMEHeaderKey(name)
	r.Header[name] = append(r.Header[name], value)
}

// HeaderValue returns the first value of a field, "" if there is none.
func (r *Request) HeaderValue(name string) string {
	values := r.Header[textproto.CanonicalMIMEHeaderKey(name)]
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

// HasHeader reports whether a field has a value.
func (r *Request) HasHeader(name string) bool {
	return len(r.Header[textproto.CanonicalMIMEHeaderKey(name)]) > 0
}

// SetCookie adds a cookie to the Cookie field, in place of one of that name.
// Name and value are already in the form that goes over the wire.
func (r *Request) SetCookie(name, value string) {
	var kept []string
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if have, _, _ := strings.Cut(pair, "="); pair != "" && have != name {
				kept = append(kept, pair)
			}
		}
	}
	r.Header["Cookie"] = []string{strings.Join(append(kept, name+"="+value), "; ")}
}
