package core

import (
	"context"
	"fmt"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// statusUnauthorized is the HTTP status 401.
	statusUnauthorized = 401
	// refusalHold is how long a connection whose secrets were accepted after they had
	// been refused is not put into error for another refusal; it doubles each time, up to
	// refusalHoldMost. So an operation that is refused for reasons of its own, while
	// others are accepted, does not make its connection flap.
	refusalHold     = 10 * time.Minute
	refusalHoldMost = 24 * time.Hour
	// refusalDoublings is how often it can double.
	refusalDoublings = 8
	// refusalQuiet is how long after a connection came into error its owner is not told
	// that its secrets are refused once more, though they have been edited meanwhile:
	// who edits and calls in turn would fill the bus that everybody's notices take.
	refusalQuiet = time.Minute
)

// Answer is what an API said to a call with secrets that are no tokens.
type Answer struct {
	// Request is as for [Vault.Resolve].
	Request
	// Etag is that of the connection as it was lent.
	Etag string
	// Status is that of the API's answer: 401 refuses the secrets, 2xx accepts them.
	Status int
	// Host is who answered, "host:port".
	Host string
}

// Refusals are what APIs thought of secrets that are no tokens, since somebody edited
// the connection.
type Refusals struct {
	// Reason is why the connection is in error since they were refused; empty if they
	// were not, or have been accepted since.
	Reason string
	// Cleared is how often they were accepted after a refusal, and ClearTime when that
	// was last. If they never were, ClearTime is when the connection last came into error
	// before an edit that ended that; zero if it never did.
	Cleared   int
	ClearTime time.Time
}

// stand reports whether nothing has been accepted since the last refusal.
func (r Refusals) stand() bool { return r.Reason != "" }

// cleared returns what they are when secrets are accepted.
func (r Refusals) cleared(now time.Time) Refusals {
	if !r.stand() {
		return r
	}
	return Refusals{Cleared: r.Cleared + 1, ClearTime: now}
}

// held reports whether another refusal proves nothing yet: calls were accepted a short
// time ago.
func (r Refusals) held(now time.Time) bool {
	if r.Cleared == 0 {
		return false
	}
	hold := min(refusalHold<<min(r.Cleared-1, refusalDoublings), refusalHoldMost)
	return now.Sub(r.ClearTime) < hold
}

// quiet reports whether the owner has been told a short time ago.
func (r Refusals) quiet(now time.Time) bool { return now.Sub(r.ClearTime) < refusalQuiet }

// editedRefusals returns what remains of the refusals when secrets are edited: they were
// about other values, but whoever was told of them need not be told again at once.
func (c Connection) editedRefusals() Refusals {
	if c.State == StateError {
		return Refusals{ClearTime: c.StateTime}
	}
	return Refusals{ClearTime: c.Refusals.ClearTime}
}

// Refused reports whether an API has refused its secrets, and accepted none since.
func (c Connection) Refused() bool { return c.Refusals.stand() }

// ReportAnswer keeps that an API refused secrets that are no tokens, or accepted them
// again. Only the runtime may report that, of a connection that it was lent for the same
// caller. What is known already changes nothing, and neither does an answer to secrets
// that have been edited since.
func (v *Vault) ReportAnswer(ctx context.Context, caller Caller, a Answer) error {
	if caller.Service != v.cfg.Runtime {
		return serviceOnly()
	}
	_, err := settled(a.Name, func() (Connection, error) { return v.tryAnswer(ctx, caller, a) })
	return err
}

func (v *Vault) tryAnswer(ctx context.Context, caller Caller, a Answer) (Connection, error) {
	before, err := v.store.Connection(ctx, a.Name)
	if err := v.found(ctx, a.Name, err); err != nil {
		return Connection{}, err
	}
	if !v.mayUse(caller, a.Request, before) {
		return Connection{}, notFound(a.Name)
	}
	if before.Etag() != a.Etag {
		return before, nil
	}
	now, after, action := v.clock.Now(), before, ActionRejected
	switch {
	case a.Status == statusUnauthorized:
		if before.State == StateNeedsAuthorization || before.Refused() || before.Refusals.held(now) {
			return before, nil
		}
		after.Refusals.Reason = refusedReason(a)
		after.enter(StateError, after.Refusals.Reason, now)
	case a.Status/100 == 2:
		if !before.Refused() {
			return before, nil
		}
		action = ActionAccepted
		after.Refusals = before.Refusals.cleared(now)
		if before.State == StateError && before.StateReason == before.Refusals.Reason {
			after.enter(StateConnected, "", now)
		}
	default:
		return Connection{}, fault.Invalid(fault.ReasonInvalidArgument, "only 401 and 2xx say something about secrets, and this is status %d", a.Status).
			Field("status_code", "must be 401 or 2xx")
	}
	after.Change++
	after.UpdateTime = now
	w := Write{Connection: after, Audit: v.answerRecord(caller, action, a)}
	if err := v.storeAnswer(ctx, before, w); err != nil {
		return Connection{}, fmt.Errorf("store %s: %w", a.Name, err)
	}
	return after, nil
}

// storeAnswer stores what an answer changed, and tells the owner unless that was done a
// short time ago.
func (v *Vault) storeAnswer(ctx context.Context, before Connection, w Write) error {
	if before.Refusals.quiet(w.Connection.UpdateTime) {
		return v.store.Replace(ctx, w)
	}
	return v.replace(ctx, before, w)
}

// answerRecord is the audit record of an answer that changed something.
func (v *Vault) answerRecord(caller Caller, action AuditAction, a Answer) *AuditRecord {
	record := v.record(caller, action, a.Name, nil)
	record.OperationID, record.Host = a.OperationID, a.Host
	if a.Principal != "" {
		record.Principal = a.Principal
	}
	return record
}

// refusedReason is why a connection is in error whose secrets were refused.
func refusedReason(a Answer) string {
	call := "a pass-through call"
	if a.OperationID != "" {
		call = fmt.Sprintf("operation %q", a.OperationID)
	}
	return fmt.Sprintf("the API answered %s with status %d: it does not accept the secrets of the connection; give the right ones with `ferrule connections update %s --secret NAME=-`",
		call, a.Status, a.Name.ID)
}
