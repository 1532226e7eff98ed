package cli

import (
	"context"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// outage is how long a server may be away that a command waits for, as it is when
// it starts again.
const outage = 30 * time.Second

// patiently repeats a call that does no harm twice, as long as there is no answer,
// and at most for the length of an outage. It returns what the last call did.
func (a *app) patiently(ctx context.Context, call func() error) error {
	var since time.Time
	for {
		err := call()
		if err == nil || fault.CodeOf(err) != fault.CodeUnavailable {
			return err
		}
		now := a.clock.Now()
		if since.IsZero() {
			since = now
		}
		if now.Sub(since) >= outage {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-a.clock.After(watchEvery):
		}
	}
}
