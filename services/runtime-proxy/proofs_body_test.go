package runtimeproxy_test

import (
	"bufio"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// secure starts an API behind TLS that the runtime trusts.
func secure(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(handler)
	own := trusted().issue("api", time.Now().Add(time.Hour))
	pair, err := tls.X509KeyPair([]byte(own), []byte(own))
	must(t, err)
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequestClientCert}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestStorageTakesBodiesOfAnyLength: over TLS what is too long to be kept is left
// out of the signature, which says so; what is short is in it.
func TestStorageTakesBodiesOfAnyLength(t *testing.T) {
	type arrived struct {
		*http.Request

		size int64
		sum  string
	}
	requests := make(chan arrived, 1)
	url := secure(t, func(_ http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		requests <- arrived{r, n, hex.EncodeToString(h.Sum(nil))}
	})
	s := proving(t, url, []string{"access", "AKIDFAKE", "secret", canary}, awsPlacement("s3"))
	s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = []string{url} })
	for _, tt := range []struct {
		name         string
		size         int
		known        bool
		wantUnsigned bool
	}{
		{"a short one", 100, true, false},
		{"a short one of unknown length", 100, false, false},
		{"the longest that is kept", 10 << 20, false, false},
		{"a long one", 10<<20 + 1, true, true},
		{"a long one of unknown length", 12 << 20, false, true},
		{"none", 0, true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var body io.Reader = strings.NewReader(strings.Repeat("x", tt.size))
			if !tt.known {
				body = io.MultiReader(body)
			}
			must(t, s.through(s.request("PUT", "/bucket/key", body)))
			r := <-requests
			must(t, checkAWS(r.Request, "", canary))
			hash := r.Header.Get("X-Amz-Content-Sha256")
			if (hash == "UNSIGNED-PAYLOAD") != tt.wantUnsigned || (!tt.wantUnsigned && hash != r.sum) || r.size != int64(tt.size) {
				t.Errorf("%d bytes, hash %s, sum %s", r.size, hash, r.sum)
			}
		})
	}
}

// TestSeveralProofsAtOnce: a certificate in the handshake, a signature over a
// token, and a key, all in one request.
func TestSeveralProofsAtOnce(t *testing.T) {
	requests := make(chan got, 1)
	url := secure(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		requests <- got{r, string(body)}
	})
	certificate := newAuthority("clients").issue("ada", time.Now().Add(time.Hour))
	s := proving(t, url, []string{"certificate", certificate, "token", canary, "k", canary + "-k", "p", canary + "-p"},
		certificatePlacement,
		&connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: "token"}}},
		key("p", inQuery, "partner", "p-{value}"),
		&connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "k", Scheme: &connectorv1.HmacScheme{
			StringToSign: `{header:Authorization}\n{query}\n{body}`, Headers: []*connectorv1.HmacField{{Name: "X-Sig", Template: "{signature}"}},
		}}}})
	s.vault.change(func(c *vaultv1.Credential) { c.AllowedHosts = []string{url} })
	s.bothWays(t, func(t *testing.T, _ string) {
		r := <-requests
		if len(r.TLS.PeerCertificates) == 0 || r.TLS.PeerCertificates[0].Subject.CommonName != "ada" {
			t.Error("there is no certificate")
		}
		if partner := r.URL.Query().Get("partner"); partner != "p-"+canary+"-p" {
			t.Errorf("partner = %q", partner)
		}
		text := "Bearer " + canary + "\n" + r.URL.RawQuery + "\n" + r.body
		if want := hexMAC(canary+"-k", text); r.Header.Get("X-Sig") != want || r.Header.Get("Authorization") != "Bearer "+canary {
			t.Errorf("signature %q, want %q over\n%s", r.Header.Get("X-Sig"), want, text)
		}
	})
}

var sumPlacement = &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "k", Scheme: &connectorv1.HmacScheme{
	StringToSign: "{body}", Headers: []*connectorv1.HmacField{{Name: "X-Sig", Template: "{signature}"}},
}}}}

