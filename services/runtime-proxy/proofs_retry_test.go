package runtimeproxy_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// guarded is an API that checks each request by itself. It is busy for the first
// good ones, and refuses what it has seen before or what is too old.
type guarded struct {
	check func(g *guarded, r *http.Request, body string) error
	busy  int // requests that are answered with 503
	now   func() time.Time

	mu     sync.Mutex
	good   int
	bad    []string
	nonces map[string]bool
}

func (g *guarded) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.check(g, r, string(body)); err != nil {
		g.bad = append(g.bad, err.Error())
		w.WriteHeader(http.StatusForbidden)
		return
	}
	if g.good++; g.good <= g.busy {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	_, _ = io.WriteString(w, `{"ok":true}`)
}

// fresh refuses a nonce that was used and a time that is not the present one.
func (g *guarded) fresh(nonce, seconds string) error {
	if nonce == "" || g.nonces[nonce] {
		return fmt.Errorf("nonce %q was used before", nonce)
	}
	if g.nonces == nil {
		g.nonces = map[string]bool{}
	}
	g.nonces[nonce] = true
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if age := g.now().Sub(time.Unix(unix, 0)); err != nil || age < -15*time.Second || age > 15*time.Second {
		return fmt.Errorf("the time %q is %v old", seconds, age)
	}
	return nil
}

// hmacOf is a placement of a signature.
func hmacOf(scheme *connectorv1.HmacScheme) *connectorv1.CredentialPlacement {
	return &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "k", Scheme: scheme}}}
}

// hmacInHeader and its check: time and nonce in headers of their own.
var hmacInHeader = hmacOf(&connectorv1.HmacScheme{
	StringToSign: `{method}\n{path}\n{sorted_query}\n{timestamp}.{nonce}\n{body_sha256}`,
	Headers: []*connectorv1.HmacField{
		{Name: "X-Time", Template: "{timestamp}"}, {Name: "X-Nonce", Template: "{nonce}"}, {Name: "X-Signature", Template: "v1={signature}"},
	},
})

func checkHeaderHMAC(g *guarded, r *http.Request, body string) error {
	sum := sha256.Sum256([]byte(body))
	path, query, _ := strings.Cut(r.RequestURI, "?")
	text := strings.Join([]string{r.Method, path, sortedPairs(query), r.Header.Get("X-Time") + "." + r.Header.Get("X-Nonce"), hex.EncodeToString(sum[:])}, "\n")
	if want := "v1=" + hexMAC(canary, text); r.Header.Get("X-Signature") != want {
		return fmt.Errorf("signature %q, want %q over %q", r.Header.Get("X-Signature"), want, text)
	}
	return g.fresh(r.Header.Get("X-Nonce"), r.Header.Get("X-Time"))
}

// hmacInQuery and its check: the signature is a query parameter, and all others
// are signed.
var hmacInQuery = hmacOf(&connectorv1.HmacScheme{
	StringToSign: `{path}?{sorted_query}`,
	Query: []*connectorv1.HmacField{
		{Name: "ts", Template: "{timestamp}"}, {Name: "nonce", Template: "{nonce}"}, {Name: "sig", Template: "{signature}"},
	},
})

func checkQueryHMAC(g *guarded, r *http.Request, _ string) error {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	pairs := slices.DeleteFunc(strings.Split(query, "&"), func(pair string) bool { return strings.HasPrefix(pair, "sig=") })
	text := path + "?" + sortedPairs(strings.Join(pairs, "&"))
	if have := r.URL.Query()["sig"]; len(have) != 1 || have[0] != hexMAC(canary, text) {
		return fmt.Errorf("signatures %q, want %q over %q", have, hexMAC(canary, text), text)
	}
	return g.fresh(r.URL.Query().Get("nonce"), r.URL.Query().Get("ts"))
}

func sortedPairs(query string) string {
	return strings.Join(slices.Sorted(strings.SplitSeq(query, "&")), "&")
}

func checkFreshAWS(g *guarded, r *http.Request, body string) error {
	sum := sha256.Sum256([]byte(body))
	if err := checkAWS(r, hex.EncodeToString(sum[:]), canary); err != nil {
		return err
	}
	made, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return err
	}
	return g.fresh(r.Header.Get("X-Amz-Date")+r.Header.Get("Authorization"), strconv.FormatInt(made.Unix(), 10))
}

