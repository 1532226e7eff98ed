package oauth

import (
	"net/netip"
	"net/url"
	"strings"
)

// maxURL bounds the URL of an endpoint in bytes.
const maxURL = 4096

// parseEndpoint reads the URL of an endpoint. It is https (RFC 6749, section 3.2),
// or http on this machine; it holds neither credentials nor a fragment. The error
// names what the endpoint is for, and nothing of the URL but its host.
//
// The page that a person opens may have a fragment, against RFC 6749, section 3.1:
// there are pages of one application that are told apart by it.
func parseEndpoint(use, raw string) (*url.URL, *Error) {
	u, err := url.Parse(raw)
	switch {
	case raw == "":
		return nil, unsent("", "there is no "+use)
	case err != nil || len(raw) > maxURL || u.Host == "" || u.User != nil:
		return nil, unsent("", "the "+use+" is not a URL")
	case u.Fragment != "" && use != pageUse:
		return nil, unsent(u.Host, "the "+use+" has a fragment")
	case !confidential(u):
		return nil, unsent(u.Host, "the "+use+" is not https")
	}
	return u, nil
}

// pageUse names the page that a person opens.
const pageUse = "authorization endpoint"

// confidential reports whether nobody on the way can read what is sent to a URL.
func confidential(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	host := strings.ToLower(u.Hostname())
	address, err := netip.ParseAddr(host)
	loopback := host == "localhost" || strings.HasSuffix(host, ".localhost") || err == nil && address.Unmap().IsLoopback()
	return u.Scheme == "http" && loopback
}

// unsent returns the error of a request that was not made because it cannot be
// made from what is known.
func unsent(host, description string) *Error {
	return &Error{Verdict: Misconfigured, Description: description, Host: host}
}

// withQuery returns a copy of a URL with more behind its query. A leading "?" or
// "&" of what is added does not count, and what cannot stand in a URL is escaped:
// people wrote it.
func withQuery(u *url.URL, query string) *url.URL {
	query = visible(strings.TrimLeft(query, "?&"))
	clone := *u
	if clone.RawQuery != "" && query != "" {
		query = strings.TrimRight(clone.RawQuery, "&") + "&" + query
	} else if query == "" {
		query = clone.RawQuery
	}
	clone.RawQuery = query
	return &clone
}

// visible escapes spaces, control characters, and whatever is not ASCII.
func visible(query string) string {
	out := make([]byte, 0, len(query))
	for _, c := range []byte(query) {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '<' || c == '>' || c == '#' {
			out = appendEscaped(out, []byte{c})
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
