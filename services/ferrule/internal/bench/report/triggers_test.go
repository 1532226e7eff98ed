package report_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/notices"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/bench/report"
)

func TestFiguresOfTriggersSayWhichGoalsAreReached(t *testing.T) {
	stats := func(arrived int, p99 time.Duration) notices.Stats {
		return notices.Stats{Arrived: arrived, P50: time.Millisecond, P99: p99}
	}
	for _, tc := range []struct {
		name    string
		outcome notices.Outcome
		want    []string
	}{
		{"everything is reached", notices.Outcome{
			Journeys: []notices.Journey{{Sync: "interval", Rate: 1000, Sent: 10, Stats: stats(10, 49*time.Millisecond)}},
			Backlog:  5, Empty: 100, Full: 95, Crowds: []notices.Crowd{{Subscriptions: 10, Polled: 6, Memory: 1024}},
		}, []string{"10 of 10 arrived; goal p99 50.00 ms: reached", "0.95 of it; goal 0.9: reached", "1024 B", "reached"}},
		{"too slow", notices.Outcome{Journeys: []notices.Journey{{Sent: 10, Stats: stats(10, 51*time.Millisecond)}}}, []string{"50.00 ms: MISSED"}},
		{"not everything has arrived", notices.Outcome{Journeys: []notices.Journey{{Sent: 10, Stats: stats(9, 0)}}}, []string{"9 of 10 arrived; goal p99 50.00 ms: MISSED"}},
		{"a backlog slows it down", notices.Outcome{Empty: 100, Full: 80}, []string{"0.80 of it; goal 0.9: MISSED"}},
		{"no rate at all", notices.Outcome{Backlog: 5}, []string{"0.00 of it; goal 0.9: MISSED"}},
		{"too much memory", notices.Outcome{Crowds: []notices.Crowd{{Subscriptions: 10, Memory: 2000}}}, []string{"2000 B", "MISSED"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out strings.Builder
			if err := (report.Report{Triggers: &tc.outcome}).Text(&out); err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in\n%s", want, out.String())
				}
			}
		})
	}
}

func TestWhatWasLeftOutOfTriggersIsNotJudged(t *testing.T) {
	var out strings.Builder
	if err := (report.Report{Triggers: &notices.Outcome{}}).Text(&out); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "MISSED") {
		t.Error(out.String())
	}
}
