// Package rate keeps the rate limits of connections, connectors and environments,
// across all processes of an installation.
//
// Time is cut into windows as long as a limit's period, the same for everybody. How
// much of a window's budget is taken stands in one record of the bus, and a process
// takes its part from there by compare-and-set, a little at first and more while it
// needs more ([share]). Calls are then paid from what the process holds, without
// the bus: the sum over all processes never passes the limit, and a process that
// makes few calls holds little that others could use.
//
//	rules, err := rate.Compile(definition)       // once for each revision
//	err = limiter.Take(ctx, who, rules, cost)    // for each call
//
// A window turns at once: as many calls as a limit allows can come at its end, and as
// many again when the next begins. Clocks have to agree to well within a period.
//
// While the bus is away, each process allows its [Options.Processes]-th part of a
// limit, so that calls go on and the limit holds as long as there are not more
// processes than that. It is logged once when that begins, and once when it ends.
package rate

import (
	"fmt"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// The limits of a limit, as in ferrule.connector.v1.RateLimit.
const (
	// MaxCalls is the largest number of calls.
	MaxCalls = 1_000_000_000
	// MaxPeriod is the longest period; the shortest is a second.
	MaxPeriod = 24 * time.Hour
)

// Scope says whose calls are counted together.
type Scope int

// The scopes.
const (
	// PerConnection counts those of a connection.
	PerConnection Scope = iota + 1
	// PerConnector counts those of all connections of a connector in an environment.
	PerConnector
	// PerEnvironment counts all of an environment.
	PerEnvironment
)

// String returns the scope as it stands in messages and keys.
func (s Scope) String() string {
	switch s {
	case PerConnection:
		return "connection"
	case PerConnector:
		return "connector"
	case PerEnvironment:
		return "environment"
	}
	return "unknown"
}

// Limit is how many calls there may be in a time. The zero value is no limit.
type Limit struct {
	// Calls is the number of calls, weighed by their cost.
	Calls int64
	// Period is the time, whole seconds.
	Period time.Duration
}

// Rule is a limit for a scope.
type Rule struct {
	scope Scope
	limit Limit
	own   bool // the connector's; the others are the operator's
}

// Who is whose budgets a call is paid from.
type Who struct {
	// Environment, Connector and Connection are ids.
	Environment, Connector, Connection string
}

// id returns what the scope's calls are counted by.
func (w Who) id(scope Scope) string {
	switch scope {
	case PerConnection:
		return w.Connection
	case PerConnector:
		return w.Connector
	case PerEnvironment:
	}
	return ""
}

// Compile reads the rate limits of a definition. Of two for the same scope and
// period, the lower one counts.
func Compile(definition *connectorv1.Definition) ([]Rule, error) {
	var rules []Rule
	for i, l := range definition.GetRateLimits() {
		rule := Rule{own: true, limit: Limit{int64(l.GetCalls()), time.Duration(l.GetPeriodSeconds()) * time.Second}}
		switch l.GetScope() {
		case connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTION:
			rule.scope = PerConnection
		case connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTOR:
			rule.scope = PerConnector
		default:
			return nil, broken(i, "has no scope")
		}
		if err := rule.limit.Validate(); err != nil {
			return nil, broken(i, err.Error())
		}
		rules = add(rules, rule)
	}
	return rules, nil
}

func broken(index int, what string) error {
	return fault.Precondition(fault.ReasonDefinitionInvalid, "rate limit %d of the connector %s; correct it", index+1, what)
}

// add adds a rule unless there is one for the same scope and period; then the
// lower limit stays.
func add(rules []Rule, rule Rule) []Rule {
	for i := range rules {
		if r := &rules[i]; r.scope == rule.scope && r.limit.Period == rule.limit.Period {
			r.limit.Calls = min(r.limit.Calls, rule.limit.Calls)
			return rules
		}
	}
	return append(rules, rule)
}

// Cost returns how much of the limits one call of an operation takes.
func Cost(operation *connectorv1.Operation) int64 { return max(int64(operation.GetCost()), 1) }

// refusal says that a budget is used up until its window turns.
func (r *Rule) refusal(who Who, wait time.Duration) *fault.Error {
	return fault.Exhausted(fault.ReasonRateLimited,
		"the %s may make %s, and they are used up; try again after the given time", r.subject(who), r.limit.text()).
		With("scope", r.scope.String()).With("limit", r.limit.String()).RetryAfter(wait)
}

// impossible says that one call costs more than there ever is.
func (r *Rule) impossible(who Who, cost int64) *fault.Error {
	return fault.Precondition(fault.ReasonRateLimited,
		"one call of this operation counts as %d, and the %s may make %s, so it can never be made; raise the limit or lower the operation's cost",
		cost, r.subject(who), r.limit.text()).
		With("scope", r.scope.String()).With("limit", r.limit.String())
}

func (r *Rule) subject(who Who) string {
	if r.scope == PerEnvironment {
		return fmt.Sprintf("environment %q", who.Environment)
	}
	return fmt.Sprintf("%s %q", r.scope, who.id(r.scope))
}
