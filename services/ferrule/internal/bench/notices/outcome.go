package notices

import "time"

// The goals.
const (
	// IngressGoal is the least share of the bare handler's rate.
	IngressGoal = 0.7
	// EndToEndGoal is the most that a notification may take to its sink, for 99 of 100.
	EndToEndGoal = 50 * time.Millisecond
	// MemoryGoal is the most that a subscription may need, in bytes.
	MemoryGoal = 1024
	// BacklogGoal is the least share of the rate that is left with a backlog. It should
	// be all of it; the rest is what measurements differ by.
	BacklogGoal = 0.9
)

// Outcome is what was measured of triggers.
type Outcome struct {
	// Journeys are from end to end, one for each way of syncing.
	Journeys []Journey `json:"journeys"`
	// Backlog is how many events waited for a sink that takes none. Empty and Full are
	// the rates of notifications before and with it, per second.
	Backlog int     `json:"backlog"`
	Empty   float64 `json:"empty_per_second"`
	Full    float64 `json:"full_per_second"`
	// Crowds are numbers of polling subscriptions, the smallest first.
	Crowds []Crowd `json:"crowds"`
}

// Journey is what becomes of notifications that are sent at a steady rate.
type Journey struct {
	// Sync is when an acknowledged event is on disk.
	Sync string `json:"sync"`
	// Rate is how many were sent per second, Sent how many were accepted in all.
	Rate int `json:"rate"`
	Sent int `json:"sent"`
	// Stats are the times to the sink.
	Stats Stats `json:"stats"`
}

// Crowd is a number of polling subscriptions of one process.
type Crowd struct {
	// Subscriptions is how many, Polled how many of them are asked every minute; the
	// others are asked once a day.
	Subscriptions int `json:"subscriptions"`
	Polled        int `json:"polled"`
	// Registered is how many were made per second, each with a first answer.
	Registered float64 `json:"registered_per_second"`
	// Memory is what the process needs for each in bytes: memory of its own, without the
	// pages of its file and without the message bus, which is another process.
	Memory float64 `json:"memory_bytes_each"`
	// File is the size of the store for each, in bytes.
	File float64 `json:"file_bytes_each"`
	// Polls is how many polls were made per second in the minute that was looked at;
	// Late is how much more than their minute the time between two polls of one was.
	Polls   float64       `json:"polls_per_second"`
	LateP50 time.Duration `json:"late_p50_ns"`
	LateP99 time.Duration `json:"late_p99_ns"`
}
