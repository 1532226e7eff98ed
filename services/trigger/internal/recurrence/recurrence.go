// Package recurrence says when a polling trigger is due: after an interval, or at
// the times of a cron expression in a time zone, within a span of time, spread at
// random.
//
//	rule, err := recurrence.New(recurrence.Options{Cron: "0 9 * * MON-FRI", Zone: "Europe/Berlin"})
//	next, ok := rule.Next(now, rand.Float64())
//
// Nothing here reads a clock.
package recurrence

import (
	"errors"
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // our images have no time zones of their own

	"github.com/robfig/cron/v3"
)

// Limits and defaults.
const (
	// DefaultInterval is the time between two polls that nobody chose.
	DefaultInterval = time.Minute
	// MinInterval and MaxInterval bound the time between two polls.
	MinInterval = time.Second
	MaxInterval = 500 * 24 * time.Hour
	// MaxJitter bounds the random part.
	MaxJitter = 24 * time.Hour
	// jitterShare is the part of an interval by which polls are spread unless
	// somebody chose.
	jitterShare = 0.1
	// maxCronJitter is the spread of a cron expression that nobody chose: who names
	// a minute wants that minute.
	maxCronJitter = time.Second
)

// Options are what somebody chose. They are kept with a subscription, so their
// JSON form must stay readable. The zero value polls once a minute.
type Options struct {
	// Interval is the time between two polls; 0 means [DefaultInterval] unless
	// there is a cron expression.
	Interval time.Duration `json:"interval,omitempty"`
	// Cron is a cron expression of five fields, or of six with seconds in front;
	// empty to use the interval.
	Cron string `json:"cron,omitempty"`
	// Zone is the IANA time zone of the cron expression; empty means UTC.
	Zone string `json:"zone,omitempty"`
	// Jitter bounds the random time that is added, up to [MaxJitter]; nil means a tenth
	// of the interval, but not more than that either, or a second for a cron expression.
	Jitter *time.Duration `json:"jitter,omitempty"`
	// Start is before which nothing is due, and End after which; zero for no bound.
	Start time.Time `json:"start,omitzero"`
	End   time.Time `json:"end,omitzero"`
}

// OptionError says which option cannot be used, and why.
type OptionError struct {
	// Field is the name of the option in the interface: "interval", "cron",
	// "time_zone", "jitter" or "end_time".
	Field string
	// Problem is what is wrong, to be read after the field's name.
	Problem string
}

// Error tells both.
func (e *OptionError) Error() string { return e.Field + " " + e.Problem }

// Rule is a recurrence. It is immutable and safe for concurrent use.
type Rule struct {
	options Options
	cron    cron.Schedule // nil for an interval
	jitter  time.Duration
}

// New checks options. least is the shortest interval that the operator allows;
// its errors are [OptionError]s.
func New(o Options, least time.Duration) (Rule, error) {
	r := Rule{options: o}
	if err := r.readTimes(least); err != nil {
		return Rule{}, err
	}
	switch {
	case !o.End.IsZero() && !o.End.After(o.Start):
		return Rule{}, &OptionError{"end_time", "must be later than the start time"}
	case o.Jitter != nil && (*o.Jitter < 0 || *o.Jitter > MaxJitter):
		return Rule{}, &OptionError{"jitter", "must be between 0 and a day"}
	case o.Jitter != nil:
		r.jitter = *o.Jitter
	case r.cron != nil:
		r.jitter = maxCronJitter
	default:
		r.jitter = min(time.Duration(jitterShare*float64(r.options.Interval)), MaxJitter)
	}
	return r, nil
}

// readTimes reads the interval or the cron expression.
func (r *Rule) readTimes(least time.Duration) error {
	o := &r.options
	switch {
	case o.Cron != "" && o.Interval != 0:
		return &OptionError{"cron", "cannot be given together with an interval"}
	case o.Cron == "" && o.Zone != "":
		return &OptionError{"time_zone", "is for cron expressions"}
	case o.Cron != "":
		return r.readCron(least)
	case o.Interval == 0:
		o.Interval = max(DefaultInterval, least)
	case o.Interval < least || o.Interval > MaxInterval:
		return &OptionError{"interval", fmt.Sprintf("must be between %s and 500 days", least)}
	}
	return nil
}

