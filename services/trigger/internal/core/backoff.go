package core

import "time"

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
}

// pause returns how long to wait after the nth failure in a row, from 1. It
// begins with the interval and doubles; where repeating the call cannot help by
// itself, because the credentials are wrong for instance, it grows fourfold.
func pause(interval time.Duration, failures int, why trouble) time.Duration {
	longest := max(maxPause, interval)
	steps := failures - 1
	if !why.retryable {
		steps *= 2
	}
	d := interval
	for range steps {
		if d >= longest/2 {
			d = longest
			break
		}
		d *= 2
	}
	return max(d, min(why.retryAfter, maxRetryAfter))
}
