package runtimeproxy_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// TestWhatIsSentAgain: what does no harm, and nothing else.
func TestWhatIsSentAgain(t *testing.T) {
	tests := []struct {
		name, operation, input, key string
		keyHeader                   bool
		statuses                    []int // the last one stays
		retryAfter                  string
		status, attempts            int32
		waited                      time.Duration
	}{
		{name: "a GET that found the API busy", operation: "ListItems", statuses: []int{503, 200}, status: 200, attempts: 2},
		{name: "a GET, but not for ever", operation: "ListItems", statuses: []int{503}, status: 503, attempts: 3},
		{name: "a GET that is wrong is not", operation: "ListItems", statuses: []int{500, 200}, status: 500, attempts: 1},
		{name: "a GET waits as long as the API asks", operation: "ListItems", statuses: []int{429, 200}, retryAfter: "7", status: 200, attempts: 2, waited: 7 * time.Second},
		{name: "a GET does not wait for an hour", operation: "ListItems", statuses: []int{503, 200}, retryAfter: "3600", status: 503, attempts: 1},
		{name: "a POST is not", operation: "CreateItem", input: item, statuses: []int{503, 200}, status: 503, attempts: 1},
		{name: "a POST whose key the API does not know is not", operation: "CreateItem", input: item, key: "k1", statuses: []int{503, 200}, status: 503, attempts: 1},
		{name: "a POST whose key the API knows is", operation: "CreateItem", input: item, key: "k2", keyHeader: true, statuses: []int{503, 200}, status: 200, attempts: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, _ got, n int) {
				if n <= len(tt.statuses) && tt.statuses[n-1] != 200 && tt.retryAfter != "" {
					w.Header().Set("Retry-After", tt.retryAfter)
				}
				say(w, tt.statuses[min(n, len(tt.statuses))-1], `{}`)
			})
			s := startWith(t, rec.url, func(d *connectorv1.Definition) {
				if tt.keyHeader {
					operationOf(d, "CreateItem").IdempotencyKeyHeader = "Idempotency-Key"
				}
			}, threeAttempts)
			began := s.clock.Now()
			var resp *runtimev1.InvokeResponse
			var err error
			s.whileTimePasses(func() { resp, err = s.call(tt.operation, tt.input, withKey(tt.key)) })
			must(t, err)
			if resp.GetStatusCode() != tt.status || resp.GetAttempts() != tt.attempts || len(rec.all()) != int(tt.attempts) {
				t.Errorf("status %d after %d attempts, %d requests; want %d after %d", resp.GetStatusCode(), resp.GetAttempts(), len(rec.all()), tt.status, tt.attempts)
			}
			if waited := s.clock.Now().Sub(began); waited < tt.waited {
				t.Errorf("waited %v, want at least %v", waited, tt.waited)
			}
			for _, r := range rec.all() {
				if r.Header.Get("X-Api-Key") != canary {
					t.Error("an attempt came without the credential")
				}
				if want := map[bool]string{true: tt.key}[tt.keyHeader]; r.Header.Get("Idempotency-Key") != want {
					t.Errorf("Idempotency-Key = %q, want %q", r.Header.Get("Idempotency-Key"), want)
				}
				if r.Method == "POST" && r.body != rec.all()[0].body {
					t.Errorf("body = %s", r.body)
				}
			}
		})
	}
}

// TestAPostWithoutAnAnswerIsUnknownAndNotSentAgain: neither by the runtime, nor by
// one that asks again with the same key.
func TestAPostWithoutAnAnswerIsUnknownAndNotSentAgain(t *testing.T) {
	over := make(chan struct{})
	rec := record(t, func(http.ResponseWriter, got, int) { <-over })
	s := startWith(t, rec.url, nil, threeAttempts)
	t.Cleanup(func() { close(over) })
	short := func(r *runtimev1.InvokeRequest) { r.Timeout = durationpb.New(shortTime) }
	for _, key := range []string{"", "once"} {
		var err error
		before := len(rec.all())
		s.whileTimePasses(func() { _, err = s.call("CreateItem", item, short, withKey(key)) })
		reasonIs(t, err, fault.ReasonOutcomeUnknown)
		if n := len(rec.all()) - before; n != 1 {
			t.Errorf("key %q: %d requests, want 1", key, n)
		}
	}
	_, err := s.call("CreateItem", item, short, withKey("once"))
	if f := reasonIs(t, err, fault.ReasonIdempotencyKeyInUse); f.Meta()["outcome"] != "unknown" {
		t.Errorf("metadata = %v", f.Meta())
	}
	if n := len(rec.all()); n != 2 {
		t.Errorf("%d requests in all, want 2: the third call must not be sent", n)
	}
}

