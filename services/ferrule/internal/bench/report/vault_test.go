package report

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/safe"
)

func TestVaultsAreTables(t *testing.T) {
	small := safe.Size{
		Connections: 10_000, Created: 8123.4, File: 30 << 20, Memory: 60 << 20, Resolved: 20_000,
		Get: 10 * time.Microsecond, GetP99: 30 * time.Microsecond, Resolve: 500 * time.Microsecond, ResolveP99: time.Millisecond,
	}
	large := safe.Size{
		Connections: 1_000_000, Created: 7000, File: 3 << 30, Memory: 301 << 20, Resolved: 19_999,
		Get: 20 * time.Microsecond, GetP99: 90 * time.Microsecond, Resolve: 1500 * time.Microsecond, ResolveP99: 3 * time.Millisecond,
	}
	for _, row := range []struct {
		name    string
		outcome safe.Outcome
		want    string
	}{
		{
			"everything", safe.Outcome{
				Ciphers: []safe.Cipher{{Name: "sealing", Bare: 400, Ours: 600}, {Name: "opening", Bare: 400, Ours: 601 * time.Nanosecond}},
				Sizes:   []safe.Size{small, large},
			}, `
sealing and opening a secret of 1 KiB beside bare AES-256-GCM, goal at most 1.5 times as long
   bare   ours  times  what
  400ns  600ns   1.50  sealing: reached
  400ns  601ns   1.50  opening: MISSED

vaults by size, goals: 20000 lent per second on one core, 300 MiB of memory
  connections  made/s      file   memory  lent/s  get p50   p99  resolve p50  p99  goals
        10000    8123    30 MiB   60 MiB   20000     10µs  30µs        500µs  1ms  reached, reached
      1000000    7000  3072 MiB  301 MiB   19999     20µs  90µs        1.5ms  3ms  MISSED, MISSED
get takes 2.00 times as long in the largest as in the smallest, goal 2: reached
resolve takes 3.00 times as long in the largest as in the smallest, goal 2: MISSED
`,
		},
		{
			"one vault", safe.Outcome{Sizes: []safe.Size{small}}, `
sealing and opening a secret of 1 KiB beside bare AES-256-GCM, goal at most 1.5 times as long
  bare  ours  times  what

vaults by size, goals: 20000 lent per second on one core, 300 MiB of memory
  connections  made/s    file  memory  lent/s  get p50   p99  resolve p50  p99  goals
        10000    8123  30 MiB  60 MiB   20000     10µs  30µs        500µs  1ms  reached, reached
`,
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out bytes.Buffer
			if err := writeVault(&out, row.outcome); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, out.String()); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAReportWithoutAVaultSaysNothingOfIt(t *testing.T) {
	var without, with bytes.Buffer
	r := example()
	if err := r.Text(&without); err != nil {
		t.Fatal(err)
	}
	r.Vault = &safe.Outcome{}
	if err := r.Text(&with); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(without.String(), "vaults by size") || !strings.Contains(with.String(), "vaults by size") {
		t.Errorf("without:\n%s\nwith:\n%s", without.String(), with.String())
	}
}
