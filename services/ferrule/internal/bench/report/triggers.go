package report

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/safe"
)

// writeTriggers writes what becomes of notifications, and what many polling
// subscriptions need.
func writeTriggers(w io.Writer, o notices.Outcome) error {
	for _, j := range o.Journeys {
		_, _ = fmt.Fprintf(w, "\nfrom a notification to its sink, %d per second, sync %s: p50 %s, p99 %s, %d of %d arrived; goal p99 %s: %s\n",
			j.Rate, j.Sync, millis(j.Stats.P50), millis(j.Stats.P99), j.Stats.Arrived, j.Sent, millis(notices.EndToEndGoal),
			safe.Verdict(j.Stats.Arrived >= j.Sent && j.Stats.P99 <= notices.EndToEndGoal))
	}
	if o.Backlog > 0 || o.Empty > 0 { // else it was left out
		share := 0.0
		if o.Empty > 0 {
			share = o.Full / o.Empty
		}
		_, _ = fmt.Fprintf(w, "notifications per second with an empty queue %.0f, with %d waiting %.0f, %.2f of it; goal %.1f: %s\n",
			o.Empty, o.Backlog, o.Full, share, notices.BacklogGoal, safe.Verdict(share >= notices.BacklogGoal))
	}
	if len(o.Crowds) == 0 {
		return nil
	}
	_, _ = fmt.Fprintf(w, "\npolling subscriptions, goal %d bytes of memory each, besides the message bus\n", notices.MemoryGoal)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(t, "subscriptions\tevery minute\tmade/s\tmemory each\tfile each\tpolls/s\twanted\tlate p50\tp99\t  goal")
	for _, c := range o.Crowds {
		_, _ = fmt.Fprintf(t, "%d\t%d\t%.0f\t%.0f B\t%.0f B\t%.0f\t%.0f\t%s\t%s\t  %s\n", c.Subscriptions, c.Polled, c.Registered, c.Memory, c.File,
			c.Polls, float64(c.Polled)/time.Minute.Seconds(), millis(c.LateP50), millis(c.LateP99), safe.Verdict(c.Memory <= notices.MemoryGoal))
	}
	return t.Flush()
}
