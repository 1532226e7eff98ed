// Package schedule runs things at their time, on message schedules of NATS
// JetStream: no scheduler process, no table to scan. A schedule survives the
// restart of every process, fires once on one of them, and is kept until what
// it fired for has been done.
//
// A [Scheduler] keeps at most one definition per id. [Scheduler.Put] says when
// an id is due; at that time [Scheduler.Consume] calls a handler somewhere in
// the installation, and the handler says when the id is due next:
//
//	s := schedule.New(b, schedule.Config{Log: log})
//	err := s.Put(ctx, "prod/orders", clk.Now(), nil)
//	…
//	err = s.Consume(ctx, 16, func(ctx context.Context, f schedule.Firing) (time.Time, []byte, error) {
//		if !stillWanted(f.ID) {
//			return time.Time{}, nil, nil // the end of this schedule
//		}
//		return poll(ctx, f.ID, f.State)
//	})
//
// # What is promised
//
// An id that was put fires at least once, not before its time and about 150 ms
// after it (the server's timers have a grain of 250 ms); when all servers or
// all consumers were down at that time, once when they are back. A handler that
// fails, panics or dies with its process is called again. Two processes may, in
// rare cases, run the same id at the same time: after a Put while it runs, or
// when a process cannot tell the bus for longer than the acknowledgement wait
// that it is still at work. One Scheduler never does.
//
// State is a convenience, not a record: a Put that arrives in the moment in
// which the old definition fires can lose its time and state to the firing. The
// schedule itself is never lost by that. What must not be lost belongs in a store.
package schedule

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// Limits of a schedule.
const (
	// MaxIDBytes bounds the id.
	MaxIDBytes = 256
	// MaxStateBytes bounds the state.
	MaxStateBytes = 64 << 10
)

// Defaults of [Config].
const (
	// DefaultAckWait is how long a running handler may be silent.
	DefaultAckWait = 10 * time.Second
	// DefaultRetryMin is the pause after the first failure.
	DefaultRetryMin = time.Second
	// DefaultRetryMax bounds the pause, which doubles with each failure.
	DefaultRetryMax = 5 * time.Minute
)

// The headers of a definition, by hand: the client's own option WithScheduleAt
// cuts the time to whole seconds, so that everything would fire up to a second
// early and all at once.
const (
	headerSchedule = "Nats-Schedule"
	headerTarget   = "Nats-Schedule-Target"
	// headerDue is ours and reaches the firing: the server removes its own.
	headerDue = "Ferrule-Due"
)

// operationTimeout bounds one exchange with the bus that has no earlier deadline.
const operationTimeout = 5 * time.Second

// Config of a [Scheduler]. Only Log is required.
type Config struct {
	// Log receives failures of handlers and of the bus.
	Log *slog.Logger
	// Clock times pauses and signs of life; nil means the system's. Due times
	// are judged by the clock of the server.
	Clock clock.Clock
	// AckWait is how long the bus waits for a sign of life of a running handler
	// before it calls another; a sign is sent three times as often. All
	// processes of an installation need the same. 0 means DefaultAckWait.
	AckWait time.Duration
	// RetryMin and RetryMax bound the pause after a failure, which doubles each
	// time. 0 means DefaultRetryMin and DefaultRetryMax.
	RetryMin, RetryMax time.Duration
}

// Scheduler puts and runs schedules. It is safe for concurrent use. A process
// needs one, because an id is kept from running twice per Scheduler.
type Scheduler struct {
	bus *bus.Bus
	cfg Config
	log *slog.Logger

	mu      sync.Mutex
	running map[string]struct{} // ids whose handler runs here
	trouble string              // the last failure of the bus that was logged
}