// TestTrailersOfSignedBodies: they arrive, but none that has the name of a
// signature's field.
func TestTrailersOfSignedBodies(t *testing.T) {
	trailers := make(chan http.Header, 1)
	s := proving(t, api(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Sig") == hexMAC(canary, string(body)) {
			trailers <- r.Trailer
		} else {
			trailers <- http.Header{"Wrong": {string(body)}}
		}
	}), []string{"k", canary}, sumPlacement)
	answer := s.raw("POST " + proxyPath + "/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\nX-Sig: of the caller\r\n" +
		"Transfer-Encoding: chunked\r\nTrailer: X-Sum, X-Sig\r\n\r\n5\r\nhello\r\n0\r\nX-Sum: 7\r\nX-Sig: of the caller\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 200") {
		t.Fatalf("answer = %s", answer)
	}
	if got := <-trailers; len(got) != 1 || got.Get("X-Sum") != "7" {
		t.Errorf("trailers = %v", got)
	}
}

// TestACallerThatLeavesInTheMiddleOfASignedBody: nothing is sent.
func TestACallerThatLeavesInTheMiddleOfASignedBody(t *testing.T) {
	url, requests := recording(t, 200)
	s := proving(t, url, []string{"k", canary}, sumPlacement)
	in, out := io.Pipe()
	req := s.request("POST", "/x", in)
	go func() {
		_, _ = io.WriteString(out, "half")
		_ = out.CloseWithError(io.ErrUnexpectedEOF)
	}()
	req.Header.Set("Authorization", "Bearer "+s.tokens["ada"])
	if resp, err := s.data.Client().Do(req); err == nil {
		_ = resp.Body.Close()
		t.Errorf("status %d", resp.StatusCode)
	}
	if len(requests) != 0 {
		t.Error("half a body was sent")
	}
}

// TestTheSecondAttemptIsJudgedLikeTheFirst: a new lease may be bound to other
// hosts.
func TestTheSecondAttemptIsJudgedLikeTheFirst(t *testing.T) {
	a := &tokenAPI{}
	a.accept(tokenOf(2))
	s := signedIn(t, a)
	renew := s.vault.renew
	s.vault.mu.Lock()
	s.vault.renew = func(c *vaultv1.Credential) error {
		c.AllowedHosts = []string{"https://api.example.com:443"}
		return renew(c)
	}
	s.vault.mu.Unlock()
	checkFault(t, s, second(s.invoke("ListItems", "")), fault.ReasonHostNotAllowed)
	checkFault(t, s, s.through(s.request("GET", "/items", nil)), fault.ReasonHostNotAllowed)
	if a.asked.Load() != 1 {
		t.Errorf("%d requests", a.asked.Load())
	}
}

// TestSignaturesOfTheSecondAttempt: a request that is made again is signed again,
// with a nonce of its own.
func TestSignaturesOfTheSecondAttempt(t *testing.T) {
	var mu sync.Mutex
	nonces := map[string]string{}
	a := &tokenAPI{}
	a.accept(tokenOf(2))
	s := signedIn(t, a)
	s.registry.change(func(r *registry) {
		r.revision = strings.Repeat("b", 32)
		set := r.definition.GetParameterSets()[0]
		set.Placements = append(set.Placements, &connectorv1.CredentialPlacement{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: token, Scheme: &connectorv1.HmacScheme{
			StringToSign: `{nonce}{header:Authorization}`, Headers: []*connectorv1.HmacField{{Name: "X-Nonce", Template: "{nonce}"}, {Name: "X-Sig", Template: "{signature}"}},
		}}}})
		r.definition.Servers[0].UrlTemplate = api(t, func(w http.ResponseWriter, req *http.Request) {
			mu.Lock()
			nonces[req.Header.Get("X-Nonce")] = req.Header.Get("Authorization")
			mu.Unlock()
			bearer := strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")
			if req.Header.Get("X-Sig") != hexMAC(bearer, req.Header.Get("X-Nonce")+req.Header.Get("Authorization")) {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			a.ServeHTTP(w, req)
		})
		s.vault.change(func(c *vaultv1.Credential) {
			c.AllowedHosts = []string{r.definition.GetServers()[0].GetUrlTemplate()}
		})
	})
	resp, err := s.invoke("ListItems", "")
	if err != nil || resp.GetStatusCode() != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
	if len(nonces) != 2 {
		t.Errorf("nonces = %v", nonces)
	}
}

