package boltkv_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/kvtest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(victimFile); path != "" {
		os.Exit(victim(path))
	}
	goleak.VerifyTestMain(m)
}

func open(tb testing.TB) kv.Store {
	tb.Helper()
	return openAt(tb, filepath.Join(tb.TempDir(), "test.db"), boltkv.Options{})
}

func openAt(tb testing.TB, path string, o boltkv.Options) *boltkv.Store {
	tb.Helper()
	s, err := boltkv.Open(path, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return s
}

func reopen(tb testing.TB, closed kv.Store) kv.Store {
	tb.Helper()
	return openAt(tb, closed.(*boltkv.Store).Path(), boltkv.Options{})
}

func TestStoreKeepsTheContract(t *testing.T) {
	kvtest.Run(t, open, kvtest.WithReopen(reopen))
}

func TestStoreAnswersLikeTheOracle(t *testing.T) {
	kvtest.Differential(t, open, kvtest.WithReopen(reopen))
}

// A mapping as small as possible is moved again and again while transactions
// hold on to memory in it.
func TestStoreAnswersLikeTheOracleWhileTheFileIsMappedAnew(t *testing.T) {
	kvtest.Differential(t, func(tb testing.TB) kv.Store {
		return openAt(tb, filepath.Join(tb.TempDir(), "small.db"), boltkv.Options{InitialMmapSize: 1})
	}, kvtest.WithEffort(2, 250))
}
