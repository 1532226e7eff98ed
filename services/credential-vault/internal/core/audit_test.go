package core_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// start is when the clock of every rig begins.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// use is three calls within a minute.
func use() core.Use {
	return core.Use{
		Connection: name("crm-1"), Principal: "ann", OperationID: "ListItems", Host: "api.crm.example:443",
		Count: 3, First: start.Add(-time.Minute), Last: start.Add(-time.Second),
	}
}

// used lists the records of an environment.
func used(t *testing.T, v *core.Vault, environment string) []core.AuditRecord {
	t.Helper()
	records, _, err := v.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: environment, Action: core.ActionUsed}})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func TestAUseIsKeptAsItWasReported(t *testing.T) {
	base := core.AuditRecord{
		Time: start.Add(-time.Second), Action: core.ActionUsed, Connection: name("crm-1"), Principal: "ann", Service: "runtime-proxy",
		OperationID: "ListItems", Host: "api.crm.example:443", Count: 3, FirstTime: start.Add(-time.Minute),
	}
	for title, c := range map[string]struct {
		use  func(u *core.Use)
		want func(r *core.AuditRecord)
	}{
		"as it is": {func(*core.Use) {}, func(*core.AuditRecord) {}},
		"a single one has no first": {
			func(u *core.Use) { u.Count = 1 }, func(r *core.AuditRecord) { r.Count, r.FirstTime = 1, time.Time{} },
		},
		"without times it is now": {
			func(u *core.Use) { u.First, u.Last = time.Time{}, time.Time{} },
			func(r *core.AuditRecord) { r.Time, r.FirstTime = start, time.Time{} },
		},
		"a clock that is ahead does not reach the trail": {
			func(u *core.Use) { u.Last = start.Add(time.Hour) }, func(r *core.AuditRecord) { r.Time = start },
		},
		"a first after the last is none": {
			func(u *core.Use) { u.First = start }, func(r *core.AuditRecord) { r.FirstTime = time.Time{} },
		},
		"none is one": {
			func(u *core.Use) { u.Count = 0 }, func(r *core.AuditRecord) { r.Count, r.FirstTime = 1, time.Time{} },
		},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			u, want := use(), base
			c.use(&u)
			c.want(&want)
			if err := r.vault.ReportUses(t.Context(), itself("runtime-proxy"), "batch-1", []core.Use{u}); err != nil {
				t.Fatal(err)
			}
			got := used(t, r.vault, "default") // the connection does not exist, and does not have to
			if diff := cmp.Diff([]core.AuditRecord{want}, got, cmpopts.IgnoreFields(core.AuditRecord{}, "Sequence", "Proof")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOnlyTheRuntimeReportsUses(t *testing.T) {
	r := newRig(t)
	for title, caller := range map[string]core.Caller{"the owner": ann(), "an administrator": admin(), "another service": itself("trigger"), "nobody": {}} {
		if err := r.vault.ReportUses(t.Context(), caller, "", []core.Use{use()}); fault.ReasonOf(err) != fault.ReasonServiceOnly {
			t.Errorf("%s: got %v", title, err)
		}
	}
	if got := used(t, r.vault, "default"); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestAReportHasItsBounds(t *testing.T) {
	r := newRig(t)
	uses := make([]core.Use, core.MaxUses+1)
	for i := range uses {
		uses[i] = use()
	}
	if err := r.vault.ReportUses(t.Context(), itself("runtime-proxy"), "", uses); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("got %v", err)
	}
	if err := r.vault.ReportUses(t.Context(), itself("runtime-proxy"), "", uses[1:]); err != nil {
		t.Error(err)
	}
}

func TestUsesAreRecordedWhereThereIsAnEnvironment(t *testing.T) {
	r := newRig(t)
	report := func(environments ...string) {
		t.Helper()
		var uses []core.Use
		for _, environment := range environments {
			u := use()
			u.Connection.Environment = environment
			uses = append(uses, u)
		}
		if err := r.vault.ReportUses(t.Context(), itself("runtime-proxy"), "", uses); err != nil {
			t.Fatal(err)
		}
	}
	report("default", "gone", "staging", "gone")
	report("gone")
	report()
	r.environments.lost.Store(true) // nobody can tell whether it exists: it was lent there
	report("staging")
	r.environments.lost.Store(false)
	for environment, want := range map[string]int{"default": 1, "staging": 2} {
		if got := used(t, r.vault, environment); len(got) != want {
			t.Errorf("%s has %d records", environment, len(got))
		}
	}
	environments, err := r.records.AuditEnvironments(t.Context())
	if err != nil || !cmp.Equal(environments, []string{"default", "staging"}) {
		t.Errorf("trails in %q, %v", environments, err)
	}
}

func TestVerifyingIsForAdministratorsToo(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	if _, err := r.vault.VerifyAudit(t.Context(), ann(), "default", core.AuditAnchor{}); fault.ReasonOf(err) != fault.ReasonPermissionDenied {
		t.Errorf("the owner: got %v", err)
	}
	if _, err := r.vault.VerifyAudit(t.Context(), admin(), "gone", core.AuditAnchor{}); fault.ReasonOf(err) != fault.ReasonEnvironmentNotFound {
		t.Errorf("nowhere: got %v", err)
	}
	got, err := r.vault.VerifyAudit(t.Context(), admin(), "default", core.AuditAnchor{})
	if err != nil || got.Broken != 0 || got.Checked != 1 || got.Last.Sequence != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	r.faults.Fail(faultkv.BeforeCommit, 1, errors.New("the disk is full"))
	if values, _, err := r.resolve(through("runtime-proxy", ann()), "crm-1"); err == nil {
		t.Errorf("lent %v without a record", values)
	}
	for i, s := range r.sealer.lent {
		if !s.Empty() {
			t.Errorf("secret %d is still in clear", i)
		}
	}
}

func TestAPageTokenOfAnotherQuestionIsRefused(t *testing.T) {
	r := newRig(t)
	for range 3 {
		if err := r.vault.ReportUses(t.Context(), itself("runtime-proxy"), "", []core.Use{use()}); err != nil {
			t.Fatal(err)
		}
	}
	base := core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}, PageSize: 1}
	_, token, err := r.vault.ListAudit(t.Context(), admin(), base)
	if err != nil || token == "" {
		t.Fatalf("got %q, %v", token, err)
	}
	base.PageToken = token
	for title, change := range map[string]func(l *core.AuditListing){
		"another connection": func(l *core.AuditListing) { l.Connection = "crm-1" },
		"another principal":  func(l *core.AuditListing) { l.Principal = "ann" },
		"another action":     func(l *core.AuditListing) { l.Action = core.ActionUsed },
		"another start":      func(l *core.AuditListing) { l.From = start },
		"another end":        func(l *core.AuditListing) { l.To = start },
	} {
		l := base
		change(&l)
		if _, _, err := r.vault.ListAudit(t.Context(), admin(), l); fault.ReasonOf(err) != fault.ReasonInvalidPageToken {
			t.Errorf("%s: got %v", title, err)
		}
	}
	if got, _, err := r.vault.ListAudit(t.Context(), admin(), base); err != nil || len(got) != 1 || got[0].Sequence != 2 {
		t.Errorf("the same question goes on with %v, %v", got, err)
	}
	turned := core.AuditFilter{Environment: "default", From: start, To: start}
	if _, _, err := r.vault.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: turned}); fault.ReasonOf(err) != fault.ReasonInvalidArgument {
		t.Errorf("no time at all: got %v", err)
	}
}

