package diff_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/services/registry/internal/diff"
)

// codes are the changes as "impact code".
func codes(t *testing.T, change func(old, fresh *connectorv1.Definition)) string {
	t.Helper()
	old := parse(t, base)
	fresh := proto.CloneOf(old)
	change(old, fresh)
	words := map[diff.Impact]string{diff.None: "none", diff.Compatible: "compatible", diff.Risky: "risky", diff.Breaking: "breaking"}
	var all []string
	for _, c := range compare(t, old, fresh).Changes {
		all = append(all, words[c.Impact]+" "+c.Code)
	}
	return strings.Join(all, ", ")
}

func TestWhatGoesAgainIsJudgedFromTheOtherSide(t *testing.T) {
	code := func(path, source string) *connectorv1.Script {
		return &connectorv1.Script{Language: "javascript", Path: path, Source: source}
	}
	limit := func(calls, seconds int32) []*connectorv1.RateLimit {
		return []*connectorv1.RateLimit{{Scope: connectorv1.RateLimitScope_RATE_LIMIT_SCOPE_CONNECTION, Calls: calls, PeriodSeconds: seconds}}
	}
	for _, row := range []struct {
		name   string
		change func(old, fresh *connectorv1.Definition)
		want   string
	}{
		{"code that ran is gone", func(old, _ *connectorv1.Definition) { old.Scripts = append(old.Scripts, code("a.js", "x")) }, "breaking script-removed"},
		{"code that runs changed", func(old, fresh *connectorv1.Definition) {
			old.Scripts, fresh.Scripts = append(old.Scripts, code("a.js", "x")), append(fresh.Scripts, code("a.js", "y"))
		}, "risky scripts-changed"},
		{"code is told apart by its file", func(old, fresh *connectorv1.Definition) {
			old.Scripts, fresh.Scripts = append(old.Scripts, code("a.js", "x")), append(fresh.Scripts, code("b.js", "x"))
		}, "breaking script-removed, risky script-added"},
		{"a limit is gone", func(old, _ *connectorv1.Definition) { old.RateLimits = limit(5, 1) }, "compatible rate-limits-relaxed"},
		{"a limit is raised", func(old, fresh *connectorv1.Definition) { old.RateLimits, fresh.RateLimits = limit(5, 1), limit(6, 1) }, "compatible rate-limits-relaxed"},
		{"a limit is lowered", func(old, fresh *connectorv1.Definition) { old.RateLimits, fresh.RateLimits = limit(5, 1), limit(4, 1) }, "risky rate-limits-tightened"},
		{"the same rate in a longer time may refuse other calls", func(old, fresh *connectorv1.Definition) {
			old.RateLimits, fresh.RateLimits = limit(5, 1), limit(10, 2)
		}, "risky rate-limits-tightened"},
		{"answers are kept as the API says again", func(old, _ *connectorv1.Definition) {
			old.Operations[0].Cache = &connectorv1.ResponseCache{MaxAgeSeconds: 5}
		}, "compatible operation-cache-unset"},
		{"calls cost less", func(old, _ *connectorv1.Definition) { old.Operations[0].Cost = 3 }, "compatible operation-cost-changed"},
		{"no key makes repeating harmless any more", func(old, _ *connectorv1.Definition) {
			old.Operations[0].IdempotencyKeyHeader = "Idempotency-Key"
		}, "risky operation-idempotency-key-removed"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := codes(t, row.change); got != row.want {
				t.Errorf("changes %q, want %q", got, row.want)
			}
		})
	}
}
