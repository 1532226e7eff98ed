package schedule

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
)

// Firing is a schedule that is due.
type Firing struct {
	// ID is the id that was put.
	ID string
	// Due is the time that was put.
	Due time.Time
	// State is what was put with it.
	State []byte
	// Attempt counts the deliveries of this firing, from 1.
	Attempt int
}

// Handler does what a schedule is for. It returns when the id is due next and
// with what state, or the zero time to end the schedule. When it returns an
// error, or panics, next and state are ignored and the same firing comes again
// after a pause. ctx ends when the consumer is told to stop.
//
// When the id was put by somebody else while the handler ran, that is newer:
// next and state are dropped.
type Handler func(ctx context.Context, f Firing) (next time.Time, state []byte, err error)

// Times of a worker.
const (
	// pullWait is how long a worker waits for work before it asks again. From some 10 s
	// on, the client library watches over each request with a timer that it keeps for
	// another 10 s once it has its answer, with more than a kilobyte that hangs on it.
	pullWait = 9 * time.Second
	// troublePause separates attempts while the bus cannot give work.
	troublePause = time.Second
	// busyDelay is when a firing comes again whose id is running here.
	busyDelay = time.Second
)

// Consume takes firings and calls handle for each, in as many workers as given,
// at least one. It blocks until ctx ends and all handlers have returned, which
// is no error; it returns an error when it cannot begin, or when the bus was
// closed. Many processes may consume: each firing goes to one of them.
//
// A worker asks for one firing when it is free. So nothing waits in the memory
// of a busy process while its acknowledgement wait runs out.
func (s *Scheduler) Consume(ctx context.Context, workers int, handle Handler) error {
	consumer, err := s.consumer(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end of the context is the orderly end
		}
		return err
	}
	var running sync.WaitGroup
	for range max(workers, 1) {
		running.Go(func() { s.work(ctx, consumer, handle) })
	}
	running.Wait()
	if ctx.Err() == nil {
		return fmt.Errorf("consume schedules: %w", nats.ErrConnectionClosed)
	}
	return nil
}

// consumer creates or finds the consumer that all processes share.
func (s *Scheduler) consumer(ctx context.Context) (jetstream.Consumer, error) {
	c, err := s.bus.JetStream().CreateOrUpdateConsumer(ctx, bus.StreamPolls, bus.PollsConsumer(s.cfg.AckWait))
	if err != nil {
		return nil, fmt.Errorf("consume schedules: %w", err)
	}
	return c, nil
}

// work is one worker. It ends with ctx, or with the bus.
func (s *Scheduler) work(ctx context.Context, consumer jetstream.Consumer, handle Handler) {
	for ctx.Err() == nil && !s.bus.Conn().IsClosed() {
		err := s.workConnected(ctx, consumer, handle)
		if ctx.Err() != nil || s.bus.Conn().IsClosed() {
			return
		}
		s.noteTrouble(err)
		select {
		case <-ctx.Done():
			return
		case <-s.cfg.Clock.After(troublePause):
		}
		if again, err := s.consumer(ctx); err == nil { // it may have been deleted
			consumer = again
		}
	}
}

// workConnected takes one firing after the other for as long as the bus gives
// them out. A request that was on its way when the connection was lost is given
// up at once; its answer went to nobody, and comes again.
func (s *Scheduler) workConnected(ctx context.Context, consumer jetstream.Consumer, handle Handler) error {
	connected, stop := s.bus.UntilDisconnect(ctx)
	defer stop()
	// Asked before each request: the client sends one even when the context has
	// ended, and the server would give it a firing that nobody reads, for instance
	// the one that was just handed back.
	for connected.Err() == nil {
		m, err := next(connected, consumer)
		switch {
		case err == nil:
			s.noteTrouble(nil)
			s.process(ctx, m, handle)
		case connected.Err() != nil:
			// told below
		case errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded):
			// nothing was due
		default:
			return err
		}
	}
	return context.Cause(connected)
}

// next waits for one firing.
func next(ctx context.Context, consumer jetstream.Consumer) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	return consumer.Next(jetstream.FetchContext(ctx))
}

// noteTrouble logs a failure of the bus once, not once per worker and second.
func (s *Scheduler) noteTrouble(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	s.mu.Lock()
	changed := s.trouble != text
	s.trouble = text
	s.mu.Unlock()
	if err != nil && changed {
		s.log.Warn("schedules cannot be taken from the bus, trying again", "error", err)
	}
}

