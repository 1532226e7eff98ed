package egress

import (
	"net/netip"
	"testing"

	"code.dny.dev/ssrf"
)

// Both tables come from the same registries by different hands: what the
// library knows and ours does not is a hole.
func TestTheTableHoldsWhatTheRegistriesHold(t *testing.T) {
	table := newRanges()
	known := append(append([]netip.Prefix{}, ssrf.IPv4DeniedPrefixes...), ssrf.IPv6DeniedPrefixes...)
	if len(known) < 20 {
		t.Fatalf("the library's tables hold %d networks: they have moved", len(known))
	}
	for _, network := range known {
		if network == table.carriers.sixToFour {
			continue // the library refuses it whole, we judge what it carries
		}
		for _, addr := range []netip.Addr{network.Addr(), lastOf(network)} {
			if table.classify(addr) == "" {
				t.Errorf("%s of %s counts as public", addr, network)
			}
		}
	}
}

func FuzzNoSpellingOfAPrivateAddressIsPublic(f *testing.F) {
	f.Add(uint32(0x7f000001), uint64(1))
	f.Add(uint32(0xa9fea9fe), uint64(0))
	f.Fuzz(func(t *testing.T, v4 uint32, noise uint64) {
		table := newRanges()
		raw := [4]byte{byte(v4 >> 24), byte(v4 >> 16), byte(v4 >> 8), byte(v4)}
		kind := table.classify(netip.AddrFrom4(raw))
		if kind == "" {
			t.Skip("a public address")
		}
		for _, spelling := range spellings(raw, noise) {
			if table.classify(spelling.Unmap()) == "" {
				t.Errorf("%s of %v counts as public although %s", spelling, raw, kind)
			}
		}
	})
}

// spellings builds the IPv6 forms from the positions that the RFCs give, with
// noise where they leave room.
func spellings(v4 [4]byte, noise uint64) []netip.Addr {
	at := func(prefix string, offset int, mask byte) netip.Addr {
		raw := netip.MustParseAddr(prefix).As16()
		for i := offset + 4; i < 16; i++ {
			raw[i] = byte(noise >> (i % 8))
		}
		for i := range 4 {
			raw[offset+i] = v4[i] ^ mask
		}
		return netip.AddrFrom16(raw)
	}
	const upright, inverted = 0, 0xff
	return []netip.Addr{
		at("::ffff:0:0", 12, upright),
		at("64:ff9b::", 12, upright),
		at("2002::", 2, upright),
		at("2001::", 4, upright),
		at("2001:0:808:808::", 12, inverted),
		at("::ffff:0:0:0", 12, upright),
		at("2606:2800::5efe:0:0", 12, upright),
	}
}

func lastOf(network netip.Prefix) netip.Addr {
	raw := network.Addr().AsSlice()
	for bit := network.Bits(); bit < len(raw)*8; bit++ {
		raw[bit/8] |= 1 << (7 - bit%8)
	}
	addr, _ := netip.AddrFromSlice(raw)
	return addr
}
