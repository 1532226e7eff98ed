package egress_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The one test that fails if the hook is no longer on the path, however it got
// lost: real transport, real socket, and the server counts who came.
func TestTheGuardIsOnThePath(t *testing.T) {
	internal := newServer(t)

	resp, err := get(newGuard(t, nil), internal.URL)
	if err == nil {
		_ = resp.Body.Close()
	}
	wantRefusal(t, err, map[string]string{"host": "127.0.0.1", "address": "127.0.0.1"})
	if hits := internal.hits.Load(); hits != 0 {
		t.Fatalf("the internal server was reached %d times in spite of the refusal", hits)
	}

	resp, err = get(newGuard(t, nil, "127.0.0.1/32"), internal.URL)
	if err != nil {
		t.Fatalf("with the network allowed: %v", err)
	}
	_ = resp.Body.Close()
	if hits := internal.hits.Load(); hits != 1 {
		t.Errorf("the server was reached %d times, want once", hits)
	}
}

func TestAProxyFromTheEnvironmentIsNotUsed(t *testing.T) {
	proxy := newServer(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
		t.Setenv(strings.ToLower(name), proxy.URL)
	}
	// With a proxy in use the guard would see only the allowed proxy.
	guard := newGuard(t, nil, "127.0.0.1/32")
	_, err := get(guard, "http://10.0.0.1/")
	wantRefusal(t, err, map[string]string{"host": "10.0.0.1", "address": "10.0.0.1"})
	if transport := guard.Transport(egress.TransportOptions{}); transport.Proxy != nil {
		t.Error("the transport has a proxy function")
	}
	if hits := proxy.hits.Load(); hits != 0 {
		t.Errorf("the proxy was reached %d times", hits)
	}
}

func TestOddSpellingsOfThisMachineAreRefused(t *testing.T) {
	internal := newServer(t)
	hosts := []string{
		"127.0.0.1.", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0x7F.1", "0177.0.0.1",
		"017700000001", "0", "0x", "0x0", "0.0.0.0", "127.0.0.1%00", "[::]", "[::1]", "[::ffff:127.0.0.1]",
		"[::ffff:7f00:1]", "[0:0:0:0:0:ffff:127.0.0.1]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
		"[2002:7f00:1::]", "１２７.0.0.1", "①②⑦.⓪.⓪.①", "127。0。0。1", "localhost", "LOCALHOST", "localhost.",
	}
	guard := newGuard(t, newNames(t, "127.0.0.1"))
	for _, host := range hosts {
		t.Run(host, func(t *testing.T) {
			resp, err := get(guard, "http://"+host+":"+internal.port+"/")
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("the request was answered")
			}
			// A host that no URL may hold never gets to the guard.
			if fault.ReasonOf(err) != fault.ReasonEgressRefused && !strings.Contains(err.Error(), "parse") {
				t.Errorf("got %v, want EGRESS_REFUSED", err)
			}
		})
	}
	if hits := internal.hits.Load(); hits != 0 {
		t.Errorf("the internal server was reached %d times", hits)
	}
}

func TestOddDestinationsAreRefusedBeforeTheyAreDialled(t *testing.T) {
	tests := []struct {
		name, network, address, want string
	}{
		{"no host", "tcp", ":80", "without a host"},
		{"a decimal host", "tcp", "2130706433:80", "unusual spelling"},
		{"a hexadecimal last label", "tcp", "host.0x1f:80", "unusual spelling"},
		{"a unix socket", "unix", "host:80", "only TCP"},
		{"UDP", "udp", "93.184.216.34:53", "only TCP"},
	}
	resolver := newNames(t, "93.184.216.34")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newGuard(t, resolver).DialContext(t.Context(), tt.network, tt.address)
			if fault.ReasonOf(err) != fault.ReasonEgressRefused || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want EGRESS_REFUSED with %q", err, tt.want)
			}
		})
	}
	if asked := resolver.asked.Load(); asked != 0 {
		t.Errorf("%d names were looked up, want none", asked)
	}
	if _, err := newGuard(t, nil).DialContext(t.Context(), "tcp", "no-port"); err == nil {
		t.Error("an address without a port was dialled")
	}
}

