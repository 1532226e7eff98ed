package kv_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/faultkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
)

func TestLimitsAreCheckedAtTheirEdges(t *testing.T) {
	bytes := func(n int) []byte { return make([]byte, n) }
	for _, row := range []struct {
		name string
		got  error
		want error
	}{
		{"the shortest key", kv.CheckKey(bytes(1)), nil},
		{"the longest key", kv.CheckKey(bytes(kv.MaxKey)), nil},
		{"an empty key", kv.CheckKey(bytes(0)), kv.ErrEmptyKey},
		{"a nil key", kv.CheckKey(nil), kv.ErrEmptyKey},
		{"a key one byte too long", kv.CheckKey(bytes(kv.MaxKey + 1)), kv.ErrTooLarge},
		{"an empty value", kv.CheckPair(bytes(1), nil), nil},
		{"the largest value", kv.CheckPair(bytes(1), bytes(kv.MaxValue)), nil},
		{"a value one byte too large", kv.CheckPair(bytes(1), bytes(kv.MaxValue+1)), kv.ErrTooLarge},
		{"a value under an empty key", kv.CheckPair(nil, bytes(1)), kv.ErrEmptyKey},
		{"a scan for one", kv.CheckScan(nil, nil, 1), nil},
		{"a scan for the most", kv.CheckScan(bytes(kv.MaxKey), bytes(kv.MaxKey), kv.MaxScan), nil},
		{"a scan for none", kv.CheckScan(nil, nil, 0), kv.ErrLimit},
		{"a scan for less than none", kv.CheckScan(nil, nil, -1), kv.ErrLimit},
		{"a scan for too many", kv.CheckScan(nil, nil, kv.MaxScan+1), kv.ErrLimit},
		{"a prefix too long", kv.CheckScan(bytes(kv.MaxKey+1), nil, 1), kv.ErrTooLarge},
		{"a start too long", kv.CheckScan(nil, bytes(kv.MaxKey+1), 1), kv.ErrTooLarge},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !errors.Is(row.got, row.want) {
				t.Errorf("got %v, want %v", row.got, row.want)
			}
		})
	}
}

func TestLimitErrorsNameNumbersAndNoContents(t *testing.T) {
	err := kv.CheckKey([]byte(strings.Repeat("secret", 100)))
	if want := "too large: key of 600 bytes, at most 512"; err == nil || err.Error() != want {
		t.Errorf("CheckKey = %v, want %q", err, want)
	}
}

func filled(t *testing.T, n int) kv.Store {
	t.Helper()
	s := memkv.New()
	t.Cleanup(func() { _ = s.Close() })
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		for i := range n {
			if err := tx.Put(fmt.Appendf(nil, "k%02d", i), []byte("v")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAllEndsWhenTheLoopDoes(t *testing.T) {
	err := filled(t, 10).View(t.Context(), func(r kv.Reader) error {
		var got []string
		for p, err := range kv.All(r, []byte("k"), 4) {
			if err != nil {
				return err
			}
			if got = append(got, string(p.Key)); len(got) == 5 {
				break
			}
		}
		if want := []string{"k00", "k01", "k02", "k03", "k04"}; !slices.Equal(got, want) {
			t.Errorf("All yields %q, want %q", got, want)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAllYieldsAnErrorOnceAndEnds(t *testing.T) {
	broken := errors.New("the disk is gone")
	s := faultkv.New(filled(t, 10))
	s.Fail(faultkv.OnScan, 2, broken)
	var got []string
	err := s.View(t.Context(), func(r kv.Reader) error {
		for p, err := range kv.All(r, nil, 4) {
			got = append(got, fmt.Sprintf("%s %v", p.Key, err))
		}
		return nil
	})
	want := []string{"k00 <nil>", "k01 <nil>", "k02 <nil>", "k03 <nil>", " the disk is gone"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("All yields %q, %v, want %q", got, err, want)
	}
}

func TestAllLetsTheLoopDeleteWhatItWasGiven(t *testing.T) {
	s := filled(t, 10)
	left := -1
	err := s.Update(t.Context(), func(tx kv.Tx) error {
		for p, err := range kv.All(tx, []byte("k"), 3) {
			if err != nil {
				return err
			}
			if err := tx.Delete(p.Key); err != nil {
				return err
			}
		}
		pairs, err := tx.Scan(nil, nil, kv.MaxScan)
		left = len(pairs)
		return err
	})
	if err != nil || left != 0 {
		t.Errorf("%d pairs are left, %v, want none", left, err)
	}
}
