package runtimeproxy_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The guard here lets the first of these through, as it does with the public
// internet, and not the second, as with everything private.
const (
	outside = "127.0.0.1"
	inside  = "127.0.0.2"
	evil    = "evil.test"
)

// rebound is an API under a name whose owner can make it lead inside, where
// somebody listens on the same port.
type rebound struct {
	url     string
	answers func(question int64) []string // to the questions for addresses
	asked   atomic.Int64
	reached atomic.Int64 // connections inside

	mu sync.Mutex
}

// lead changes where the name leads from now on.
func (b *rebound) lead(addresses ...string) {
	b.leadAs(func(int64) []string { return addresses })
}

func (b *rebound) leadAs(answers func(question int64) []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answers = answers
}

// rebinding starts the API and the one inside.
func rebinding(t *testing.T, handler http.HandlerFunc) (*rebound, egress.Policy) {
	t.Helper()
	b := &rebound{}
	b.lead(outside)
	api := httptest.NewServer(handler)
	t.Cleanup(api.Close)
	_, port, _ := net.SplitHostPort(api.Listener.Addr().String())
	b.url = "http://" + evil + ":" + port
	l, err := net.Listen("tcp", net.JoinHostPort(inside, port))
	if err != nil {
		t.Skipf("this machine has no %s: %v", inside, err)
	}
	internal := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	_ = internal.Listener.Close()
	internal.Listener = l
	internal.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			b.reached.Add(1)
		}
	}
	internal.Start()
	t.Cleanup(internal.Close)
	t.Cleanup(func() {
		if n := b.reached.Load(); n != 0 {
			t.Errorf("%d connections were made to %s", n, inside)
		}
	})
	return b, egress.Policy{AllowNetworks: loopback, Resolver: b.resolver(t)}
}

// resolver asks a name server of the test's own.
func (b *rebound) resolver(t *testing.T) *net.Resolver {
	t.Helper()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1500)
		for {
			n, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(b.resolve(buffer[:n]), from)
		}
	}()
	t.Cleanup(func() { _ = socket.Close(); <-done })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", socket.LocalAddr().String())
	}}
}

// resolve answers a question (RFC 1035, section 4) for the one name with addresses
// of version 4 that are good for no time at all. There are no others.
func (b *rebound) resolve(query []byte) []byte {
	const header, found, noSuchName, kindA = 12, 0x8180, 0x8183, 1
	end, labels := header, []string{}
	for query[end] != 0 {
		labels = append(labels, string(query[end+1:end+1+int(query[end])]))
		end += int(query[end]) + 1
	}
	message := slices.Clone(query[:end+5])
	flags, count := uint16(found), uint16(0)
	switch {
	case strings.Join(labels, ".") != evil:
		flags = noSuchName
	case binary.BigEndian.Uint16(query[end+1:]) == kindA:
		b.mu.Lock()
		answers := b.answers
		b.mu.Unlock()
		for _, address := range answers(b.asked.Add(1)) {
			count++
			message = append(message, 0xc0, header, 0, kindA, 0, 1, 0, 0, 0, 0, 0, 4) // the name asked for, class IN, no time to live
			message = append(message, net.ParseIP(address).To4()...)
		}
	}
	for at, value := range map[int]uint16{2: flags, 6: count, 8: 0, 10: 0} {
		binary.BigEndian.PutUint16(message[at:], value)
	}
	return message
}

// allowed lets the connection's credential go to the name.
func (s *suite) allowed(b *rebound) {
	s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = []string{b.url} })
}

// TestANameThatLeadsInsideLater by every way: it was good for the first request,
// and its connection is over. Everything that speaks of the name is as before.
func TestANameThatLeadsInsideLater(t *testing.T) {
	b, guard := rebinding(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		say(w, 200, `[]`)
	})
	s := startBehind(t, guard, b.url, nil, nil)
	s.allowed(b)
	s.everyWay(t, func(way string, err error) {
		if err != nil {
			t.Errorf("%s, while the name is good: %v", way, err)
		}
	})
	b.lead(inside)
	s.everyWay(t, func(way string, err error) {
		if err == nil || fault.ReasonOf(err) != fault.ReasonEgressRefused {
			t.Errorf("%s: %v", way, err)
		}
	})
}

// TestANameThatLeadsInsideEverySecondTime: whatever looked at its first answer to
// judge it would connect to the second. Nothing is looked up twice for one
// connection.
func TestANameThatLeadsInsideEverySecondTime(t *testing.T) {
	b, guard := rebinding(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		say(w, 200, `[]`)
	})
	s := startBehind(t, guard, b.url, nil, nil)
	s.allowed(b)
	b.leadAs(func(question int64) []string {
		if question%2 == 1 {
			return []string{outside}
		}
		return []string{inside}
	})
	for i := range 6 {
		err := second(s.call("ListItems", ""))
		if refused := fault.ReasonOf(err) == fault.ReasonEgressRefused; (err != nil) != refused || refused != (i%2 == 1) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if n := b.asked.Load(); n != 6 {
		t.Errorf("6 connections asked %d times where the name leads", n)
	}
}

// TestANameThatLeadsBothWays is reached outside, whatever comes first.
func TestANameThatLeadsBothWays(t *testing.T) {
	for _, answers := range [][]string{{outside, inside}, {inside, outside}} {
		b, guard := rebinding(t, func(w http.ResponseWriter, _ *http.Request) { say(w, 200, `[]`) })
		s := startBehind(t, guard, b.url, nil, nil)
		s.allowed(b)
		b.lead(answers...)
		s.everyWay(t, func(way string, err error) {
			if err != nil {
				t.Errorf("%s, %v: %v", way, answers, err)
			}
		})
	}
}

