package api

import (
	"context"
	"strconv"

	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ListAuditRecords returns audit records, newest first.
func (s *Server) ListAuditRecords(ctx context.Context, req *vaultv1.ListAuditRecordsRequest) (*vaultv1.ListAuditRecordsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	listing, err := auditListing(req)
	if err != nil {
		return nil, err
	}
	records, next, err := s.vault.ListAudit(ctx, caller, listing)
	if err != nil {
		return nil, err
	}
	resp := &vaultv1.ListAuditRecordsResponse{NextPageToken: next}
	for _, r := range records {
		resp.AuditRecords = append(resp.AuditRecords, auditMessage(r))
	}
	return resp, nil
}

func auditListing(req *vaultv1.ListAuditRecordsRequest) (core.AuditListing, error) {
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return core.AuditListing{}, err
	}
	l := core.AuditListing{PageSize: req.GetPageSize(), PageToken: req.GetPageToken()}
	l.Environment, l.Principal, l.Action = parent.ID, req.GetPrincipal(), core.AuditAction(req.GetAction())
	if l.From, err = timeOf("start_time", req.GetStartTime()); err != nil {
		return core.AuditListing{}, err
	}
	if l.To, err = timeOf("end_time", req.GetEndTime()); err != nil {
		return core.AuditListing{}, err
	}
	if req.GetConnection() == "" {
		return l, nil
	}
	connection, err := resource.ParseConnection(req.GetConnection())
	if err != nil {
		return core.AuditListing{}, err
	}
	if connection.Environment != parent.ID {
		return core.AuditListing{}, elsewhere("connection")
	}
	l.Connection = connection.ID
	return l, nil
}

func auditMessage(r core.AuditRecord) *vaultv1.AuditRecord {
	environment := r.Connection.Parent()
	m := &vaultv1.AuditRecord{
		Name:        environment.String() + "/auditRecords/" + strconv.FormatUint(r.Sequence, 10),
		Time:        timestamppb.New(r.Time),
		Action:      auditAction(r.Action),
		Principal:   r.Principal,
		Service:     r.Service,
		OperationId: r.OperationID,
		SecretNames: r.SecretNames,
		Host:        r.Host,
		Count:       r.Count,
		Sequence:    int64(r.Sequence),
		Proof:       r.Proof,

		NotRevokedReason: r.NotRevokedReason,
	}
	if r.Connection.ID != "" {
		m.Connection = r.Connection.String()
	}
	if r.OAuthClient != "" {
		m.OauthClient = resource.OAuthClient{Environment: environment.ID, ID: r.OAuthClient}.String()
	}
	if !r.FirstTime.IsZero() {
		m.FirstTime = timestamppb.New(r.FirstTime)
	}
	return m
}

// auditAction returns the same number: those of core are the message's.
func auditAction(a core.AuditAction) vaultv1.AuditAction {
	action := vaultv1.AuditAction(a)
	if _, known := vaultv1.AuditAction_name[int32(action)]; !known {
		return vaultv1.AuditAction_AUDIT_ACTION_UNSPECIFIED
	}
	return action
}
