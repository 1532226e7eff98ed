package kvtest

import (
	"errors"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

func lifeChecks() []check {
	return []check{
		{"Close waits for the transactions under way and releases the store.", ConcurrentViews, closeWaits},
		{"After Close every transaction is ErrClosed.", Everything, closedIsClosed},
		{"A second Close does nothing and returns nil.", Everything, closesTwice},
	}
}

// closeWaits holds a View and an Update open while the store is closed.
func closeWaits(t *testing.T, s subject) {
	s.put(t, "k", "1")
	started, finish, closed := make(chan struct{}, 2), make(chan struct{}), make(chan error, 1)
	ended := make(chan error, 2)
	go func() {
		ended <- s.View(t.Context(), func(r kv.Reader) error {
			started <- struct{}{}
			<-finish
			wantGet(t, r, "k", "1")
			return nil
		})
	}()
	go func() {
		ended <- s.Update(t.Context(), func(tx kv.Tx) error {
			started <- struct{}{}
			<-finish
			return tx.Put([]byte("k"), []byte("2"))
		})
	}()
	<-started
	<-started
	go func() { closed <- s.Close() }()
	select {
	case <-closed:
		t.Error("Close did not wait")
	default:
	}
	close(finish)
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("a transaction that was under way when Close was called: %v", err)
		}
	}
	if err := <-closed; err != nil {
		t.Errorf("Close: %v", err)
	}
}

func closedIsClosed(t *testing.T, s subject) {
	s.put(t, "k", "1")
	if err := s.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	err := s.View(t.Context(), func(kv.Reader) error { t.Error("View ran its function"); return nil })
	if !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View = %v, want ErrClosed", err)
	}
	err = s.Update(t.Context(), func(kv.Tx) error { t.Error("Update ran its function"); return nil })
	if !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update = %v, want ErrClosed", err)
	}
}

func closesTwice(t *testing.T, s subject) {
	for range 3 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func survivesClose(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1", "c", "")
	s.update(t, func(tx kv.Tx) { mustDelete(t, tx, "a") })
	_ = s.Update(t.Context(), func(tx kv.Tx) error { scribble(t, tx); return errWanted })
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		s.Store = s.reopen(t, s.Store)
		s.wantContents(t, "b=1", "c=")
	}
}
