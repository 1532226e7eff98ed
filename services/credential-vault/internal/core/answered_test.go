package core_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// answer reports what an API said to ann's call of an operation.
func (r *rig) answer(conn core.Connection, operation string, status int) core.Connection {
	r.t.Helper()
	err := r.vault.ReportAnswer(r.t.Context(), itself("runtime-proxy"), core.Answer{
		Request: core.Request{Name: conn.Name, Principal: "ann", OperationID: operation}, Etag: conn.Etag(), Status: status, Host: "api.crm.example:443",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.get(conn.Name.ID)
}

func (r *rig) get(id string) core.Connection {
	r.t.Helper()
	conn, err := r.records.Connection(r.t.Context(), name(id))
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func TestAKeyThatTheAPIRefusesPutsItsConnectionIntoErrorUntilItIsAccepted(t *testing.T) {
	r := newRig(t)
	created := r.create(ann())
	r.clock.Advance(time.Minute)
	refused := r.clock.Now()
	got := r.answer(created, "ListItems", 401)
	if got.State != core.StateError || !got.StateTime.Equal(refused) || !got.Refused() || got.Etag() != created.Etag() {
		t.Fatalf("it is %v since %v, refused %t", got.State, got.StateTime, got.Refused())
	}
	for _, want := range []string{`"ListItems"`, "401", "`ferrule connections update crm-1 --secret NAME=-`"} {
		if !strings.Contains(got.StateReason, want) {
			t.Errorf("the reason %q does not say %s", got.StateReason, want)
		}
	}
	if values, _, err := r.resolve(itself("runtime-proxy"), "crm-1"); err != nil || values["password"] != "pw-one" {
		t.Errorf("the secrets are not lent any more: %v, %v", values, err)
	}
	change := got.Change
	if got = r.answer(created, "GetItem", 401); got.Change != change {
		t.Error("what is known already was written again")
	}
	if got = r.answer(created, "GetItem", 204); got.State != core.StateConnected || got.StateReason != "" || got.Refused() {
		t.Errorf("it is %v: %q", got.State, got.StateReason)
	}
	if change = got.Change; r.answer(created, "GetItem", 200).Change != change {
		t.Error("a second answer that is accepted was written")
	}
	if diff := cmp.Diff([]string{"failed"}, r.events()); diff != "" {
		t.Error(diff)
	}
	trail := strings.Join(r.hosts(), "\n")
	for _, want := range []string{"REJECTED ann ListItems api.crm.example:443", "ACCEPTED ann GetItem api.crm.example:443"} {
		if strings.Count(trail, want) != 1 {
			t.Errorf("%q is not once in the audit trail:\n%s", want, trail)
		}
	}
}

// hosts returns the audit records of the environment, with their hosts.
func (r *rig) hosts() (lines []string) {
	r.t.Helper()
	records, _, err := r.vault.ListAudit(r.t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}, PageSize: 100})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, one := range records {
		lines = append(lines, strings.Join([]string{one.Action.String(), one.Principal, one.OperationID, one.Host}, " "))
	}
	return lines
}

func TestAnOperationThatIsAlwaysRefusedDoesNotMakeItsConnectionFlap(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann())
	lost := 0
	for minute := range 24 * 60 { // one operation is refused each minute, another is accepted
		r.clock.Advance(time.Minute)
		if r.answer(conn, "Forbidden", 401).State == core.StateError {
			lost++
		}
		if got := r.answer(conn, "Fine", 200); got.State != core.StateConnected {
			t.Fatalf("after %d minutes it is %v", minute, got.State)
		}
	}
	if lost < 2 || lost > 8 {
		t.Errorf("in a day it came into error %d times", lost)
	}
	r.clock.Advance(24 * time.Hour)
	if got := r.answer(conn, "Fine", 401); got.State != core.StateError {
		t.Errorf("a key that is refused a day later leaves it %v", got.State)
	}
}

// change gives ann's connection another password.
func (r *rig) change(password string) core.Connection {
	r.t.Helper()
	conn, err := r.vault.Update(r.t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = map[string]secret.Text{"password": secret.FromString(password)} }))
	if err != nil {
		r.t.Fatal(err)
	}
	return conn
}

func TestWhoEditsARefusedKeyAgainAndAgainIsToldOnceUntilItIsQuietForAMinute(t *testing.T) {
	r := newRig(t)
	conn := r.create(ann())
	for second := range 150 {
		if got := r.answer(conn, "ListItems", 401); got.State != core.StateError || !got.Refused() {
			t.Fatalf("after %d seconds it is %v", second, got.State)
		}
		r.clock.Advance(time.Second)
		if conn = r.change("pw-bad"); conn.State != core.StateConnected {
			t.Fatalf("edited after %d seconds it is %v", second, conn.State)
		}
	}
	if n := len(r.events()); n != 1 { // it never was quiet for a minute
		t.Errorf("%d notices", n)
	}
	r.clock.Advance(time.Minute)
	r.answer(conn, "ListItems", 401)
	if n := len(r.events()); n != 2 {
		t.Errorf("after a quiet minute there are %d notices", n)
	}
}

