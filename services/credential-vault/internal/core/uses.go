package core

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// MaxUses is the most uses in one report.
const MaxUses = 1000

// Use is how often a principal used a connection for one operation of one host.
type Use struct {
	// Connection is what was used. It may have been removed since.
	Connection resource.Connection
	// Principal is on whose behalf.
	Principal string
	// OperationID is what for; empty for calls that are passed through.
	OperationID string
	// Host is where the secrets were sent.
	Host string
	// Count is how often, at least once.
	Count int64
	// First and Last are when. A zero Last is now, a zero First is Last.
	First, Last time.Time
}

// ReportUses records what was done with lent secrets, in one transaction for each
// environment. Only the runtime, to which they are lent, may report. What was
// recorded of a batch with the same id within the last hour is not recorded again;
// uses in environments that do not exist are left out. Those in environments with
// a damaged trail are logged as lost: whoever reports cannot do better, and has
// more to report.
func (v *Vault) ReportUses(ctx context.Context, caller Caller, batch string, uses []Use) error {
	if caller.Service != v.cfg.Runtime {
		return serviceOnly()
	}
	if len(uses) > MaxUses {
		return fault.Invalid(fault.ReasonInvalidArgument, "a report has at most %d uses; split it", MaxUses).
			Field("uses", "too many")
	}
	b := UseBatch{ID: batch, Time: v.clock.Now(), Records: make([]AuditRecord, 0, len(uses))}
	gone := map[string]bool{}
	for _, u := range uses {
		environment := u.Connection.Environment
		if _, asked := gone[environment]; !asked {
			gone[environment], _ = v.nowhere(ctx, environment)
		}
		if !gone[environment] {
			b.Records = append(b.Records, u.record(caller, b.Time))
		}
	}
	if len(b.Records) == 0 {
		return nil
	}
	err := v.store.RecordUses(ctx, b)
	if damage, ok := errors.AsType[*DamagedTrailsError](err); ok {
		v.log.ErrorContext(ctx, "uses of connections are lost to a damaged audit trail",
			"environments", damage.Environments, "batch", batch, "error", damage.Cause)
		return nil
	}
	if err != nil {
		return fmt.Errorf("record %d uses: %w", len(b.Records), err)
	}
	return nil
}

// record is what is kept of a use. Nothing happened after now.
func (u Use) record(caller Caller, now time.Time) AuditRecord {
	last := u.Last
	if last.IsZero() || last.After(now) {
		last = now
	}
	r := AuditRecord{
		Time: last, Action: ActionUsed, Connection: u.Connection, Principal: u.Principal, Service: caller.Service,
		OperationID: u.OperationID, Host: u.Host, Count: max(u.Count, 1),
	}
	if r.Count > 1 && u.First.Before(last) && !u.First.IsZero() {
		r.FirstTime = u.First
	}
	return r
}
