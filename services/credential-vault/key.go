package vault

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
)

// keyTarget is the name under which the readiness of the process shows that it waits
// for its key management service.
const keyTarget = "key management service"

// The key management service is asked again after keyFirst, then less and less often,
// up to keyMost. Up to half of each pause is chance, so that processes that lost the
// service together do not come back to it together.
const (
	keyFirst = time.Second
	keyMost  = 30 * time.Second
)

// keyWait waits for the key-encryption key to be proved.
type keyWait struct {
	env  service.Env
	keys *seal.Keyring
	good chan struct{} // closed when the key is proved
	last string        // what was logged
}

// tryKey proves the key once. Only what cannot pass by itself is an error.
func tryKey(env service.Env, keys *seal.Keyring) (*keyWait, error) {
	env.Health.Register(keyTarget)
	w := &keyWait{env: env, keys: keys, good: make(chan struct{})}
	err := w.try(context.Background())
	return w, err
}

// try proves the key, and tells the log and the readiness of the process what came of
// it.
func (w *keyWait) try(ctx context.Context) error {
	err := w.keys.Prove(ctx)
	switch {
	case err == nil:
		w.env.Health.Set(keyTarget, nil)
		close(w.good)
		return nil
	case ctx.Err() != nil:
		return nil //nolint:nilerr // says nothing about the key
	case fault.ReasonOf(err) != fault.ReasonKeyUnavailable:
		return err
	}
	if reason := err.Error(); reason != w.last {
		w.last = reason
		w.env.Log.WarnContext(ctx, "the vault waits for its key management service and is not ready", "error", err)
	}
	w.env.Health.Set(keyTarget, err)
	return nil
}

// run tries until the key is proved, and then waits for the end of ctx.
func (w *keyWait) run(ctx context.Context) error {
	for wait := keyFirst; !w.proved(); wait = min(2*wait, keyMost) {
		select {
		case <-ctx.Done():
			return nil
		case <-w.env.Clock.After(wait - rand.N(wait/2)): //nolint:gosec // chance that spreads processes, and no secret
		}
		if err := w.try(ctx); err != nil {
			return fmt.Errorf("unlock the vault: %w", err)
		}
	}
	<-ctx.Done()
	return nil
}

func (w *keyWait) proved() bool {
	select {
	case <-w.good:
		return true
	default:
		return false
	}
}

// then returns what runs f as soon as the key is proved.
func (w *keyWait) then(f func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return nil
		case <-w.good:
			return f(ctx)
		}
	}
}

// thenOrAtTheEnd is then for what has to end something at the end of the process: without
// the key f runs when its context has ended. Callers get what they need as soon as the
// service answers, which may be before the key is proved.
func (w *keyWait) thenOrAtTheEnd(f func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-ctx.Done():
		case <-w.good:
		}
		return f(ctx)
	}
}