func TestAKeyThatIsRefusedLongAfterTheLastTimeIsToldOfThoughItWasEditedJustNow(t *testing.T) {
	r := newRig(t)
	r.answer(r.create(ann()), "ListItems", 401)
	r.clock.Advance(time.Hour)
	r.answer(r.change("pw-two"), "ListItems", 401)
	if diff := cmp.Diff([]string{"failed", "failed"}, r.events()); diff != "" {
		t.Error(diff)
	}
}

func TestWhatElseEndsTheErrorOfARefusedKey(t *testing.T) {
	test := func(o core.Outcome) func(*rig) {
		return func(r *rig) {
			_, err := r.vault.ReportTest(r.t.Context(), itself("runtime-proxy"), core.TestReport{Name: name("crm-1"), Outcome: o, Failure: "the test says 401"})
			if err != nil {
				r.t.Fatal(err)
			}
		}
	}
	for title, c := range map[string]struct {
		then   func(*rig)
		want   core.State
		forgot bool // the next refusal is believed at once
	}{
		"a new secret": {func(r *rig) {
			_, err := r.vault.Update(r.t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = map[string]secret.Text{"password": secret.FromString("pw-two")} }))
			if err != nil {
				r.t.Fatal(err)
			}
		}, core.StateConnected, true},
		"another display name does not": {func(r *rig) {
			_, err := r.vault.Update(r.t.Context(), ann(), edit(func(e *core.Edit) { e.DisplayName = "renamed" }, core.FieldDisplayName))
			if err != nil {
				r.t.Fatal(err)
			}
		}, core.StateError, false},
		"a test that succeeds":                       {test(core.OutcomeSucceeded), core.StateConnected, false},
		"a test that only reaches the host does not": {test(core.OutcomeReached), core.StateError, false},
		"nor does one that fails":                    {test(core.OutcomeFailed), core.StateError, false},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.answer(r.create(ann()), "ListItems", 401)
			c.then(r)
			now := r.get("crm-1")
			if now.State != c.want || now.Refused() != (c.want == core.StateError) {
				t.Fatalf("it is %v: %q, refused %t", now.State, now.StateReason, now.Refused())
			}
			if now = r.answer(now, "ListItems", 200); now.State != core.StateConnected {
				t.Errorf("after a call that was accepted it is %v: %q", now.State, now.StateReason)
			}
			want := core.StateConnected
			if c.forgot {
				want = core.StateError
			}
			if now = r.answer(now, "ListItems", 401); now.State != want {
				t.Errorf("after another refusal it is %v", now.State)
			}
		})
	}
}

func TestAnAnswerToSecretsThatWereEditedSinceSaysNothing(t *testing.T) {
	r := newRig(t)
	old := r.create(ann())
	now, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Secrets = map[string]secret.Text{"password": secret.FromString("pw-two")} }))
	if err != nil {
		t.Fatal(err)
	}
	if got := r.answer(old, "ListItems", 401); got.State != core.StateConnected || got.Change != now.Change {
		t.Errorf("it is %v", got.State)
	}
}

func TestWhoMayReportAnAnswer(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		answer core.Answer
		want   fault.Reason
	}{
		"the runtime, serving the owner":          {through("runtime-proxy", ann()), core.Answer{Status: 401}, ""},
		"the runtime, for the trigger service":    {itself("runtime-proxy"), core.Answer{Status: 401, Request: core.Request{Principal: "trigger"}}, ""},
		"the runtime, for itself":                 {itself("runtime-proxy"), core.Answer{Status: 401}, fault.ReasonConnectionNotFound},
		"the runtime, serving somebody else":      {through("runtime-proxy", bob()), core.Answer{Status: 401}, fault.ReasonConnectionNotFound},
		"the owner, who would like it to be well": {ann(), core.Answer{Status: 200}, fault.ReasonServiceOnly},
		"a status that says nothing":              {through("runtime-proxy", ann()), core.Answer{Status: 403}, fault.ReasonInvalidArgument},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			conn := r.create(ann())
			c.answer.Name, c.answer.Etag = conn.Name, conn.Etag()
			if err := r.vault.ReportAnswer(t.Context(), c.caller, c.answer); fault.ReasonOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
