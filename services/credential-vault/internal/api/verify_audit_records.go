package api

import (
	"context"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// VerifyAuditRecords checks the chain of an environment's audit records.
func (s *Server) VerifyAuditRecords(ctx context.Context, req *vaultv1.VerifyAuditRecordsRequest) (*vaultv1.VerifyAuditRecordsResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	parent, err := resource.ParseEnvironment(req.GetParent())
	if err != nil {
		return nil, err
	}
	if req.GetSequence() < 0 {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "a position is not negative; positions begin with 1").
			Field("sequence", "must not be negative")
	}
	if req.GetSequence() == 0 && req.GetProof() != "" {
		return nil, fault.Invalid(fault.ReasonInvalidArgument, "the proof of a record is checked at its position; send both").
			Field("sequence", "is missing")
	}
	anchor := core.AuditAnchor{Sequence: uint64(req.GetSequence()), Proof: req.GetProof()}
	verdict, err := s.vault.VerifyAudit(ctx, caller, parent.ID, anchor)
	if err != nil {
		return nil, err
	}
	return &vaultv1.VerifyAuditRecordsResponse{
		Intact:         verdict.Broken == 0,
		Checked:        int64(verdict.Checked),
		BrokenSequence: int64(verdict.Broken),
		Reason:         verdict.Reason,
		FirstSequence:  int64(verdict.First),
		LastSequence:   int64(verdict.Last.Sequence),
		LastProof:      verdict.Last.Proof,
	}, nil
}