// TestAConnectionKeepsLeadingWhereItLed: it was judged when it was made, and a name
// does not move it. The next one is judged again.
func TestAConnectionKeepsLeadingWhereItLed(t *testing.T) {
	var over atomic.Bool
	b, guard := rebinding(t, func(w http.ResponseWriter, _ *http.Request) {
		if over.Load() {
			w.Header().Set("Connection", "close")
		}
		say(w, 200, `[]`)
	})
	s := startBehind(t, guard, b.url, nil, nil)
	s.allowed(b)
	must(t, second(s.call("ListItems", "")))
	b.lead(inside)
	over.Store(true)
	answer, err := s.call("ListItems", "")
	must(t, err)
	if answer.GetStatusCode() != 200 {
		t.Errorf("status %d: the kept connection led elsewhere", answer.GetStatusCode())
	}
	reasonIs(t, second(s.call("ListItems", "")), fault.ReasonEgressRefused)
}

// TestANameThatLeadsInsideInTheMiddleOfACall: the API has it lead inside as soon as
// it was asked once, so that the second request of the same call would go there.
func TestANameThatLeadsInsideInTheMiddleOfACall(t *testing.T) {
	paged := func(d *connectorv1.Definition) {
		operationOf(d, "ListItems").Pagination = &connectorv1.Pagination{ItemsPath: "value", NextLinkProperty: "next"}
	}
	tests := []struct {
		name   string
		change func(*connectorv1.Definition)
		call   func(t *testing.T, s *suite) error
	}{
		{"the next page", paged, func(t *testing.T, s *suite) error {
			t.Helper()
			return second(s.pages(t, "ListItems", "", nil))
		}},
		{"the next page of all", paged, func(_ *testing.T, s *suite) error {
			return second(s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.AllPages = &runtimev1.PageLimits{} }))
		}},
		{"a link that the caller follows", paged, func(t *testing.T, s *suite) error {
			t.Helper()
			first, err := s.call("ListItems", "")
			must(t, err)
			if first.GetNextLink() == "" {
				t.Fatal("there is no link")
			}
			return second(s.call("ListItems", "", func(r *runtimev1.InvokeRequest) { r.Input, r.Link = nil, first.GetNextLink() }))
		}},
		{"a redirect that the caller follows", nil, func(_ *testing.T, s *suite) error {
			return s.through(s.request("GET", "/moved", nil))
		}},
		{"a second send of custom code", withCode(`export async function handle(request) {
			send({ url: request.url })
			return send({ url: request.url })
		}`, "ListItems"), func(_ *testing.T, s *suite) error { return second(s.call("ListItems", "")) }},
		{"custom code that answers for the failure of its send", withCode(`export async function handle(request) {
			send({ url: request.url })
			try { send({ url: request.url }) } catch (e) {}
			return new Response({ status: 200, json: [] })
		}`, "ListItems"), func(_ *testing.T, s *suite) error {
			_, err := s.call("ListItems", "")
			if err == nil { // it may answer what it likes, and has learned nothing
				return fault.Denied(fault.ReasonEgressRefused, "caught")
			}
			return err
		}},
		{"the request after that of a policy", func(d *connectorv1.Definition) {
			d.Policies = []*connectorv1.Policy{policyOf("setvaluefromurl", requestSection,
				"parameterTemplate", "@headers('X-V')", "parameterValueUrl", "/v", "parameterValuePathTemplate", "@body().v")}
		}, func(_ *testing.T, s *suite) error { return second(s.call("ListItems", "")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var b *rebound
			b, guard := rebinding(t, func(w http.ResponseWriter, r *http.Request) {
				b.lead(inside)
				w.Header().Set("Connection", "close")
				if strings.HasSuffix(r.URL.Path, "/moved") {
					say(w, 302, ``, "Location", "/api/items")
					return
				}
				say(w, 200, fmt.Sprintf(`{"v":"x","value":[{"id":1}],"next":"%s/api/items?page=2"}`, "http://"+r.Host))
			})
			s := startBehind(t, guard, b.url, tt.change, nil)
			s.allowed(b)
			reasonIs(t, tt.call(t, s), fault.ReasonEgressRefused)
		})
	}
}

// TestAHostOfTheConnectionsOwnThatLeadsInside: the host is what a user has entered,
// and a policy puts it into the request.
func TestAHostOfTheConnectionsOwnThatLeadsInside(t *testing.T) {
	b, guard := rebinding(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		say(w, 200, `[]`)
	})
	s := startBehind(t, guard, "http://"+outside+":1", func(d *connectorv1.Definition) {
		d.Policies = []*connectorv1.Policy{policyOf("dynamichosturl", requestSection, "urlTemplate", "@connectionParameters('site')/api")}
	}, nil)
	s.allowed(b)
	s.vault.change(func(c *vaultv1.Credential) { c.Parameters["site"] = b.url })
	must(t, second(s.call("ListItems", "")))
	must(t, s.through(s.request("GET", "/items", nil)))
	b.lead(inside)
	reasonIs(t, second(s.call("ListItems", "")), fault.ReasonEgressRefused)
	if err := s.through(s.request("GET", "/items", nil)); fault.ReasonOf(err) != fault.ReasonEgressRefused {
		t.Errorf("pass-through: %v", err)
	}
}
