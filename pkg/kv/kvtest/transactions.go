package kvtest

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

func transactionChecks() []check {
	return []check{
		{"it sees all that was committed before it started and nothing that is committed later.", ConcurrentViews, viewIsSnapshot},
		{"Writes that are not committed are invisible to every View.", ConcurrentViews, viewIgnoresUncommitted},
		{"View returns the very error of fn.", Everything, viewReturnsError},
		{"When Update returns nil, all its writes are visible to every later transaction.", Everything, updateCommits},
		{"An error of fn undoes all its writes and is returned as it is.", Everything, errorUndoes},
		{"A panic in fn undoes all its writes and goes on to the caller.", Everything, panicUndoes},
		{"A done context starts no transaction and its error is returned.", Everything, doneContext},
		{"A context that ends while Update waits for its turn ends the wait.", Everything, contextEndsWait},
		{"A context that ends while the function runs changes nothing.", Everything, contextEndsInside},
		{"A Reader or Tx that outlives its function is ErrTxDone.", Everything, usedTooLate},
	}
}

var errWanted = errors.New("an error of the function")

func viewIsSnapshot(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1")
	s.view(t, func(old kv.Reader) {
		wantGet(t, old, "a", "1")
		// Another goroutine writes: the contract forbids to do it here.
		inParallel(1, func(int) {
			s.put(t, "a", "2", "c", "2")
			s.update(t, func(tx kv.Tx) { mustDelete(t, tx, "b") })
			s.wantContents(t, "a=2", "c=2")
		})
		wantScan(t, old, "", "", 10, "a=1", "b=1")
		wantGet(t, old, "b", "1")
	})
	s.wantContents(t, "a=2", "c=2")
}

func viewIgnoresUncommitted(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1")
	s.update(t, func(tx kv.Tx) {
		mustPut(t, tx, "a", "2")
		mustPut(t, tx, "c", "2")
		mustDelete(t, tx, "b")
		inParallel(1, func(int) { s.wantContents(t, "a=1", "b=1") })
	})
	s.wantContents(t, "a=2", "c=2")
}

func viewReturnsError(t *testing.T, s subject) {
	//nolint:errorlint // the promise is about identity
	if err := s.View(t.Context(), func(kv.Reader) error { return errWanted }); err != errWanted {
		t.Errorf("View = %v, want the very error of fn", err)
	}
}

func updateCommits(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1")
	s.update(t, func(tx kv.Tx) {
		mustPut(t, tx, "a", "2")
		mustDelete(t, tx, "b")
		mustPut(t, tx, "c", "2")
	})
	s.update(t, func(tx kv.Tx) { wantScan(t, tx, "", "", 10, "a=2", "c=2") })
	s.wantContents(t, "a=2", "c=2")
}

func errorUndoes(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1")
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		scribble(t, tx)
		return errWanted
	})
	if err != errWanted { //nolint:errorlint // the promise is about identity
		t.Errorf("Update = %v, want the very error of fn", err)
	}
	s.wantContents(t, "a=1", "b=1")
	s.put(t, "c", "1")
	s.wantContents(t, "a=1", "b=1", "c=1")
}

func panicUndoes(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1")
	got := recovered(func() {
		_ = s.Update(t.Context(), func(tx kv.Tx) error { scribble(t, tx); panic("update") })
	})
	if got != "update" {
		t.Errorf("the caller of Update recovers %v, want what fn panicked with", got)
	}
	got = recovered(func() { _ = s.View(t.Context(), func(kv.Reader) error { panic("view") }) })
	if got != "view" {
		t.Errorf("the caller of View recovers %v, want what fn panicked with", got)
	}
	// The end of a goroutine, as by testing.T.FailNow, unwinds like a panic.
	inParallel(1, func(int) {
		_ = s.Update(t.Context(), func(tx kv.Tx) error { scribble(t, tx); runtime.Goexit(); return nil })
	})
	s.wantContents(t, "a=1", "b=1")
	s.put(t, "c", "1")
	s.wantContents(t, "a=1", "b=1", "c=1")
}

// scribble writes what a failing function leaves to be undone.
func scribble(t testing.TB, tx kv.Tx) {
	t.Helper()
	mustPut(t, tx, "a", "2")
	mustPut(t, tx, "a", "3")
	mustDelete(t, tx, "b")
	mustPut(t, tx, "new", "2")
	mustDelete(t, tx, "absent")
}

func recovered(fn func()) (value any) {
	defer func() { value = recover() }()
	fn()
	return nil
}

func doneContext(t *testing.T, s subject) {
	s.put(t, "k", "1")
	done, cancel := context.WithCancel(t.Context())
	cancel()
	err := s.Update(done, func(tx kv.Tx) error {
		t.Error("Update ran its function")
		return tx.Put([]byte("k"), []byte("2"))
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	err = s.View(done, func(kv.Reader) error {
		t.Error("View ran its function")
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("View = %v, want context.Canceled", err)
	}
	s.wantContents(t, "k=1")
}

func contextEndsWait(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	s.update(t, func(tx kv.Tx) {
		mustPut(t, tx, "k", "1")
		go func() {
			result <- s.Update(ctx, func(tx kv.Tx) error { return tx.Put([]byte("k"), []byte("2")) })
		}()
		cancel()
		// Still inside: an Update that waited for us would hang the test.
		if err := <-result; !errors.Is(err, context.Canceled) {
			t.Errorf("the waiting Update = %v, want context.Canceled", err)
		}
	})
	s.wantContents(t, "k=1")
}

func contextEndsInside(t *testing.T, s subject) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := s.Update(ctx, func(tx kv.Tx) error {
		cancel()
		return tx.Put([]byte("k"), []byte("v"))
	})
	if err != nil {
		t.Errorf("Update = %v, want nil", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	err = s.View(ctx, func(r kv.Reader) error {
		cancel()
		wantGet(t, r, "k", "v")
		return nil
	})
	if err != nil {
		t.Errorf("View = %v, want nil", err)
	}
}

func usedTooLate(t *testing.T, s subject) {
	s.put(t, "k", "v")
	var r kv.Reader
	var committed, failed kv.Tx
	s.view(t, func(inside kv.Reader) { r = inside })
	s.update(t, func(inside kv.Tx) { committed = inside })
	_ = s.Update(t.Context(), func(inside kv.Tx) error { failed = inside; return errWanted })
	for name, late := range map[string]kv.Reader{"View's": r, "Update's": committed, "the failed Update's": failed} {
		_, getErr := late.Get([]byte("k"))
		_, scanErr := late.Scan(nil, nil, 1)
		errs := map[string]error{"Get": getErr, "Scan": scanErr}
		if tx, ok := late.(kv.Tx); ok {
			errs["Put"], errs["Delete"] = tx.Put([]byte("k"), nil), tx.Delete([]byte("k"))
		}
		for call, err := range errs {
			if !errors.Is(err, kv.ErrTxDone) {
				t.Errorf("%s %s after the function returned: %v, want ErrTxDone", name, call, err)
			}
		}
	}
	s.wantContents(t, "k=v")
}