// TestARetriedRequestIsSignedAnew: the API works out each signature by itself and
// takes none twice, nor one that is older than 15 seconds.
func TestARetriedRequestIsSignedAnew(t *testing.T) {
	for name, tt := range map[string]struct {
		placement *connectorv1.CredentialPlacement
		check     func(*guarded, *http.Request, string) error
	}{
		"a signature in a header":   {hmacInHeader, checkHeaderHMAC},
		"a signature in the query":  {hmacInQuery, checkQueryHMAC},
		"AWS":                       {awsPlacement("execute-api"), checkFreshAWS},
		"AWS, of a service like S3": {awsPlacement("s3"), checkFreshAWS},
	} {
		t.Run(name, func(t *testing.T) {
			g := &guarded{check: tt.check, busy: 2}
			s := startWith(t, api(t, g.ServeHTTP), func(d *connectorv1.Definition) {
				d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{tt.placement}
				operationOf(d, "CreateItem").IdempotencyKeyHeader = "Idempotency-Key"
			}, threeAttempts)
			g.now = s.clock.Now
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("k", canary, "access", "AKIDFAKE", "secret", canary) })
			for _, call := range []struct {
				operation, input string
				change           func(*runtimev1.InvokeRequest)
			}{
				{"ListItems", `{"limit":3,"tag":["a b/ü","c+d%41&e"]}`, func(*runtimev1.InvokeRequest) {}},
				{"CreateItem", item, withKey("once")},
			} {
				g.good = 0
				var resp *runtimev1.InvokeResponse
				var err error
				s.whileTimePasses(func() { resp, err = s.call(call.operation, call.input, call.change) })
				must(t, err)
				if resp.GetStatusCode() != 200 || resp.GetAttempts() != 3 {
					t.Errorf("%s: status %d after %d attempts; the API says %q", call.operation, resp.GetStatusCode(), resp.GetAttempts(), g.bad)
				}
			}
		})
	}
}

// TestASignatureOfTheCallersOwnIsReplaced before anything is signed: it is no part
// of what the signature is over.
func TestASignatureOfTheCallersOwnIsReplaced(t *testing.T) {
	g := &guarded{check: checkQueryHMAC}
	s := proving(t, api(t, g.ServeHTTP), []string{"k", canary}, hmacInQuery)
	g.now = s.clock.Now
	must(t, s.through(s.request("GET", "/items?sig=mine&a=1&sig=again", nil)))
	if len(g.bad) != 0 {
		t.Error(g.bad)
	}
}

// busyDigest is a digest API that is busy for the first good requests, with a new
// nonce after each if it is nervous.
func busyDigest(t *testing.T, busy int, nervous bool) (*digestServer, string) {
	t.Helper()
	server := &digestServer{algorithm: "SHA-256", qop: "auth", hash: sha256.New, nonce: "one", counts: map[string]bool{}}
	return server, api(t, func(w http.ResponseWriter, r *http.Request) {
		held := &held{ResponseWriter: w}
		server.ServeHTTP(held, r)
		if held.status == 0 && busy > 0 {
			busy--
			w.Header().Set("Retry-After", "20")
			w.WriteHeader(http.StatusServiceUnavailable)
			if nervous {
				server.renew("after " + strconv.Itoa(busy))
			}
			return
		}
		if held.status != 0 {
			w.WriteHeader(held.status)
		}
		_, _ = w.Write(held.body)
	})
}

// held keeps an answer.
type held struct {
	http.ResponseWriter

	status int
	body   []byte
}

func (h *held) WriteHeader(status int)            { h.status = status }
func (h *held) Write(p []byte) (n int, err error) { h.body = append(h.body, p...); return len(p), nil }

