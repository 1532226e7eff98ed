package runtimeproxy_test

import (
	"strings"
	"testing"
	"time"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// TestAValueThatIsNotGivenKeepsWhatTheAPISaid: a policy that asks for a value first must not
// make a lasting failure of what goes over by itself.
func TestAValueThatIsNotGivenKeepsWhatTheAPISaid(t *testing.T) {
	for _, row := range []struct {
		name   string
		method string
		status int
		header []string
		code   fault.Code
		wait   time.Duration
		words  string
		said   string
	}{
		{"too many calls", "GET", 429, []string{"Retry-After", "60"}, fault.CodeUnavailable, time.Minute, "slow down", "UPSTREAM_RATE_LIMITED"},
		{"busy", "POST", 503, []string{"Retry-After", "5"}, fault.CodeUnavailable, 5 * time.Second, "slow down", "UPSTREAM_UNAVAILABLE"},
		{"broken, asked with GET", "GET", 500, nil, fault.CodeFailedPrecondition, 0, "slow down", "UPSTREAM_ERROR"},
		{"broken, asked with POST", "POST", 500, nil, fault.CodeFailedPrecondition, 0, "slow down", "UPSTREAM_ERROR"},
		{"not signed in", "GET", 401, nil, fault.CodeFailedPrecondition, 0, "slow down", "UPSTREAM_UNAUTHENTICATED"},
		{"not there", "GET", 404, nil, fault.CodeFailedPrecondition, 0, "slow down", "UPSTREAM_NOT_FOUND"},
	} {
		t.Run(row.name, func(t *testing.T) {
			rec := record(t, always(row.status, `{"error":{"message":"slow down"}}`, row.header...))
			s := start(t, rec.url, func(d *connectorv1.Definition) {
				d.Policies = []*connectorv1.Policy{only(policyOf("setvaluefromurl", requestSection, "parameterTemplate", "@headers('X-V')",
					"parameterValueUrl", "/value", "httpMethod", row.method, "parameterValuePathTemplate", "@body().v"), "CreateItem")}
			})
			f := reasonIs(t, second(s.call("CreateItem", item)), fault.ReasonPolicyFailed)
			wait, _ := f.Retry()
			if f.Code() != row.code || wait != row.wait || !strings.Contains(f.Message(), row.words) || f.Meta()["upstream_reason"] != row.said {
				t.Errorf("%v, wait %v, %v: %s", f.Code(), wait, f.Meta(), f.Message())
			}
			if n := len(rec.all()); n == 0 || strings.HasSuffix(rec.lines()[n-1], "/items") {
				t.Errorf("requests %v", rec.lines())
			}
		})
	}
}
