package chain_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/chain"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func key(text string) *chain.Key { return chain.NewKey(secret.FromString(text)) }

func link(t *testing.T, k *chain.Key, previous chain.Proof, first uint64, records ...string) []chain.Proof {
	t.Helper()
	raw := make([][]byte, 0, len(records))
	for _, r := range records {
		raw = append(raw, []byte(r))
	}
	proofs, err := k.Link(previous, first, raw)
	if err != nil {
		t.Fatal(err)
	}
	return proofs
}

// byTheBook computes a proof as the documentation of Key.Link says, and by
// nothing else.
func byTheBook(key string, parts ...string) string {
	mac := hmac.New(sha256.New, []byte(key))
	for _, p := range parts {
		_ = binary.Write(mac, binary.BigEndian, uint64(len(p)))
		mac.Write([]byte(p))
	}
	return string(mac.Sum(nil))
}

func TestAProofIsWhatIsWrittenAboutIt(t *testing.T) {
	k := key("fake key")
	got := link(t, k, chain.Proof{}, 1, "one", "two")
	first := byTheBook("fake key", "ferrule audit record 1", strings.Repeat("\x00", 32), "\x00\x00\x00\x00\x00\x00\x00\x01", "one")
	second := byTheBook("fake key", "ferrule audit record 1", first, "\x00\x00\x00\x00\x00\x00\x00\x02", "two")
	if string(got[0][:]) != first || string(got[1][:]) != second {
		t.Errorf("got %v", got)
	}
	state, err := k.State([]byte("state"))
	if err != nil || string(state[:]) != byTheBook("fake key", "ferrule audit state 1", "state") {
		t.Errorf("got %v, %v", state, err)
	}
}

func TestRecordsThatAreLinkedOneByOneAreTheSameChain(t *testing.T) {
	k := key("fake key")
	together := link(t, k, chain.Proof{}, 1, "one", "two", "three")
	last := chain.Proof{}
	for i, r := range []string{"one", "two", "three"} {
		last = link(t, k, last, uint64(i+1), r)[0]
		if !last.Equal(together[i]) {
			t.Errorf("record %d has another proof alone", i+1)
		}
	}
}

func TestAProofHoldsForNothingElse(t *testing.T) {
	own := link(t, key("fake key"), chain.Proof{7}, 5, "record")[0]
	for what, other := range map[string]chain.Proof{
		"another key":         link(t, key("fake kez"), chain.Proof{7}, 5, "record")[0],
		"another predecessor": link(t, key("fake key"), chain.Proof{8}, 5, "record")[0],
		"another position":    link(t, key("fake key"), chain.Proof{7}, 6, "record")[0],
		"another record":      link(t, key("fake key"), chain.Proof{7}, 5, "recore")[0],
		"a longer record":     link(t, key("fake key"), chain.Proof{7}, 5, "record\x00")[0],
		"a shorter record":    link(t, key("fake key"), chain.Proof{7}, 5, "recor")[0],
	} {
		if own.Equal(other) || own.String() == other.String() {
			t.Errorf("%s has the same proof", what)
		}
	}
}

func TestAClearedKeyProvesNothing(t *testing.T) {
	k := key("fake key")
	k.Clear()
	if _, err := k.Link(chain.Proof{}, 1, [][]byte{nil}); err == nil {
		t.Error("anybody could have made that proof")
	}
	if _, err := k.State(nil); err == nil {
		t.Error("anybody could have made that proof of a state")
	}
}

