package egress

import "net/netip"

// carriers are the networks whose IPv6 addresses carry an IPv4 address. Some
// router, or this host's own kernel, takes it out and sends the packet there,
// so it is the carried address that must be judged. IPv4-mapped addresses are
// not among them: they are IPv4 addresses to the kernel, and unmapped before.
type carriers struct {
	nat64, sixToFour, teredo, compatible, translated netip.Prefix
}

func newCarriers() carriers {
	return carriers{
		nat64:      netip.MustParsePrefix("64:ff9b::/96"),
		sixToFour:  netip.MustParsePrefix("2002::/16"),
		teredo:     netip.MustParsePrefix("2001::/32"),
		compatible: netip.MustParsePrefix("::/96"),
		translated: netip.MustParsePrefix("::ffff:0:0:0/96"),
	}
}

// carrier is one address taken apart. The zero value carries nothing.
type carrier struct {
	form  string       // the mechanism's name
	inner []netip.Addr // every IPv4 address that the packet may reach

	// whole means that the prefix belongs to the mechanism, so that nothing
	// but inner decides. Otherwise it must be judged as well.
	whole bool
}

// of takes addr apart. Positions are byte offsets in the 16 bytes.
func (c *carriers) of(addr netip.Addr) carrier {
	raw := addr.As16()
	switch {
	case addr.IsUnspecified() || addr.IsLoopback():
		return carrier{} // within ::/96, but older and more particular
	case c.nat64.Contains(addr): // RFC 6052, section 2.1
		return carrier{form: "NAT64", inner: []netip.Addr{addr4(raw[12:])}, whole: true}
	case c.sixToFour.Contains(addr): // RFC 3056, section 2
		return carrier{form: "6to4", inner: []netip.Addr{addr4(raw[2:])}, whole: true}
	case c.teredo.Contains(addr): // RFC 4380, section 4: the server, then the client inverted
		return carrier{form: "Teredo", inner: []netip.Addr{addr4(raw[4:]), inverted4(raw[12:])}, whole: true}
	case c.compatible.Contains(addr): // RFC 4291, section 2.5.5.1
		return carrier{form: "IPv4-compatible", inner: []netip.Addr{addr4(raw[12:])}, whole: true}
	case c.translated.Contains(addr): // RFC 2765, section 2.1
		return carrier{form: "IPv4-translated", inner: []netip.Addr{addr4(raw[12:])}, whole: true}
	case isISATAP(raw):
		return carrier{form: "ISATAP", inner: []netip.Addr{addr4(raw[12:])}}
	}
	return carrier{}
}

// isISATAP tells the interface identifier [02]00:5efe of RFC 5214, section
// 6.1. It stands under any prefix, with the universal bit either way.
func isISATAP(raw [16]byte) bool {
	return raw[8]&^0x02 == 0 && raw[9] == 0 && raw[10] == 0x5e && raw[11] == 0xfe
}

func addr4(raw []byte) netip.Addr { return netip.AddrFrom4([4]byte(raw[:4])) }

func inverted4(raw []byte) netip.Addr {
	return netip.AddrFrom4([4]byte{^raw[0], ^raw[1], ^raw[2], ^raw[3]})
}
