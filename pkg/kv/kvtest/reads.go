package kvtest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

func readChecks() []check {
	return []check{
		{"Get returns a copy of the value, which the caller may change and keep.", Everything, getCopies},
		{"Get of an absent key is ErrNotFound.", Everything, getAbsent},
		{"Get returns an empty slice and no error.", Everything, getEmpty},
		{"Scan returns the pairs whose key starts with prefix, in ascending byte order of the keys.", Everything, scanOrder},
		{"An empty prefix matches every key.", Everything, scanEmptyPrefix},
		{"Only keys strictly after the given one are returned, whether or not that one exists or starts with prefix; nil or empty means from the start.", Everything, scanAfter},
		{"At most limit pairs are returned, and fewer only when there are no more.", Everything, scanLimit},
		{"A limit outside 1 to MaxScan is ErrLimit.", Everything, scanBadLimit},
		{"Scan returns copies, which the caller may change and keep.", Everything, scanCopies},
		{"No match is an empty result and no error.", Everything, scanNothing},
		{"To read everything page by page use [All].", Everything, scanAll},
	}
}

func getCopies(t *testing.T, s subject) {
	s.put(t, "k", "value")
	var kept []byte
	s.view(t, func(r kv.Reader) {
		kept, _ = r.Get([]byte("k"))
		kept[0] = 'V'
		wantGet(t, r, "k", "value")
	})
	s.put(t, "k", "other")
	if string(kept) != "Value" {
		t.Errorf("the kept value became %q", kept)
	}
	s.update(t, func(tx kv.Tx) {
		if err := tx.Put([]byte("k"), []byte("third")); err != nil {
			t.Error(err)
		}
		own, _ := tx.Get([]byte("k"))
		own[0] = 'X'
		wantGet(t, tx, "k", "third")
	})
	s.wantContents(t, "k=third")
}

func getAbsent(t *testing.T, s subject) {
	s.put(t, "b", "1", "bb", "2")
	s.view(t, func(r kv.Reader) {
		for _, key := range []string{"a", "bbb", "c", "b\x00"} {
			if got, err := r.Get([]byte(key)); !errors.Is(err, kv.ErrNotFound) || got != nil {
				t.Errorf("Get(%q) = %q, %v, want nothing and ErrNotFound", key, got, err)
			}
		}
	})
}

func getEmpty(t *testing.T, s subject) {
	s.update(t, func(tx kv.Tx) {
		for key, value := range map[string][]byte{"nil": nil, "empty": {}} {
			if err := tx.Put([]byte(key), value); err != nil {
				t.Errorf("Put(%q): %v", key, err)
			}
			wantEmpty(t, tx, key)
		}
	})
	s.view(t, func(r kv.Reader) {
		wantEmpty(t, r, "nil")
		wantEmpty(t, r, "empty")
		wantScan(t, r, "", "", 10, "empty=", "nil=")
	})
}

func wantEmpty(t testing.TB, r kv.Reader, key string) {
	t.Helper()
	if got, err := r.Get([]byte(key)); got == nil || len(got) != 0 || err != nil {
		t.Errorf("Get(%q) = %#v, %v, want an empty slice that is not nil", key, got, err)
	}
}

// scanOrder uses keys whose order differs between bytes, text and numbers.
func scanOrder(t *testing.T, s subject) {
	s.put(t, "p\xff", "6", "p", "1", "q", "-", "pZ", "4", "o\xff", "-", "p\x00", "2", "pa", "5", "p10", "3")
	s.view(t, func(r kv.Reader) {
		wantScan(t, r, "p", "", 10, "p=1", "p\x00=2", "p10=3", "pZ=4", "pa=5", "p\xff=6")
	})
	s.update(t, func(tx kv.Tx) {
		if err := tx.Put([]byte("p2"), []byte("new")); err != nil {
			t.Error(err)
		}
		if err := tx.Delete([]byte("pZ")); err != nil {
			t.Error(err)
		}
		wantScan(t, tx, "p", "", 10, "p=1", "p\x00=2", "p10=3", "p2=new", "pa=5", "p\xff=6")
	})
}

func scanEmptyPrefix(t *testing.T, s subject) {
	s.put(t, "\xff\xff", "last", "\x00", "first", "m", "middle")
	s.view(t, func(r kv.Reader) {
		wantScan(t, r, "", "", 10, "\x00=first", "m=middle", "\xff\xff=last")
		wantScan(t, r, "\xff", "", 10, "\xff\xff=last")
	})
}

