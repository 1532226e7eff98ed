package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/safe"
)

// writeVault writes how fast secrets are sealed and lent.
func writeVault(w io.Writer, o safe.Outcome) error {
	_, _ = fmt.Fprintf(w, "\nsealing and opening a secret of 1 KiB beside bare AES-256-GCM, goal at most %.1f times as long\n", safe.SealGoal)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "bare\tours\ttimes\t  what")
	for _, c := range o.Ciphers {
		_, _ = fmt.Fprintf(t, "%v\t%v\t%.2f\t  %s: %s\n", c.Bare, c.Ours, c.Ratio(), c.Name, safe.Verdict(c.Ratio() <= safe.SealGoal))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(w, "\nvaults by size, goals: %d lent per second on one core, %.0f MiB of memory\n", safe.ResolveGoal, mebi(safe.MemoryGoal))
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "connections\tmade/s\tfile\tmemory\tlent/s\tget p50\tp99\tresolve p50\tp99\t  goals")
	for _, s := range o.Sizes {
		_, _ = fmt.Fprintf(t, "%d\t%.0f\t%.0f MiB\t%.0f MiB\t%.0f\t%v\t%v\t%v\t%v\t  %s, %s\n",
			s.Connections, s.Created, mebi(s.File), mebi(s.Memory), s.Resolved, s.Get, s.GetP99, s.Resolve, s.ResolveP99,
			safe.Verdict(s.Resolved >= safe.ResolveGoal), safe.Verdict(s.Memory <= safe.MemoryGoal))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, g := range o.Growths() {
		_, _ = fmt.Fprintf(w, "%s takes %.2f times as long in the largest as in the smallest, goal %d: %s\n",
			g.Name, g.Times, safe.GrowthGoal, safe.Verdict(g.Times > 0 && g.Times <= safe.GrowthGoal))
	}
	return nil
}
