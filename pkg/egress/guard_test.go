package egress

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

func TestTheHookJudgesTheAddress(t *testing.T) {
	tests := []struct {
		name    string
		network string
		address string
		refused string // words of the message; empty means allowed
	}{
		{"a public IPv4 address", "tcp4", "93.184.216.34:443", ""},
		{"a public IPv4 address on an unusual port", "tcp4", "8.8.8.8:8443", ""},
		{"a public IPv6 address", "tcp6", "[2606:2800:220:1:248:1893:25c8:1946]:443", ""},
		{"the last public address before 10/8", "tcp4", "9.255.255.255:80", ""},
		{"the first public address after 10/8", "tcp4", "11.0.0.0:80", ""},
		{"the last public address before 172.16/12", "tcp4", "172.15.255.255:80", ""},
		{"the first public address after 172.16/12", "tcp4", "172.32.0.0:80", ""},
		{"the neighbour of Azure's metadata service", "tcp4", "168.63.129.17:80", ""},

		{"loopback", "tcp4", "127.0.0.1:80", "loopback"},
		{"the far end of loopback", "tcp4", "127.255.255.254:80", "loopback"},
		{"unspecified", "tcp4", "0.0.0.0:80", "unspecified"},
		{"this network", "tcp4", "0.1.2.3:80", "this host"},
		{"private 10/8", "tcp4", "10.0.0.1:80", "private"},
		{"private 172.16/12", "tcp4", "172.31.255.255:80", "private"},
		{"private 192.168/16", "tcp4", "192.168.1.1:80", "private"},
		{"carrier-grade NAT", "tcp4", "100.64.0.1:80", "CGNAT"},
		{"link-local", "tcp4", "169.254.1.1:80", "link-local"},
		{"metadata of most clouds", "tcp4", "169.254.169.254:80", "metadata"},
		{"metadata of Azure in public space", "tcp4", "168.63.129.16:80", "metadata"},
		{"metadata of Alibaba Cloud", "tcp4", "100.100.100.200:80", "metadata"},
		{"metadata of Oracle Cloud", "tcp4", "192.0.0.192:80", "metadata"},
		{"protocol assignments", "tcp4", "192.0.0.8:80", "reserved"},
		{"documentation", "tcp4", "192.0.2.1:80", "documentation"},
		{"benchmarks", "tcp4", "198.19.255.255:80", "reserved"},
		{"multicast", "tcp4", "224.0.0.1:80", "multicast"},
		{"future use", "tcp4", "240.0.0.1:80", "reserved"},
		{"broadcast", "tcp4", "255.255.255.255:80", "reserved"},

		{"IPv6 loopback", "tcp6", "[::1]:80", "loopback"},
		{"IPv6 unspecified", "tcp6", "[::]:80", "unspecified"},
		{"unique local", "tcp6", "[fc00::1]:80", "private"},
		{"IPv6 metadata of AWS", "tcp6", "[fd00:ec2::254]:80", "metadata"},
		{"IPv6 metadata of Google Cloud", "tcp6", "[fd20:ce::254]:80", "metadata"},
		{"IPv6 link-local", "tcp6", "[fe80::1]:80", "link-local"},
		{"IPv6 link-local with a zone", "tcp6", "[fe80::1%eth0]:80", "link-local"},
		{"loopback with a zone", "tcp6", "[::1%lo]:80", "loopback"},
		{"site-local", "tcp6", "[fec0::1]:80", "private"},
		{"IPv6 multicast", "tcp6", "[ff02::1]:80", "multicast"},
		{"IPv6 documentation", "tcp6", "[2001:db8::1]:80", "documentation"},
		{"newer IPv6 documentation", "tcp6", "[3fff::1]:80", "documentation"},
		{"discard-only", "tcp6", "[100::1]:80", "outside the IPv6 global unicast space"},
		{"segment routing", "tcp6", "[5f00::1]:80", "outside the IPv6 global unicast space"},
		{"ORCHID", "tcp6", "[2001:20::1]:80", "reserved"},

		{"mapped loopback", "tcp6", "[::ffff:127.0.0.1]:80", "loopback"},
		{"mapped private", "tcp6", "[::ffff:10.0.0.1]:80", "private"},
		{"mapped metadata in hexadecimal", "tcp6", "[::ffff:a9fe:a9fe]:80", "metadata"},
		{"mapped public", "tcp6", "[::ffff:93.184.216.34]:80", ""},
		{"NAT64 of loopback", "tcp6", "[64:ff9b::7f00:1]:80", "NAT64 form of 127.0.0.1, and it is a loopback"},
		{"NAT64 of metadata", "tcp6", "[64:ff9b::a9fe:a9fe]:80", "metadata"},
		{"NAT64 of a public address", "tcp6", "[64:ff9b::808:808]:80", ""},
		{"local NAT64", "tcp6", "[64:ff9b:1::7f00:1]:80", "local NAT64"},
		{"local NAT64 of a public address", "tcp6", "[64:ff9b:1::808:808]:80", "local NAT64"},
		{"6to4 of loopback", "tcp6", "[2002:7f00:1::]:80", "6to4 form of 127.0.0.1"},
		{"6to4 of a private address", "tcp6", "[2002:c0a8:101::1]:80", "private"},
		{"6to4 of a public address", "tcp6", "[2002:5db8:d822::1]:80", ""},
		{"Teredo with a private server", "tcp6", "[2001:0:a00:1:8000:63bf:a247:27dd]:80", "Teredo form of 10.0.0.1"},
		{"Teredo with a loopback client", "tcp6", "[2001:0:5db8:d822:8000:63bf:80ff:fffe]:80", "Teredo form of 127.0.0.1"},
		{"Teredo between public addresses", "tcp6", "[2001:0:5db8:d822:8000:63bf:a247:27dd]:80", ""},
		{"IPv4-compatible loopback", "tcp6", "[::127.0.0.1]:80", "IPv4-compatible form of 127.0.0.1"},
		{"IPv4-translated private", "tcp6", "[::ffff:0:a00:1]:80", "IPv4-translated form of 10.0.0.1"},
		{"ISATAP of a private address", "tcp6", "[2606:2800:220:1:0:5efe:a00:1]:80", "ISATAP form of 10.0.0.1"},
		{"ISATAP with the universal bit", "tcp6", "[2606:2800:220:1:200:5efe:7f00:1]:80", "ISATAP form of 127.0.0.1"},
		{"ISATAP of a public address", "tcp6", "[2606:2800:220:1:200:5efe:808:808]:80", ""},
		{"ISATAP of a public address under a private prefix", "tcp6", "[fd12::5efe:808:808]:80", "private"},

		{"UDP", "udp4", "93.184.216.34:53", "only TCP"},
		{"a unix socket", "unix", "/run/docker.sock", "only TCP"},
		{"a name that was not resolved", "tcp4", "example.com:80", "not an address"},
		{"a port alone", "tcp4", ":80", "not an address"},
		{"nothing", "tcp4", "", "not an address"},
	}
	guard := newGuard(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			checkVerdict(t, guard.control(t.Context(), tt.network, tt.address, nil), tt.refused)
		})
	}
}

