package core

import (
	"context"
	"strings"
	"time"
)

// Trail keeps the audit records: for every environment a chain, in which each
// record proves all that were before it.
type Trail interface {
	// Record adds an audit record. It is durable when Record returns, and an error
	// says that it may not be. The end of ctx does not end what has begun: what
	// happened is recorded, whether or not anybody waits for it.
	Record(ctx context.Context, r AuditRecord) error
	// RecordUses adds the records of a batch: of each environment all, or none. What
	// was added in an environment within the last hour is not added again when the
	// batch comes a second time, so whoever gets an error may send it again. It
	// returns [*DamagedTrailsError] when the rest can never be added.
	RecordUses(ctx context.Context, b UseBatch) error
	// AuditRecords returns audit records, newest first, at most q.Limit. The second
	// result is the Before of the next page, 0 at the end. Looking for rare records
	// it stops after having read a bounded number, so a page can be short.
	AuditRecords(ctx context.Context, q AuditQuery) ([]AuditRecord, uint64, error)
	// VerifyAudit checks the chain of an environment from the oldest record that is
	// kept to the one that was the newest when it began. Others read and write
	// meanwhile.
	VerifyAudit(ctx context.Context, environment string, anchor AuditAnchor) (AuditVerdict, error)
	// PruneAudit removes the oldest records of p.Environment, as many as one
	// transaction bears, and reports whether there are more to remove. The last
	// call of a run leaves p.Record with the number of all that were removed.
	// Records that are not what was written are not removed but an error: they are
	// evidence.
	PruneAudit(ctx context.Context, p Pruning) (more bool, err error)
	// AuditEnvironments returns the environments that have a trail, sorted.
	AuditEnvironments(ctx context.Context) ([]string, error)
}

// AuditFilter says which audit records are wanted: those that fit everything
// that is not empty.
type AuditFilter struct {
	// Environment is the id of the environment.
	Environment string
	// Connection is the id of a connection. It need not exist any more.
	Connection string
	// Principal is on whose behalf it was done.
	Principal string
	// Action is what was done.
	Action AuditAction
	// From is the earliest time, and To the first that is too late.
	From, To time.Time
}

// AuditQuery asks for a page of audit records.
type AuditQuery struct {
	AuditFilter
	// Before is the sequence of the record before which to begin; 0 to begin with
	// the newest.
	Before uint64
	// Limit is the most that is returned, at least 1.
	Limit int
}

// UseBatch is a report of uses.
type UseBatch struct {
	// ID is the same when a batch is sent again; empty if it never is.
	ID string
	// Time is when it arrived.
	Time time.Time
	// Records are what it says.
	Records []AuditRecord
}

// DamagedTrailsError says that nothing can be added to the trails of some
// environments, because they are not what was written: until somebody repairs
// them.
type DamagedTrailsError struct {
	// Environments are their ids, sorted.
	Environments []string
	// Cause is what is wrong with them.
	Cause error
}

// Error implements error.
func (e *DamagedTrailsError) Error() string {
	return "the audit trails of " + strings.Join(e.Environments, ", ") + " are damaged: " + e.Cause.Error()
}

// Unwrap returns what is wrong with them.
func (e *DamagedTrailsError) Unwrap() error { return e.Cause }

// AuditAnchor is what somebody has kept of a record outside of the vault.
type AuditAnchor struct {
	// Sequence is the position of the record; 0 for no anchor.
	Sequence uint64
	// Proof is its proof.
	Proof string
}

// AuditVerdict says whether a chain is whole.
type AuditVerdict struct {
	// Broken is the position of the first record that is wrong or missing; 0 if the
	// chain is whole.
	Broken uint64
	// Reason is what is wrong, one sentence; empty if nothing is.
	Reason string
	// Checked is how many records were checked.
	Checked uint64
	// First is the position of the oldest record that is kept. Without any it is
	// that of the next.
	First uint64
	// Last is the anchor to keep: the newest record that was checked.
	Last AuditAnchor
}

// Pruning is one run that removes old records.
type Pruning struct {
	// Environment is the id of the environment.
	Environment string
	// Before is the time before which records were recorded that are removed.
	Before time.Time
	// Record is what is left about it; the store fills in how many.
	Record AuditRecord
}
