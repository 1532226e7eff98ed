package delivery

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/share"
)

const (
	// pullers is how many requests for work a process has open: few, because the bus
	// bounds those of all processes together.
	pullers = 4
	// pullWait is how long a request for work is open. From some 10 s on, each would
	// occupy memory for 10 s after its answer, see package schedule.
	pullWait = 9 * time.Second
	// sweepEvery is how often it is looked for deliveries about which nobody was
	// told: a process can die between two steps.
	sweepEvery = 5 * time.Minute
	// minHold is the shortest pause of a sink that another process serves.
	minHold = 200 * time.Millisecond
)

// Deliverer works through the queues of sinks.
type Deliverer struct {
	Ports

	name    string // of this process
	senders []Sender
	workers int
	shares  *share.Workers
	places  *endpoints

	mu     sync.Mutex
	serves map[bus.DeliveryAddress]chan struct{} // readable when there is something new
}

// NewDeliverer returns a deliverer. name is different for each process and for each
// of its lives, senders are the kinds of sinks, and workers bounds the number of
// sinks that are served at the same time; no owner and no endpoint has all of them, see
// package share. It starts with Run.
func NewDeliverer(p Ports, name string, senders []Sender, workers int) *Deliverer {
	return &Deliverer{Ports: p, name: name, senders: senders, workers: max(workers, 1), shares: share.New(workers, p.Clock), places: newEndpoints(), serves: map[bus.DeliveryAddress]chan struct{}{}}
}

// Run delivers until ctx ends and all attempts under way are over.
func (d *Deliverer) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { d.sweeps(ctx) })
	defer running.Wait()
	return d.consume(ctx, bus.StreamSinkWork, bus.SinkWorkConsumer(leaseTime), d.work)
}

// tools are what is opened once for a while.
type tools struct {
	queue  jetstream.Stream
	bucket jetstream.KeyValue
	events jetstream.Stream
}

// work serves sinks until the queue is disturbed.
func (d *Deliverer) work(ctx context.Context, consumer jetstream.Consumer) error {
	t, err := d.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	free := make(chan struct{}, d.workers)
	var running sync.WaitGroup
	for range min(d.workers, pullers) {
		running.Go(func() { cancel(d.pull(ctx, consumer, t, free, &running)) })
	}
	running.Wait()
	return context.Cause(ctx)
}

func (d *Deliverer) open(ctx context.Context) (t tools, err error) {
	if t.queue, err = d.JetStream.Stream(ctx, bus.StreamDeliveries); err != nil {
		return t, fmt.Errorf("open the queue: %w", err)
	}
	if t.events, err = d.JetStream.Stream(ctx, bus.StreamEvents); err != nil {
		return t, fmt.Errorf("open the log of events: %w", err)
	}
	if t.bucket, err = d.JetStream.KeyValue(ctx, bus.BucketSinks); err != nil {
		return t, fmt.Errorf("open the states of sinks: %w", err)
	}
	return t, nil
}

// pull takes one sink at a time and has it served, as long as a worker is free: so
// nothing waits in this process that another could do.
func (d *Deliverer) pull(ctx context.Context, consumer jetstream.Consumer, t tools, free chan struct{}, running *sync.WaitGroup) error {
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case free <- struct{}{}:
		}
		m, err := next(ctx, consumer)
		switch {
		case err == nil:
			running.Go(func() {
				defer func() { <-free }()
				d.settle(ctx, m, d.serve(ctx, m, t))
			})
			continue
		case errors.Is(err, nats.ErrTimeout) || errors.Is(err, context.DeadlineExceeded):
			<-free // nothing to do
			continue
		}
		<-free
		return err
	}
}

func next(ctx context.Context, consumer jetstream.Consumer) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, pullWait)
	defer cancel()
	return consumer.Next(jetstream.FetchContext(ctx))
}

// after says when a sink has to be looked at again.
type after struct {
	done  bool          // not before somebody says so
	pause time.Duration // otherwise
}

var drained = after{done: true}

// settle tells the bus when a sink has to be looked at again. Where somebody has
// said meanwhile that there is work, that takes the place of what is told here.
func (d *Deliverer) settle(ctx context.Context, m jetstream.Msg, a after) {
	switch {
	case ctx.Err() != nil:
		d.settled(m, m.Nak()) // at once, for another process
	case a.done:
		d.settled(m, m.Ack())
	default:
		d.settled(m, m.NakWithDelay(max(a.pause, time.Millisecond)))
	}
}

// serve gives a sink a turn.
func (d *Deliverer) serve(ctx context.Context, m jetstream.Msg, t tools) after {
	at, err := bus.ParseSinkWork(m.Subject())
	if err != nil {
		return drained // nobody of ours said it
	}
	if d.poke(at) {
		return after{pause: leaseTime} // who serves it looks again now, and at the end
	}
	sub, sink, err := d.find(ctx, at)
	switch {
	case errors.Is(err, core.ErrNotFound):
		return d.drop(ctx, t, at)
	case err != nil:
		d.Log.WarnContext(ctx, "a sink could not be looked up", "sink", at.Sink, "error", err)
		return after{pause: troublePause}
	}
	leave, wait := d.shares.Enter(parties(sub, sink)...)
	if leave == nil {
		return after{pause: wait}
	}
	attempts := 0
	defer func() { leave(attempts > 0) }()
	switch empty, err := d.empty(ctx, t, at, 1); {
	case err != nil:
		d.Log.WarnContext(ctx, "the queue of a sink could not be read", "sink", at.Sink, "error", err)
		return after{pause: troublePause}
	case empty:
		return drained
	}
	return d.turn(ctx, m, t, at, sub, sink, &attempts)
}

