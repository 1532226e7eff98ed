package core

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// maxPause is the longest pause between two polls that fail, unless the
	// interval is longer.
	maxPause = 15 * time.Minute
	// maxRetryAfter is the longest wait that an API can ask for.
	maxRetryAfter = 24 * time.Hour
	// spread is the part of an interval by which polls are spread, so that those
	// of many subscriptions do not fall together for ever.
	spread = 0.05
	// maxSpread bounds it.
	maxSpread = 10 * time.Second
)

// jittered makes a pause longer by a random part.
func (t *Triggers) jittered(d time.Duration) time.Duration {
	return d + time.Duration(t.Dice()*min(spread*float64(d), float64(maxSpread)))
}

// trouble says how a poll failed.
type trouble struct {
	reason     string
	retryable  bool
	retryAfter time.Duration
	// refused is true if the API does not know the state of the trigger any more.
	refused bool
}

// pause returns how long to wait after the nth failure in a row, from 1. It
// begins with the interval, or with [maxPause] if that is shorter, and doubles; where
// repeating the call cannot help by itself, because the credentials are wrong for
// instance, it grows fourfold.
func pause(interval time.Duration, failures int, why trouble) time.Duration {
	longest := max(maxPause, interval)
	steps := failures - 1
	if !why.retryable {
		steps *= 2
	}
	d := min(interval, maxPause)
	for range steps {
		if d >= longest/2 {
			d = longest
			break
		}
		d *= 2
	}
	return max(d, min(why.retryAfter, maxRetryAfter))
}

// minFailures is how many polls have to fail before a subscription is suspended,
// however much time has passed: this service may have been off in between.
const minFailures = 3

// exhausted reports whether a subscription has failed for so long that nothing is
// tried any more.
func (s Subscription) exhausted(c Cursor, now time.Time) bool {
	return c.Failures >= minFailures && !now.Before(s.exhaustion(c))
}

// exhaustion is when a subscription that fails has failed for too long.
func (s Subscription) exhaustion(c Cursor) time.Time {
	bound := s.SuspendAfter
	if bound == 0 {
		bound = DefaultSuspendAfter
	}
	return c.FailingSince.Add(bound)
}

// retryAfter returns how long an API asks to wait before the next call, by the header
// Retry-After (RFC 9110, section 10.2.3), at least the shortest interval and at most a
// day; false if it does not.
func (t *Triggers) retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0, false
	}
	var wait time.Duration
	if seconds, err := strconv.ParseUint(text, 10, 64); err == nil {
		wait = time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	} else if strings.Trim(text, "0123456789") != "" {
		return 0, false // neither: as if it had not been said
	} else {
		wait = maxRetryAfter // a number beyond measure
	}
	return min(max(wait, t.cfg.MinInterval), maxRetryAfter), true
}
