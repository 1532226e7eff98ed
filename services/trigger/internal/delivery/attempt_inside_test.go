package delivery

import (
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

func TestAnActionWhoseAnswersAreAlwaysLostIsADeadLetterInTheEnd(t *testing.T) {
	for _, row := range []struct {
		name       string
		outcome    Outcome
		unclear    int
		age        time.Duration
		atMostOnce bool
		final      bool
		why        string
	}{
		{"the fourth answer that is lost", Unclear, 4, time.Hour, false, false, "the answer was lost"},
		{"the fifth", Unclear, 5, time.Hour, false, true, "nobody knows of 5 attempts whether the action was done"},
		{"a failure of which it is known after five", Failed, 5, time.Hour, false, false, "the answer was lost"},
		{"a success after five", Accepted, 5, time.Hour, false, true, ""},
		{"the second after everything is over", Unclear, 2, 100 * time.Hour, false, true, "no attempt succeeded for 72h0m0s"},
		{"the first of what is to be done at most once", Unclear, 1, time.Hour, true, true, "the answer was lost"},
	} {
		t.Run(row.name, func(t *testing.T) {
			its := &turn{sink: core.Sink{ID: "0", Action: &core.ActionSink{AtMostOnce: row.atMostOnce}}}
			why, final := its.verdict(t.Context(), Result{Outcome: row.outcome, Reason: "the answer was lost"}, row.unclear, row.age)
			if final != row.final || !strings.HasPrefix(why, row.why) || (row.why == "") != (why == "") {
				t.Errorf("final is %t, because %q", final, why)
			}
			if !strings.HasSuffix(why, "the answer was lost") && row.outcome != Accepted {
				t.Errorf("%q does not say what was last", why)
			}
		})
	}
}
