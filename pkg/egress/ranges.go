package egress

import (
	"net/netip"
	"slices"
)

const (
	// widestQuiet is the shortest prefix that an operator may allow without a
	// warning: 10.0.0.0/8 is the widest network set aside for private use in
	// IPv4, so anything wider was hardly meant.
	widestQuiet = 8

	// mappedBits is the length of ::ffff:0:0/96, the IPv4-mapped space.
	mappedBits = 96
)

// Kinds of address that are not the public internet, each the end of the
// sentence "destination X is refused: …".
const (
	isDocumentation = "it is reserved for documentation"
	isLinkLocal     = "it is a link-local address"
	isLoopback      = "it is a loopback address"
	isMetadata      = "it is a cloud's instance metadata service"
	isMulticast     = "it is a multicast address"
	isPrivate       = "it is a private network address"
	isReserved      = "it is reserved and not part of the public internet"
	isService       = "it belongs to a network service and not to a host"
	isShared        = "it is shared carrier address space (CGNAT)"
	isUnspecified   = "it is the unspecified address or another name of this host"
	isOutside6      = "it is outside the IPv6 global unicast space"
	isLocalNAT64    = "it is a local NAT64 address, which may stand for any IPv4 address"
)

// span is a network and what it is.
type span struct {
	prefix netip.Prefix
	kind   string
}

func spans(kind string, prefixes ...string) []span {
	list := make([]span, 0, len(prefixes))
	for _, prefix := range prefixes {
		list = append(list, span{netip.MustParsePrefix(prefix), kind})
	}
	return list
}

// ranges is the guard's table, made from the IANA special-purpose registries
// for IPv4 and IPv6 (RFC 6890) and the metadata services of the clouds. A test
// compares it with a copy of the registries that others keep.
type ranges struct {
	v4, v6, metadata []span

	// global6 is all of IPv6 that is handed out: what lies outside is refused
	// without being listed.
	global6 netip.Prefix

	carriers carriers
}

func newRanges() ranges {
	return ranges{
		metadata: metadataSpans(),
		v4:       spans4(),
		v6:       spans6(),
		global6:  netip.MustParsePrefix("2000::/3"),
		carriers: newCarriers(),
	}
}

// metadataSpans lists the services that give instance credentials to any
// caller. Most lie in ranges that are refused anyway and are here for the
// message and for [Guard.Warnings]; 168.63.129.16 is in public space.
func metadataSpans() []span {
	return spans(isMetadata,
		"169.254.169.254/32", // AWS, Azure, Google Cloud and most others
		"169.254.170.2/32",   // AWS, containers
		"169.254.170.23/32",  // AWS, pods
		"168.63.129.16/32",   // Azure
		"100.100.100.200/32", // Alibaba Cloud
		"192.0.0.192/32",     // Oracle Cloud
		"fd00:ec2::254/128",  // AWS
		"fd00:ec2::23/128",   // AWS, pods
		"fd20:ce::254/128",   // Google Cloud
	)
}

func spans4() []span {
	return slices.Concat(
		spans(isUnspecified, "0.0.0.0/8"),                                           // RFC 791
		spans(isLoopback, "127.0.0.0/8"),                                            // RFC 1122
		spans(isPrivate, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),           // RFC 1918
		spans(isLinkLocal, "169.254.0.0/16"),                                        // RFC 3927
		spans(isShared, "100.64.0.0/10"),                                            // RFC 6598
		spans(isMulticast, "224.0.0.0/4"),                                           // RFC 1112
		spans(isDocumentation, "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"), // RFC 5737
		spans(isService,
			"192.31.196.0/24", "192.175.48.0/24", // AS112, RFC 7534 and 7535
			"192.52.193.0/24", // AMT, RFC 7450
		),
		spans(isReserved,
			"192.0.0.0/24",   // protocol assignments, RFC 6890
			"192.88.99.0/24", // 6to4 relays, RFC 7526
			"198.18.0.0/15",  // benchmarks, RFC 2544
			"240.0.0.0/4",    // future use and broadcast, RFC 1112
		),
	)
}

// spans6 lists what is special within the global unicast space, and for the
// sake of a clear message the best-known networks outside of it.
func spans6() []span {
	return slices.Concat(
		spans(isUnspecified, "::/128"),                       // RFC 4291
		spans(isLoopback, "::1/128"),                         // RFC 4291
		spans(isPrivate, "fc00::/7", "fec0::/10"),            // RFC 4193, RFC 3879
		spans(isLinkLocal, "fe80::/10"),                      // RFC 4291
		spans(isMulticast, "ff00::/8"),                       // RFC 4291
		spans(isLocalNAT64, "64:ff9b:1::/48"),                // RFC 8215
		spans(isDocumentation, "2001:db8::/32", "3fff::/20"), // RFC 3849, RFC 9637
		spans(isService, "2620:4f:8000::/48"),                // AS112, RFC 7534
		spans(isReserved, "2001::/23"),                       // protocol assignments, RFC 2928
	)
}

// classify returns what addr is, or "" if it is the public internet. addr has
// no zone and is not IPv4-mapped.
func (r *ranges) classify(addr netip.Addr) string {
	if kind := find(r.metadata, addr); kind != "" {
		return kind
	}
	if addr.Is4() {
		return find(r.v4, addr)
	}
	carrier := r.carriers.of(addr)
	for _, inner := range carrier.inner {
		if kind := r.classify(inner); kind != "" {
			return "it is the " + carrier.form + " form of " + inner.String() + ", and " + kind
		}
	}
	if carrier.whole {
		return "" // the packet ends at inner, which is public
	}
	if kind := find(r.v6, addr); kind != "" {
		return kind
	}
	if !r.global6.Contains(addr) {
		return isOutside6
	}
	return ""
}

// metadataIn returns the first metadata service inside network, if any.
func (r *ranges) metadataIn(network netip.Prefix) (netip.Addr, bool) {
	for _, service := range r.metadata {
		if network.Contains(service.prefix.Addr()) {
			return service.prefix.Addr(), true
		}
	}
	return netip.Addr{}, false
}

func find(list []span, addr netip.Addr) string {
	for i := range list {
		if list[i].prefix.Contains(addr) {
			return list[i].kind
		}
	}
	return ""
}
