package signature

import (
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// maxUnix bounds the numbers that times are read from, far behind any time that is
// meant, so that nothing computed with them overflows.
const maxUnix = 1e15

// stamp reads the time of signing and judges it.
type stamp struct {
	header    string // empty if the time is among the signatures
	inside    bool   // the time is among the signatures
	parse     func(string) (time.Time, error)
	tolerance time.Duration
}

func stampOf(r Rule) (stamp, error) {
	s := stamp{header: r.TimestampHeader, inside: r.TimestampKey != "", tolerance: r.Tolerance}
	if s.header != "" && s.inside {
		return stamp{}, fmt.Errorf("%w: it names two places for the time", ErrRule)
	}
	switch r.TimestampFormat {
	case "", "unix":
		s.parse = func(text string) (time.Time, error) { return unixTime(text, time.Second) }
	case "unix-milli":
		s.parse = func(text string) (time.Time, error) { return unixTime(text, time.Millisecond) }
	case "rfc3339":
		s.parse = func(text string) (time.Time, error) { return time.Parse(time.RFC3339Nano, text) }
	default:
		return stamp{}, fmt.Errorf("%w: timestamp format %q is none of unix, unix-milli and rfc3339", ErrRule, r.TimestampFormat)
	}
	return s, nil
}

// used reports whether notifications carry a time.
func (s stamp) used() bool { return s.header != "" || s.inside }

// text returns the time as it is written; empty if notifications carry none.
func (s stamp) text(h http.Header, e envelope) (string, error) {
	switch {
	case s.inside && e.stamp == "":
		return "", ErrMissing
	case s.inside:
		return e.stamp, nil
	case s.header != "":
		return single(h, s.header)
	}
	return "", nil
}

// judge returns the time that a text stands for, if it is near enough to ours.
func (s stamp) judge(text string, now time.Time) (time.Time, error) {
	at, err := s.parse(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: its time cannot be read", ErrMismatch)
	}
	if off := now.Sub(at); off > s.tolerance || off < -s.tolerance {
		return time.Time{}, ErrExpired
	}
	return at.UTC(), nil
}

// unixTime reads digits that count units since 1970. Signs, spaces and fractions
// are no digits: two texts must not stand for one time.
func unixTime(text string, unit time.Duration) (time.Time, error) {
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return time.Time{}, strconv.ErrSyntax
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	if n > maxUnix {
		return time.Time{}, strconv.ErrRange
	}
	if unit == time.Millisecond {
		return time.UnixMilli(n), nil
	}
	return time.Unix(n, 0), nil
}
