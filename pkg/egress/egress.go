// Package egress is the only way out of a Ferrule process.
//
// Hosts of upstream APIs, token endpoints, webhook targets and definition URLs
// are written by users, so each of them may name a machine that only we can
// reach. A [Guard] decides on the address that the kernel is about to connect
// to, after name resolution and once per attempt, so that neither a name that
// changes its answer between a check and a use (DNS rebinding) nor a redirect
// nor an odd spelling of an address gets around it. [Guard.Transport] and
// [Guard.Client] put that decision under an HTTP client with stated limits;
// nothing else in the project builds an [http.Transport].
//
//	guard, err := egress.New(egress.Policy{AllowNetworks: allowed})
//	client := guard.Client(egress.ClientOptions{})
//	resp, err := client.Get(definitionURL) // refused: fault.ReasonEgressRefused
//
// Two things the guard cannot know: a publicly numbered network that is
// internal to the operator, and an operator's own translation prefix (NAT64 or
// 6rd under a prefix of its own). Such networks need a firewall rule.
package egress

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// Policy says what may be reached beyond the public internet. The zero value
// allows the public internet and nothing else.
type Policy struct {
	// AllowNetworks are the networks that the operator opens, exactly as
	// named: an IPv4 network also matches its IPv4-mapped spelling
	// (::ffff:a.b.c.d) because the kernel treats the two as one, but not its
	// NAT64, 6to4 or other embeddings. A network given in mapped spelling
	// means the IPv4 network.
	AllowNetworks []netip.Prefix

	// Resolver looks host names up; nil means the system's. Its own traffic to
	// name servers is not judged.
	Resolver *net.Resolver
}

// Guard judges every connection that leaves the process. It is immutable and
// safe for concurrent use, so one Guard serves all clients of a process.
type Guard struct {
	dialer *net.Dialer
	allow  []netip.Prefix
	ranges ranges
}

// New checks the policy and returns its guard. The error is for the operator,
// at start: an invalid network or one with bits set beyond its length, which
// usually means that a single host was wanted.
func New(policy Policy) (*Guard, error) {
	guard := &Guard{ranges: newRanges()}
	for _, network := range policy.AllowNetworks {
		normal, err := normalise(network)
		if err != nil {
			return nil, err
		}
		guard.allow = append(guard.allow, normal)
	}
	guard.dialer = &net.Dialer{
		Timeout:        dialTimeout,
		KeepAlive:      keepAlive,
		Resolver:       policy.Resolver,
		ControlContext: guard.control,
	}
	return guard, nil
}

// Warnings returns one sentence for each allowed network that opens more than
// an operator is likely to want: a prefix of seven bits or fewer, or one that
// holds a cloud's instance metadata service, which hands out credentials to
// whoever asks. Order follows the policy. Log them at start.
func (g *Guard) Warnings() []string {
	var warnings []string
	for _, network := range g.allow {
		if network.Bits() < widestQuiet {
			warnings = append(warnings, fmt.Sprintf(
				"allowed network %s is very wide and leaves little for the egress guard to refuse; name the networks that connectors need", network))
		}
		if address, ok := g.ranges.metadataIn(network); ok {
			warnings = append(warnings, fmt.Sprintf(
				"allowed network %s holds the instance metadata service %s, which gives credentials to anyone who can reach it; name a narrower network", network, address))
		}
	}
	return warnings
}

// DialContext connects to addr ("host:port") over "tcp", "tcp4" or "tcp6".
//
// The host's addresses are tried as [net.Dialer] does, each one judged just
// before its connect call; a refused one is never contacted. If none connects
// and the first failure was a refusal, the error is a [*fault.Error]
// (PermissionDenied, EGRESS_REFUSED) with the metadata "host" and "address".
// Other failures keep their types of package net, so that callers can tell a
// name that does not exist from a machine that does not answer.
func (g *Guard) DialContext(ctx context.Context, network, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("split destination: %w", err)
	}
	if err := checkSpelling(host); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"tcp", "tcp4", "tcp6"}, network) {
		return nil, refuse("network %q is refused: only TCP leaves this process", network).With("host", host)
	}
	conn, err := g.dialer.DialContext(ctx, network, addr)
	if err != nil {
		return nil, withHost(err, host)
	}
	return conn, nil
}

// CheckHost refuses the host of a URL that could never be called: an address that the
// guard refuses, or a spelling of one. What a host name leads to is only judged when
// it is called.
func (g *Guard) CheckHost(host string) error {
	if err := checkSpelling(host); err != nil {
		return err
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		return g.judge(addr)
	}
	return nil
}

// control is the hook that the dialer calls between making a socket and
// connecting it. It fails closed: what it cannot read, it refuses.
func (g *Guard) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	if network != "tcp4" && network != "tcp6" {
		return refuse("network %q is refused: only TCP leaves this process", network).With("address", address)
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return refuse("destination %q is refused: it is not an address and a port", address).With("address", address)
	}
	return g.judge(target.Addr())
}

// judge returns nil if addr may be contacted. The operator's word comes before
// the table, so that a network can be opened at all.
func (g *Guard) judge(addr netip.Addr) error {
	// Prefixes hold neither zones nor the mapped spelling: left on, either
	// would slip past every comparison below.
	plain := addr.Unmap().WithZone("")
	for _, network := range g.allow {
		if network.Contains(plain) {
			return nil
		}
	}
	kind := g.ranges.classify(plain)
	if kind == "" {
		return nil
	}
	return refuse("destination %s is refused: %s; an operator can open it with --allow-network %s",
		plain, kind, netip.PrefixFrom(plain, plain.BitLen())).With("address", plain.String())
}

// normalise returns the network in the one form that judge compares with.
func normalise(network netip.Prefix) (netip.Prefix, error) {
	if !network.IsValid() {
		return netip.Prefix{}, fmt.Errorf("egress: an allowed network is not valid; write it as address/bits")
	}
	if network.Addr().Is4In6() {
		if network.Bits() < mappedBits {
			return netip.Prefix{}, fmt.Errorf("egress: allowed network %s is wider than the IPv4-mapped space; name an IPv4 network", network)
		}
		network = netip.PrefixFrom(network.Addr().Unmap(), network.Bits()-mappedBits)
	}
	if network.Masked() != network {
		return netip.Prefix{}, fmt.Errorf("egress: allowed network %s has bits set beyond its length; write %s for the network or %s for the host",
			network, network.Masked(), netip.PrefixFrom(network.Addr(), network.Addr().BitLen()))
	}
	return network, nil
}

// withHost takes a refusal out of the dialer's wrapping and adds the name
// that was dialled, which the hook does not see.
func withHost(err error, host string) error {
	refusal, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return err
	}
	return refusal.With("host", strings.ToLower(host))
}

func refuse(format string, args ...any) *fault.Error {
	return fault.Denied(fault.ReasonEgressRefused, format, args...)
}
