package recurrence_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/recurrence"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhenAPollIsDue(t *testing.T) {
	for _, row := range []struct {
		name    string
		options recurrence.Options
		after   string
		dice    float64
		want    []string // as long as there are any
	}{
		{"once a minute unless somebody chose", recurrence.Options{}, "2026-03-01T12:00:00Z", 0, []string{"2026-03-01T12:01:00Z", "2026-03-01T12:02:00Z"}},
		{"spread by a tenth", recurrence.Options{}, "2026-03-01T12:00:00Z", 0.5, []string{"2026-03-01T12:01:03Z"}},
		{"spread by a day at most", recurrence.Options{Interval: 500 * 24 * time.Hour}, "2026-03-01T12:00:00Z", 0.5, []string{"2027-07-15T00:00:00Z"}},
		{"spread as chosen", recurrence.Options{Interval: time.Hour, Jitter: new(10 * time.Minute)}, "2026-03-01T12:00:00Z", 0.5, []string{"2026-03-01T13:05:00Z"}},
		{"not spread", recurrence.Options{Interval: time.Hour, Jitter: new(time.Duration(0))}, "2026-03-01T12:00:00Z", 0.9, []string{"2026-03-01T13:00:00Z"}},
		{"500 days", recurrence.Options{Interval: recurrence.MaxInterval}, "2026-03-01T12:00:00Z", 0, []string{"2027-07-14T12:00:00Z"}},
		{
			"the start is the first time",
			recurrence.Options{Interval: time.Hour, Start: at(t, "2026-03-02T08:30:00Z")},
			"2026-03-01T12:00:00Z", 0,
			[]string{"2026-03-02T08:30:00Z", "2026-03-02T09:30:00Z"},
		},
		{
			"nothing after the end",
			recurrence.Options{Interval: time.Hour, End: at(t, "2026-03-01T14:00:00Z")},
			"2026-03-01T12:00:00Z", 0,
			[]string{"2026-03-01T13:00:00Z", "2026-03-01T14:00:00Z", ""},
		},
		{
			"five fields",
			recurrence.Options{Cron: "0 9 * * MON-FRI"},
			"2026-03-06T09:00:00Z", 0,
			[]string{"2026-03-09T09:00:00Z", "2026-03-10T09:00:00Z"},
		},
		{"six fields", recurrence.Options{Cron: "*/10 * * * * *"}, "2026-03-06T09:00:01Z", 0, []string{"2026-03-06T09:00:10Z", "2026-03-06T09:00:20Z"}},
		{
			"winter and summer in Berlin",
			recurrence.Options{Cron: "30 8 * * *", Zone: "Europe/Berlin"},
			"2026-03-28T08:00:00Z", 0,
			[]string{"2026-03-29T06:30:00Z"},
		},
		{
			"an hour that is skipped in spring",
			recurrence.Options{Cron: "30 2 * * *", Zone: "Europe/Berlin"},
			"2026-03-28T12:00:00Z", 0,
			[]string{"2026-03-30T00:30:00Z"},
		},
		{
			"the start of a cron expression is a time too",
			recurrence.Options{Cron: "0 * * * *", Start: at(t, "2026-03-02T08:00:00Z")},
			"2026-03-01T12:00:00Z", 0,
			[]string{"2026-03-02T08:00:00Z", "2026-03-02T09:00:00Z"},
		},
		{"a leap day", recurrence.Options{Cron: "0 0 29 2 *"}, "2026-03-01T12:00:00Z", 0, []string{"2028-02-29T00:00:00Z"}},
		{"a cron expression is hardly spread", recurrence.Options{Cron: "0 * * * *"}, "2026-03-01T12:00:00Z", 0.5, []string{"2026-03-01T13:00:00.5Z"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			rule, err := recurrence.New(row.options, recurrence.MinInterval)
			if err != nil {
				t.Fatal(err)
			}
			now, got := at(t, row.after), []string{}
			for range row.want {
				next, ok := rule.Next(now, row.dice)
				if !ok {
					got = append(got, "")
					break
				}
				got = append(got, next.Format(time.RFC3339Nano))
				now = next
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRecurrencesThatCannotBeUsed(t *testing.T) {
	for _, row := range []struct {
		name    string
		options recurrence.Options
		field   string
	}{
		{"too often", recurrence.Options{Interval: time.Millisecond}, "interval"},
		{"too rarely", recurrence.Options{Interval: recurrence.MaxInterval + 1}, "interval"},
		{"an interval and a cron expression", recurrence.Options{Interval: time.Hour, Cron: "0 * * * *"}, "cron"},
		{"four fields", recurrence.Options{Cron: "0 * * *"}, "cron"},
		{"seven fields", recurrence.Options{Cron: "0 0 0 * * * *"}, "cron"},
		{"no such minute", recurrence.Options{Cron: "61 * * * *"}, "cron"},
		{"a shorthand", recurrence.Options{Cron: "@every 1m"}, "cron"},
		{"a zone in the expression", recurrence.Options{Cron: "TZ=UTC 0 * * * *"}, "cron"},
		{"the thirtieth of February", recurrence.Options{Cron: "0 0 30 2 *"}, "cron"},
		{"no such zone", recurrence.Options{Cron: "0 * * * *", Zone: "Europe/Atlantis"}, "time_zone"},
		{"the zone of the server", recurrence.Options{Cron: "0 * * * *", Zone: "Local"}, "time_zone"},
		{"a zone without a cron expression", recurrence.Options{Zone: "Europe/Berlin"}, "time_zone"},
		{"an end before the start", recurrence.Options{Start: at(t, "2026-03-02T00:00:00Z"), End: at(t, "2026-03-01T00:00:00Z")}, "end_time"},
		{"jitter into the past", recurrence.Options{Jitter: new(time.Duration(-1))}, "jitter"},
		{"jitter of two days", recurrence.Options{Jitter: new(48 * time.Hour)}, "jitter"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := recurrence.New(row.options, recurrence.MinInterval)
			problem, ok := recurrence.IsOptionError(err)
			if !ok || problem.Field != row.field {
				t.Errorf("err = %v, want one about %s", err, row.field)
			}
		})
	}
}

func TestTheOperatorsLeastInterval(t *testing.T) {
	if _, err := recurrence.New(recurrence.Options{Cron: "*/5 * * * * *"}, time.Minute); err == nil {
		t.Error("a cron expression comes more often than the operator allows")
	}
	if _, err := recurrence.New(recurrence.Options{Cron: "*/5 * * * *"}, time.Minute); err != nil {
		t.Error(err)
	}
	rule, err := recurrence.New(recurrence.Options{}, time.Hour)
	if err != nil || rule.Options().Interval != time.Hour {
		t.Errorf("the interval is %s, %v", rule.Options().Interval, err)
	}
}

func TestTheIntervalOfACronExpression(t *testing.T) {
	rule, err := recurrence.New(recurrence.Options{Cron: "0 */6 * * *"}, recurrence.MinInterval)
	if err != nil {
		t.Fatal(err)
	}
	if got := rule.Interval(at(t, "2026-03-01T12:00:00Z")); got != 6*time.Hour {
		t.Errorf("got %s", got)
	}
}
