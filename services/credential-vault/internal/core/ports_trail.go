package core

import "context"

// Trail keeps the audit records.
type Trail interface {
	// Record adds an audit record. It is durable when Record returns.
	Record(ctx context.Context, r AuditRecord) error
	// AuditRecords returns audit records, newest first, at most q.Limit. The
	// second result is the id to continue after; empty at the end.
	AuditRecords(ctx context.Context, q AuditQuery) ([]AuditRecord, string, error)
}