// TestAnAPIThatFailsIsLeftAloneForAMoment, by the connection that it fails for.
func TestAnAPIThatFailsIsLeftAloneForAMoment(t *testing.T) {
	var well bool
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if well || r.URL.Query().Get("limit") == "1" {
			say(w, 200, `[]`)
			return
		}
		say(w, 500, `{}`)
	})
	s := start(t, rec.url, nil)
	s.lendOther()
	for range 20 {
		must(t, second(s.call("ListItems", "")))
	}
	asked := len(rec.all())
	f := reasonIs(t, second(s.call("ListItems", "")), fault.ReasonCircuitOpen)
	if wait, ok := f.Retry(); !ok || wait <= 0 || wait > 15*time.Second {
		t.Errorf("retry after %v, %v", wait, ok)
	}
	if f := s.through(s.request("GET", "/items", nil)); f == nil || fault.ReasonOf(f) != fault.ReasonCircuitOpen {
		t.Errorf("pass-through: %v, want CIRCUIT_OPEN", f)
	}
	if len(rec.all()) != asked {
		t.Error("the API was asked nevertheless")
	}
	must(t, second(s.call("ListItems", `{"limit":1}`, onOther)))
	s.clock.Advance(16 * time.Second)
	well = true
	for range 5 {
		resp, err := s.call("ListItems", "")
		must(t, err)
		if resp.GetStatusCode() != 200 {
			t.Errorf("status %d", resp.GetStatusCode())
		}
	}
}

// TestAConnectionHasOnlySoManyCallsUnderWay: others wait for a moment, then they
// are told.
func TestAConnectionHasOnlySoManyCallsUnderWay(t *testing.T) {
	arrived, goOn := make(chan struct{}, 8), make(chan struct{})
	rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
		arrived <- struct{}{}
		<-goOn
		say(w, 200, `[]`)
	})
	s := startWith(t, rec.url, nil, func(c *settings) { c.MaxConcurrency = 1 })
	first := make(chan error, 1)
	go func() { first <- second(s.call("ListItems", "")) }()
	testkit.Receive(t, "the first call", arrived)
	var err error
	s.whileTimePasses(func() { _, err = s.call("ListItems", "") })
	f := reasonIs(t, err, fault.ReasonConcurrencyLimited)
	if _, ok := f.Retry(); !ok {
		t.Error("it is not said when to come back")
	}
	s.whileTimePasses(func() { err = s.through(s.request("GET", "/items", nil)) })
	if err == nil || fault.ReasonOf(err) != fault.ReasonConcurrencyLimited {
		t.Errorf("pass-through: %v", err)
	}
	close(goOn)
	must(t, testkit.Receive(t, "the answer", first))
	must(t, second(s.call("ListItems", "")))
}

// TestARefusedTokenIsRenewedAmongAttempts: what the API says of the token and what
// it says of itself are two things.
func TestARefusedTokenIsRenewedAmongAttempts(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, n int) {
		switch {
		case n == 1:
			say(w, 503, `{}`)
		case r.Header.Get("Authorization") != "Bearer "+tokenOf(2):
			say(w, 401, `{}`)
		case n == 3:
			say(w, 503, `{}`)
		default:
			say(w, 200, `{}`)
		}
	})
	s := startWith(t, rec.url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Parameters = []*connectorv1.ConnectionParameter{{Name: token, Type: connectorv1.ConnectionParameterType_CONNECTION_PARAMETER_TYPE_OAUTH}}
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{{Kind: &connectorv1.CredentialPlacement_Bearer{Bearer: &connectorv1.BearerPlacement{Parameter: token}}}}
	}, threeAttempts)
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets, c.TokenVersion = values(token, tokenOf(1)), "1" })
	s.vault.mu.Lock()
	s.vault.renew = func(c *vaultv1.Credential) error {
		c.Secrets, c.TokenVersion = values(token, tokenOf(2)), "2"
		return nil
	}
	s.vault.mu.Unlock()
	var resp *runtimev1.InvokeResponse
	var err error
	s.whileTimePasses(func() { resp, err = s.call("ListItems", "") })
	must(t, err)
	if resp.GetStatusCode() != 200 || resp.GetAttempts() != 4 || s.vault.rejected() != 1 {
		t.Errorf("status %d, %d attempts, %d rejections", resp.GetStatusCode(), resp.GetAttempts(), s.vault.rejected())
	}
}

// TestSignaturesAreMadeAnewForEachAttempt: they hold the time, and the API's answer
// to a challenge belongs to the attempt that got it.
func TestSignaturesAreMadeAnewForEachAttempt(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, _ got, n int) {
		if n == 1 {
			say(w, 503, `{}`, "Retry-After", "20")
			return
		}
		say(w, 200, `{}`)
	})
	s := startWith(t, rec.url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{awsPlacement("execute-api")}
	}, threeAttempts)
	s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("access", "AKIDFAKE", "secret", canary) })
	var err error
	s.whileTimePasses(func() { _, err = s.call("ListItems", "") })
	must(t, err)
	all := rec.all()
	if len(all) != 2 || all[0].Header.Get("X-Amz-Date") == all[1].Header.Get("X-Amz-Date") {
		t.Fatalf("%d requests, dates %q", len(all), all[0].Header.Get("X-Amz-Date"))
	}
	for _, r := range all {
		sum := sha256.Sum256([]byte(r.body))
		if err := checkAWS(r.Request, hex.EncodeToString(sum[:]), canary); err != nil {
			t.Error(err)
		}
	}
}