func scanAfter(t *testing.T, s subject) {
	s.put(t, "a", "0", "p1", "1", "p2", "2", "p3", "3", "q", "4")
	s.view(t, func(r kv.Reader) {
		wantScan(t, r, "p", "p1", 10, "p2=2", "p3=3")
		wantScan(t, r, "p", "p1x", 10, "p2=2", "p3=3")       // does not exist
		wantScan(t, r, "p", "a", 10, "p1=1", "p2=2", "p3=3") // lacks the prefix, below
		wantScan(t, r, "p", "q", 10)                         // lacks the prefix, above
		wantScan(t, r, "p", "p3", 10)
		wantScan(t, r, "", "p3", 10, "q=4")
		wantScan(t, r, "", "a\x00", 2, "p1=1", "p2=2")
		wantScan(t, r, "p1", "p1", 10) // the prefix itself is a key
	})
}

func scanLimit(t *testing.T, s subject) {
	s.put(t, "p1", "1", "p2", "2", "p3", "3", "q", "4")
	s.view(t, func(r kv.Reader) {
		wantScan(t, r, "p", "", 1, "p1=1")
		wantScan(t, r, "p", "", 2, "p1=1", "p2=2")
		wantScan(t, r, "p", "", 3, "p1=1", "p2=2", "p3=3")
		wantScan(t, r, "p", "", kv.MaxScan, "p1=1", "p2=2", "p3=3")
	})
}

func scanBadLimit(t *testing.T, s subject) {
	s.put(t, "k", "v")
	s.view(t, func(r kv.Reader) {
		for _, limit := range []int{0, -1, kv.MaxScan + 1} {
			if got, err := r.Scan(nil, nil, limit); !errors.Is(err, kv.ErrLimit) || got != nil {
				t.Errorf("Scan with limit %d = %v, %v, want ErrLimit", limit, got, err)
			}
		}
		tooLong := []byte(strings.Repeat("k", kv.MaxKey+1))
		for _, bounds := range [][2][]byte{{tooLong, nil}, {nil, tooLong}} {
			if _, err := r.Scan(bounds[0], bounds[1], 1); !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("Scan with a bound of %d bytes: %v, want ErrTooLarge", len(tooLong), err)
			}
		}
	})
}

func scanCopies(t *testing.T, s subject) {
	s.put(t, "k1", "v1", "k2", "v2")
	var kept []kv.Pair
	s.view(t, func(r kv.Reader) {
		kept, _ = r.Scan(nil, nil, 10)
		for _, p := range kept {
			p.Key[0], p.Value[0] = 'K', 'V'
			_ = append(p.Key, "overwrites a neighbour if it can"...)
		}
		wantScan(t, r, "", "", 10, "k1=v1", "k2=v2")
	})
	s.put(t, "k1", "xx", "k2", "xx")
	for i, p := range kept {
		if want := fmt.Sprintf("K%d=V%d", i+1, i+1); string(p.Key)+"="+string(p.Value) != want {
			t.Errorf("the kept pair became %s=%s, want %s", p.Key, p.Value, want)
		}
	}
}

func scanNothing(t *testing.T, s subject) {
	s.view(t, func(r kv.Reader) { wantScan(t, r, "", "", 10) })
	s.put(t, "a", "1", "c", "2")
	s.view(t, func(r kv.Reader) {
		wantScan(t, r, "b", "", 10)
		wantScan(t, r, "d", "", 10)
		wantScan(t, r, "", "c", 10)
	})
}

func scanAll(t *testing.T, s subject) {
	const n = 257
	var all []string
	s.update(t, func(tx kv.Tx) {
		for i := range n {
			key, value := fmt.Sprintf("p%04d", i), strings.Repeat("v", i)
			all = append(all, key+"="+value)
			if err := tx.Put([]byte(key), []byte(value)); err != nil {
				t.Error(err)
			}
		}
		if err := tx.Put([]byte("q"), nil); err != nil {
			t.Error(err)
		}
	})
	s.view(t, func(r kv.Reader) {
		for _, page := range []int{1, 2, n - 1, n, n + 1} {
			var got []string
			for p, err := range kv.All(r, []byte("p"), page) {
				if err != nil {
					t.Fatalf("page of %d: %v", page, err)
				}
				got = append(got, string(p.Key)+"="+string(p.Value))
				p.Key[0] = 'x' // the pair belongs to the loop
			}
			if strings.Join(got, " ") != strings.Join(all, " ") {
				t.Errorf("All with pages of %d yields %d pairs, want the %d in order", page, len(got), n)
			}
		}
	})
}
