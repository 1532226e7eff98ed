package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
)

func wrapped(version uint64) seal.Wrapped {
	return seal.Wrapped{Version: version, KEK: "file:0a", Blob: []byte{0, 1, byte(version)}}
}

func TestKeysetsAreKeptPerEnvironment(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		if _, err := s.Keyset(t.Context(), "default"); !errors.Is(err, seal.ErrNoKeyset) {
			t.Fatalf("got %v, want ErrNoKeyset", err)
		}
		for _, environment := range []string{"prod", "default"} {
			if err := s.SaveKeyset(t.Context(), environment, wrapped(1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SaveKeyset(t.Context(), "prod", wrapped(2)); err != nil {
			t.Fatal(err)
		}
		for environment, version := range map[string]uint64{"default": 1, "prod": 2} {
			got, err := s.Keyset(t.Context(), environment)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(wrapped(version), got); diff != "" {
				t.Error(diff)
			}
		}
		got, err := s.KeysetEnvironments(t.Context())
		if err != nil || !cmp.Equal(got, []string{"default", "prod"}) {
			t.Errorf("got %v, %v", got, err)
		}
	})
}

func TestAKeysetIsReplacedOnlyByItsNextVersion(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		for _, step := range []struct {
			version uint64
			want    error
		}{{2, seal.ErrKeysetChanged}, {1, nil}, {1, seal.ErrKeysetChanged}, {3, seal.ErrKeysetChanged}, {2, nil}} {
			if err := s.SaveKeyset(t.Context(), "default", wrapped(step.version)); !errors.Is(err, step.want) {
				t.Errorf("version %d: got %v, want %v", step.version, err, step.want)
			}
		}
	})
}

func TestOfManyFirstKeysetsOneIsStored(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		s := open(engine)
		var all sync.WaitGroup
		results := make([]error, 8)
		for i := range results {
			all.Go(func() { results[i] = s.SaveKeyset(t.Context(), "default", wrapped(1)) })
		}
		all.Wait()
		won := 0
		for _, err := range results {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Errorf("%d were stored", won)
		}
	})
}

func TestAKeysetThatCannotBeReadIsNotTakenForNone(t *testing.T) {
	onEveryEngine(t, func(t *testing.T, engine kv.Store) {
		err := engine.Update(t.Context(), func(tx kv.Tx) error { return tx.Put([]byte("k/default"), []byte("\x02{}")) })
		if err != nil {
			t.Fatal(err)
		}
		s := open(engine)
		if _, err := s.Keyset(t.Context(), "default"); err == nil || errors.Is(err, seal.ErrNoKeyset) || !strings.Contains(err.Error(), "version 2") {
			t.Errorf("got %v", err)
		}
		if err := s.SaveKeyset(t.Context(), "default", wrapped(1)); err == nil {
			t.Error("it was overwritten, and every secret with it")
		}
	})
}
