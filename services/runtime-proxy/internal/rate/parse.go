package rate

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse reads a limit as flags have it: "500/1m" is 500 calls a minute, "" and "0"
// are no limit. The period is a duration of Go; "s", "m", "h" and "d" alone are one
// of them.
func Parse(text string) (Limit, error) {
	text = strings.TrimSpace(text)
	if text == "" || text == "0" {
		return Limit{}, nil
	}
	calls, period, ok := strings.Cut(text, "/")
	if !ok {
		return Limit{}, fmt.Errorf("%q is no rate limit: write calls and time, as in \"500/1m\"", text)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(calls), 10, 64)
	if err != nil {
		return Limit{}, fmt.Errorf("%q is no rate limit: %q is no number of calls", text, calls)
	}
	d, err := parsePeriod(strings.TrimSpace(period))
	if err != nil {
		return Limit{}, fmt.Errorf("%q is no rate limit: %q is no time such as \"1m\"", text, period)
	}
	l := Limit{Calls: n, Period: d}
	if err := l.Validate(); err != nil {
		return Limit{}, fmt.Errorf("%q is no rate limit: it %w", text, err)
	}
	return l, nil
}

func parsePeriod(text string) (time.Duration, error) {
	switch text {
	case "s", "m", "h":
		text = "1" + text
	case "d", "1d":
		text = "24h"
	}
	return time.ParseDuration(text)
}

// Validate reports what is wrong with a limit; the zero value is none, and valid.
func (l Limit) Validate() error {
	switch {
	case l == Limit{}:
		return nil
	case l.Calls < 1 || l.Calls > MaxCalls:
		return fmt.Errorf("must allow between 1 and %d calls", MaxCalls)
	case l.Period < time.Second || l.Period > MaxPeriod || l.Period%time.Second != 0:
		return errors.New("must be for a whole number of seconds, a day at most")
	}
	return nil
}

// String returns the limit as [Parse] reads it, "" for none.
func (l Limit) String() string {
	if l == (Limit{}) {
		return ""
	}
	return fmt.Sprintf("%d/%ds", l.Calls, int64(l.Period/time.Second))
}

// text is the limit in words.
func (l Limit) text() string {
	calls := "calls"
	if l.Calls == 1 {
		calls = "call"
	}
	return fmt.Sprintf("%d %s in %v", l.Calls, calls, l.Period)
}
