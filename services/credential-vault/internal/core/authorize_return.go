package core

import (
	"net/url"
	"path"
	"slices"
	"strings"
)

// judgeReturn returns what is wrong with a return URL, "" if nothing is: whoever
// reads what the browser carries there can complete the sign-in, so it is the
// person's own machine, or what the operator names. The suite itself hands queries
// to whoever has made a callback URL, so it is not among them unless it is named,
// and then only where nothing of it is served.
func (v *Vault) judgeReturn(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "must be an absolute URL"
	}
	o, ok := endpointOrigin(raw)
	named := ok && slices.ContainsFunc(v.cfg.ReturnOrigins, func(r Origin) bool { return r.Scheme+"://"+r.Host == o })
	local := u.Scheme == "http" && loopback(u.Hostname())
	ours := v.ours(u)
	switch {
	case u.User != nil:
		return "must not hold a user name or password"
	case u.Fragment != "":
		return "must not hold a fragment"
	case (ours || local) && servedByUs(u.Path):
		return "must not be a path that the suite serves: /v1, /hooks and /callbacks"
	case named || local && !ours:
		return ""
	}
	return "must be a loopback address with http:// at which the suite does not listen, or an origin that the operator names with --allow-return-origins"
}

// ours reports whether a URL is under the address at which the suite is reached.
// All names of the browser's own machine are one.
func (v *Vault) ours(u *url.URL) bool {
	o, ok := endpointOrigin(u.String())
	public, known := endpointOrigin(v.cfg.PublicURL)
	if !ok || !known {
		return false
	}
	at, err := url.Parse(public)
	other, _ := url.Parse(o)
	return o == public || err == nil && other != nil &&
		loopback(at.Hostname()) && loopback(other.Hostname()) && at.Port() == other.Port()
}

// servedByUs reports whether a browser may reach a handler of the gateway with a
// path. Browsers take dots and backslashes out of it first.
func servedByUs(raw string) bool {
	first, _, _ := strings.Cut(strings.TrimPrefix(path.Clean("/"+strings.ReplaceAll(raw, `\`, "/")), "/"), "/")
	return slices.Contains([]string{"v1", "hooks", "callbacks"}, strings.ToLower(first))
}

// loopback reports whether a host is always the browser's own machine (RFC 8252,
// section 7.3).
func loopback(host string) bool {
	return host == "127.0.0.1" || host == "::1" || host == "localhost"
}

// returnWith returns a return URL with what the browser carries there.
func returnWith(raw, authorization, name, value string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("authorization", authorization)
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}
