package runtimeproxy_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
)

func noCache(r *runtimev1.InvokeRequest) { r.NoCache = true }

// TestAnswersAreGivenAgainAsTheAPIAllows.
func TestAnswersAreGivenAgainAsTheAPIAllows(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		if r.Header.Get("If-None-Match") == `"v1"` {
			w.Header().Set("Etag", `"v1"`)
			w.WriteHeader(304)
			return
		}
		headers := map[string][]string{
			"/api/items/aged":     {"Cache-Control", "max-age=60"},
			"/api/items/tagged":   {"Etag", `"v1"`},
			"/api/items/secret":   {"Cache-Control", "no-store", "Etag", `"v1"`},
			"/api/items/varying":  {"Cache-Control", "max-age=60", "Vary", "*"},
			"/api/items/language": {"Cache-Control", "max-age=60", "Vary", "Accept-Language"},
			"/api/items/silent":   nil,
		}[r.URL.Path]
		say(w, 200, `{"body":"of it"}`, headers...)
	})
	s := start(t, rec.url, nil)
	tests := []struct {
		name, id string
		change   []func(*runtimev1.InvokeRequest)
		later    time.Duration
		asked    int // requests of two calls
		replayed bool
	}{
		{"what is good for a minute", "aged", nil, 0, 1, true},
		{"what was good for a minute", "aged", nil, 61 * time.Second, 1, false},
		{"unless the caller wants to know", "aged", []func(*runtimev1.InvokeRequest){noCache}, 0, 2, false},
		{"what has a tag, if it is still that", "tagged", nil, 0, 2, true},
		{"what must not be kept", "secret", nil, 0, 2, false},
		{"what depends on everything", "varying", nil, 0, 2, false},
		{"what depends on something that is the same", "language", nil, 0, 1, true},
		{"what nothing is said about", "silent", nil, 0, 2, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(rec.all())
			input := `{"id":"` + tt.id + `"}`
			must(t, second(s.call("GetItem", input, tt.change...)))
			s.clock.Advance(tt.later)
			if tt.later > 0 {
				before = len(rec.all())
			}
			answer, err := s.call("GetItem", input, tt.change...)
			must(t, err)
			if n := len(rec.all()) - before; n != tt.asked || answer.GetReplayed() != tt.replayed {
				t.Errorf("%d requests, replayed %v; want %d, %v", n, answer.GetReplayed(), tt.asked, tt.replayed)
			}
			if answer.GetStatusCode() != 200 || string(answer.GetBody().GetData()) != `{"body":"of it"}` {
				t.Errorf("answer = %v", answer)
			}
		})
	}
}

// TestAnswersAreForThoseWhoAsked: neither another connection, nor another caller,
// nor one with another token at the provider gets them; what was changed is asked
// for again.
func TestAnswersAreForThoseWhoAsked(t *testing.T) {
	rec := record(t, always(200, `{}`, "Cache-Control", "max-age=600"))
	s := start(t, rec.url, nil)
	s.lendOther()
	get := func(user, subject string, change ...func(*runtimev1.InvokeRequest)) bool {
		t.Helper()
		before := len(rec.all())
		ctx := s.as(user)
		if subject != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "ferrule-subject-token", subject)
		}
		answer, err := s.runtime.Invoke(ctx, ask("GetItem", `{"id":"7"}`, change...))
		must(t, err)
		if answer.GetReplayed() == (len(rec.all()) > before) {
			t.Errorf("replayed %v, but %d requests", answer.GetReplayed(), len(rec.all())-before)
		}
		return answer.GetReplayed()
	}
	for _, tt := range []struct {
		name    string
		replay  func() bool
		replays bool
	}{
		{"the first time", func() bool { return get("ada", "") }, false},
		{"the second time", func() bool { return get("ada", "") }, true},
		{"another user", func() bool { return get("root", "") }, false},
		{"another connection", func() bool { return get("ada", "", onOther) }, false},
		{"an own token", func() bool { return get("ada", "subject-one-token-value") }, false},
		{"the same token", func() bool { return get("ada", "subject-one-token-value") }, true},
		{"another token", func() bool { return get("ada", "subject-two-token-value") }, false},
		{"still", func() bool { return get("ada", "") }, true},
		{"after a change", func() bool { must(t, second(s.call("CreateItem", item))); return get("ada", "") }, false},
		{"the other connection was not changed", func() bool { return get("ada", "", onOther) }, true},
	} {
		if got := tt.replay(); got != tt.replays {
			t.Errorf("%s: replayed = %v, want %v", tt.name, got, tt.replays)
		}
	}
}