// New returns a scheduler on a bus whose streams exist, see [bus.Bus.Ensure].
func New(b *bus.Bus, cfg Config) *Scheduler {
	if cfg.Clock == nil {
		cfg.Clock = clock.System()
	}
	cfg.AckWait = cmp.Or(cfg.AckWait, DefaultAckWait)
	cfg.RetryMin = cmp.Or(cfg.RetryMin, DefaultRetryMin)
	cfg.RetryMax = max(cmp.Or(cfg.RetryMax, DefaultRetryMax), cfg.RetryMin)
	return &Scheduler{bus: b, cfg: cfg, log: cfg.Log, running: map[string]struct{}{}}
}

// Put says that id is due at a time, replacing what was said before. A time in
// the past is due at once. When it returns nil, the schedule is stored.
func (s *Scheduler) Put(ctx context.Context, id string, at time.Time, state []byte) error {
	return s.put(ctx, id, at, state)
}

// PutIfAbsent is Put for an id that has no definition, and does nothing and
// returns false for one that has: a starting process uses it for everything
// that should be scheduled. While an id fires or its handler runs it has no
// definition; putting one then does not multiply anything, since the handler's
// own next time gives way to it.
func (s *Scheduler) PutIfAbsent(ctx context.Context, id string, at time.Time, state []byte) (bool, error) {
	// Sequence 0 is "no message on this subject".
	err := s.put(ctx, id, at, state, jetstream.WithExpectLastSequencePerSubject(0))
	var refused *jetstream.APIError
	if errors.As(err, &refused) && refused.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		return false, nil
	}
	return err == nil, err
}

// Cancel removes the schedule and a firing of it that nobody has taken yet.
// Cancelling what does not exist is no error. A handler that is running is not
// stopped, and schedules the id again unless it returns the zero time: it has to
// ask its own store whether the id is still wanted.
func (s *Scheduler) Cancel(ctx context.Context, id string) error {
	if err := checkID(id); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	stream, err := s.bus.JetStream().Stream(ctx, bus.StreamPolls)
	if err != nil {
		return fmt.Errorf("cancel schedule %q: %w", id, err)
	}
	// The definition first: in the other order it could fire in between.
	for _, subject := range []string{bus.ScheduleSubject(id), bus.FiringSubject(id)} {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return fmt.Errorf("cancel schedule %q: %w", id, err)
		}
	}
	return nil
}

// put stores a definition: a message that the server republishes to the target
// at its time, removing the definition in the same step.
//
// It sets no Nats-Schedule-TTL: a firing that expired before anybody took it
// would end the schedule. It sets no message id: within the window of
// deduplication the second definition of an id would not be stored. It carries
// no trace context: each run would continue the trace of the one before, for ever.
func (s *Scheduler) put(ctx context.Context, id string, at time.Time, state []byte, opts ...jetstream.PublishOpt) error {
	if err := errors.Join(checkID(id), checkDefinition(at, state)); err != nil {
		return err
	}
	due := at.UTC().Format(time.RFC3339Nano) // "@at" takes no other zone
	ctx, cancel := context.WithTimeout(ctx, operationTimeout)
	defer cancel()
	_, err := s.bus.JetStream().PublishMsg(ctx, &nats.Msg{
		Subject: bus.ScheduleSubject(id),
		Header: nats.Header{
			headerSchedule: {"@at " + due},
			headerTarget:   {bus.FiringSubject(id)},
			headerDue:      {due},
		},
		Data: state,
	}, opts...)
	if err != nil {
		return fmt.Errorf("put schedule %q: %w", id, err)
	}
	return nil
}

func checkID(id string) error {
	if id == "" || len(id) > MaxIDBytes {
		return fmt.Errorf("schedule id has %d bytes, 1 to %d are accepted", len(id), MaxIDBytes)
	}
	return nil
}

func checkDefinition(at time.Time, state []byte) error {
	if at.IsZero() || at.Year() > 9999 {
		return errors.New("schedule time is missing or beyond the year 9999")
	}
	if len(state) > MaxStateBytes {
		return fmt.Errorf("schedule state has %d bytes, up to %d are accepted", len(state), MaxStateBytes)
	}
	return nil
}