// parties are those that a sink's turn is counted for: who owns it, and where it leads.
func parties(sub core.Subscription, sink core.Sink) []string {
	names := []string{"owner " + sub.Owner}
	switch {
	case sink.HTTP != nil:
		if u, err := url.Parse(sink.HTTP.URL); err == nil {
			names = append(names, "host "+u.Host)
		}
	case sink.Action != nil:
		names = append(names, "connection "+sink.Action.Connection.String())
	}
	return names
}

// turn serves a sink as the only one that does, and counts the attempts that end.
func (d *Deliverer) turn(ctx context.Context, m jetstream.Msg, t tools, at bus.DeliveryAddress, sub core.Subscription, sink core.Sink, attempts *int) after {
	news := d.begin(at)
	if news == nil {
		return after{pause: leaseTime}
	}
	defer d.end(at)
	l, s, err := d.acquire(ctx, t.bucket, at)
	switch {
	case errors.Is(err, errHeld):
		return after{pause: max(s.Until.Sub(d.Clock.Now()), s.Rests.Sub(d.Clock.Now()), minHold)}
	case err != nil:
		d.Log.WarnContext(ctx, "a sink could not be taken over", "sink", at.Sink, "error", err)
		return after{pause: troublePause}
	}
	turn := &turn{
		d: d, tools: t, at: at, sub: sub, sink: sink, lease: l, state: s, work: m, news: news, attempts: attempts,
		done: make(chan attempted, max(sink.Concurrent, core.DefaultConcurrent)),
	}
	if turn.reader, err = bus.NewReader(d.JetStream.Conn(), bus.StreamDeliveries, at.Subject()); err != nil {
		return turn.leave(ctx, err)
	}
	defer turn.reader.Close()
	return turn.run(ctx)
}

// begin notes that this process serves a sink, and returns what is readable when
// there is something new for it; nil, after telling whoever serves it, if it is
// served already.
func (d *Deliverer) begin(at bus.DeliveryAddress) <-chan struct{} {
	if d.poke(at) {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.serves[at]; ok {
		return nil
	}
	news := make(chan struct{}, 1)
	d.serves[at] = news
	return news
}

// poke tells the turn at a sink that there is something new; false if there is no
// turn. A turn that was told, or its sink's message, looks at the queue before it ends:
// what was there before poke is not forgotten.
func (d *Deliverer) poke(at bus.DeliveryAddress) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	news, ok := d.serves[at]
	if ok {
		select {
		case news <- struct{}{}:
		default: // it is going to look anyway
		}
	}
	return ok
}

func (d *Deliverer) end(at bus.DeliveryAddress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.serves, at)
}

// empty reports whether a sink has no delivery at or after a sequence.
func (d *Deliverer) empty(ctx context.Context, t tools, at bus.DeliveryAddress, from uint64) (bool, error) {
	m, err := read(ctx, t, at, from)
	return m == nil, err
}

// read returns the first delivery to a sink at or after a sequence, nil if there
// is none.
func read(ctx context.Context, t tools, at bus.DeliveryAddress, from uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	m, err := t.queue.GetMsg(ctx, max(from, 1), jetstream.WithGetMsgSubject(at.Subject()))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// find returns the subscription of a sink and the sink. What does not exist any
// more is core.ErrNotFound.
func (d *Deliverer) find(ctx context.Context, at bus.DeliveryAddress) (core.Subscription, core.Sink, error) {
	sub, err := d.Subscriptions.ByUID(ctx, at.Subscription)
	if err != nil {
		return core.Subscription{}, core.Sink{}, err
	}
	for _, sink := range sub.Sinks {
		if sink.ID == at.Sink && !sub.Deleting {
			return sub, sink, nil
		}
	}
	return core.Subscription{}, core.Sink{}, core.ErrNotFound
}

// drop removes what is queued for a sink that does not exist any more.
func (d *Deliverer) drop(ctx context.Context, t tools, at bus.DeliveryAddress) after {
	ctx, cancel := context.WithTimeout(ctx, operationTime)
	defer cancel()
	if err := t.queue.Purge(ctx, jetstream.WithPurgeSubject(at.Subject())); err != nil {
		d.Log.WarnContext(ctx, "the deliveries of a sink that is gone could not be removed", "sink", at.Sink, "error", err)
		return after{pause: troublePause}
	}
	if err := t.bucket.Purge(ctx, at.Key(), jetstream.PurgeTTL(markerTTL)); err != nil {
		d.Log.WarnContext(ctx, "the state of a sink that is gone was not removed", "sink", at.Sink, "error", err)
	}
	return drained
}

// sweeps looks for deliveries about which nobody was told: at the start and from
// time to time.
func (d *Deliverer) sweeps(ctx context.Context) {
	for {
		wait := sweepEvery
		if err := d.sweep(ctx); err != nil && ctx.Err() == nil {
			d.Log.WarnContext(ctx, "the queue could not be looked through, trying again", "error", err)
			wait = troublePause
		}
		if !d.pause(ctx, wait) {
			return
		}
	}
}

// sweep wakes the sinks that have deliveries and of which nobody has said so.
func (d *Deliverer) sweep(ctx context.Context) error {
	queue, err := d.JetStream.Stream(ctx, bus.StreamDeliveries)
	if err != nil {
		return err
	}
	info, err := queue.Info(ctx, jetstream.WithSubjectFilter(bus.DeliveryAddress{}.Filter()))
	if err != nil {
		return err
	}
	for subject := range info.State.Subjects {
		at, err := bus.ParseDelivery(subject)
		if err != nil {
			continue
		}
		err = d.wake(ctx, at, jetstream.WithExpectLastSequencePerSubject(0))
		if api, ok := errors.AsType[*jetstream.APIError](err); ok && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
			continue // somebody has
		}
		if err != nil {
			return err
		}
	}
	return nil
}
