package report

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/catalogue"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/reading"
)

// writeReading writes what one set of descriptions took, reader by reader.
func writeReading(w io.Writer, table reading.Table) error {
	_, _ = fmt.Fprintf(w, "\n%s%s: %s\n", table.Name, goals(table), table.Verdict())
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "time\tto ours\tpeak memory\tread\trefused\t  reader")
	for _, o := range table.Readers {
		_, _ = fmt.Fprintf(t, "%.2f s\t%.1f\t%.0f MiB\t%d\t%d\t  %s %s\n", o.Elapsed.Seconds(), times(o.Elapsed, table.Readers[0].Elapsed),
			mebi(o.PeakMemory), o.Read, o.Refused, o.Library, o.Version)
	}
	return t.Flush()
}

func goals(t reading.Table) string {
	text := ""
	if t.Time > 0 {
		text = fmt.Sprintf(", goal %v", t.Time)
	}
	if t.Memory > 0 {
		text += fmt.Sprintf(" and %.0f MiB", mebi(t.Memory))
	}
	return text
}

func times(a, b time.Duration) float64 {
	if b <= 0 {
		return 0
	}
	return float64(a) / float64(b)
}

// writeCatalogue writes how long the questions take in a small and a large
// registry.
func writeCatalogue(w io.Writer, c catalogue.Comparison) error {
	_, _ = fmt.Fprintf(w, "\npages of 50 in a registry with %d connectors (%d operations, %.0f MiB allocated) and one with %d (%d, %.0f MiB; made searchable in %.1f s), goal at most %.1f times as long\n",
		c.Small.Connectors, c.Small.Operations, mebi(c.Small.Memory), c.Large.Connectors, c.Large.Operations, mebi(c.Large.Memory), c.Large.Load.Seconds(), c.Goal)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "small p50\tp99\tlarge p50\tp99\ttimes\tresults\tin all\t  what")
	for i, ratio := range c.Ratios() {
		small, large := c.Small.Figures[i], c.Large.Figures[i]
		_, _ = fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%.2f\t%.0f, %.0f\t%.0f, %.0f\t  %s: %s\n", millis(small.P50), millis(small.P99), millis(large.P50), millis(large.P99),
			ratio.Times, small.Results, large.Results, small.Total, large.Total, ratio.Name, ratio.Verdict)
	}
	return t.Flush()
}
