package core

import (
	"cmp"
	"context"
	"fmt"

	"github.com/ferrule-dev/ferrule/pkg/resource"
)

// failedTest is what a failed test is put down to when nobody says why.
const failedTest = "the last test of the connection failed"

// TestReport is the outcome of a connection test.
type TestReport struct {
	// Name is the connection.
	Name resource.Connection
	// Failure is why it failed, or why a success proves nothing, one sentence; see
	// [TestReport.Outcome].
	Failure string
	// Outcome is how it ended.
	Outcome Outcome
}

// Outcome is how a test ended.
type Outcome int

const (
	// OutcomeFailed means that the API did not accept the credential.
	OutcomeFailed Outcome = iota
	// OutcomeSucceeded means that it did.
	OutcomeSucceeded
	// OutcomeReached means that it answered, and refused nothing, but was not asked
	// for anything that needs the credential.
	OutcomeReached
)

// ReportTest keeps the outcome of a test. Only the runtime, which makes the
// tests, may report them. Only a change of state is announced: what others keep
// copies of is the same after a test.
func (v *Vault) ReportTest(ctx context.Context, caller Caller, r TestReport) (Connection, error) {
	if caller.Service != v.cfg.Runtime {
		return Connection{}, serviceOnly()
	}
	return settled(r.Name, func() (Connection, error) { return v.tryReport(ctx, caller, r) })
}

func (v *Vault) tryReport(ctx context.Context, caller Caller, r TestReport) (Connection, error) {
	before, err := v.store.Connection(ctx, r.Name)
	if err := v.found(ctx, r.Name, err); err != nil {
		return Connection{}, err
	}
	if !caller.sees(before) {
		return Connection{}, notFound(r.Name)
	}
	now := v.clock.Now()
	after := before
	after.Change++
	after.UpdateTime = now
	if r.Outcome != OutcomeReached { // else it is as good as untested
		after.TestTime = now
	}
	switch {
	case before.State == StateNeedsAuthorization: // no test can tell more than that
	case r.Outcome == OutcomeReached && before.Refusals.stand():
	case r.Outcome != OutcomeFailed:
		after.enter(StateConnected, "", now)
		after.Refusals = before.Refusals.cleared(now)
	default:
		after.enter(StateError, cmp.Or(r.Failure, failedTest), now)
		if after.Refusals.stand() { // what the API accepts afterwards ends this, too
			after.Refusals.Reason = after.StateReason
		}
	}
	w := Write{Connection: after, Silent: after.State == before.State && after.StateReason == before.StateReason}
	if err := v.replace(ctx, before, w); err != nil {
		return Connection{}, fmt.Errorf("store %s: %w", r.Name, err)
	}
	return after, nil
}
