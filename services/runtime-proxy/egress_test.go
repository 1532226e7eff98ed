package runtimeproxy_test

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// nobody is a guard that lets nothing private through; the network is one for
// documentation (RFC 5737), where nobody is.
var nobody = egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}}

// everyWay sends a request by each of the ways out of the runtime.
func (s *suite) everyWay(t *testing.T, check func(way string, err error)) {
	t.Helper()
	_, err := s.call("ListItems", "")
	check("Invoke", err)
	check("InvokePages", second(s.pages(t, "ListItems", "", nil)))
	check("InvokeStream", second(s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}, nil)))
	check("pass-through", s.through(s.request("GET", "/items", nil)))
	tested, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
	must(t, err)
	if tested.GetSucceeded() {
		check("TestConnection", nil)
	} else {
		check("TestConnection", fault.Denied(fault.ReasonEgressRefused, "%s", tested.GetMessage()))
	}
}

// TestAddressesThatNobodyMayReach, in all of their spellings, by every way.
func TestAddressesThatNobodyMayReach(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var reached atomic.Int64
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reached.Add(1)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close() })
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for name, host := range map[string]string{
		"loopback":                     "127.0.0.1",
		"loopback elsewhere":           "127.8.9.1",
		"loopback of version 6":        "[::1]",
		"unspecified":                  "0.0.0.0",
		"private 10":                   "10.0.0.1",
		"private 172":                  "172.16.3.4",
		"private 192":                  "192.168.1.1",
		"link-local, the metadata":     "169.254.169.254",
		"link-local of version 6":      "[fe80::1]",
		"carrier-grade NAT":            "100.64.0.1",
		"multicast":                    "224.0.0.1",
		"broadcast":                    "255.255.255.255",
		"version 4 in version 6":       "[::ffff:127.0.0.1]",
		"version 4 in version 6, hex":  "[::ffff:7f00:1]",
		"NAT64":                        "[64:ff9b::7f00:1]",
		"6to4":                         "[2002:7f00:1::1]",
		"metadata of version 6":        "[fd00:ec2::254]",
		"unique local":                 "[fc00::1]",
		"a name for loopback":          "localhost",
		"a name with a dot at its end": "localhost.",
		"decimal":                      "2130706433",
		"octal":                        "0177.0.0.1",
		"hexadecimal":                  "0x7f.0.0.1",
		"short":                        "127.1",
	} {
		t.Run(name, func(t *testing.T) {
			authority := host + ":" + port
			s := startBehind(t, nobody, "http://"+authority, nil, nil)
			s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = []string{"http://" + authority, "http://" + host} })
			s.everyWay(t, func(way string, err error) {
				if err == nil {
					t.Errorf("%s got through", way)
					return
				}
				// Numbers that are no addresses are no names either: they are refused
				// before or not found.
				switch reason := fault.ReasonOf(err); reason {
				case fault.ReasonEgressRefused, fault.ReasonHostNotAllowed, fault.ReasonConnectionParametersInvalid, fault.ReasonUpstreamUnreachable:
				default:
					t.Errorf("%s: %v (%s)", way, err, reason)
				}
			})
		})
	}
	if reached.Load() != 0 {
		t.Errorf("%d connections were made to the loopback interface", reached.Load())
	}
}

// TestTheGuardIsOnEveryWay: the same API is reached or not by nothing but the
// guard's word. This fails if a way has a dialer of its own.
func TestTheGuardIsOnEveryWay(t *testing.T) {
	for name, tt := range map[string]struct {
		guard   egress.Policy
		refused bool
	}{
		"opened": {egress.Policy{AllowNetworks: loopback}, false},
		"closed": {nobody, true},
	} {
		t.Run(name, func(t *testing.T) {
			rec := record(t, always(200, `[]`))
			s := startBehind(t, tt.guard, rec.url, nil, nil)
			s.everyWay(t, func(way string, err error) {
				if refused := err != nil && fault.ReasonOf(err) == fault.ReasonEgressRefused; refused != tt.refused || (err != nil) != tt.refused {
					t.Errorf("%s: %v", way, err)
				}
			})
			if (len(rec.all()) == 0) != tt.refused {
				t.Errorf("%d requests", len(rec.all()))
			}
		})
	}
}

// TestRedirectsAreNotFollowed, wherever they lead, and tell their place.
func TestRedirectsAreNotFollowed(t *testing.T) {
	elsewhere := record(t, always(200, `{}`))
	for name, location := range map[string]string{
		"to another host": elsewhere.url + "/stolen",
		"to the metadata": "http://169.254.169.254/latest/",
		"to itself":       "/api/other?x=1",
	} {
		t.Run(name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, _ got, _ int) { say(w, 302, ``, "Location", location) })
			s := start(t, rec.url, nil)
			answer, err := s.call("ListItems", "")
			must(t, err)
			want := location
			if strings.HasPrefix(location, "/") {
				want = rec.url + location
			}
			if answer.GetStatusCode() != 302 || headerOf(answer, "Location") != want {
				t.Errorf("status %d, Location %q, want %q", answer.GetStatusCode(), headerOf(answer, "Location"), want)
			}
			req := s.request("GET", "/items", nil)
			req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
			resp, err := s.data.Client().Transport.RoundTrip(req) // which follows nothing
			must(t, err)
			_ = resp.Body.Close()
			if resp.StatusCode != 302 {
				t.Errorf("pass-through: status %d", resp.StatusCode)
			}
			if len(rec.all()) != 2 || len(elsewhere.all()) != 0 {
				t.Errorf("%d requests, and %d elsewhere", len(rec.all()), len(elsewhere.all()))
			}
		})
	}
}

// TestLooserTLSKeepsTheGuard: neither an authority of its own nor an older version
// opens a network.
func TestLooserTLSKeepsTheGuard(t *testing.T) {
	clients := newAuthority("clients")
	url, requests := mutual(t, clients, 0x0303)
	for name, settings := range map[string]*vaultv1.TlsSettings{
		"none":             nil,
		"an older minimum": {MinVersion: "1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startBehind(t, nobody, strings.Replace(url, "https://", "http://", 1), func(d *connectorv1.Definition) {
				d.Servers[0].UrlTemplate = url
			}, nil)
			s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts[0] = url; c.Tls = settings })
			s.everyWay(t, func(way string, err error) {
				if err == nil || fault.ReasonOf(err) != fault.ReasonEgressRefused {
					t.Errorf("%s: %v", way, err)
				}
			})
		})
	}
	if len(requests) != 0 {
		t.Error("a request was sent")
	}
}