// keeping is a vault that keeps records for a day, on a store of its own.
func keeping(retention time.Duration) (*core.Vault, *clocktest.Fake, *faultkv.Store) {
	clk, engine := clocktest.New(start), faultkv.New(memkv.New())
	return core.New(core.Config{Runtime: "runtime-proxy", AuditRetention: retention}, core.Ports{
		Store: proved(engine), Environments: &environments{}, Clock: clk,
	}), clk, engine
}

func TestOldRecordsAreRemovedEveryHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, clk, engine := keeping(24 * time.Hour)
		staging := use()
		staging.Connection = resource.Connection{Environment: "staging", ID: "crm-1"}
		report := func() {
			t.Helper()
			if err := v.ReportUses(t.Context(), itself("runtime-proxy"), "", []core.Use{use(), staging}); err != nil {
				t.Fatal(err)
			}
		}
		report()
		ctx, stop := context.WithCancel(t.Context())
		var failures []error
		done := make(chan error, 1)
		go func() {
			done <- v.PruneAudit(ctx, func(_ context.Context, err error) { failures = append(failures, err) })
		}()
		synctest.Wait()
		clk.Advance(23 * time.Hour)
		synctest.Wait()
		report()
		if n := len(used(t, v, "default")); n != 2 {
			t.Errorf("%d records after 23 hours", n)
		}
		broken := errors.New("the disk does not answer")
		engine.Fail(faultkv.OnUpdate, 1, broken) // of the first environment
		clk.Advance(2 * time.Hour)
		synctest.Wait()
		if len(failures) != 1 || !errors.Is(failures[0], broken) {
			t.Errorf("told of %v", failures)
		}
		if n, m := len(used(t, v, "default")), len(used(t, v, "staging")); n != 2 || m != 1 {
			t.Errorf("%d and %d records, want 2 where it failed and 1 elsewhere", n, m)
		}
		clk.Advance(time.Hour) // the next attempt
		synctest.Wait()
		if n := len(used(t, v, "default")); n != 1 {
			t.Errorf("%d records after 26 hours", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutARetentionRecordsAreKeptForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, clk, _ := keeping(0)
		if err := v.ReportUses(t.Context(), itself("runtime-proxy"), "", []core.Use{use()}); err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- v.PruneAudit(ctx, func(_ context.Context, err error) { t.Error(err) }) }()
		synctest.Wait()
		clk.Advance(100 * 365 * 24 * time.Hour)
		synctest.Wait()
		if n := len(used(t, v, "default")); n != 1 {
			t.Errorf("%d records after a hundred years", n)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAnActionWithoutANameIsUnspecified(t *testing.T) {
	for _, a := range []core.AuditAction{-1, 0, 99} {
		if got := a.String(); got != "ACTION_UNSPECIFIED" {
			t.Errorf("%d is %s", int(a), got)
		}
	}
}

func TestADamagedTrailKeepsNoReportFromBeingTaken(t *testing.T) {
	r := newRig(t)
	report := func(batch string) error {
		staging := use()
		staging.Connection = resource.Connection{Environment: "staging", ID: "crm-1"}
		return r.vault.ReportUses(t.Context(), itself("runtime-proxy"), batch, []core.Use{staging, use()})
	}
	if err := report("batch-1"); err != nil {
		t.Fatal(err)
	}
	err := r.faults.Update(t.Context(), func(tx kv.Tx) error { return tx.Delete([]byte("h/staging")) })
	if err != nil {
		t.Fatal(err)
	}
	if err := report("batch-2"); err != nil {
		t.Errorf("whoever reports is kept from reporting more: %v", err)
	}
	if got := used(t, r.vault, "default"); len(got) != 2 {
		t.Errorf("the other environment has %d records", len(got))
	}
	r.faults.Fail(faultkv.OnUpdate, 1, errors.New("the disk is full"))
	if err := report("batch-3"); err == nil {
		t.Error("what can be recorded later is taken for lost")
	}
}
