package runtimeproxy_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// counted waits until the usage of the connection is what is wanted, for each operation.
func (s *suite) counted(want map[string]string, describe func(*runtimev1.UsageRow) string) {
	s.t.Helper()
	var got map[string]string
	defer func() {
		if !cmp.Equal(got, want) {
			s.t.Errorf("usage is %v, want %v", got, want)
		}
	}()
	testkit.Await(s.t, fmt.Sprint("usage of ", want), func() bool {
		s.clock.Advance(10 * time.Second) // the next time that it is written down
		resp, err := s.runtime.GetUsage(s.as("ada"), &runtimev1.GetUsageRequest{
			Parent: "environments/default", Connection: "crm", Dimension: runtimev1.UsageDimension_USAGE_DIMENSION_OPERATION,
		})
		if err != nil {
			return false
		}
		got = map[string]string{}
		for _, r := range resp.GetRows() {
			got[r.GetOperationId()] = describe(r)
		}
		return cmp.Equal(got, want)
	})
}

// byStatus describes usage by the classes of the answers.
func byStatus(r *runtimev1.UsageRow) string { return fmt.Sprint(r.GetStatusClasses()) }

func TestARawRequestCountsForTheOperationThatIsAppliedToIt(t *testing.T) {
	rec := record(t, always(200, `[1]`))
	s := start(t, rec.url, func(d *connectorv1.Definition) {
		tenant := policyOf("setheader", requestSection, "name", "X-Tenant", "value", "a")
		tenant.OperationIds = []string{"ListItems"}
		d.Policies = []*connectorv1.Policy{tenant}
	})
	must(t, s.through(s.request("GET", "/items", nil)))
	must(t, s.through(s.request("GET", "/other", nil)))
	s.counted(map[string]string{"ListItems": "map[2xx:1]", "(pass-through)": "map[2xx:1]"}, byStatus)
}

func TestACallWhoseCodeFailsCountsAsFailed(t *testing.T) {
	a := newScripted(t, nil)
	s := startCode(t, a.url, `export function after(response) { response.nothing.more }`)
	checkReason(t, second(s.call("ListItems", "")), fault.ReasonScriptFailed)
	if got := s.pass(http.MethodGet, "/items", ""); got.status != http.StatusBadRequest {
		t.Errorf("status %d", got.status)
	}
	s.counted(map[string]string{"ListItems": "map[error:2]"}, byStatus)
}
