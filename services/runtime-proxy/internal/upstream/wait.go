package upstream

import (
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxRetryAfter is the longest wait that is believed.
const maxRetryAfter = 24 * time.Hour

// RetryAfter returns how long an API wants to be left alone, 0 if it does not say
// and at most a day. It reads Retry-After (RFC 9110, section 10.2.3: seconds or a
// date) and its forms in milliseconds, and, from answers that say that there were
// too many calls, when the budget is filled again: RateLimit and RateLimit-Reset
// (draft-ietf-httpapi-ratelimit-headers) and X-RateLimit-Reset.
func RetryAfter(status int, header http.Header, now time.Time) time.Duration {
	if wait := retryAfter(header.Get("Retry-After"), now); wait > 0 {
		return wait
	}
	for _, name := range [...]string{"Retry-After-Ms", "X-Ms-Retry-After-Ms"} {
		if ms, err := strconv.ParseInt(header.Get(name), 10, 32); err == nil && ms > 0 {
			return min(time.Duration(ms)*time.Millisecond, maxRetryAfter)
		}
	}
	if status != http.StatusTooManyRequests && !(status >= http.StatusBadRequest && budgetSpent(header)) {
		return 0
	}
	for _, name := range [...]string{"Ratelimit", "Ratelimit-Reset", "X-Ratelimit-Reset", "X-Rate-Limit-Reset", "X-Ratelimit-Reset-Requests"} {
		if wait := refilled(header.Get(name), now); wait > 0 {
			return wait
		}
	}
	return 0
}

func retryAfter(line string, now time.Time) time.Duration {
	line = strings.TrimSpace(line)
	if line == "" {
		return 0
	}
	if seconds, ok := number(line); ok {
		return bounded(seconds)
	}
	date, err := http.ParseTime(line)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryAfter)
}

// refilled reads when a budget is filled again: a number of seconds, a time since
// 1970 in seconds or milliseconds, a date, a duration such as "6m0s", or the
// parameter t or reset of a RateLimit field.
func refilled(line string, now time.Time) time.Duration {
	line = strings.TrimSpace(line)
	for _, part := range strings.FieldsFunc(line, func(r rune) bool { return r == ';' || r == ',' }) {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if ok && (name == "t" || name == "reset") {
			line = value
			break
		}
	}
	n, ok := number(line)
	switch {
	case !ok:
		if d, err := time.ParseDuration(line); err == nil {
			return min(max(d, 0), maxRetryAfter)
		}
		if date, err := time.Parse(time.RFC3339, line); err == nil {
			return min(max(date.Sub(now), 0), maxRetryAfter)
		}
		return retryAfter(line, now)
	case n > 1e12:
		return bounded(n/1000 - float64(now.Unix()))
	case n > 1e9:
		return bounded(n - float64(now.Unix()))
	}
	return bounded(n)
}

// number reads a decimal, never infinity or the like.
func number(text string) (float64, bool) {
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
}

// bounded is a wait to the millisecond.
func bounded(seconds float64) time.Duration {
	return time.Duration(math.Round(min(max(seconds, 0), maxRetryAfter.Seconds())*1000)) * time.Millisecond
}

// budgetSpent reports whether an answer says that no call is left.
func budgetSpent(header http.Header) bool {
	for _, name := range [...]string{"X-Ratelimit-Remaining", "Ratelimit-Remaining", "X-Rate-Limit-Remaining"} {
		if strings.TrimSpace(header.Get(name)) == "0" {
			return true
		}
	}
	return false
}
