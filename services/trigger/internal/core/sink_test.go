package core_test

import (
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/inventorytest"
)

var shop = resource.Connection{Environment: "default", ID: "shop"}

// httpSink and actionSink return sinks that are fine.
func httpSink() core.Sink {
	return core.Sink{ID: "web", HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}}
}

func actionSink() core.Sink {
	return core.Sink{ID: "act", Action: &core.ActionSink{Connection: shop, Operation: inventorytest.Action, Input: `{"body": {"name": "${event.data.name}"}}`}}
}

func TestSinksThatCannotWorkAreRefusedWithTheirField(t *testing.T) {
	for _, tc := range []struct {
		name   string
		sink   func(s *core.Sink)
		action bool
		field  string
		says   string
	}{
		{"neither endpoint nor action", func(s *core.Sink) { s.HTTP = nil }, false, "sinks[1].kind", "one of http and action"},
		{"both", func(s *core.Sink) { s.HTTP = &core.HTTPSink{} }, true, "sinks[1].kind", "one of http and action"},
		{"a URL that is none", func(s *core.Sink) { s.HTTP.URL = "ftp://x" }, false, "sinks[1].http.url", "absolute http"},
		{"a URL with a password", func(s *core.Sink) { s.HTTP.URL = "https://a:b@x.example.com/" }, false, "sinks[1].http.url", "password"},
		{"a callback URL of ours", func(s *core.Sink) { s.HTTP.URL = "https://FERRULE.example.com:443/x/..//hooks/abc?registration=2" }, false, "sinks[1].http.url", "in a circle"},
		{"a time that is too short", func(s *core.Sink) { s.HTTP.Timeout = time.Millisecond }, false, "sinks[1].http.timeout", "1s to 5m"},
		{"a time that is too long", func(s *core.Sink) { s.HTTP.Timeout = time.Hour }, false, "sinks[1].http.timeout", "1s to 5m"},
		{"retries that are too short", func(s *core.Sink) { s.RetryFor = time.Second }, false, "sinks[1].retry_for", "1m0s to 720h"},
		{"retries that are too long", func(s *core.Sink) { s.RetryFor = 31 * 24 * time.Hour }, false, "sinks[1].retry_for", "1m0s to 720h"},
		{"too many at once", func(s *core.Sink) { s.Concurrent = 101 }, false, "sinks[1].max_concurrent", "0 to 100"},
		{"a rate that is negative", func(s *core.Sink) { s.PerSecond = -1 }, false, "sinks[1].max_per_second", "0 to 10000"},
		{"a rate that is no number", func(s *core.Sink) { s.PerSecond = math.NaN() }, false, "sinks[1].max_per_second", "0 to 10000"},
		{"a condition with a mistake", func(s *core.Sink) { s.Condition = "event.data." }, false, "sinks[1].condition", "the expression event.data.: at line 1, column 12"},
		{"a condition that is text", func(s *core.Sink) { s.Condition = "'x'" }, false, "sinks[1].condition", "a bool is needed"},
		{"an order with a mistake", func(s *core.Sink) { s.OrderBy = "evnt.id" }, false, "sinks[1].order_by", "undeclared reference to 'evnt'"},
		{"an input that is no JSON", func(s *core.Sink) { s.Action.Input = "{" }, true, "sinks[1].action.input", "not valid JSON"},
		{"an input with a mistake", func(s *core.Sink) { s.Action.Input = `{"body": {"a": "${event.dta}"}}` }, true, "sinks[1].action.input", "at /body/a: at line 1, column 6: an event has no member"},
		{"no operation", func(s *core.Sink) { s.Action.Operation = "" }, true, "sinks[1].action.operation_id", "must be set"},
		{"an operation that is not there", func(s *core.Sink) { s.Action.Operation = "Nothing" }, true, "sinks[1].action.operation_id", "does not have"},
		{"a trigger as action", func(s *core.Sink) { s.Action.Operation = inventorytest.Polling }, true, "sinks[1].action.operation_id", "must be an action"},
		{"a connection of another environment", func(s *core.Sink) { s.Action.Connection.Environment = "staging" }, true, "sinks[1].action.connection", "same environment"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			sink := httpSink()
			if tc.action {
				sink = actionSink()
			}
			tc.sink(&sink)
			d := draft("items", inventorytest.Polling)
			d.Sinks = []core.Sink{{ID: "fine", HTTP: &core.HTTPSink{URL: "https://sink.example.com/"}}, sink}
			_, err := r.Create(t.Context(), ann, d)
			v := fault.From(err).Violations()
			if fault.CodeOf(err) != fault.CodeInvalidArgument || len(v) != 1 || v[0].Field != "subscription."+tc.field || !strings.Contains(v[0].Description, tc.says) {
				t.Errorf("got %v, %+v; want %s %q", err, v, tc.field, tc.says)
			}
			if _, err := r.Get(t.Context(), ann, named("items")); fault.ReasonOf(err) != fault.ReasonSubscriptionNotFound {
				t.Errorf("it exists: %v", err)
			}
		})
	}
}

