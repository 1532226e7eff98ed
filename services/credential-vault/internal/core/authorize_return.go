package core

import (
	"net/url"
	"slices"
)

// judgeReturn returns what is wrong with a return URL, "" if nothing is: whoever
// reads what the browser carries there can complete the sign-in, so it is the
// person's own machine, the suite itself, or what the operator names.
func (v *Vault) judgeReturn(raw string) string {
	if raw == "" {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		return "must be an absolute URL"
	}
	switch {
	case u.User != nil:
		return "must not hold a user name or password"
	case u.Fragment != "":
		return "must not hold a fragment"
	case u.Scheme == "http" && loopback(u.Hostname()):
		return ""
	}
	o, ok := endpointOrigin(raw)
	public, _ := endpointOrigin(v.cfg.PublicURL)
	allowed := slices.ContainsFunc(v.cfg.ReturnOrigins, func(r Origin) bool { return r.Scheme+"://"+r.Host == o })
	if ok && (o == public || allowed) {
		return ""
	}
	return "must be a loopback address with http://, the suite's own address, or an origin that the operator names with --allow-return-origins"
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