// readCron reads the expression. Expressions like "@every 1m" and those that name
// a zone themselves are refused: there are fields for both.
func (r *Rule) readCron(least time.Duration) error {
	text := strings.TrimSpace(r.options.Cron)
	if strings.HasPrefix(text, "@") || strings.Contains(text, "TZ=") {
		return &OptionError{"cron", `must be five or six fields, for instance "0 9 * * MON-FRI"; use interval and time_zone for the rest`}
	}
	zone, err := time.LoadLocation(r.options.Zone)
	if err != nil || r.options.Zone == "Local" {
		return &OptionError{"time_zone", fmt.Sprintf("%q is not known; give an IANA name such as Europe/Berlin", r.options.Zone)}
	}
	fields := cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow
	schedule, err := cron.NewParser(fields).Parse(text)
	if err != nil {
		return &OptionError{"cron", "cannot be read: " + err.Error()}
	}
	if spec, ok := schedule.(*cron.SpecSchedule); ok {
		spec.Location = zone
	}
	r.cron = schedule
	return r.checkCron(least)
}

// checkCron refuses what never comes, and what comes too often.
func (r *Rule) checkCron(least time.Duration) error {
	first := r.cron.Next(epoch)
	if first.IsZero() {
		return &OptionError{"cron", "names a time that never comes"}
	}
	for at, step := first, 0; step < cronSteps; step++ {
		next := r.cron.Next(at)
		if next.IsZero() {
			return nil
		}
		if pause := next.Sub(at); pause < least {
			return &OptionError{"cron", fmt.Sprintf("is due after %s already, %s is the least", pause, least)}
		}
		at = next
	}
	return nil
}

// epoch is where the looking begins: the library looks five years ahead, which
// reaches the next leap day from here.
var epoch = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// cronSteps is how many times of an expression are looked at: two minutes of one
// that is due each second.
const cronSteps = 120

// Options returns what the rule was made of, with the interval filled in.
func (r Rule) Options() Options { return r.options }

// Interval is the time between two polls, or for a cron expression until the next
// one after a time.
func (r Rule) Interval(now time.Time) time.Duration {
	if r.cron == nil {
		return r.options.Interval
	}
	first := r.cron.Next(now)
	return max(r.cron.Next(first).Sub(first), MinInterval)
}

// Next returns when the trigger is due after a poll that began at a time. dice is
// a random number from 0 up to 1. It is false once the rule has ended.
func (r Rule) Next(after time.Time, dice float64) (time.Time, bool) {
	begin := after
	if r.options.Start.After(begin) {
		// The start is itself a time to poll.
		begin = r.options.Start
		if r.cron == nil {
			return r.within(begin, dice)
		}
		begin = begin.Add(-time.Nanosecond)
	}
	if r.cron == nil {
		return r.within(begin.Add(r.options.Interval), dice)
	}
	next := r.cron.Next(begin)
	if next.IsZero() {
		return time.Time{}, false
	}
	return r.within(next, dice)
}

// within spreads a time, and says whether that is before the end.
func (r Rule) within(at time.Time, dice float64) (time.Time, bool) {
	at = at.Add(time.Duration(dice * float64(r.jitter)))
	if r.Ended(at) {
		return time.Time{}, false
	}
	return at.UTC(), true
}

// Ended reports whether a time lies after the end.
func (r Rule) Ended(at time.Time) bool {
	return !r.options.End.IsZero() && at.After(r.options.End)
}

// IsOptionError returns the error of an option in a chain.
func IsOptionError(err error) (*OptionError, bool) {
	return errors.AsType[*OptionError](err)
}
