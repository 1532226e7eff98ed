package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/measure"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
)

func TestGatewaysAreATable(t *testing.T) {
	round := proxies.Round{
		Result: measure.Result{Requests: 10_000, Elapsed: time.Second, P50: 1500 * time.Microsecond, P99: 9 * time.Millisecond},
		CPU:    time.Second / 2,
	}
	counted := round
	counted.Allocations, counted.Errors = 600_000, 2
	var out bytes.Buffer
	err := writeProxies(&out, proxies.Outcome{
		Notes: []string{"2 processors"}, LoadBefore: 1, LoadAfter: 2.5,
		Subjects: []proxies.Subject{{Name: "nginx", Rounds: []proxies.Round{round}}, {Name: "Ferrule", Rounds: []proxies.Round{counted}}},
		Checks: []proxies.Check{
			{Name: "a", Rounds: 1, Median: 0.5, Lowest: 0.4, Highest: 0.6, Limit: proxies.AtLeast, Goal: 0.6},
			{Name: "b", Rounds: 1, Median: 2, Lowest: 2, Highest: 2, Limit: proxies.Information},
		},
		Bulk: []proxies.Bulk{{Name: "download", Bytes: 1 << 30, Elapsed: time.Second, Memory: 3 << 20}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`

beside other gateways; load average 1.0 before and 2.5 after
- 2 processors

  requests/s      p50      p99  CPU/request  allocs/request  errors  what
       10000  1.50 ms  9.00 ms      50.0 us               -       0  nginx
       10000  1.50 ms  9.00 ms      50.0 us            60.0       2  Ferrule

0.50  a (rounds 0.40 to 0.60, goal at least 0.60): MISSED
2.00  b (rounds 2.00 to 2.00): for information

large bodies, goal less than 64 MiB of additional memory
      size  MiB/s  additional memory  what
  1024 MiB   1024            3.0 MiB  download: reached
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