func TestEveryAnswerOfTheNameServerIsJudged(t *testing.T) {
	tests := []struct {
		name    string
		answers []string
		address string // of the refusal
	}{
		{"a private A record", []string{"10.0.0.1"}, "10.0.0.1"},
		{"a metadata A record", []string{"169.254.169.254"}, "169.254.169.254"},
		{"a loopback AAAA record", []string{"::1"}, "::1"},
		{"a mapped AAAA record", []string{"::ffff:127.0.0.1"}, "127.0.0.1"},
		{"a NAT64 AAAA record", []string{"64:ff9b::a9fe:a9fe"}, "64:ff9b::a9fe:a9fe"},
		{"several, all private", []string{"10.0.0.1", "192.168.0.1"}, "10.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			resolver := newNames(t, tt.answers...)
			_, err := get(newGuard(t, resolver), "http://Inside.test.:8080/")
			wantRefusal(t, err, map[string]string{"host": "inside.test.", "address": tt.address})
		})
	}
}

func TestARefusedAnswerDoesNotHideAnAllowedOne(t *testing.T) {
	server := newServer(t)
	// Both orders: the resolver sorts answers as it likes.
	for _, answers := range [][]string{{"10.0.0.1", "127.0.0.1"}, {"127.0.0.1", "10.0.0.1"}} {
		guard := newGuard(t, newNames(t, answers...), "127.0.0.1/32")
		resp, err := get(guard, "http://mixed.test.:"+server.port+"/")
		if err != nil {
			t.Fatalf("answers %v: %v", answers, err)
		}
		_ = resp.Body.Close()
	}
}

// The attacker's name server answers the check with a public address and the
// connection with ours. There is no moment between the two to use.
func TestANameThatChangesItsAnswerGainsNothing(t *testing.T) {
	internal := newServer(t)
	resolver := newChangingNames(t, "93.184.216.34", "127.0.0.1")
	guard := newGuard(t, resolver)

	// What a check before the request would see, and let pass.
	checked, err := resolver.LookupNetIP(t.Context(), "ip4", "evil.test.")
	if err != nil || checked[0].String() != "93.184.216.34" {
		t.Fatalf("the check saw %v, %v", checked, err)
	}
	_, err = get(guard, "http://evil.test.:"+internal.port+"/")
	wantRefusal(t, err, map[string]string{"host": "evil.test.", "address": "127.0.0.1"})
	if hits := internal.hits.Load(); hits != 0 {
		t.Errorf("the internal server was reached %d times", hits)
	}
}

func TestOtherFailuresKeepTheirKind(t *testing.T) {
	t.Run("a name that does not exist", func(t *testing.T) {
		_, err := newGuard(t, newNames(t)).DialContext(t.Context(), "tcp", "nowhere.test.:80")
		if dns, ok := errors.AsType[*net.DNSError](err); !ok || !dns.IsNotFound {
			t.Errorf("got %v, want a DNS error", err)
		}
	})
	t.Run("a port where nobody listens", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		_ = listener.Close()
		_, err = newGuard(t, nil, "127.0.0.1/32").DialContext(t.Context(), "tcp", address)
		if _, ok := errors.AsType[*net.OpError](err); !ok || fault.ReasonOf(err) == fault.ReasonEgressRefused {
			t.Errorf("got %v, want a net.OpError", err)
		}
	})
	t.Run("a caller that went away", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := newGuard(t, nil, "127.0.0.1/32").DialContext(ctx, "tcp", "127.0.0.1:80")
		if fault.CodeOf(err) != fault.CodeCanceled {
			t.Errorf("got %v, want a canceled context", err)
		}
	})
}

// server is a loopback server that counts its requests.
type server struct {
	*httptest.Server
	port string
	hits atomic.Int64
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { s.hits.Add(1) }))
	t.Cleanup(s.Close)
	_, s.port, _ = net.SplitHostPort(s.Listener.Addr().String())
	return s
}

func newGuard(t *testing.T, resolver *names, allow ...string) *egress.Guard {
	t.Helper()
	var policy egress.Policy
	if resolver != nil {
		policy.Resolver = resolver.Resolver
	}
	for _, network := range allow {
		policy.AllowNetworks = append(policy.AllowNetworks, netip.MustParsePrefix(network))
	}
	guard, err := egress.New(policy)
	if err != nil {
		t.Fatalf("new guard: %v", err)
	}
	return guard
}

func get(guard *egress.Guard, url string) (*http.Response, error) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("parse: %w", err)
	}
	transport := guard.Transport(egress.TransportOptions{})
	defer transport.CloseIdleConnections()
	return transport.RoundTrip(request)
}

func wantRefusal(t *testing.T, err error, meta map[string]string) {
	t.Helper()
	if fault.ReasonOf(err) != fault.ReasonEgressRefused || fault.CodeOf(err) != fault.CodePermissionDenied {
		t.Fatalf("got %v, want the refusal EGRESS_REFUSED", err)
	}
	if diff := cmp.Diff(meta, fault.From(err).Meta()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}
