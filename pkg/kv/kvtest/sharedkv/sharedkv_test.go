package sharedkv_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest/sharedkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
)

// otherProcess names the environment variable that turns the test binary into
// the other process, and holds the address of the store.
const otherProcess = "SHAREDKV_TEST_ADDRESS"

func TestMain(m *testing.M) {
	if address := os.Getenv(otherProcess); address != "" {
		os.Exit(other(address))
	}
	os.Exit(m.Run())
}

// serve shares a store and returns its address.
func serve(tb testing.TB, store kv.Store) string {
	tb.Helper()
	dir, err := os.MkdirTemp("", "kv") //nolint:usetesting // paths of sockets are short
	if err != nil {
		tb.Fatal(err)
	}
	address := filepath.Join(dir, "s")
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "unix", address)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- sharedkv.Serve(ctx, listener, store) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			tb.Errorf("serve: %v", err)
		}
		_ = os.RemoveAll(dir)
	})
	return address
}

func TestASharedStoreKeepsTheContract(t *testing.T) {
	open := func(tb testing.TB) kv.Store {
		tb.Helper()
		return sharedkv.Dial("unix", serve(tb, memkv.New()))
	}
	kvtest.Run(t, open, kvtest.Without(kvtest.LargeValues))
	kvtest.Differential(t, open, kvtest.WithEffort(1, 60))
}

// rounds is how often each process counts.
const rounds = 200

// count adds one to the number under a key, as its own transaction.
func count(store kv.Store) error {
	return store.Update(context.Background(), func(tx kv.Tx) error {
		value, err := tx.Get([]byte("n"))
		if err != nil && !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		n, _ := strconv.Atoi(string(value))
		return tx.Put([]byte("n"), strconv.AppendInt(nil, int64(n+1), 10))
	})
}

// other is the other process. It leaves in the middle of a transaction.
func other(address string) int {
	store := sharedkv.Dial("unix", address)
	for range rounds {
		if err := count(store); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	_ = store.Update(context.Background(), func(tx kv.Tx) error {
		_ = tx.Put([]byte("n"), []byte("0"))
		os.Exit(0)
		return nil
	})
	return 1
}

func TestTwoProcessesCountTogetherAndOneThatDiesLeavesNothing(t *testing.T) {
	inner := memkv.New()
	address := serve(t, inner)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), otherProcess+"="+address)
	cmd.Stderr = t.Output()
	var mine sync.WaitGroup
	mine.Go(func() {
		for range rounds {
			if err := count(inner); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	mine.Wait()
	err := inner.View(t.Context(), func(r kv.Reader) error {
		value, err := r.Get([]byte("n"))
		if want := strconv.Itoa(2 * rounds); string(value) != want {
			t.Errorf("they counted to %s, want %s", value, want)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
