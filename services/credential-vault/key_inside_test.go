package vault

import (
	"context"
	"errors"
	"testing"
)

func TestWhatHasToEndAtTheEndRunsThenWithoutAKey(t *testing.T) {
	ended := errors.New("ended")
	work := func(ctx context.Context) error {
		if ctx.Err() == nil {
			t.Error("it runs before the key is proved")
		}
		return ended
	}
	w := &keyWait{good: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.thenOrAtTheEnd(work)(ctx); !errors.Is(err, ended) {
		t.Errorf("it did not run: %v", err)
	}
	if err := w.then(work)(ctx); err != nil {
		t.Errorf("what only needs keys ran: %v", err)
	}
	close(w.good)
	if err := w.then(func(context.Context) error { return ended })(t.Context()); !errors.Is(err, ended) {
		t.Errorf("it did not run with the key: %v", err)
	}
}