func TestAllowedNetworksOpenWhatTheyNameAndNothingElse(t *testing.T) {
	tests := []struct {
		name    string
		allow   string
		address string
		refused string
	}{
		{"a host in the network", "10.1.0.0/16", "10.1.2.3:80", ""},
		{"the first host of the network", "10.1.0.0/16", "10.1.0.0:80", ""},
		{"the last host of the network", "10.1.0.0/16", "10.1.255.255:80", ""},
		{"a host before it", "10.1.0.0/16", "10.0.255.255:80", "private"},
		{"a host after it", "10.1.0.0/16", "10.2.0.0:80", "private"},
		{"its mapped spelling", "10.1.0.0/16", "[::ffff:10.1.2.3]:80", ""},
		{"a mapped neighbour", "10.1.0.0/16", "[::ffff:10.2.0.0]:80", "private"},
		{"its NAT64 form stays shut", "10.1.0.0/16", "[64:ff9b::a01:203]:80", "NAT64"},
		{"its 6to4 form stays shut", "10.1.0.0/16", "[2002:a01:203::]:80", "6to4"},
		{"its IPv4-compatible form stays shut", "10.1.0.0/16", "[::10.1.2.3]:80", "IPv4-compatible"},
		{"a single host", "127.0.0.1/32", "127.0.0.1:80", ""},
		{"the neighbour of a single host", "127.0.0.1/32", "127.0.0.2:80", "loopback"},
		{"IPv6 loopback is not opened by IPv4 loopback", "127.0.0.0/8", "[::1]:80", "loopback"},
		{"a network in mapped spelling means the IPv4 network", "::ffff:10.0.0.0/104", "10.200.0.1:80", ""},
		{"IPv6 private", "fd12:3456::/32", "[fd12:3456::1]:80", ""},
		{"IPv6 private with a zone", "fe80::/10", "[fe80::1%eth0]:80", ""},
		{"another IPv6 private", "fd12:3456::/32", "[fd12:3457::1]:80", "private"},
		{"a carrier named by itself", "64:ff9b::/96", "[64:ff9b::a01:203]:80", ""},
		{"metadata named by itself", "169.254.169.254/32", "169.254.169.254:80", ""},
		{"everything in IPv4", "0.0.0.0/0", "169.254.169.254:80", ""},
		{"everything in IPv4 is nothing in IPv6", "0.0.0.0/0", "[::1]:80", "loopback"},
		{"everything in IPv6 is nothing in IPv4", "::/0", "127.0.0.1:80", "loopback"},
		{"everything in IPv6 is nothing in mapped IPv4", "::/0", "[::ffff:127.0.0.1]:80", "loopback"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			guard := newGuard(t, tt.allow)
			network := "tcp4"
			if strings.HasPrefix(tt.address, "[") {
				network = "tcp6"
			}
			checkVerdict(t, guard.control(t.Context(), network, tt.address, nil), tt.refused)
		})
	}
}

