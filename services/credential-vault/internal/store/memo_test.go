package store

import (
	"fmt"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func memoConnection(id string) core.Connection {
	return core.Connection{
		Name: resource.Connection{Environment: "default", ID: id}, UID: "uid", Change: 1, Edits: 1, Owner: "ann",
		Connector: resource.Connector{Environment: "default", ID: "crm"}, SecretNames: []string{"a"},
	}
}

func TestWhatAnotherProcessWritesIsSeenAtOnce(t *testing.T) {
	engine := memkv.New()
	mine, other := New(engine, func() {}), New(engine, func() {})
	mine.Prove(testKeys{})
	other.Prove(testKeys{})
	c := memoConnection("crm")
	if err := mine.Insert(t.Context(), core.Write{Connection: c, Secrets: []core.Sealed{{Parameter: "a", Blob: []byte("0")}}}); err != nil {
		t.Fatal(err)
	}
	for n := range 5 {
		for range 2 { // decoded, and remembered
			h, err := mine.Held(t.Context(), c.Name)
			if err != nil || h.Connection.Change != c.Change || string(h.Secrets[0].Blob) != fmt.Sprint(n) || h.Grant.Change != uint64(n) {
				t.Fatalf("after %d changes: %+v, %v", n, h, err)
			}
			_ = append(h.Connection.SecretNames, "by somebody else")
		}
		c.Change++
		if err := other.Replace(t.Context(), core.Write{Connection: c, Secrets: []core.Sealed{{Parameter: "a", Blob: fmt.Append(nil, n+1)}}}); err != nil {
			t.Fatal(err)
		}
		if err := other.WriteGrant(t.Context(), core.GrantWrite{Of: c, Grant: core.Grant{UID: "uid", Change: uint64(n + 1)}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Remove(t.Context(), core.Write{Connection: c}); err != nil {
		t.Fatal(err)
	}
	if h, err := mine.Held(t.Context(), c.Name); err == nil {
		t.Errorf("after its end: %+v", h)
	}
}

func TestNoMoreIsRememberedThanFits(t *testing.T) {
	m := newMemo(3)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			c := memoConnection(fmt.Sprintf("crm-%d", i))
			record, err := encodeConnection(c)
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				h, err := m.decode(c.Name, records{connection: record})
				if err != nil || h.Connection.Name != c.Name || h.Connection.Owner != "ann" {
					t.Errorf("got %+v, %v", h, err)
				}
			}
		})
	}
	wg.Wait()
	if len(m.kept) != 3 {
		t.Errorf("%d connections are remembered", len(m.kept))
	}
	if _, err := m.decode(memoConnection("x").Name, records{connection: []byte("\x09")}); err == nil {
		t.Error("a record that cannot be read is accepted")
	}
}