// TestChallengesAreNoAttempts: they are answered within the attempt that met them,
// also those that say that a nonce has grown stale between two attempts.
func TestChallengesAreNoAttempts(t *testing.T) {
	for name, tt := range map[string]struct {
		nervous    bool
		challenges int
	}{
		"one nonce":                   {false, 1},
		"a new nonce for each answer": {true, 3},
	} {
		t.Run(name, func(t *testing.T) {
			server, url := busyDigest(t, 2, tt.nervous)
			s := startWith(t, url, func(d *connectorv1.Definition) {
				d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{digestPlacement}
			}, threeAttempts)
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("user", "ann", "password", canary) })
			var resp *runtimev1.InvokeResponse
			var err error
			s.whileTimePasses(func() { resp, err = s.call("ListItems", "") })
			must(t, err)
			challenges, _ := server.seen()
			if resp.GetStatusCode() != 200 || resp.GetAttempts() != 3 || challenges != tt.challenges {
				t.Errorf("status %d after %d attempts and %d challenges, want 200, 3 and %d", resp.GetStatusCode(), resp.GetAttempts(), challenges, tt.challenges)
			}
		})
	}
}

// TestAChallengeLetsAPostBeMadeOnce: the request that met it did nothing, so its
// answer is sent although nobody may repeat a POST; a 503 to that one stays.
func TestAChallengeLetsAPostBeMadeOnce(t *testing.T) {
	server, url := busyDigest(t, 1, false)
	s := startWith(t, url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{digestPlacement}
	}, threeAttempts)
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("user", "ann", "password", canary) })
	resp, err := s.call("CreateItem", item)
	must(t, err)
	challenges, bodies := server.seen()
	if resp.GetStatusCode() != 503 || resp.GetAttempts() != 1 || challenges != 1 || strings.Count(bodies, "bolt") != 1 {
		t.Errorf("status %d, %d attempts, %d challenges, bodies %s", resp.GetStatusCode(), resp.GetAttempts(), challenges, bodies)
	}
}

// TestAnAnswerToAChallengeIsSignedAnew: an API that wants both a digest and a
// signature takes no nonce of a signature twice either.
func TestAnAnswerToAChallengeIsSignedAnew(t *testing.T) {
	server := &digestServer{algorithm: "SHA-256", qop: "auth", hash: sha256.New, nonce: "one", counts: map[string]bool{}}
	g := &guarded{check: checkHeaderHMAC}
	s := proving(t, api(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		g.mu.Lock()
		err := checkHeaderHMAC(g, r, string(body))
		g.mu.Unlock()
		if err != nil {
			t.Error(err)
		}
		server.ServeHTTP(w, r)
	}), []string{"user", "ann", "password", canary, "k", canary}, digestPlacement, hmacInHeader)
	g.now = s.clock.Now
	s.bothWays(t, func(t *testing.T, _ string) { server.renew("another") })
	if challenges, bodies := server.seen(); challenges != 2 || strings.Count(bodies, "{") != 2 {
		t.Errorf("%d challenges, bodies %s", challenges, bodies)
	}
}

// TestAPostThatWasOnlyChallengedDidNotHappen: if the API is gone by the time its
// challenge is answered, the outcome is known.
func TestAPostThatWasOnlyChallengedDidNotHappen(t *testing.T) {
	for _, way := range []string{"Invoke", "pass-through"} {
		t.Run(way, func(t *testing.T) {
			var listener net.Listener
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			gone := make(chan struct{})
			go func() {
				defer close(gone)
				c, err := listener.Accept()
				if err != nil {
					return
				}
				_ = listener.Close()
				buffer := make([]byte, 4096)
				_, _ = c.Read(buffer)
				_, _ = io.WriteString(c, "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
				_ = c.Close()
			}()
			s := proving(t, "http://"+listener.Addr().String(), []string{"user", "ann", "password", canary}, digestPlacement)
			if way == "Invoke" {
				_, err = s.call("CreateItem", item)
			} else {
				err = s.through(s.request("POST", "/items", strings.NewReader("x")))
			}
			reasonIs(t, err, fault.ReasonUpstreamUnreachable)
			<-gone
		})
	}
}

// TestStreamedCallsAnswerChallenges: with a body as far as it is kept, 10 MiB. A
// longer one is told to come again, and is streamed then.
func TestStreamedCallsAnswerChallenges(t *testing.T) {
	server := &digestServer{algorithm: "MD5", qop: "auth", hash: md5.New, nonce: "one", counts: map[string]bool{}}
	s := start(t, api(t, server.ServeHTTP), func(d *connectorv1.Definition) {
		upload(d)
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{digestPlacement}
	})
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("user", "ann", "password", canary) })
	up := func(length int64, chunks ...[]byte) (answered, error) {
		return s.streamed(t, &runtimev1.InvokeStreamStart{
			Connection: connection, OperationId: "Upload", Input: []byte(`{"id":"a"}`), ContentType: "text/plain", ContentLength: length,
		}, chunks)
	}
	out, err := s.streamed(t, &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "ListItems"}, nil)
	must(t, err)
	if challenges, _ := server.seen(); out.head.GetStatusCode() != 200 || challenges != 1 {
		t.Errorf("without a body: status %d after %d challenges", out.head.GetStatusCode(), challenges)
	}
	for name, length := range map[string]int64{"known": 11, "unknown": 0} {
		server.renew("for a length that is " + name)
		out, err = up(length, []byte("first "), []byte("then."))
		must(t, err)
		if _, bodies := server.seen(); out.head.GetStatusCode() != 200 || !strings.HasSuffix(bodies, "|first then.") {
			t.Errorf("%s: status %d, bodies %q", name, out.head.GetStatusCode(), bodies)
		}
	}
	long := make([][]byte, 11)
	for i := range long {
		long[i] = make([]byte, 1<<20)
	}
	for name, length := range map[string]int64{"known": 11 << 20, "unknown": 0} {
		server.renew("for a long body whose length is " + name)
		reasonIs(t, second(up(length, long...)), fault.ReasonInputTooLarge)
		out, err = up(length, long...)
		must(t, err)
		if _, bodies := server.seen(); out.head.GetStatusCode() != 200 || !strings.HasSuffix(bodies, "|"+strings.Repeat("\x00", 11<<20)) {
			t.Errorf("%s: status %d, %d bytes", name, out.head.GetStatusCode(), len(bodies))
		}
	}
}