// TestAConnectionTestProvesItself in each way that calls do.
func TestAConnectionTestProvesItself(t *testing.T) {
	server := &digestServer{algorithm: "SHA-256", qop: "auth", hash: sha256.New, nonce: "one", counts: map[string]bool{}}
	for name, tt := range map[string]struct {
		placement *connectorv1.CredentialPlacement
		secrets   []string
		handler   http.HandlerFunc
	}{
		"digest": {digestPlacement, []string{"user", "ann", "password", canary}, server.ServeHTTP},
		"AWS": {awsPlacement("execute-api"), []string{"access", "AKIDFAKE", "secret", canary}, func(w http.ResponseWriter, r *http.Request) {
			sum := sha256.Sum256(nil)
			if checkAWS(r, hex.EncodeToString(sum[:]), canary) != nil {
				w.WriteHeader(http.StatusForbidden)
			}
		}},
		"a signature": {sumPlacement, []string{"k", canary}, func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("X-Sig") != hexMAC(canary, "") {
				w.WriteHeader(http.StatusUnauthorized)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := proving(t, api(t, tt.handler), tt.secrets, tt.placement)
			resp, err := s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
			if err != nil || !resp.GetSucceeded() {
				t.Errorf("%v, %v", resp, err)
			}
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets[len(c.Secrets)-1].Value = []byte(canary + " wrong") })
			s.clock.Advance(2 * time.Minute)
			resp, err = s.runtime.TestConnection(s.as("ada"), &runtimev1.TestConnectionRequest{Name: connection})
			if err != nil || resp.GetSucceeded() {
				t.Errorf("with the wrong secret: %v, %v", resp, err)
			}
		})
	}
}

// TestHostsThatPoliciesName: what is signed is the host that the API is told.
func TestHostsThatPoliciesName(t *testing.T) {
	requests := make(chan got, 1)
	s := start(t, api(t, func(_ http.ResponseWriter, r *http.Request) { requests <- got{r, ""} }), func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Hmac{Hmac: &connectorv1.HmacPlacement{SecretParameter: "k", Scheme: &connectorv1.HmacScheme{
			StringToSign: "{host}|{header:Host}", Query: []*connectorv1.HmacField{{Name: "a sig", Template: "{signature}"}},
		}}}}}
		d.Policies = []*connectorv1.Policy{{TemplateId: "setheader", Parameters: []*connectorv1.PolicyParameter{{Name: "name", Json: []byte(`"Host"`)}, {Name: "value", Json: []byte(`"tenant.example.com"`)}}}}
	})
	s.vault.change(func(c *vaultv1.Credential) {
		c.Secrets, c.AllowedHosts = values("k", canary), append(c.GetAllowedHosts(), "http://tenant.example.com")
	})
	must(t, s.through(s.request("GET", "/items?a%20sig=of-the-caller", nil)))
	r := <-requests
	if got := r.URL.Query()["a sig"]; len(got) != 1 || got[0] != hexMAC(canary, "tenant.example.com|tenant.example.com") || r.Host != "tenant.example.com" {
		t.Errorf("signature %q for host %q", got, r.Host)
	}
}

// TestARefusedAnswerGoesThroughWhole: looking at its body takes nothing from it.
func TestARefusedAnswerGoesThroughWhole(t *testing.T) {
	for name, size := range map[string]int{"short": 100, "as long as is looked at": 64 << 10, "longer": 64<<10 + 1, "much longer": 1 << 20} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", chunked: ", chunked), func(t *testing.T) {
				text := strings.Repeat("y", size)
				a := &tokenAPI{refuse: func(w http.ResponseWriter) {
					w.Header().Set("Content-Type", "text/plain")
					if !chunked {
						w.Header().Set("Content-Length", fmt.Sprint(size))
					}
					w.WriteHeader(http.StatusForbidden)
					out := bufio.NewWriterSize(w, 1000)
					_, _ = out.WriteString(text)
					_ = out.Flush()
				}}
				a.accept("none")
				s := signedIn(t, a)
				resp := s.do(s.request("GET", "/items", nil))
				body, err := io.ReadAll(resp.Body)
				if err != nil || string(body) != text || resp.StatusCode != http.StatusForbidden || s.vault.rejected() != 0 {
					t.Errorf("%d bytes of %d, %v, status %d", len(body), size, err, resp.StatusCode)
				}
			})
		}
	}
}
