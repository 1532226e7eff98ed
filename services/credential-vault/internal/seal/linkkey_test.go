package seal

import (
	"bytes"
	"testing"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

func TestALinkKeyLastsAsLongAsItsResource(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	wrapped, err := k.NewKey(t.Context(), "default", "crm")
	must(t, err)
	derive := func(k *Keyring, resource string, key []byte) []byte {
		t.Helper()
		derived, err := k.LinkKey(t.Context(), "default", resource, key)
		must(t, err)
		return derived
	}
	first := derive(k, "crm", wrapped)
	if len(first) != 32 || !bytes.Equal(first, derive(k, "crm", wrapped)) {
		t.Fatalf("derived %x", first)
	}
	own, err := k.Open(t.Context(), core.KeyPlace("default", "crm"), wrapped)
	must(t, err)
	if plain(t, own) == string(first) {
		t.Error("the link key is the key itself")
	}
	renewMaster(t, k)
	_, version, err := k.Rewrapper(t.Context(), "default")
	must(t, err)
	must(t, k.AddDataKey(t.Context(), "default", version))
	rewrap, _, err := k.Rewrapper(t.Context(), "default")
	must(t, err)
	rewrapped, err := rewrap.Rewrap(core.KeyPlace("default", "crm"), wrapped)
	must(t, err)
	other, err := Unlock(t.Context(), path, s) // another process, after an exchange of all keys
	must(t, err)
	if !bytes.Equal(first, derive(other, "crm", rewrapped)) {
		t.Error("the link key changed with the keys around it")
	}
	fresh, err := k.NewKey(t.Context(), "default", "crm")
	must(t, err)
	if bytes.Equal(first, derive(k, "crm", fresh)) {
		t.Error("a new resource of the same name has the old one's link key")
	}
	if got := derive(k, "crm", nil); got != nil {
		t.Errorf("without a key it is %x", got)
	}
	if _, err := k.LinkKey(t.Context(), "default", "other", wrapped); err == nil {
		t.Error("the key of another resource was accepted")
	}
}
