package runtimeproxy_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// keyAPI answers each path with the status that the test says, 200 else.
type keyAPI struct{ refuse atomic.Pointer[string] }

func (a *keyAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if part := a.refuse.Load(); part != nil && strings.Contains(r.URL.Path, *part) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{}`))
}

func (a *keyAPI) refuses(part string) { a.refuse.Store(&part) }

// nothing is in no path.
const nothing = "\x00"

// keyed starts the runtime with a connection that has a key, whose leases last a
// minute.
func keyed(t *testing.T, change func(*connectorv1.Definition)) (*suite, *keyAPI, string) {
	t.Helper()
	a := &keyAPI{}
	url := api(t, a.ServeHTTP)
	s := start(t, url, func(d *connectorv1.Definition) {
		upload(d)
		if change != nil {
			change(d)
		}
	})
	s.vault.change(func(c *vaultv1.Credential) { c.ExpireTime = nil })
	return s, a, strings.TrimPrefix(url, "http://")
}

// heard returns what the vault was told of answers, and forgets it.
func (s *suite) heard() []string {
	s.vault.mu.Lock()
	defer s.vault.mu.Unlock()
	all := s.vault.answers
	s.vault.answers = nil
	return all
}

func (s *suite) wantHeard(step string, want ...string) {
	s.t.Helper()
	if diff := cmp.Diff(want, s.heard()); diff != "" {
		s.t.Errorf("%s: the vault was told (-want +got):\n%s", step, diff)
	}
}

func TestAKeyThatTheAPIRefusesIsReportedOnceAndSoIsItsReturn(t *testing.T) {
	ways := map[string]struct {
		operation string
		call      func(*suite)
	}{
		"a call":                 {"ListItems", func(s *suite) { _, _ = s.call("ListItems", `{}`) }},
		"a pass-through request": {"", func(s *suite) { s.pass("GET", "/items", "") }},
		"a streamed call": {"Upload", func(s *suite) {
			_, _ = s.streamed(s.t.(*testing.T), &runtimev1.InvokeStreamStart{
				Connection: connection, OperationId: "Upload", Input: []byte(`{"id":"items"}`), ContentType: "application/octet-stream",
			}, [][]byte{[]byte("x")})
		}},
	}
	for title, way := range ways {
		t.Run(title, func(t *testing.T) {
			s, a, host := keyed(t, nil)
			told := func(status string) string { return `u-1 ada "` + way.operation + `" ` + host + " " + status }
			a.refuses("/")
			way.call(s)
			s.wantHeard("the first refusal", told("401"))
			for range 3 {
				way.call(s)
			}
			s.wantHeard("further ones")
			s.clock.Advance(2 * time.Minute)
			way.call(s)
			s.wantHeard("one under the next lease, which says that this is known")
			a.refuses(nothing)
			way.call(s)
			if got := s.heard(); len(got) != 1 || !strings.Contains(got[0], " 20") {
				t.Errorf("the first success: %q", got)
			}
			way.call(s)
			s.wantHeard("further ones")
		})
	}
}

func TestARefusalWhileOtherCallsAreAcceptedIsThatOfItsOperation(t *testing.T) {
	s, a, host := keyed(t, nil)
	a.refuses("/items/1")
	both := func() {
		_, _ = s.call("ListItems", `{}`)
		_, _ = s.call("GetItem", `{"id":"1"}`)
	}
	both()
	s.wantHeard("a refusal after a success")
	for range 3 {
		s.clock.Advance(time.Minute)
		_, _ = s.call("GetItem", `{"id":"1"}`)
		_, _ = s.call("ListItems", `{}`)
		s.wantHeard("a refusal that comes first under its lease, after one with successes")
	}
	a.refuses("/")
	both()
	s.wantHeard("a key that is withdrawn while its lease has seen successes")
	s.clock.Advance(time.Minute)
	both()
	s.wantHeard("under the lease after that")
	s.clock.Advance(time.Minute)
	both()
	s.wantHeard("under the next one, which nothing was accepted before", `u-1 ada "ListItems" `+host+" 401")
}

func TestAKeyThatIsExchangedIsANewOne(t *testing.T) {
	s, a, host := keyed(t, nil)
	_, _ = s.call("ListItems", `{}`)
	s.vault.change(func(c *vaultv1.Credential) { c.Etag = "u-2" })
	a.refuses("/")
	s.clock.Advance(time.Minute)
	_, _ = s.call("ListItems", `{}`)
	s.wantHeard("the first refusal of another key", `u-2 ada "ListItems" `+host+" 401")
}

func TestWhatIsNoRefusalOfAKey(t *testing.T) {
	for title, c := range map[string]struct {
		change func(*connectorv1.Definition)
		lent   func(*vaultv1.Credential)
		call   func(*suite)
	}{
		"a request without a secret": {
			func(d *connectorv1.Definition) { d.ParameterSets[0].Placements = nil }, func(c *vaultv1.Credential) { c.Secrets = nil },
			func(s *suite) { _, _ = s.call("ListItems", `{}`) },
		},
		"a revision that is tried out": {nil, nil, func(s *suite) {
			_, _ = s.call("ListItems", `{}`, func(r *runtimev1.InvokeRequest) { r.Revision = revisionID })
		}},
		"a token, which is renewed": {
			func(d *connectorv1.Definition) {
				d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Name: token, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}}
				d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: token}}}}
			}, func(c *vaultv1.Credential) { c.Secrets, c.TokenVersion = values(token, tokenOf(1)), "1" },
			func(s *suite) { _, _ = s.call("ListItems", `{}`) },
		},
	} {
		t.Run(title, func(t *testing.T) {
			s, a, _ := keyed(t, c.change)
			if c.lent != nil {
				s.vault.change(c.lent)
			}
			a.refuses("/")
			c.call(s)
			s.wantHeard(title)
		})
	}
}

func TestOfTheRequestsOfCustomCodeThoseWithTheKeyCount(t *testing.T) {
	const public = `const open = () => send({ url: request.url.replace('/items', '/public') }); `
	for title, c := range map[string]struct {
		code, refuse string
		told         bool
	}{
		"a public path before the refusal": {`export function handle(request) { ` + public + `open(); return send(request) }`, "/items", true},
		"a public path after the refusal":  {`export function handle(request) { ` + public + `const r = send(request); open(); return r }`, "/items", true},
		"a key that is sent another way":   {`export const handle = (r, ctx) => send(r.url + '&k=' + ctx.connection.parameter('api_key'))`, "/items", true},
		"a path that is for members":       {`export function handle(request) { ` + public + `open(); return send(request) }`, "/public", false},
		"a key that is taken out":          {`export function before(request) { request.headers.delete('X-Api-Key') }`, "/", false},
		"a key that is only looked at":     {`export const handle = (r, ctx) => { ctx.connection.parameter('api_key'); return send({ url: r.url }) }`, "/", false},
	} {
		t.Run(title, func(t *testing.T) {
			s, a, host := keyed(t, withCode(c.code, "ListItems"))
			a.refuses(c.refuse)
			must(t, second(s.invoke("ListItems", "")))
			must(t, second(s.invoke("ListItems", "")))
			var want []string
			if c.told {
				want = []string{`u-1 ada "ListItems" ` + host + " 401"}
			}
			s.wantHeard(title, want...)
		})
	}
}

func TestATestOfTheServerSaysNothingOfAKey(t *testing.T) {
	test := func(s *suite) {
		_, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
		must(t, err)
	}
	t.Run("a server whose root is for everybody", func(t *testing.T) {
		s, a, host := keyed(t, nil)
		a.refuses("/items")
		test(s)
		_, _ = s.call("ListItems", `{}`)
		s.wantHeard("a refusal after the test", `u-1 ada "ListItems" `+host+" 401")
		test(s)
		s.clock.Advance(2 * time.Minute)
		test(s)
		s.wantHeard("tests of a connection whose key is refused")
	})
	t.Run("a server whose root is for nobody", func(t *testing.T) {
		s, a, _ := keyed(t, nil)
		a.refuses("/")
		test(s)
		s.wantHeard("its outcome is reported as that of a test")
	})
	t.Run("a test operation is a call like others", func(t *testing.T) {
		s, a, host := keyed(t, func(d *connectorv1.Definition) {
			d.ConnectionTest = &connectorv1.ConnectionTest{OperationId: "ListItems"}
		})
		a.refuses("/items")
		test(s)
		s.wantHeard("its refusal", `u-1 ada "ListItems" `+host+" 401")
		a.refuses(nothing)
		test(s)
		s.wantHeard("its success", `u-1 ada "ListItems" `+host+" 200")
	})
}

func TestAVaultThatTakesNoReportStopsNoCall(t *testing.T) {
	s, a, _ := keyed(t, nil)
	a.refuses("/")
	_, _ = s.call("ListItems", `{}`) // leases
	s.vault.change(func(c *vaultv1.Credential) { c.Etag = "u-2" })
	s.clock.Advance(59 * time.Second)
	s.vault.fail(fault.Unavailable(fault.ReasonServiceUnavailable, "away"))
	a.refuses(nothing)
	if resp, err := s.call("ListItems", `{}`); err != nil || resp.GetStatusCode() != 200 {
		t.Fatalf("got %v, %v", resp, err)
	}
	if !strings.Contains(s.log.String(), "could not be reported") {
		t.Error("the log does not say that the report was not taken")
	}
	s.vault.fail(nil)
	s.heard()
	s.clock.Advance(time.Second)
	_, _ = s.call("ListItems", `{}`)
	if got := s.heard(); len(got) != 1 || !strings.HasSuffix(got[0], " 200") {
		t.Errorf("under the next lease the vault was told %q", got)
	}
}
