package core

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Origin is where an API is reached: the scheme, and the host with its port in
// the one form in which the suite compares hosts.
//
// That form is "host:port": lower case, without a trailing dot, the port always
// written out (80 for http and 443 for https where a URL names none), addresses
// as netip writes them, IPv6 addresses in brackets.
type Origin struct {
	// Scheme is "http" or "https".
	Scheme string
	// Host is the canonical "host:port".
	Host string
}

// String returns the origin as people write it, without the port that its scheme
// implies.
func (o Origin) String() string {
	port := map[string]string{"http": ":80", "https": ":443"}[o.Scheme]
	return o.Scheme + "://" + strings.TrimSuffix(o.Host, port)
}

// short returns the host without a port that any scheme implies.
func (o Origin) short() string {
	return strings.TrimSuffix(strings.TrimSuffix(o.Host, ":443"), ":80")
}

// ParseOrigin returns the origin of an absolute URL. The error is a sentence
// for whoever wrote the URL, which it does not repeat: it may hold a password.
func ParseOrigin(raw string) (Origin, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Origin{}, errors.New("is not a URL: write https://host/path")
	}
	scheme := strings.ToLower(u.Scheme)
	defaultPort, ok := map[string]string{"http": "80", "https": "443"}[scheme]
	switch {
	case !ok:
		return Origin{}, errors.New("must begin with https:// or http://")
	case u.User != nil:
		return Origin{}, errors.New("must not hold a user name or password: secrets belong into secret parameters")
	case u.RawQuery != "" || u.ForceQuery:
		return Origin{}, errors.New("must not hold a query: parameters belong into the connection's parameters")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return Origin{}, errors.New("must not hold a fragment")
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return Origin{}, err
	}
	port, err := canonicalPort(u.Host, u.Port(), defaultPort)
	if err != nil {
		return Origin{}, err
	}
	return Origin{Scheme: scheme, Host: host + ":" + port}, nil
}

// canonicalHost returns a host name or address as origins have it.
func canonicalHost(host string) (string, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		if addr.Zone() != "" {
			return "", errors.New("must not hold an address with a zone")
		}
		if addr.Is6() {
			return "[" + addr.String() + "]", nil
		}
		return addr.String(), nil
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "" {
		return "", errors.New("must name a host")
	}
	if len(host) > 253 || !wellFormed(host) {
		return "", errors.New("must name a host of letters, digits, hyphens and dots (international names in their xn-- form)")
	}
	return host, nil
}

// wellFormed reports whether every label of a lower-case host name has 1 to 63
// letters, digits, hyphens and underscores.
func wellFormed(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if len(label) < 1 || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

// canonicalPort returns a port in decimal without leading zeros.
func canonicalPort(authority, port, otherwise string) (string, error) {
	if port == "" {
		if strings.HasSuffix(authority, ":") {
			return "", errors.New("must name a port after the colon")
		}
		return otherwise, nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", errors.New("must name a port from 1 to 65535")
	}
	return strconv.FormatUint(n, 10), nil
}

// HostRules are the hosts that an administrator allows for server URLs, beyond
// those that a connector names. The zero HostRules allow none.
type HostRules struct{ rules []hostRule }

// hostRule allows one name, or every name below one.
type hostRule struct {
	suffix string // ".example.com" of "*.example.com", else empty
	host   string // the exact host, else empty
	port   string // empty for every port
}

// ParseHostRules reads entries of the form "host", "host:port" or "*.domain".
// A host without a port is allowed with every port; "*.domain" allows every host
// below the domain, at any depth and with every port, and not the domain itself.
// All entries that cannot be read are in the error.
func ParseHostRules(entries []string) (HostRules, error) {
	var r HostRules
	var errs []error
	for _, entry := range entries {
		rule, err := parseHostRule(strings.TrimSpace(entry))
		if err != nil {
			errs = append(errs, fmt.Errorf("allowed server host %q: %w", entry, err))
			continue
		}
		r.rules = append(r.rules, rule)
	}
	return r, errors.Join(errs...)
}

func parseHostRule(entry string) (hostRule, error) {
	if domain, ok := strings.CutPrefix(entry, "*."); ok {
		host, err := canonicalHost(domain)
		if err != nil || strings.HasPrefix(host, "[") {
			return hostRule{}, errors.New(`write "*." and a domain, without a port`)
		}
		return hostRule{suffix: "." + host}, nil
	}
	if addr, err := netip.ParseAddr(entry); err == nil && addr.Is6() {
		entry = "[" + entry + "]" // an address is no host with a port
	}
	u, err := url.Parse("https://" + entry)
	if err != nil || u.Host != entry || u.User != nil {
		return hostRule{}, errors.New(`write "host", "host:port" or "*.domain"`)
	}
	host, err := canonicalHost(u.Hostname())
	if err != nil {
		return hostRule{}, err
	}
	port, err := canonicalPort(u.Host, u.Port(), "")
	return hostRule{host: host, port: port}, err
}

// Allow reports whether a canonical "host:port" is allowed.
func (r HostRules) Allow(hostPort string) bool {
	i := strings.LastIndexByte(hostPort, ':')
	host, port := hostPort[:i], hostPort[i+1:]
	return slices.ContainsFunc(r.rules, func(rule hostRule) bool {
		if rule.suffix != "" {
			return strings.HasSuffix(host, rule.suffix)
		}
		return rule.host == host && (rule.port == "" || rule.port == port)
	})
}
