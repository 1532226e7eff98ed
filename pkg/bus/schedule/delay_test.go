package schedule

import (
	"log/slog"
	"testing"
	"time"
)

func TestPauseDoublesUpToItsLimit(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for _, row := range []struct {
		name     string
		min, max time.Duration
		attempt  int
		want     time.Duration
	}{
		{"the first failure waits the least", time.Second, time.Minute, 1, time.Second},
		{"the second twice that", time.Second, time.Minute, 2, 2 * time.Second},
		{"the fifth sixteen times that", time.Second, time.Minute, 5, 16 * time.Second},
		{"past the limit the limit", time.Second, time.Minute, 8, time.Minute},
		{"after years still the limit", time.Second, time.Minute, 1 << 30, time.Minute},
		{"a limit below the least is raised to it", time.Minute, time.Second, 3, time.Minute},
		{"defaults, at first", 0, 0, 1, DefaultRetryMin},
		{"defaults, at last", 0, 0, 100, DefaultRetryMax},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := New(nil, Config{Log: log, RetryMin: row.min, RetryMax: row.max})
			if got := s.retryDelay(row.attempt); got != row.want {
				t.Errorf("retryDelay(%d) = %v, want %v", row.attempt, got, row.want)
			}
		})
	}
}