// TestAConnectorSaysItself how long its answers are good, and may let an old one
// stand in.
func TestAConnectorSaysItself(t *testing.T) {
	t.Run("for two minutes, whatever the API says", func(t *testing.T) {
		rec := record(t, always(200, `[]`, "Cache-Control", "no-store"))
		s := start(t, rec.url, func(d *connectorv1.Definition) {
			operationOf(d, "ListItems").Cache = &connectorv1.ResponseCache{MaxAgeSeconds: 120}
		})
		for i, later := range []time.Duration{0, 119 * time.Second, 2 * time.Second} {
			s.clock.Advance(later)
			answer, err := s.call("ListItems", "")
			must(t, err)
			if answer.GetReplayed() != (i == 1) {
				t.Errorf("call %d: replayed = %v", i+1, answer.GetReplayed())
			}
		}
	})
	t.Run("never", func(t *testing.T) {
		rec := record(t, always(200, `[]`, "Cache-Control", "max-age=60"))
		s := start(t, rec.url, func(d *connectorv1.Definition) { operationOf(d, "ListItems").Cache = &connectorv1.ResponseCache{} })
		must(t, second(s.call("ListItems", "")))
		must(t, second(s.call("ListItems", "")))
		if len(rec.all()) != 2 {
			t.Errorf("%d requests", len(rec.all()))
		}
	})
	t.Run("an old answer instead of a failure, if the API allows it", func(t *testing.T) {
		rec := record(t, func(w http.ResponseWriter, _ got, n int) {
			if n > 1 {
				say(w, 500, `{"error":"down"}`)
				return
			}
			say(w, 200, `["old"]`, "Cache-Control", "max-age=1, stale-if-error=100")
		})
		s := start(t, rec.url, nil)
		for i, later := range []time.Duration{0, 50 * time.Second, 60 * time.Second} {
			s.clock.Advance(later)
			answer, err := s.call("ListItems", "")
			must(t, err)
			if old := answer.GetStatusCode() == 200; old != (i < 2) {
				t.Errorf("call %d: status %d", i+1, answer.GetStatusCode())
			}
		}
	})
}

// TestGivenAgainIsAsGood: response policies are applied, secrets are hidden, and a
// key in the query neither makes another question nor is kept.
func TestGivenAgainIsAsGood(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, r got, _ int) {
		say(w, 200, `{}`, "Cache-Control", "max-age=600", "X-Echo", r.URL.Query().Get("key"))
	})
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		d.ParameterSets[0].Placements = []*connectorv1.CredentialPlacement{key("api_key", inQuery, "key", "")}
		d.Policies = []*connectorv1.Policy{policyOf("setheader", answerSection, "name", "X-Policy", "value", "applied")}
	})
	for i := range 3 {
		answer, err := s.call("GetItem", `{"id":"7"}`)
		must(t, err)
		if answer.GetReplayed() != (i == 1) || headerOf(answer, "X-Policy") != "applied" || leaks(headerOf(answer, "X-Echo")) {
			t.Errorf("call %d: %v", i+1, answer)
		}
		if i == 1 { // a new key is no new question, but a changed connection is
			s.vault.change(func(c *vaultv1.Credential) { c.Secrets = values("api_key", canary+"2") })
			s.clock.Advance(601 * time.Second)
		}
	}
	for _, line := range rec.lines() {
		if !strings.Contains(line, "key=canary-7f3a") {
			t.Errorf("request %s", line)
		}
	}
}

const (
	answerSection  = connectorv1.PolicySection_POLICY_SECTION_RESPONSE
	requestSection = connectorv1.PolicySection_POLICY_SECTION_REQUEST
	failureSection = connectorv1.PolicySection_POLICY_SECTION_FAILURE
)