func TestProofsAreReadInEitherCase(t *testing.T) {
	p := link(t, key("fake key"), chain.Proof{}, 1, "record")[0]
	for _, text := range []string{p.String(), strings.ToUpper(p.String())} {
		if got, err := chain.Parse(text); err != nil || got != p {
			t.Errorf("%q is read as %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", p.String() + "00", p.String()[2:], strings.Repeat("x", 64)} {
		if _, err := chain.Parse(text); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// vault keeps sealed keys, and seals them by turning them around.
type vault struct {
	mu     sync.Mutex
	sealed map[string][]byte
	lost   bool
	err    error
	opened int
}

func (v *vault) AuditKey(_ context.Context, environment string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if blob, ok := v.sealed[environment]; ok {
		return blob, nil
	}
	return nil, chain.ErrNoKey
}

func (v *vault) SaveAuditKey(_ context.Context, environment string, sealed []byte, _ *chain.Key) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.lost:
		return chain.ErrKeyLost
	case v.sealed[environment] != nil:
		return chain.ErrKeyExists
	case v.sealed == nil:
		v.sealed = map[string][]byte{}
	}
	v.sealed[environment] = sealed
	return nil
}

func (v *vault) NewKey(context.Context, string, string) ([]byte, error) { return nil, v.err }

func (v *vault) LinkKey(context.Context, string, string, []byte) ([]byte, error) { return nil, v.err }

func (v *vault) Seal(_ context.Context, at core.Place, value secret.Text) ([]byte, error) {
	if v.err != nil {
		return nil, v.err
	}
	blob := []byte(at.Environment + "|" + at.Resource + "|" + at.Parameter + "|" + at.Version + "|")
	return append(blob, reversed(value)...), nil
}

func (v *vault) Open(_ context.Context, at core.Place, blob []byte) (secret.Text, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.opened++
	place := at.Environment + "|" + at.Resource + "|" + at.Parameter + "|" + at.Version + "|"
	rest, ok := strings.CutPrefix(string(blob), place)
	if !ok || v.err != nil {
		return secret.Text{}, errors.Join(errors.New("it belongs somewhere else"), v.err)
	}
	return secret.New(reversed(secret.FromString(rest))), nil
}

func TestEveryEnvironmentHasAKeyOfItsOwnThatStays(t *testing.T) {
	v := &vault{}
	first := chain.New(v, v)
	proofs := map[string]bool{}
	for _, environment := range []string{"default", "staging", "default"} {
		k, err := first.Key(t.Context(), environment)
		if err != nil {
			t.Fatal(err)
		}
		proofs[link(t, k, chain.Proof{}, 1, "record")[0].String()] = true
	}
	if len(proofs) != 2 || v.opened != 2 {
		t.Errorf("%d keys, opened %d times", len(proofs), v.opened)
	}
	again, err := chain.New(v, v).Existing(t.Context(), "default") // the vault starts again
	if err != nil || !proofs[link(t, again, chain.Proof{}, 1, "record")[0].String()] {
		t.Errorf("after a restart the key is another one: %v", err)
	}
}

func TestManyWhoNeedTheFirstKeyGetTheSame(t *testing.T) {
	v := &vault{}
	keys, other := chain.New(v, v), chain.New(v, v) // two processes
	results := make(chan string, 20)
	var all sync.WaitGroup
	for i := range cap(results) {
		all.Go(func() {
			k, err := []*chain.Keys{keys, other}[i%2].Key(t.Context(), "default")
			if err != nil {
				t.Error(err)
				return
			}
			results <- link(t, k, chain.Proof{}, 1, "record")[0].String()
		})
	}
	all.Wait()
	close(results)
	seen := map[string]bool{}
	for r := range results {
		seen[r] = true
	}
	if len(seen) != 1 {
		t.Errorf("%d keys are in use", len(seen))
	}
}

func TestAKeyThatCannotBeHadIsAnError(t *testing.T) {
	refused := errors.New("the key management service does not answer")
	for title, c := range map[string]struct {
		vault *vault
		want  error
	}{
		"the sealer refuses":               {&vault{err: refused}, refused},
		"records are there, their key not": {&vault{lost: true}, chain.ErrKeyLost},
		"the key cannot be opened":         {&vault{sealed: map[string][]byte{"default": []byte("of another place")}, err: refused}, refused},
	} {
		t.Run(title, func(t *testing.T) {
			if _, err := chain.New(c.vault, c.vault).Key(t.Context(), "default"); !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	v := &vault{}
	if _, err := chain.New(v, v).Existing(t.Context(), "default"); !errors.Is(err, chain.ErrNoKey) || len(v.sealed) != 0 {
		t.Errorf("asking made a key: %v", err)
	}
}

func TestClearForgetsKeysThatAreStillHeld(t *testing.T) {
	v := &vault{}
	keys := chain.New(v, v)
	held, err := keys.Key(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	keys.Clear()
	if _, err := held.State(nil); err == nil {
		t.Error("the key still proves")
	}
	if _, err := keys.Key(t.Context(), "default"); err != nil || v.opened != 2 {
		t.Errorf("it cannot be opened again: %v", err)
	}
}

func TestEachBenchmarkRuns(t *testing.T) { testkit.Benchmarks(t) }

func BenchmarkLink(b *testing.B) {
	k, records := key("fake key of 32 bytes, as it is usual"), make([][]byte, 100)
	for i := range records {
		records[i] = make([]byte, 120)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Link(chain.Proof{}, 1, records); err != nil {
			b.Fatal(err)
		}
	}
}

func reversed(value secret.Text) (b []byte) {
	_ = value.Use(reveal.Grant(), func(plain []byte) error {
		b = bytes.Clone(plain)
		slices.Reverse(b)
		return nil
	})
	return b
}