func TestASinkAtAnAddressThatIsNeverCalledIsRefused(t *testing.T) {
	r := newRig(t)
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}})
	if err != nil {
		t.Fatal(err)
	}
	r.CheckHost = guard.CheckHost
	for target, fine := range map[string]bool{
		"http://169.254.169.254/latest": false, "http://10.0.0.1/": false, "https://[::1]:8443/": false, "http://127.1/": false,
		"http://10.1.0.1/": true, "https://sink.example.com/": true,
	} {
		d := draft("", inventorytest.Polling)
		d.Sinks = []core.Sink{{HTTP: &core.HTTPSink{URL: target}}}
		_, err := r.Create(t.Context(), ann, d)
		if fine != (err == nil) {
			t.Errorf("%s: %v", target, err)
		}
		if err == nil {
			continue
		}
		if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != "subscription.sinks[0].http.url" || !strings.Contains(v[0].Description, "cannot be called") {
			t.Errorf("%s: %+v", target, v)
		}
	}
}

func TestAnActionIsOnlyCalledWithAConnectionOfTheOwner(t *testing.T) {
	r := newRig(t)
	d := draft("items", inventorytest.Polling)
	d.Sinks = []core.Sink{actionSink()}
	if _, err := r.Create(t.Context(), ann, d); err != nil {
		t.Fatal(err)
	}
	admin := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "root", Roles: []authn.Role{authn.RoleAdmin, authn.RoleUser}}}
	d.ID = "theirs" // an administrator may see ann's connection, and may not act as ann
	_, err := r.Create(t.Context(), admin, d)
	if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != "subscription.sinks[0].action.connection" {
		t.Errorf("err = %v", err)
	}
	d.Sinks[0].Action.Connection.ID = "other"
	if _, err := r.Create(t.Context(), ann, d); fault.ReasonOf(err) != fault.ReasonConnectionNotFound {
		t.Errorf("no such connection: %v", err)
	}
}

func TestAnAuthorizationIsStoredSealed(t *testing.T) {
	r := newRig(t)
	d := draft("items", inventorytest.Polling)
	d.Sinks, d.Authorizations = []core.Sink{httpSink(), actionSink()}, []string{"Bearer hidden", ""}
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	stored := r.get("items").Sinks[0].HTTP.Authorization
	if strings.Contains(string(stored), "hidden") {
		t.Fatal("it is readable")
	}
	plain, err := r.keys.Open(s.UID, core.AuthorizationField("web"), stored)
	if err != nil || string(plain) != "Bearer hidden" {
		t.Errorf("%q, %v", plain, err)
	}
	for _, bad := range []struct {
		name   string
		given  []string
		sink   core.Sink
		reason string
	}{
		{"a line break", []string{"Bearer a\r\nX-Evil: 1"}, httpSink(), "printable ASCII"},
		{"too long", []string{strings.Repeat("x", 8193)}, httpSink(), "at most 8192 bytes"},
		{"for an action", []string{"Bearer x"}, actionSink(), "HTTP sinks only"},
	} {
		d := draft("bad", inventorytest.Polling)
		d.Sinks, d.Authorizations = []core.Sink{bad.sink}, bad.given
		_, err := r.Create(t.Context(), ann, d)
		if v := fault.From(err).Violations(); len(v) != 1 || v[0].Field != "subscription.sinks[0].http.authorization" || !strings.Contains(v[0].Description, bad.reason) {
			t.Errorf("%s: %v", bad.name, err)
		}
	}
}

func TestTheSecretOfASinkIsForItsOwnerAndCanBeRotated(t *testing.T) {
	r := newRig(t)
	d := draft("items", inventorytest.Polling)
	d.Sinks = []core.Sink{httpSink(), actionSink()}
	s, err := r.Create(t.Context(), ann, d)
	if err != nil {
		t.Fatal(err)
	}
	secret := func(n int) string { return r.keys.SinkSecret(s.UID, "web", n) }
	want := func(got core.SinkSecret, err error, present, previous string, expire time.Time) {
		t.Helper()
		if err != nil || got.Secret != present || got.Previous != previous || !got.PreviousExpire.Equal(expire) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	got, err := r.SinkSecret(t.Context(), ann, named("items"), "web")
	want(got, err, secret(0), "", time.Time{})
	got, err = r.RotateSinkSecret(t.Context(), ann, named("items"), "web")
	want(got, err, secret(1), secret(0), start.Add(24*time.Hour))
	got, err = r.RotateSinkSecret(t.Context(), ann, named("items"), "web")
	want(got, err, secret(2), secret(1), start.Add(24*time.Hour))
	r.clock.Advance(24 * time.Hour)
	got, err = r.SinkSecret(t.Context(), ann, named("items"), "web")
	want(got, err, secret(2), "", time.Time{})

	admin := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "root", Roles: []authn.Role{authn.RoleAdmin}}}
	bob := core.Caller{Principal: authn.Principal{Kind: authn.KindUser, Name: "bob", Roles: []authn.Role{authn.RoleUser}}}
	for _, tc := range []struct {
		name   string
		caller core.Caller
		sink   string
		code   fault.Code
	}{
		{"an administrator", admin, "web", fault.CodePermissionDenied},
		{"a stranger", bob, "web", fault.CodeNotFound},
		{"a sink that is not there", ann, "none", fault.CodeInvalidArgument},
		{"an action", ann, "act", fault.CodeInvalidArgument},
	} {
		_, err := r.SinkSecret(t.Context(), tc.caller, named("items"), tc.sink)
		_, err2 := r.RotateSinkSecret(t.Context(), tc.caller, named("items"), tc.sink)
		if fault.CodeOf(err) != tc.code || fault.CodeOf(err2) != tc.code {
			t.Errorf("%s: %v, %v", tc.name, err, err2)
		}
	}
}