// TestStreamedBodiesAreSigned as far as they are kept.
func TestStreamedBodiesAreSigned(t *testing.T) {
	g := &guarded{check: checkHeaderHMAC}
	var sent atomic.Int64
	s := start(t, api(t, func(w http.ResponseWriter, r *http.Request) { sent.Add(1); g.ServeHTTP(w, r) }), func(d *connectorv1.Definition) {
		upload(d)
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{hmacInHeader}
	})
	g.now = s.clock.Now
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("k", canary) })
	begin := &runtimev1.InvokeStreamStart{Connection: connection, OperationId: "Upload", Input: []byte(`{"id":"a"}`), ContentType: "text/plain"}
	out, err := s.streamed(t, begin, [][]byte{[]byte("first "), []byte("then.")})
	must(t, err)
	if out.head.GetStatusCode() != 200 || len(g.bad) != 0 {
		t.Errorf("status %d, %q", out.head.GetStatusCode(), g.bad)
	}
	chunks := make([][]byte, 11)
	for i := range chunks {
		chunks[i] = make([]byte, 1<<20)
	}
	reasonIs(t, second(s.streamed(t, begin, chunks)), fault.ReasonInputTooLarge)
	if sent.Load() != 1 {
		t.Errorf("%d requests were sent", sent.Load())
	}
}

// TestRequestsOfCodeAndPoliciesAnswerChallenges too.
func TestRequestsOfCodeAndPoliciesAnswerChallenges(t *testing.T) {
	server := &digestServer{algorithm: "SHA-256", qop: "auth", hash: sha256.New, nonce: "one", counts: map[string]bool{}}
	url := api(t, server.ServeHTTP)
	s := start(t, url, func(d *connectorv1.Definition) {
		withCode(`export async function handle(request) { return send({ method: 'POST', url: request.url, body: 'of code' }) }`, "Search")(d)
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{digestPlacement}
		d.Policies = []*connectorv1.Policy{only(policyOf("setvaluefromurl", requestSection,
			"parameterTemplate", "@headers('X-Ok')", "parameterValueUrl", "/token", "httpMethod", "GET", "parameterValuePathTemplate", "@body().ok"), "ListItems")}
	})
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("user", "ann", "password", canary) })
	for i, operation := range []string{"Search", "ListItems"} {
		server.renew("for " + url + strconv.Itoa(i))
		resp, err := s.call(operation, "")
		must(t, err)
		if challenges, _ := server.seen(); resp.GetStatusCode() != 200 || challenges != i+1 {
			t.Errorf("%s: status %d after %d challenges", operation, resp.GetStatusCode(), challenges)
		}
	}
}
