package runtimeproxy_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// digestServer checks HTTP Digest authentication on its own, as RFC 7616 says,
// and refuses counts that it has seen.
type digestServer struct {
	algorithm, qop string
	hash           func() hash.Hash

	mu         sync.Mutex
	nonce      string
	stale      bool
	counts     map[string]bool
	challenges int
	bodies     []string
}

func (d *digestServer) sum(parts ...string) string {
	h := d.hash()
	_, _ = io.WriteString(h, strings.Join(parts, ":"))
	return hex.EncodeToString(h.Sum(nil))
}

// renew makes the present nonce stale.
func (d *digestServer) renew(nonce string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.nonce, d.stale, d.counts = nonce, true, map[string]bool{}
}

func (d *digestServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.accepts(r, string(body)) {
		d.bodies = append(d.bodies, string(body))
		_, _ = io.WriteString(w, `{"ok":true}`)
		return
	}
	d.challenges++
	stale := ""
	if d.stale {
		stale = ", stale=true"
	}
	w.Header().Add("WWW-Authenticate", `Basic realm="old"`)
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(`Digest realm="a, b", nonce=%q, opaque="o", algorithm=%s, qop=%q%s`, d.nonce, d.algorithm, d.qop, stale))
	w.WriteHeader(http.StatusUnauthorized)
}

func (d *digestServer) accepts(r *http.Request, body string) bool {
	line, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Digest ")
	if !ok {
		return false
	}
	p := map[string]string{}
	for part := range strings.SplitSeq(strings.ReplaceAll(line, `"a, b"`, `"a%2C b"`), ", ") {
		name, value, _ := strings.Cut(part, "=")
		p[name] = strings.ReplaceAll(strings.Trim(value, `"`), "%2C", ",")
	}
	a1 := d.sum("ann", "a, b", canary)
	if strings.HasSuffix(p["algorithm"], "-sess") {
		a1 = d.sum(a1, p["nonce"], p["cnonce"])
	}
	a2 := d.sum(r.Method, r.RequestURI)
	if p["qop"] == "auth-int" {
		a2 = d.sum(r.Method, r.RequestURI, d.sum(body))
	}
	good := p["username"] == "ann" && p["nonce"] == d.nonce && p["uri"] == r.RequestURI && p["algorithm"] == d.algorithm && p["opaque"] == "o" &&
		p["response"] == d.sum(a1, p["nonce"], p["nc"], p["cnonce"], p["qop"], a2) && !d.counts[p["nc"]]
	if good {
		d.counts[p["nc"]] = true
	}
	return good
}

func (d *digestServer) seen() (challenges int, bodies string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.challenges, strings.Join(d.bodies, "|")
}

var digestPlacement = &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Digest{
	Digest: &connectorv1.DigestPlacement{UsernameParameter: "user", PasswordParameter: "password"},
}}

func TestDigestAuthentication(t *testing.T) {
	for _, tt := range []struct {
		algorithm, qop string
		hash           func() hash.Hash
	}{
		{"MD5", "auth", md5.New},
		{"MD5-sess", "auth", md5.New},
		{"SHA-256", "auth, auth-int", sha256.New},
		{"SHA-256-sess", "auth", sha256.New},
		{"SHA-256", "auth-int", sha256.New},
	} {
		t.Run(tt.algorithm+" "+tt.qop, func(t *testing.T) {
			server := &digestServer{algorithm: tt.algorithm, qop: tt.qop, hash: tt.hash, nonce: "one", counts: map[string]bool{}}
			s := proving(t, api(t, server.ServeHTTP), []string{"user", "ann", "password", canary}, digestPlacement)
			s.bothWays(t, func(t *testing.T, way string) {
				challenges, bodies := server.seen()
				want := map[string]string{"Invoke": `{"kind":"part","name":"x","price":1.5}`, "pass-through": `{"name":"y"}`}[way]
				if challenges != 1 || (way == "pass-through" && !strings.HasSuffix(bodies, "|"+want)) {
					t.Errorf("%d challenges, bodies %s", challenges, bodies)
				}
			})
			server.renew("two")
			s.bothWays(t, func(t *testing.T, _ string) {
				if challenges, _ := server.seen(); challenges != 2 {
					t.Errorf("%d challenges after the nonce became stale", challenges)
				}
			})
		})
	}
}

// TestManyCallsAnswerOneChallenge: the counts of calls at the same time differ.
func TestManyCallsAnswerOneChallenge(t *testing.T) {
	server := &digestServer{algorithm: "SHA-256", qop: "auth", hash: sha256.New, nonce: "one", counts: map[string]bool{}}
	s := proving(t, api(t, server.ServeHTTP), []string{"user", "ann", "password", canary}, digestPlacement)
	if resp, err := s.invoke("ListItems", ""); err != nil || resp.GetStatusCode() != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if resp, err := s.invoke("ListItems", ""); err != nil || resp.GetStatusCode() != 200 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	}
	all.Wait()
	if challenges, _ := server.seen(); challenges != 1 {
		t.Errorf("%d challenges", challenges)
	}
}

func TestAWrongPasswordIsTriedOnce(t *testing.T) {
	server := &digestServer{algorithm: "MD5", qop: "auth", hash: md5.New, nonce: "one", counts: map[string]bool{}}
	s := proving(t, api(t, server.ServeHTTP), []string{"user", "ann", "password", canary + " wrong"}, digestPlacement)
	resp, err := s.invoke("ListItems", "")
	if err != nil || resp.GetStatusCode() != 401 || resp.GetError().GetReason() != "UPSTREAM_UNAUTHENTICATED" {
		t.Errorf("%v, %v", resp, err)
	}
	if challenges, _ := server.seen(); challenges != 2 {
		t.Errorf("%d requests", challenges)
	}
	s.clock.Advance(2 * time.Minute)
	testkit.Await(t, "the report", func() bool { return len(s.vault.reported()) > 0 })
	if uses := s.vault.reported(); !strings.HasSuffix(uses[0], " 2") {
		t.Errorf("uses = %q: the answer to the challenge was sent as well", uses)
	}
}

// TestLongBodiesAndChallenges: a body that has passed by cannot be sent again,
// and the caller learns what to do. Once a challenge is known, it passes.
func TestLongBodiesAndChallenges(t *testing.T) {
	server := &digestServer{algorithm: "MD5", qop: "auth", hash: md5.New, nonce: "one", counts: map[string]bool{}}
	s := proving(t, api(t, server.ServeHTTP), []string{"user", "ann", "password", canary}, digestPlacement)
	long := strings.Repeat("x", 10<<20+1)
	checkFault(t, s, s.through(s.request("PUT", "/items", strings.NewReader(long))), fault.ReasonInputTooLarge)
	must(t, s.through(s.request("PUT", "/items", strings.NewReader(long))))
	must(t, s.through(s.request("PUT", "/items", io.MultiReader(strings.NewReader(long)))))
	if _, bodies := server.seen(); len(bodies) != 2*len(long)+1 {
		t.Errorf("%d bytes arrived", len(bodies))
	}
}
