package kvtest

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv"
)

func writeChecks() []check {
	return []check{
		{"A transaction sees its own writes.", Everything, seesOwnWrites},
		{"Put stores value under key, replacing what was there.", Everything, putReplaces},
		{"Put copies both, so the caller may reuse the slices at once.", Everything, putCopies},
		{"An empty or nil key is ErrEmptyKey.", Everything, refusesEmptyKey},
		{"A key of more than MaxKey bytes or a value of more than MaxValue bytes is ErrTooLarge.", Everything, refusesLarge},
		{"MaxValue is the greatest length of a value, in bytes.", LargeValues, storesLargest},
		{"A refused call changes nothing and leaves the transaction usable.", Everything, refusedCallsDoNothing},
		{"Delete removes key and its value.", Everything, deleteRemoves},
		{"Delete of an absent key is not an error.", Everything, deleteAbsent},
	}
}

func seesOwnWrites(t *testing.T, s subject) {
	s.put(t, "a", "1", "b", "1", "c", "1")
	s.update(t, func(tx kv.Tx) {
		mustPut(t, tx, "b", "2")
		mustPut(t, tx, "bb", "new")
		mustDelete(t, tx, "a")
		mustPut(t, tx, "d", "1")
		mustDelete(t, tx, "d")
		mustDelete(t, tx, "c")
		mustPut(t, tx, "c", "3")
		wantGet(t, tx, "b", "2")
		if _, err := tx.Get([]byte("a")); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("Get of a key deleted in this transaction: %v, want ErrNotFound", err)
		}
		wantScan(t, tx, "", "", 10, "b=2", "bb=new", "c=3")
	})
	s.wantContents(t, "b=2", "bb=new", "c=3")
}

func putReplaces(t *testing.T, s subject) {
	s.put(t, "k", "first", "other", "stays")
	s.put(t, "k", "a value that is longer than the first")
	s.wantContents(t, "k=a value that is longer than the first", "other=stays")
	s.put(t, "k", "")
	s.wantContents(t, "k=", "other=stays")
}

func putCopies(t *testing.T, s subject) {
	key, value := []byte("key1"), []byte("value1")
	s.update(t, func(tx kv.Tx) {
		for _, n := range []byte("123") {
			key[3], value[5] = n, n
			if err := tx.Put(key, value); err != nil {
				t.Error(err)
			}
		}
		copy(key, "xxxx")
		copy(value, "xxxxxx")
		wantScan(t, tx, "", "", 10, "key1=value1", "key2=value2", "key3=value3")
	})
	copy(value, "yyyyyy")
	s.wantContents(t, "key1=value1", "key2=value2", "key3=value3")
}

func refusesEmptyKey(t *testing.T, s subject) {
	for _, key := range [][]byte{nil, {}} {
		s.update(t, func(tx kv.Tx) {
			_, getErr := tx.Get(key)
			for call, err := range map[string]error{"Get": getErr, "Put": tx.Put(key, []byte("v")), "Delete": tx.Delete(key)} {
				if !errors.Is(err, kv.ErrEmptyKey) {
					t.Errorf("%s of an empty key: %v, want ErrEmptyKey", call, err)
				}
			}
		})
	}
	s.wantContents(t)
}

func refusesLarge(t *testing.T, s subject) {
	longest := strings.Repeat("k", s.maxKey)
	s.put(t, longest, "v")
	s.update(t, func(tx kv.Tx) {
		tooLong := []byte(longest + "k")
		_, getErr := tx.Get(tooLong)
		for call, err := range map[string]error{
			"Get":                      getErr,
			"Put":                      tx.Put(tooLong, nil),
			"Delete":                   tx.Delete(tooLong),
			"Put of a value too large": tx.Put([]byte("k"), make([]byte, kv.MaxValue+1)),
		} {
			if !errors.Is(err, kv.ErrTooLarge) {
				t.Errorf("%s: %v, want ErrTooLarge", call, err)
			}
		}
		wantGet(t, tx, longest, "v")
		wantScan(t, tx, longest, "", 1, longest+"=v")
		wantScan(t, tx, "", longest, 1)
	})
	s.wantContents(t, longest+"=v")
}

func storesLargest(t *testing.T, s subject) {
	value := bytes.Repeat([]byte("0123456789abcdef"), kv.MaxValue/16)
	s.update(t, func(tx kv.Tx) {
		if err := tx.Put([]byte("large"), value); err != nil {
			t.Errorf("Put of MaxValue bytes: %v", err)
		}
	})
	s.view(t, func(r kv.Reader) {
		if got, err := r.Get([]byte("large")); err != nil || !bytes.Equal(got, value) {
			t.Errorf("Get = %d bytes, %v, want the %d bytes that were put", len(got), err, len(value))
		}
	})
}

func refusedCallsDoNothing(t *testing.T, s subject) {
	s.put(t, "k", "v")
	s.update(t, func(tx kv.Tx) {
		mustPut(t, tx, "before", "1")
		if tx.Put(nil, nil) == nil || tx.Put(bytes.Repeat([]byte("k"), kv.MaxKey+1), nil) == nil {
			t.Error("Put outside the limits succeeded")
		}
		if _, err := tx.Scan(nil, nil, 0); err == nil {
			t.Error("Scan outside the limits succeeded")
		}
		mustPut(t, tx, "after", "2")
	})
	s.wantContents(t, "after=2", "before=1", "k=v")
}

func deleteRemoves(t *testing.T, s subject) {
	s.put(t, "a", "1", "ab", "2", "b", "3")
	s.update(t, func(tx kv.Tx) { mustDelete(t, tx, "a") })
	s.wantContents(t, "ab=2", "b=3")
	s.put(t, "a", "again")
	s.wantContents(t, "a=again", "ab=2", "b=3")
}

func deleteAbsent(t *testing.T, s subject) {
	s.update(t, func(tx kv.Tx) { mustDelete(t, tx, "a") })
	s.put(t, "b", "1")
	s.update(t, func(tx kv.Tx) {
		mustDelete(t, tx, "a")
		mustDelete(t, tx, "b")
		mustDelete(t, tx, "b")
	})
	s.wantContents(t)
}

func mustPut(t testing.TB, tx kv.Tx, key, value string) {
	t.Helper()
	if err := tx.Put([]byte(key), []byte(value)); err != nil {
		t.Errorf("Put(%q): %v", key, err)
	}
}

func mustDelete(t testing.TB, tx kv.Tx, key string) {
	t.Helper()
	if err := tx.Delete([]byte(key)); err != nil {
		t.Errorf("Delete(%q): %v", key, err)
	}
}
