package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/catalogue"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
)

func TestReadersAndCataloguesAreTables(t *testing.T) {
	r := Report{
		Machine:  Machine{System: "linux/amd64", CPUs: 2, Go: "go1.26"},
		Settings: Settings{Connections: 50, Rounds: 1, Warmup: time.Second, Duration: 3 * time.Second},
		Readings: []reading.Table{
			{Name: "10 packages", Time: 4 * time.Second, Readers: []reading.Outcome{
				{Library: "ferrule", Read: 10, Elapsed: 500 * time.Millisecond, PeakMemory: 50 << 20},
				{Library: "example.com/other", Version: "v1.2.3", Read: 8, Refused: 2, Elapsed: 5 * time.Second, PeakMemory: 200 << 20},
			}},
			{Name: "a large one", Time: time.Second, Memory: 300 << 20, Readers: []reading.Outcome{{Library: "ferrule", Read: 1, Elapsed: 2 * time.Second}}},
			{Name: "no goal", Readers: []reading.Outcome{{Library: "ferrule", Refused: 1}}},
		},
		Catalogue: &catalogue.Comparison{
			Goal: 2,
			Small: catalogue.Outcome{
				Connectors: 1000, Operations: 10_000, Memory: 10 << 20,
				Figures: []catalogue.Figure{{Name: "list", Results: 50, Total: 1000, P50: time.Millisecond, P99: 2 * time.Millisecond}},
			},
			Large: catalogue.Outcome{
				Connectors: 100_000, Operations: 1_000_000, Memory: 400 << 20, Load: 12 * time.Second,
				Figures: []catalogue.Figure{{Name: "list", Results: 50, Total: 100_000, P50: 3 * time.Millisecond, P99: 4 * time.Millisecond}},
			},
		},
	}
	var out bytes.Buffer
	if err := r.Text(&out); err != nil {
		t.Fatal(err)
	}
	want := strings.TrimPrefix(`
linux/amd64, 2 processors, go1.26; 50 connections, 1 rounds of 3s after 1s of warm-up; medians of the rounds

10 packages, goal 4s: reached
    time  to ours  peak memory  read  refused  reader
  0.50 s      1.0       50 MiB    10        0  ferrule 
  5.00 s     10.0      200 MiB     8        2  example.com/other v1.2.3

a large one, goal 1s and 300 MiB: MISSED
    time  to ours  peak memory  read  refused  reader
  2.00 s      1.0        0 MiB     1        0  ferrule 

no goal: for information
    time  to ours  peak memory  read  refused  reader
  0.00 s      0.0        0 MiB     0        1  ferrule 

pages of 50 in a registry with 1000 connectors (10000 operations, 10 MiB allocated) and one with 100000 (1000000, 400 MiB; made searchable in 12.0 s), goal at most 2.0 times as long
  small p50      p99  large p50      p99  times  results        in all  what
    1.00 ms  2.00 ms    3.00 ms  4.00 ms   3.00   50, 50  1000, 100000  list: MISSED
`, "\n")
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}
