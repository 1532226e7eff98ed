package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/proxies"
)

// writeProxies writes what gateways and the suite did with the same calls.
func writeProxies(w io.Writer, o proxies.Outcome) error {
	_, _ = fmt.Fprintf(w, "\nbeside other gateways; load average %.1f before and %.1f after\n", o.LoadBefore, o.LoadAfter)
	for _, note := range o.Notes {
		_, _ = fmt.Fprintf(w, "- %s\n", note)
	}
	_, _ = fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "requests/s\tp50\tp99\tCPU/request\tallocs/request\terrors\t  what")
	for _, s := range o.Subjects {
		_, _ = fmt.Fprintf(t, "%.0f\t%.2f ms\t%.2f ms\t%.1f us\t%s\t%d\t  %s\n", s.Median(proxies.Rate), 1e3*s.Median(proxies.P50), 1e3*s.Median(proxies.P99),
			1e6*s.Median(proxies.CPU), known(s.Median(proxies.Allocations)), s.Errors(), s.Name)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(w)
	for _, c := range o.Checks {
		goal := ""
		if c.Limit != proxies.Information {
			goal = fmt.Sprintf(", goal %s %.2f", c.Limit, c.Goal)
		}
		_, _ = fmt.Fprintf(w, "%.2f  %s (rounds %.2f to %.2f%s): %s\n", c.Median, c.Name, c.Lowest, c.Highest, goal, c.Verdict())
	}
	return writeBulk(w, o.Bulk)
}

// known writes a number of allocations.
func known(n float64) string {
	if n <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", n)
}

// writeBulk writes what large bodies took.
func writeBulk(w io.Writer, all []proxies.Bulk) error {
	if len(all) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(w, "\nlarge bodies, goal less than %.0f MiB of additional memory\n", mebi(proxies.MemoryGoal))
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "size\tMiB/s\tadditional memory\t  what")
	for _, b := range all {
		_, _ = fmt.Fprintf(t, "%.0f MiB\t%.0f\t%.1f MiB\t  %s: %s\n", mebi(b.Bytes), b.PerSecond()/(1<<20), mebi(b.Memory), b.Name, b.Verdict())
	}
	return t.Flush()
}
