package api

import (
	"context"

	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

// awaitEnd calls end with errEnded once the subscription produces no more
// events, or with errStopping once the service stops, and returns when ctx is
// done.
func (s *Server) awaitEnd(ctx context.Context, sub core.Subscription, end context.CancelCauseFunc) {
	changed, stop := s.watch.Of(sub.Name)
	defer stop()
	for {
		// Asked after watching has begun, so that no change is missed. A store
		// that fails says nothing about the subscription.
		exists, err := s.triggers.Exists(ctx, sub.UID)
		if err == nil && !exists {
			end(errEnded)
		}
		select {
		case <-ctx.Done():
			return
		case <-s.stopping:
			end(errStopping)
			return
		case <-changed:
		}
	}
}
