package core_test

import (
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// inStaging makes a draft one of the environment staging.
func inStaging(d *core.Draft) { d.Environment, d.Connector.Environment = "staging", "staging" }

func TestEnvironmentsKeepTheirConnectionsApart(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	there := r.create(ann(), inStaging, func(d *core.Draft) { d.DisplayName, d.Secrets = "Staged", texts("password", "pw-two") })
	if there.Name != (resource.Connection{Environment: "staging", ID: "crm-1"}) {
		t.Fatalf("created %s", there.Name)
	}
	for environment, want := range map[string]string{"default": "pw-one", "staging": "pw-two"} {
		name := resource.Connection{Environment: environment, ID: "crm-1"}
		lent, err := r.vault.Resolve(t.Context(), through("runtime-proxy", ann()), core.Request{Name: name, OperationID: "X"})
		if err != nil || len(lent.Secrets) != 1 || plain(t, lent.Secrets[0].Value) != want {
			t.Errorf("%s lends %v, %v", environment, lent.Secrets, err)
		}
		list, _, err := r.vault.List(t.Context(), ann(), core.Listing{Environment: environment})
		if err != nil || len(list) != 1 || list[0].Name != name {
			t.Errorf("%s lists %v, %v", environment, list, err)
		}
		records, _, err := r.vault.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: environment}})
		if err != nil || len(records) != 2 || records[0].Connection != name {
			t.Errorf("%s has the trail %v, %v", environment, records, err)
		}
	}
	if err := r.vault.Delete(t.Context(), ann(), there.Name, ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.vault.Get(t.Context(), ann(), name("crm-1")); err != nil {
		t.Errorf("the other one is gone too: %v", err)
	}
}

func TestAConnectionAcrossEnvironmentsIsRefused(t *testing.T) {
	r := newRig(t)
	d := draft()
	d.Environment = "staging"
	if _, err := r.vault.Create(t.Context(), ann(), d); fault.CodeOf(err) != fault.CodeInvalidArgument {
		t.Errorf("created: %v", err)
	}
}

// TestTheLossOfTheRegistryStopsNothingThatIsThere is about environments that
// nobody can be asked for.
func TestTheLossOfTheRegistryStopsNothingThatIsThere(t *testing.T) {
	r := newRig(t)
	there := r.create(ann(), inStaging).Name
	r.environments.lost.Store(true)
	for _, row := range []struct {
		title string
		try   func() error
	}{
		{"reading", func() error { _, err := r.vault.Get(t.Context(), ann(), there); return err }},
		{"lending", func() error {
			_, err := r.vault.Resolve(t.Context(), through("runtime-proxy", ann()), core.Request{Name: there, OperationID: "X"})
			return err
		}},
		{"reporting", func() error {
			_, err := r.vault.ReportTest(t.Context(), through("runtime-proxy", ann()), core.TestReport{Name: there, Outcome: core.OutcomeSucceeded})
			return err
		}},
		{"changing", func() error {
			_, err := r.vault.Update(t.Context(), ann(), core.Edit{Name: there, DisplayName: "x", Fields: []core.Field{core.FieldDisplayName}})
			return err
		}},
		{"deleting", func() error { return r.vault.Delete(t.Context(), ann(), there, "") }},
	} {
		if err := row.try(); err != nil {
			t.Errorf("%s: %v", row.title, err)
		}
	}
	_, err := r.vault.Get(t.Context(), ann(), resource.Connection{Environment: "staging", ID: "nothing"})
	wantReason(t, err, fault.ReasonConnectionNotFound)
	_, _, err = r.vault.List(t.Context(), ann(), core.Listing{Environment: "staging"})
	wantReason(t, err, fault.ReasonServiceUnavailable)
}

func TestRefusalsWhereNothingIsLeaveNoRecord(t *testing.T) {
	r := newRig(t)
	for environment, want := range map[string]int{"staging": 2, "prod": 0} {
		req := core.Request{Name: resource.Connection{Environment: environment, ID: "crm-1"}, OperationID: "X"}
		if err := r.vault.Refused(t.Context(), itself("gateway"), req); err != nil {
			t.Errorf("%s: %v", environment, err)
		}
		if _, err := r.vault.Resolve(t.Context(), itself("gateway"), req); err == nil {
			t.Errorf("%s: lent to the gateway", environment)
		}
		records, _, err := r.records.AuditRecords(t.Context(), core.AuditQuery{AuditFilter: core.AuditFilter{Environment: environment}, Limit: 9})
		if err != nil || len(records) != want {
			t.Errorf("%s has %d records, %v", environment, len(records), err)
		}
	}
}
