package egress

import (
	"net/netip"
	"strings"
)

// checkSpelling refuses hosts that are addresses in disguise: 2130706433,
// 0x7f000001, 0177.0.0.1, 127.1, "127.0.0.1." and the empty host. Some
// resolvers read them as IPv4 addresses and others ask the network for them,
// and a filter in front of us may have read them in yet another way. No real
// name is lost: no top-level domain is a number.
func checkSpelling(host string) error {
	if host == "" {
		return refuse("a destination without a host is refused: it would mean this machine").With("host", host)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return nil
	}
	if endsInNumber(host) {
		return refuse("host %q is refused: it is an unusual spelling of an address; write a name, or an IPv4 address as four decimal numbers", host).
			With("host", host)
	}
	return nil
}

// endsInNumber is the WHATWG URL standard's test for "this must be an IPv4
// address": the last label, a trailing dot aside, is decimal or 0x and
// hexadecimal (nothing after 0x counts as zero).
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return only(hex, "0123456789abcdef")
	}
	return last != "" && only(last, "0123456789")
}

func only(text, set string) bool { return strings.Trim(text, set) == "" }
