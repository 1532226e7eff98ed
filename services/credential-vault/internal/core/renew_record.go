package core

import (
	"context"
	"errors"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/oauth"
)

// operationOfProvider stands for a call of a token endpoint in the audit trail.
const operationOfProvider = "oauth:token"

// noteFailed leaves an audit record of a request to a provider that was sent, with
// secrets in it, and brought no token. One that brought a token is on record
// together with that.
func (v *Vault) noteFailed(ctx context.Context, conn Connection, endpoint string, err error) {
	if e, ok := errors.AsType[*oauth.Error](err); ok && e.Sent {
		v.noteSent(ctx, conn, hostOf(endpoint))
	}
}

// noteSent leaves the record.
func (v *Vault) noteSent(ctx context.Context, conn Connection, host string) {
	record := v.ownRecord(conn, ActionUsed)
	record.Host = host
	v.keepRecord(ctx, *record)
}

// ownRecord begins an audit record of what the vault does at a provider by itself, on
// behalf of a connection's owner.
func (v *Vault) ownRecord(conn Connection, action AuditAction) *AuditRecord {
	record := v.record(Caller{Service: itself}, action, conn.Name, nil)
	record.Principal, record.OperationID = conn.Owner, operationOfProvider
	return record
}

// keepRecord records what has been sent already. If the store fails three times, the log
// has it.
func (v *Vault) keepRecord(ctx context.Context, record AuditRecord) {
	ctx = context.WithoutCancel(ctx)
	var err error
	for range claimTries {
		if err = v.store.Record(ctx, record); err == nil {
			return
		}
	}
	v.log.ErrorContext(ctx, "a request to a provider was not recorded",
		"action", record.Action.String(), "connection", record.Connection.String(), "host", record.Host, "error", err)
}
