package core_test

import (
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestAReportDecidesTheState(t *testing.T) {
	succeeded := core.TestReport{Name: name("crm-1"), Outcome: core.OutcomeSucceeded}
	for title, c := range map[string]struct {
		reports []core.TestReport
		state   core.State
		reason  string
	}{
		"a success":                 {[]core.TestReport{succeeded}, core.StateConnected, ""},
		"a failure":                 {[]core.TestReport{{Name: name("crm-1"), Failure: "the API said 401"}}, core.StateError, "the API said 401"},
		"a failure without reason":  {[]core.TestReport{{Name: name("crm-1")}}, core.StateError, "the last test of the connection failed"},
		"a server that was reached": {[]core.TestReport{{Name: name("crm-1"), Outcome: core.OutcomeReached}}, core.StateConnected, ""},
		"a server that was reached after a failure": {[]core.TestReport{
			{Name: name("crm-1"), Failure: "401"}, {Name: name("crm-1"), Outcome: core.OutcomeReached},
		}, core.StateConnected, ""},
		"a success after a failure": {[]core.TestReport{{Name: name("crm-1"), Failure: "401"}, succeeded}, core.StateConnected, ""},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			created := r.create(ann())
			last := created
			for _, report := range c.reports {
				r.clock.Advance(time.Minute)
				got, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), report)
				if err != nil {
					t.Fatal(err)
				}
				changed := got.State != last.State
				tests := report.Outcome != core.OutcomeReached
				if tests != got.TestTime.Equal(r.clock.Now()) || changed != got.StateTime.Equal(r.clock.Now()) {
					t.Errorf("tested %v, in this state since %v, now %v", got.TestTime, got.StateTime, r.clock.Now())
				}
				last = got
			}
			if last.State != c.state || last.StateReason != c.reason {
				t.Errorf("got %v %q", last.State, last.StateReason)
			}
			if values, _, err := r.resolve(itself("runtime-proxy"), "crm-1"); err != nil || values["password"] != "pw-one" {
				t.Errorf("after the report secrets are %v, %v", values, err)
			}
		})
	}
}

func TestATestDoesNotSpoilAnEditThatIsUnderWay(t *testing.T) {
	r := newRig(t)
	seen := r.create(ann())
	for _, failure := range []string{"401", "", "503"} {
		report := core.TestReport{Name: name("crm-1"), Failure: failure}
		if failure == "" {
			report.Outcome = core.OutcomeSucceeded
		}
		got, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), report)
		if err != nil || got.Etag() != seen.Etag() {
			t.Fatalf("the etag was %q and is %q, %v", seen.Etag(), got.Etag(), err)
		}
	}
	edited, err := r.vault.Update(t.Context(), ann(), edit(func(e *core.Edit) { e.Etag, e.DisplayName = seen.Etag(), "renamed" }, core.FieldDisplayName))
	if err != nil || edited.Etag() == seen.Etag() {
		t.Errorf("got etag %q, %v", edited.Etag(), err)
	}
	if err := r.vault.Delete(t.Context(), ann(), name("crm-1"), seen.Etag()); fault.ReasonOf(err) != fault.ReasonEtagMismatch {
		t.Errorf("an etag from before the edit: %v", err)
	}
}

func TestWhoMayReport(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		want   fault.Reason
	}{
		"the runtime":                             {itself("runtime-proxy"), ""},
		"the runtime, serving the owner":          {through("runtime-proxy", ann()), ""},
		"the runtime, serving somebody else":      {through("runtime-proxy", bob()), fault.ReasonConnectionNotFound},
		"the owner, who would like it to be well": {ann(), fault.ReasonServiceOnly},
		"another service":                         {itself("trigger"), fault.ReasonServiceOnly},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			_, err := r.vault.ReportTest(t.Context(), c.caller, core.TestReport{Name: name("crm-1")})
			if fault.ReasonOf(err) != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	_, err := newRig(t).vault.ReportTest(t.Context(), itself("runtime-proxy"), core.TestReport{Name: name("nope")})
	wantReason(t, err, fault.ReasonConnectionNotFound)
}

func TestOnlyAReportThatChangesTheStateIsAnnounced(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	announcements := func() int {
		n := 0
		for key := range r.stored() {
			if len(key) > len("outbox/message/") && key[:len("outbox/message/")] == "outbox/message/" {
				n++
			}
		}
		return n - len(r.events())
	}
	before := announcements()
	for _, step := range []struct {
		report core.TestReport
		more   int
	}{
		{core.TestReport{Outcome: core.OutcomeSucceeded}, 0},
		{core.TestReport{Failure: "401"}, 1},
		{core.TestReport{Failure: "401"}, 1},
		{core.TestReport{Failure: "403"}, 2},
		{core.TestReport{Outcome: core.OutcomeSucceeded}, 3},
	} {
		step.report.Name = name("crm-1")
		if _, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), step.report); err != nil {
			t.Fatal(err)
		}
		if got := announcements() - before; got != step.more {
			t.Errorf("after %+v there are %d more announcements, want %d", step.report, got, step.more)
		}
	}
}

func TestNoTestSaysThatSomebodyHasSignedIn(t *testing.T) {
	for title, outcome := range map[string]core.Outcome{"a test that succeeds": core.OutcomeSucceeded, "a test that fails": core.OutcomeFailed} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			conn := r.create(ann())
			conn.Change, conn.State, conn.StateReason = 2, core.StateNeedsAuthorization, "the grant is gone"
			if err := r.records.Replace(t.Context(), core.Write{Connection: conn}); err != nil {
				t.Fatal(err)
			}
			got, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), core.TestReport{Name: conn.Name, Outcome: outcome, Failure: "401"})
			if err != nil || got.State != core.StateNeedsAuthorization || got.StateReason != "the grant is gone" || got.TestTime.IsZero() {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}
