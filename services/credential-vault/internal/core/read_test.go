package core_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestWhoSeesAConnection(t *testing.T) {
	for title, c := range map[string]struct {
		caller core.Caller
		sees   bool
	}{
		"its owner":              {ann(), true},
		"an administrator":       {admin(), true},
		"a service of the suite": {itself("trigger"), true},
		"somebody else":          {bob(), false},
		"a maker, who may only change connectors": {user("mia", authn.RoleMaker), false},
		"a user whose name is that of a service":  {user("trigger"), false},
		"nobody":                                  {core.Caller{}, false},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create(ann())
			_, err := r.vault.Get(t.Context(), c.caller, name("crm-1"))
			list, _, listErr := r.vault.List(t.Context(), c.caller, core.Listing{Environment: "default"})
			if listErr != nil {
				t.Fatal(listErr)
			}
			if c.sees {
				if err != nil || len(list) != 1 {
					t.Errorf("got %v, %d listed", err, len(list))
				}
				return
			}
			wantReason(t, err, fault.ReasonConnectionNotFound)
			if len(list) != 0 {
				t.Errorf("%d are listed", len(list))
			}
			_, missing := r.vault.Get(t.Context(), c.caller, name("nope"))
			if fault.From(err).Code() != fault.From(missing).Code() || fault.ReasonOf(missing) != fault.ReasonOf(err) {
				t.Errorf("the refusal %v tells that the connection exists: without one it is %v", err, missing)
			}
		})
	}
}

func TestTheOwnerOfAServicesNameIsNotTheService(t *testing.T) {
	r := newRig(t)
	r.create(user("trigger"))
	if _, err := r.vault.Get(t.Context(), user("trigger"), name("crm-1")); err != nil {
		t.Error(err)
	}
}

func TestListingsAreTurnedPageByPage(t *testing.T) {
	r := newRig(t)
	for i := range 3 {
		r.create(ann(), func(d *core.Draft) { d.ID = fmt.Sprint("a", i) })
		r.create(bob(), func(d *core.Draft) { d.ID = fmt.Sprint("b", i) })
	}
	var got []string
	l := core.Listing{Environment: "default", PageSize: 2}
	for {
		conns, next, err := r.vault.List(t.Context(), ann(), l)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range conns {
			got = append(got, c.Name.ID)
		}
		if next == "" {
			break
		}
		l.PageToken = next
	}
	if diff := cmp.Diff([]string{"a0", "a1", "a2"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestATokenIsForTheListingItCameFrom(t *testing.T) {
	r := newRig(t)
	r.connectors.definitions["erp"] = crm()
	for i := range 3 {
		r.create(ann(), func(d *core.Draft) { d.ID = fmt.Sprint("a", i) })
	}
	_, next, err := r.vault.List(t.Context(), ann(), core.Listing{Environment: "default", PageSize: 1})
	if err != nil || next == "" {
		t.Fatal(next, err)
	}
	for title, try := range map[string]func() error{
		"another filter": func() error {
			_, _, err := r.vault.List(t.Context(), ann(), core.Listing{Environment: "default", Connector: "crm", PageToken: next})
			return err
		},
		"another caller": func() error {
			_, _, err := r.vault.List(t.Context(), admin(), core.Listing{Environment: "default", PageToken: next})
			return err
		},
		"another method": func() error {
			_, _, err := r.vault.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}, PageToken: next})
			return err
		},
		"a token of one's own making": func() error {
			_, _, err := r.vault.List(t.Context(), ann(), core.Listing{Environment: "default", PageToken: "AAAA"})
			return err
		},
	} {
		t.Run(title, func(t *testing.T) { wantReason(t, try(), fault.ReasonInvalidPageToken) })
	}
}

func TestTheTrailIsForAdministrators(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	for title, caller := range map[string]core.Caller{
		"the owner": ann(), "a maker": user("mia", authn.RoleMaker), "a service": itself("trigger"),
	} {
		_, _, err := r.vault.ListAudit(t.Context(), caller, core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default"}})
		if fault.ReasonOf(err) != fault.ReasonPermissionDenied {
			t.Errorf("%s: got %v", title, err)
		}
	}
}

func TestTheTrailOfAConnectionOutlivesIt(t *testing.T) {
	r := newRig(t)
	r.create(ann())
	r.create(ann(), func(d *core.Draft) { d.ID = "other" })
	if err := r.vault.Delete(t.Context(), ann(), name("crm-1"), ""); err != nil {
		t.Fatal(err)
	}
	records, next, err := r.vault.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default", Connection: "crm-1"}, PageSize: 1})
	if err != nil || len(records) != 1 || records[0].Action != core.ActionDeleted || next == "" {
		t.Fatalf("got %v, %q, %v", records, next, err)
	}
	records, next, err = r.vault.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "default", Connection: "crm-1"}, PageToken: next})
	if err != nil || len(records) != 1 || records[0].Action != core.ActionCreated || next != "" {
		t.Fatalf("got %v, %q, %v", records, next, err)
	}
}

func TestThereIsOneEnvironment(t *testing.T) {
	r := newRig(t)
	elsewhere := name("crm-1")
	elsewhere.Environment = "prod"
	for title, try := range map[string]func() error{
		"get": func() error { _, err := r.vault.Get(t.Context(), admin(), elsewhere); return err },
		"list": func() error {
			_, _, err := r.vault.List(t.Context(), admin(), core.Listing{Environment: "prod"})
			return err
		},
		"audit": func() error {
			_, _, err := r.vault.ListAudit(t.Context(), admin(), core.AuditListing{AuditFilter: core.AuditFilter{Environment: "prod"}})
			return err
		},
		"update": func() error { _, err := r.vault.Update(t.Context(), admin(), core.Edit{Name: elsewhere}); return err },
		"delete": func() error { return r.vault.Delete(t.Context(), admin(), elsewhere, "") },
		"resolve": func() error {
			_, err := r.vault.Resolve(t.Context(), itself("runtime-proxy"), core.Request{Name: elsewhere})
			return err
		},
		"report": func() error {
			_, err := r.vault.ReportTest(t.Context(), itself("runtime-proxy"), core.TestReport{Name: elsewhere})
			return err
		},
	} {
		t.Run(title, func(t *testing.T) {
			err := try()
			wantReason(t, err, fault.ReasonEnvironmentNotFound)
			if fault.From(err).Meta()["environment"] != "prod" {
				t.Errorf("metadata is %v", fault.From(err).Meta())
			}
		})
	}
}
