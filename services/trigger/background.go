package trigger

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/bus"
	"github.com/ferrule-dev/ferrule/pkg/bus/schedule"
	"github.com/ferrule-dev/ferrule/pkg/run"
)

const (
	// healthTarget is the condition of the background work.
	healthTarget = "triggers"
	// rescueEvery is how often it is looked for subscriptions that should have been
	// polled.
	rescueEvery = 10 * time.Minute
	// reconcileRetry is when that is tried again after a failure, and after a
	// schedule could not be set.
	reconcileRetry = 2 * time.Second
	// settleEvery is how often unsettled webhooks are looked for at least.
	settleEvery = time.Minute
	// settleRetry is when that is tried again after a failure.
	settleRetry = 2 * time.Second
	// flushEvery is how often the times of notifications are stored.
	flushEvery = 10 * time.Second
	// flushTime bounds storing them when the process stops.
	flushTime = 5 * time.Second
)

// Run does the background work until ctx ends: it polls, relays what is in the
// outbox, passes notices on, delivers to sinks, removes events that nobody wants to keep, and repairs what
// processes that died left behind.
func (s *Service) Run(ctx context.Context) error {
	group := run.New(run.Config{})
	group.Add("relay", s.relay.Run)
	group.Add("polls", s.poll)
	group.Add("reconciliation", s.reconcile)
	group.Add("webhooks", s.settle)
	group.Add("notices", s.notices.Run)
	group.Add("dispatcher", s.dispatcher.Run)
	group.Add("deliverer", s.deliverer.Run)
	group.Add("activity", s.flush)
	group.Add("retention", s.retention.Run)
	group.Add("changes", func(ctx context.Context) error {
		return s.env.Bus.WatchChanges(ctx, bus.ChangeSubscription, s.watch.Changed, s.watch.Resync)
	})
	defer context.AfterFunc(ctx, func() { close(s.stopping) })()
	s.env.Health.Set(healthTarget, nil)
	return group.Run(ctx)
}

// poll takes polls that are due. Each is a trace of its own, which its events go on with.
func (s *Service) poll(ctx context.Context) error {
	tracer := s.env.Tracer.Tracer(scope)
	return s.scheduler.Consume(ctx, s.cfg.PollWorkers, func(ctx context.Context, f schedule.Firing) (time.Time, []byte, error) {
		ctx, span := tracer.Start(ctx, "poll")
		defer span.End()
		next, err := s.triggers.Poll(ctx, f.ID, f.Due)
		return next, nil, err
	})
}

// reconcile gives schedules to those subscriptions that lack one: to all at the start
// and soon after one could not be set, from time to time to those that are overdue.
func (s *Service) reconcile(ctx context.Context) error {
	look := s.triggers.Reconcile
	for {
		wait := rescueEvery
		if s.reconciled(ctx, look) {
			look = s.triggers.Rescue
		} else {
			wait, look = reconcileRetry, s.triggers.Reconcile
		}
		select {
		case <-ctx.Done():
			return nil
		case <-s.env.Clock.After(wait):
		case <-s.triggers.Unscheduled():
			look = s.triggers.Reconcile
			if !s.pause(ctx, reconcileRetry) { // what failed just now would fail again
				return nil
			}
		}
	}
}

// reconciled reports whether schedules could be looked after.
func (s *Service) reconciled(ctx context.Context, look func(context.Context) error) bool {
	err := unlessStopped(ctx, look(ctx))
	s.env.Health.Set(healthTarget, err)
	if err != nil {
		s.env.Log.WarnContext(ctx, "not every polling subscription could be scheduled, trying again", "error", err)
	}
	return err == nil
}

// unlessStopped drops the error of work that was told to stop.
func unlessStopped(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// pause waits; false if ctx ended.
func (s *Service) pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-s.env.Clock.After(d):
		return true
	}
}

// settle finishes what was begun at APIs.
func (s *Service) settle(ctx context.Context) error {
	for {
		wait := s.settleOnce(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-s.env.Clock.After(wait):
		case <-s.triggers.Unsettled():
		}
	}
}

// settleOnce returns how long to wait until the next time.
func (s *Service) settleOnce(ctx context.Context) time.Duration {
	next, err := s.triggers.Settle(ctx)
	switch {
	case unlessStopped(ctx, err) != nil:
		s.env.Log.WarnContext(ctx, "unsettled webhooks could not be looked for, trying again", "error", err)
		return settleRetry
	case next.IsZero():
		return settleEvery
	}
	return min(settleEvery, max(next.Sub(s.env.Clock.Now()), 0))
}

// flush stores when subscriptions were notified.
func (s *Service) flush(ctx context.Context) error {
	for {
		more := s.pause(ctx, flushEvery)
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		if err := s.triggers.FlushActivity(detached); err != nil {
			s.env.Log.WarnContext(ctx, "the times of notifications could not be stored", "error", err)
		}
		cancel()
		if !more {
			return nil
		}
	}
}
