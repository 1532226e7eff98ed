package api

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// ReportUses leaves audit records of what was done under leases.
func (s *Server) ReportUses(ctx context.Context, req *vaultv1.ReportUsesRequest) (*vaultv1.ReportUsesResponse, error) {
	caller, err := callerOf(ctx)
	if err != nil {
		return nil, err
	}
	uses := make([]core.Use, 0, len(req.GetUses()))
	for i, m := range req.GetUses() {
		use, err := useOf(m)
		if err != nil {
			return nil, fault.From(err).Field(fmt.Sprintf("uses[%d]", i), "cannot be read")
		}
		uses = append(uses, use)
	}
	if err := s.vault.ReportUses(ctx, caller, req.GetBatchId(), uses); err != nil {
		return nil, err
	}
	return &vaultv1.ReportUsesResponse{}, nil
}

func useOf(m *vaultv1.CredentialUse) (core.Use, error) {
	connection, err := resource.ParseConnection(m.GetConnection())
	if err != nil {
		return core.Use{}, err
	}
	u := core.Use{
		Connection: connection, Principal: m.GetPrincipal(), OperationID: m.GetOperationId(), Host: m.GetHost(), Count: m.GetCount(),
	}
	if u.First, err = timeOf("first_time", m.GetFirstTime()); err != nil {
		return core.Use{}, err
	}
	u.Last, err = timeOf("last_time", m.GetLastTime())
	return u, err
}

// timeOf returns the time of a message; zero if it has none.
func timeOf(field string, t *timestamppb.Timestamp) (time.Time, error) {
	switch {
	case t == nil:
		return time.Time{}, nil
	case !t.IsValid():
		return time.Time{}, fault.Invalid(fault.ReasonInvalidArgument, "%s is no time", field).
			Field(field, "must be a time from year 1 to 9999")
	}
	return t.AsTime(), nil
}
