package api

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// root is a context of an administrator's requests.
func root(t *testing.T) context.Context {
	t.Helper()
	p := authn.Principal{Kind: authn.KindUser, Name: "root", Roles: []authn.Role{authn.RoleAdmin}}
	return authn.NewContext(authn.NewPeerContext(t.Context(), "gateway"), p)
}

// last is when the use was that tests report.
var last = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func uses() *vaultv1.ReportUsesRequest {
	return &vaultv1.ReportUsesRequest{BatchId: "batch-1", Uses: []*vaultv1.CredentialUse{{
		Connection: "environments/default/connections/crm", Principal: "ann", OperationId: "ListItems", Host: "api.example.com:443",
		Count: 3, FirstTime: timestamppb.New(last.Add(-time.Minute)), LastTime: timestamppb.New(last),
	}}}
}

func TestAReportIsThereToBeListedAndVerified(t *testing.T) {
	s := newServer(&keeper{})
	for range 2 { // the second time it is known
		if _, err := s.ReportUses(ann(t), uses()); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := s.ListAuditRecords(root(t), &vaultv1.ListAuditRecordsRequest{
		Parent: "environments/default", Connection: "environments/default/connections/crm", Principal: "ann",
		Action: vaultv1.AuditAction_AUDIT_ACTION_USED, StartTime: timestamppb.New(last), EndTime: timestamppb.New(last.Add(1)),
	})
	if err != nil || len(listed.GetAuditRecords()) != 1 {
		t.Fatalf("got %v, %v", listed, err)
	}
	got := listed.GetAuditRecords()[0]
	want := &vaultv1.AuditRecord{
		Name: "environments/default/auditRecords/1", Time: timestamppb.New(last), Action: vaultv1.AuditAction_AUDIT_ACTION_USED,
		Connection: "environments/default/connections/crm", Principal: "ann", Service: "runtime-proxy", OperationId: "ListItems",
		Host: "api.example.com:443", Count: 3, FirstTime: timestamppb.New(last.Add(-time.Minute)), Sequence: 1, Proof: got.GetProof(),
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" || len(got.GetProof()) != 64 {
		t.Error(diff, got.GetProof())
	}
	verified, err := s.VerifyAuditRecords(root(t), &vaultv1.VerifyAuditRecordsRequest{Parent: "environments/default", Sequence: 1, Proof: got.GetProof()})
	if err != nil {
		t.Fatal(err)
	}
	whole := &vaultv1.VerifyAuditRecordsResponse{Intact: true, Checked: 1, FirstSequence: 1, LastSequence: 1, LastProof: got.GetProof()}
	if diff := cmp.Diff(whole, verified, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	cut, err := s.VerifyAuditRecords(root(t), &vaultv1.VerifyAuditRecordsRequest{Parent: "environments/default", Sequence: 2, Proof: got.GetProof()})
	if err != nil || cut.GetIntact() || cut.GetBrokenSequence() != 2 || cut.GetReason() == "" {
		t.Errorf("a cut: got %v, %v", cut, err)
	}
}

func TestARecordIsShownWithWhatItIsAbout(t *testing.T) {
	r := core.AuditRecord{Sequence: 7, Time: last, Action: core.ActionClientChanged, OAuthClient: "crm-client"}
	r.Connection = resource.Connection{Environment: "default"}
	want := &vaultv1.AuditRecord{
		Name: "environments/default/auditRecords/7", Time: timestamppb.New(last), Action: vaultv1.AuditAction_AUDIT_ACTION_CLIENT_CHANGED,
		OauthClient: "environments/default/oauthClients/crm-client", Sequence: 7,
	}
	if diff := cmp.Diff(want, auditMessage(r), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got := auditAction(99); got != vaultv1.AuditAction_AUDIT_ACTION_UNSPECIFIED {
		t.Errorf("an action that nobody knows is shown as %v", got)
	}
}

func TestRequestsAboutTheTrailThatMakeNoSense(t *testing.T) {
	noTime := &timestamppb.Timestamp{Seconds: 1 << 60}
	badUse := func(change func(u *vaultv1.CredentialUse)) error {
		req := uses()
		req.Uses = append(req.Uses, uses().GetUses()...)
		change(req.GetUses()[1])
		_, err := newServer(&keeper{}).ReportUses(ann(t), req)
		return err
	}
	verify := func(req *vaultv1.VerifyAuditRecordsRequest) error {
		_, err := newServer(&keeper{}).VerifyAuditRecords(root(t), req)
		return err
	}
	list := func(req *vaultv1.ListAuditRecordsRequest) error {
		req.Parent = "environments/default"
		_, err := newServer(&keeper{}).ListAuditRecords(root(t), req)
		return err
	}
	for title, c := range map[string]struct {
		err  error
		want fault.Reason
	}{
		"a use of no connection":       {badUse(func(u *vaultv1.CredentialUse) { u.Connection = "crm" }), fault.ReasonInvalidName},
		"a use that began at no time":  {badUse(func(u *vaultv1.CredentialUse) { u.FirstTime = noTime }), fault.ReasonInvalidArgument},
		"a use that ended at no time":  {badUse(func(u *vaultv1.CredentialUse) { u.LastTime = noTime }), fault.ReasonInvalidArgument},
		"records since no time":        {list(&vaultv1.ListAuditRecordsRequest{StartTime: noTime}), fault.ReasonInvalidArgument},
		"records until no time":        {list(&vaultv1.ListAuditRecordsRequest{EndTime: noTime}), fault.ReasonInvalidArgument},
		"records of nothing":           {list(&vaultv1.ListAuditRecordsRequest{Connection: "crm"}), fault.ReasonInvalidName},
		"the trail of nowhere":         {verify(&vaultv1.VerifyAuditRecordsRequest{Parent: "default"}), fault.ReasonInvalidName},
		"an anchor without a position": {verify(&vaultv1.VerifyAuditRecordsRequest{Parent: "environments/default", Proof: "00"}), fault.ReasonInvalidArgument},
		"an anchor before the first":   {verify(&vaultv1.VerifyAuditRecordsRequest{Parent: "environments/default", Sequence: -1}), fault.ReasonInvalidArgument},
		"an anchor without a proof":    {verify(&vaultv1.VerifyAuditRecordsRequest{Parent: "environments/default", Sequence: 1}), fault.ReasonInvalidArgument},
	} {
		if fault.ReasonOf(c.err) != c.want {
			t.Errorf("%s: got %v", title, c.err)
		}
	}
	if got := fmt.Sprint(fault.From(badUse(func(u *vaultv1.CredentialUse) { u.Connection = "crm" })).Violations()); got == "[]" {
		t.Error("nobody is told which use it was")
	}
}

func TestWithoutAPrincipalTheTrailIsNeitherReadNorWritten(t *testing.T) {
	s := newServer(&keeper{})
	_, reported := s.ReportUses(t.Context(), uses())
	_, verified := s.VerifyAuditRecords(t.Context(), &vaultv1.VerifyAuditRecordsRequest{Parent: "environments/default"})
	for title, err := range map[string]error{"report": reported, "verify": verified} {
		if fault.ReasonOf(err) != fault.ReasonUnauthenticated {
			t.Errorf("%s: got %v", title, err)
		}
	}
}