func TestARefusalSaysWhatToDo(t *testing.T) {
	guard := newGuard(t)
	got := fault.From(guard.control(t.Context(), "tcp6", "[fe80::1%eth0]:80", nil))
	const want = "destination fe80::1 is refused: it is a link-local address; an operator can open it with --allow-network fe80::1/128"
	if got.Message() != want {
		t.Errorf("message:\n got %s\nwant %s", got.Message(), want)
	}
	if diff := cmp.Diff(map[string]string{"address": "fe80::1"}, got.Meta()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

func TestWideAndDangerousNetworksDrawAWarning(t *testing.T) {
	tests := []struct {
		allow string
		want  []string // words, one per warning
	}{
		{"10.0.0.0/8", nil},
		{"127.0.0.0/8", nil},
		{"169.254.0.0/24", nil},
		{"fd12:3456::/32", nil},
		{"0.0.0.0/0", []string{"very wide", "169.254.169.254"}},
		{"::/0", []string{"very wide", "fd00:ec2::254"}},
		{"10.0.0.0/7", []string{"very wide"}},
		{"fc00::/7", []string{"very wide", "fd00:ec2::254"}},
		{"169.254.0.0/16", []string{"169.254.169.254"}},
		{"100.64.0.0/10", []string{"100.100.100.200"}},
		{"168.63.129.16/32", []string{"168.63.129.16"}},
	}
	for _, tt := range tests {
		t.Run(tt.allow, func(t *testing.T) {
			got := newGuard(t, tt.allow).Warnings()
			if len(got) != len(tt.want) {
				t.Fatalf("%d warnings, want %d: %q", len(got), len(tt.want), got)
			}
			for i, words := range tt.want {
				if !strings.Contains(got[i], words) || !strings.Contains(got[i], tt.allow) {
					t.Errorf("warning %q does not hold %q and %q", got[i], words, tt.allow)
				}
			}
		})
	}
}

func TestPoliciesThatAreMistakesAreNotAccepted(t *testing.T) {
	tests := []struct {
		name    string
		network netip.Prefix
		want    string
	}{
		{"the zero prefix", netip.Prefix{}, "not valid"},
		{"a host with a network's length", netip.MustParsePrefix("10.1.2.3/8"), "write 10.0.0.0/8 for the network or 10.1.2.3/32 for the host"},
		{"an IPv6 host with a network's length", netip.MustParsePrefix("fd12::1/64"), "fd12::1/128 for the host"},
		{"more than the mapped space", netip.MustParsePrefix("::ffff:0.0.0.0/90"), "wider than the IPv4-mapped space"},
		{"a mapped host with a network's length", netip.MustParsePrefix("::ffff:10.1.2.3/104"), "write 10.0.0.0/8"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Policy{AllowNetworks: []netip.Prefix{tt.network}})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func BenchmarkHook(b *testing.B) {
	guard, err := New(Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	if err != nil {
		b.Fatal(err)
	}
	for name, target := range map[string][2]string{
		"public IPv4": {"tcp4", "93.184.216.34:443"},
		"public IPv6": {"tcp6", "[2606:2800:220:1:248:1893:25c8:1946]:443"},
		"NAT64":       {"tcp6", "[64:ff9b::808:808]:443"},
		"allowed":     {"tcp4", "10.1.2.3:443"},
		"refused":     {"tcp4", "192.168.0.1:443"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = guard.control(b.Context(), target[0], target[1], nil)
			}
		})
	}
}

func newGuard(t *testing.T, allow ...string) *Guard {
	t.Helper()
	var policy Policy
	for _, network := range allow {
		policy.AllowNetworks = append(policy.AllowNetworks, netip.MustParsePrefix(network))
	}
	guard, err := New(policy)
	if err != nil {
		t.Fatalf("new guard: %v", err)
	}
	return guard
}

func checkVerdict(t *testing.T, err error, refused string) {
	t.Helper()
	if refused == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if fault.ReasonOf(err) != fault.ReasonEgressRefused || fault.CodeOf(err) != fault.CodePermissionDenied {
		t.Fatalf("got %v, want the refusal EGRESS_REFUSED", err)
	}
	if message := fault.From(err).Message(); !strings.Contains(message, refused) {
		t.Errorf("message %q does not say %q", message, refused)
	}
}
