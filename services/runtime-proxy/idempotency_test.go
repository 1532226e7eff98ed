package runtimeproxy_test

import (
	"net/http"
	"strings"
	"testing"

	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// TestACallWithAKeyHappensOnce, whichever process gets the second one.
func TestACallWithAKeyHappensOnce(t *testing.T) {
	rec := record(t, always(201, `{"id":7}`, "X-Made", "yes"))
	s := start(t, rec.url, nil)
	other := s.another()
	first, err := s.call("CreateItem", item, withKey("order-1"))
	must(t, err)
	if first.GetReplayed() || first.GetAttempts() != 1 {
		t.Errorf("the first answer: %v", first)
	}
	for name, runtime := range map[string]runtimev1.RuntimeServiceClient{"the same process": s.runtime, "another process": other} {
		again, err := runtime.Invoke(s.as("ada"), ask("CreateItem", item, withKey("order-1")))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !again.GetReplayed() || again.GetStatusCode() != 201 || string(again.GetBody().GetData()) != `{"id":7}` || headerOf(again, "X-Made") != "yes" {
			t.Errorf("%s: %v", name, again)
		}
	}
	if n := len(rec.all()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	t.Run("the order of members does not make another call", func(t *testing.T) {
		must(t, second(s.call("CreateItem", ` { "body" : {"name":"bolt"} } `, withKey("order-1"))))
	})
	t.Run("with another input it is refused", func(t *testing.T) {
		f := reasonIs(t, second(other.Invoke(s.as("ada"), ask("CreateItem", `{"body":{"name":"nut"}}`, withKey("order-1")))), fault.ReasonIdempotencyKeyReused)
		if f.Code() != fault.CodeAlreadyExists {
			t.Errorf("code = %v", f.Code())
		}
	})
	t.Run("for another operation it is refused", func(t *testing.T) {
		reasonIs(t, second(s.call("ListItems", "", withKey("order-1"))), fault.ReasonIdempotencyKeyReused)
	})
	if n := len(rec.all()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	t.Run("another connection has keys of its own", func(t *testing.T) {
		s.lendOther()
		answer, err := s.call("CreateItem", item, withKey("order-1"), onOther)
		must(t, err)
		if answer.GetReplayed() || len(rec.all()) != 2 {
			t.Errorf("replayed %v, %d requests", answer.GetReplayed(), len(rec.all()))
		}
	})
	t.Run("another caller has keys of their own", func(t *testing.T) {
		answer, err := s.runtime.Invoke(s.as("root"), ask("CreateItem", item, withKey("order-1")))
		must(t, err)
		if answer.GetReplayed() || len(rec.all()) != 3 {
			t.Errorf("replayed %v, %d requests", answer.GetReplayed(), len(rec.all()))
		}
	})
}

// TestACallWithAKeyThatIsUnderWayIsNotMadeTwice.
func TestACallWithAKeyThatIsUnderWayIsNotMadeTwice(t *testing.T) {
	arrived, goOn := make(chan struct{}, 4), make(chan struct{})
	rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
		arrived <- struct{}{}
		<-goOn
		say(w, 200, `{}`)
	})
	s := start(t, rec.url, nil)
	done := make(chan error, 1)
	go func() { done <- second(s.call("CreateItem", item, withKey("k"))) }()
	testkit.Receive(t, "the first call", arrived)
	f := reasonIs(t, second(s.another().Invoke(s.as("ada"), ask("CreateItem", item, withKey("k")))), fault.ReasonIdempotencyKeyInUse)
	if _, ok := f.Retry(); !ok || f.Meta()["outcome"] != "pending" {
		t.Errorf("metadata = %v", f.Meta())
	}
	close(goOn)
	must(t, testkit.Receive(t, "the answer", done))
	again, err := s.call("CreateItem", item, withKey("k"))
	must(t, err)
	if !again.GetReplayed() || len(rec.all()) != 1 {
		t.Errorf("replayed %v, %d requests", again.GetReplayed(), len(rec.all()))
	}
}

// TestWhatDidNotHappenGivesItsKeyBack.
func TestWhatDidNotHappenGivesItsKeyBack(t *testing.T) {
	rec := record(t, func(w http.ResponseWriter, _ got, n int) {
		if n == 1 {
			say(w, 429, `{}`)
			return
		}
		say(w, 200, `{"n":2}`)
	})
	s := start(t, rec.url, nil)
	reasonIs(t, second(s.call("CreateItem", `{}`, withKey("k"))), fault.ReasonInputInvalid)
	for i, want := range []int32{429, 200, 200} {
		answer, err := s.call("CreateItem", item, withKey("k"))
		must(t, err)
		if answer.GetStatusCode() != want || answer.GetReplayed() != (i == 2) {
			t.Errorf("call %d: status %d, replayed %v", i+1, answer.GetStatusCode(), answer.GetReplayed())
		}
	}
	reasonIs(t, second(s.call("CreateItem", item, withKey(strings.Repeat("k", 256)))), fault.ReasonInvalidArgument)
}

// TestAKeyIsFreeAgainExactlyWhereARetryIsWorthIt: what callers are told about an answer,
// and what the key does, are the same. The API knows nothing of keys.
func TestAKeyIsFreeAgainExactlyWhereARetryIsWorthIt(t *testing.T) {
	for _, row := range []struct {
		name, body string
		status     int
		free       bool
	}{
		{"a request that is wrong", `{}`, 400, false},
		{"a conflict", `{}`, 409, false},
		{"calls that met each other", `{"error":{"status":"ABORTED"}}`, 409, true},
		{"a budget that is spent, under 403", `{"error":{"errors":[{"reason":"rateLimitExceeded"}]}}`, 403, true},
		{"too many calls", `{}`, 429, true},
		{"a failure", `{}`, 500, false},
		{"a failure on the way", `{}`, 502, false},
		{"not now", `{}`, 503, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := record(t, func(w http.ResponseWriter, _ got, _ int) {
				say(w, row.status, row.body, "Content-Type", "application/json")
			})
			s := start(t, rec.url, nil)
			first, err := s.call("CreateItem", item, withKey("k"))
			must(t, err)
			again, err := s.call("CreateItem", item, withKey("k"))
			must(t, err)
			if free := first.GetError().GetRetryable(); free != row.free || again.GetReplayed() == free || int(again.GetStatusCode()) != row.status {
				t.Errorf("retryable %v, replayed %v with %d", free, again.GetReplayed(), again.GetStatusCode())
			}
		})
	}
}

// headerOf returns a field of an answer.
func headerOf(r *runtimev1.InvokeResponse, name string) string {
	for _, h := range r.GetHeaders() {
		if h.GetName() == name {
			return h.GetValue()
		}
	}
	return ""
}
