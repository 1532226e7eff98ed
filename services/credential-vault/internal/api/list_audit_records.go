package api

import (
	"context"

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
	l := core.AuditListing{Environment: parent.ID, PageSize: req.GetPageSize(), PageToken: req.GetPageToken()}
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
	return &vaultv1.AuditRecord{
		Name:        r.Connection.Parent().String() + "/auditRecords/" + r.ID,
		Time:        timestamppb.New(r.Time),
		Action:      auditAction(r.Action),
		Connection:  r.Connection.String(),
		Principal:   r.Principal,
		Service:     r.Service,
		OperationId: r.OperationID,
		SecretNames: r.SecretNames,
	}
}

func auditAction(a core.AuditAction) vaultv1.AuditAction {
	switch a {
	case core.ActionCreated:
		return vaultv1.AuditAction_AUDIT_ACTION_CREATED
	case core.ActionChanged:
		return vaultv1.AuditAction_AUDIT_ACTION_CHANGED
	case core.ActionDeleted:
		return vaultv1.AuditAction_AUDIT_ACTION_DELETED
	case core.ActionResolved:
		return vaultv1.AuditAction_AUDIT_ACTION_RESOLVED
	case core.ActionRefused:
		return vaultv1.AuditAction_AUDIT_ACTION_REFUSED
	case core.ActionUnspecified:
	}
	return vaultv1.AuditAction_AUDIT_ACTION_UNSPECIFIED
}