// process runs the handler for one firing and settles the message.
func (s *Scheduler) process(ctx context.Context, m jetstream.Msg, handle Handler) {
	f, err := parse(m)
	if err != nil { // nobody will ever understand it
		s.log.Error("a firing is not understood and was dropped", "subject", m.Subject(), "error", err)
		s.settled(f, m.Term())
		return
	}
	if !s.begin(f.ID) {
		s.settled(f, m.NakWithDelay(busyDelay))
		return
	}
	defer s.end(f.ID) // after the acknowledgement was sent: until then it could come again
	err = s.keepingAlive(m, func() error { return s.fire(ctx, f, handle) })

	// The stop of the process must not keep what was done from being confirmed.
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), operationTimeout)
	defer cancel()
	switch {
	case err == nil && ctx.Err() == nil:
		// Should it be lost with the connection, the firing comes again and its next
		// definition is there.
		s.settled(f, m.Ack())
	case err == nil:
		s.settled(f, m.DoubleAck(detached)) // the connection may end with us
	case ctx.Err() != nil:
		s.settled(f, m.Nak()) // at once, for another process
	default:
		delay := s.retryDelay(f.Attempt)
		s.log.Warn("a schedule failed and will be tried again", "schedule", f.ID, "attempt", f.Attempt, "delay", delay, "error", err)
		s.settled(f, m.NakWithDelay(delay))
	}
}

// settled notes that the bus was not told how a firing ended. Nothing is lost:
// it comes again after the acknowledgement wait.
func (s *Scheduler) settled(f Firing, err error) {
	if err != nil {
		s.log.Debug("a firing was not settled and will come again", "schedule", f.ID, "error", err)
	}
}

// fire calls the handler and then stores the next definition. Only after that
// the firing is acknowledged: a crash in between repeats the firing, and its
// next definition is refused because there is one. The other order would lose
// the schedule.
func (s *Scheduler) fire(ctx context.Context, f Firing, handle Handler) error {
	at, state, err := guarded(ctx, f, handle)
	if err != nil || at.IsZero() {
		return err
	}
	// A definition that exists by now is newer than this firing, which removed its
	// own: a second one on the same subject would silently replace it.
	_, err = s.PutIfAbsent(context.WithoutCancel(ctx), f.ID, at, state)
	return err
}

// guarded turns a panic of the handler into an error.
func guarded(ctx context.Context, f Firing, handle Handler) (next time.Time, state []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	return handle(ctx, f)
}

// keepingAlive calls f and tells the bus three times per acknowledgement wait
// that it is still at work.
func (s *Scheduler) keepingAlive(m jetstream.Msg, f func() error) error {
	finished := make(chan struct{})
	var signs sync.WaitGroup
	signs.Go(func() {
		for {
			select {
			case <-finished:
				return
			case <-s.cfg.Clock.After(s.cfg.AckWait / 3):
			}
			if err := m.InProgress(); err != nil {
				s.log.Debug("a sign of life was not sent", "subject", m.Subject(), "error", err)
			}
		}
	})
	defer signs.Wait() // no sign may follow the acknowledgement
	defer close(finished)
	return f()
}

// begin claims an id for this process; false when it is running already.
func (s *Scheduler) begin(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, busy := s.running[id]; busy {
		return false
	}
	s.running[id] = struct{}{}
	return true
}

func (s *Scheduler) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.running, id)
}

// retryDelay doubles from RetryMin up to RetryMax.
func (s *Scheduler) retryDelay(attempt int) time.Duration {
	delay := s.cfg.RetryMin
	for range attempt - 1 {
		if delay >= s.cfg.RetryMax/2 {
			return s.cfg.RetryMax
		}
		delay *= 2
	}
	return delay
}

// parse reads a firing from its message.
func parse(m jetstream.Msg) (Firing, error) {
	id, err := bus.ParseFiring(m.Subject())
	if err != nil {
		return Firing{}, err
	}
	due, err := time.Parse(time.RFC3339Nano, m.Headers().Get(headerDue))
	if err != nil {
		return Firing{ID: id}, fmt.Errorf("header %s: %w", headerDue, err)
	}
	meta, err := m.Metadata()
	if err != nil {
		return Firing{ID: id}, err
	}
	return Firing{ID: id, Due: due, State: m.Data(), Attempt: int(meta.NumDelivered)}, nil
}
