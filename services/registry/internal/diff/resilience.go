package diff

import (
	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
)

// runs is the language of custom code that runs. Where nothing runs, operations
// that need it cannot be called on either side.
const runs = "javascript"

// scripts compares custom code. Without code that ran, requests and answers are
// no longer what it made of them.
func (c *comparison) scripts() {
	if equalLists(c.base.GetScripts(), c.revision.GetScripts()) {
		return
	}
	found := false
	each(running(c.base), running(c.revision), (*connectorv1.Script).GetPath, func(path string, old, fresh *connectorv1.Script) {
		switch {
		case fresh == nil:
			c.add(Breaking, "script-removed", "", "script "+path, "the custom code %q does not run any more", path)
		case old == nil:
			c.add(Risky, "script-added", "", "script "+path, "the custom code %q runs now", path)
		default:
			return
		}
		found = true
	})
	if !found {
		c.add(Risky, "scripts-changed", "", "scripts", "the custom code, or what it handles, changed")
	}
}

func running(def *connectorv1.Definition) []*connectorv1.Script {
	var list []*connectorv1.Script
	for _, s := range def.GetScripts() {
		if s.GetLanguage() == runs {
			list = append(list, s)
		}
	}
	return list
}

// rateLimits compares how much callers may do.
func (c *comparison) rateLimits() {
	old, fresh := c.base.GetRateLimits(), c.revision.GetRateLimits()
	if equalLists(old, fresh) {
		return
	}
	for _, l := range fresh {
		if !withinOne(l, old) {
			c.add(Risky, "rate-limits-tightened", "", "rate limits", "calls may be refused that were not before")
			return
		}
	}
	c.add(Compatible, "rate-limits-relaxed", "", "rate limits", "as many calls are allowed as before, or more")
}

// withinOne reports whether one of the old limits refused whatever l refuses.
func withinOne(l *connectorv1.RateLimit, old []*connectorv1.RateLimit) bool {
	for _, o := range old {
		sameCalls := o.GetScope() == l.GetScope() && o.GetPeriodSeconds() == l.GetPeriodSeconds()
		if sameCalls && o.GetCalls() <= l.GetCalls() {
			return true
		}
	}
	return false
}

// resilience compares what one operation says about repeating and keeping.
func (o about) resilience(old, fresh *connectorv1.Operation) {
	if old.GetCost() != fresh.GetCost() {
		impact := Compatible
		if max(fresh.GetCost(), 1) > max(old.GetCost(), 1) {
			impact = Risky
		}
		o.add(impact, "operation-cost-changed", "cost", "a call takes %d of the rate limits instead of %d", max(fresh.GetCost(), 1), max(old.GetCost(), 1))
	}
	a, b := old.GetCache(), fresh.GetCache()
	switch {
	case (a == nil) == (b == nil) && a.GetMaxAgeSeconds() == b.GetMaxAgeSeconds():
	case b.GetMaxAgeSeconds() > a.GetMaxAgeSeconds():
		o.add(Risky, "operation-cache-longer", "cache", "answers may be up to %d seconds old", b.GetMaxAgeSeconds())
	case b == nil:
		o.add(Compatible, "operation-cache-unset", "cache", "answers are kept as the API says")
	default:
		o.add(Compatible, "operation-cache-shorter", "cache", "answers are kept for %d seconds at most", b.GetMaxAgeSeconds())
	}
	switch {
	case old.GetIdempotencyKeyHeader() == fresh.GetIdempotencyKeyHeader():
	case fresh.GetIdempotencyKeyHeader() == "":
		o.add(Risky, "operation-idempotency-key-removed", "idempotency key", "calls cannot be repeated without harm any more")
	default:
		o.add(Compatible, "operation-idempotency-key-changed", "idempotency key", "the key of a call is sent in the header %q", fresh.GetIdempotencyKeyHeader())
	}
}
