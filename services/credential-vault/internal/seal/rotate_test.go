package seal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// unlocked is a keyring over a key file of its own.
func unlocked(t *testing.T, s *shelf, options ...Option) (*Keyring, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kek.json")
	k, err := Unlock(t.Context(), "file:"+path, s, options...)
	if err != nil {
		t.Fatal(err)
	}
	return k, path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func opens(t *testing.T, k *Keyring, at core.Place, blob []byte) {
	t.Helper()
	got, err := k.Open(t.Context(), at, blob)
	must(t, err)
	if plain(t, got) != canary {
		t.Fatal("the secret came back changed")
	}
}

// renewMaster makes all steps of the exchange of a key-encryption key.
func renewMaster(t *testing.T, k *Keyring) {
	t.Helper()
	must(t, k.RenewMaster(t.Context(), k.MasterKey()))
	must(t, k.RewrapKeyset(t.Context(), "default"))
	must(t, k.RetireMaster(t.Context()))
}

func TestTheKeyFileIsReplacedInSteps(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	other, err := Unlock(t.Context(), path, s) // another process with the same file
	must(t, err)
	blob := sealed(t, k, here(), canary)
	opens(t, other, here(), blob)
	first := k.MasterKey()
	must(t, k.RenewMaster(t.Context(), first))
	second := k.MasterKey()
	if second == first {
		t.Fatal("the key has the same id")
	}
	must(t, k.RenewMaster(t.Context(), first)) // the process was killed and begins again
	if k.MasterKey() != second {
		t.Error("a repeated step made another key")
	}
	if err := k.RetireMaster(t.Context()); !errors.Is(err, errNotUnderNewest) {
		t.Errorf("retired while a keyset needs the old key: %v", err)
	}
	must(t, k.RewrapKeyset(t.Context(), "default"))
	if s.sets["default"].KEK != second {
		t.Errorf("the keyset says that it is encrypted with %s", s.sets["default"].KEK)
	}
	must(t, k.RetireMaster(t.Context()))
	must(t, k.RetireMaster(t.Context()))
	opens(t, other, here(), blob)
	sealed(t, other, core.Place{Environment: "new", Resource: "r", Parameter: "p"}, canary)
	if got := s.sets["new"].KEK; got != second {
		t.Errorf("the other process encrypted with %s, which nobody has any more", got)
	}
	fresh, err := Unlock(t.Context(), path, s)
	must(t, err)
	opens(t, fresh, here(), blob)
	wantTidy(t, path)
}

// wantTidy checks that a key file is private and alone in its directory.
func wantTidy(t *testing.T, path string) {
	t.Helper()
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %#o", info.Mode().Perm())
	}
	left, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("the directory holds %v", left)
	}
}

func TestWhatAnInterruptedReplacementLeftIsRemoved(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	blob := sealed(t, k, here(), canary)
	must(t, os.WriteFile(halfWritten(path), []byte("half a key"), 0o600))
	k, err := Unlock(t.Context(), path, s)
	must(t, err)
	wantTidy(t, path)
	must(t, os.WriteFile(halfWritten(path), []byte("half a key"), 0o644)) // while it runs
	renewMaster(t, k)
	wantTidy(t, path)
	opens(t, k, here(), blob)
}

func TestADirectoryThatCannotBeWrittenStopsTheExchangeOnly(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	blob := sealed(t, k, here(), canary)
	must(t, os.Mkdir(halfWritten(path), 0o700)) // nobody, not even root, can open that for writing
	err := k.RenewMaster(t.Context(), k.MasterKey())
	if fault.ReasonOf(err) != fault.ReasonKeyUnavailable || !strings.Contains(err.Error(), "cannot be replaced") {
		t.Errorf("got %v", err)
	}
	opens(t, k, here(), blob)
}

func TestAKeyFileThatIsTakenAwayAfterTheStartIsNotNeeded(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	must(t, os.Remove(path))
	opens(t, k, here(), sealed(t, k, here(), canary))
	if err := k.RenewMaster(t.Context(), k.MasterKey()); fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("an exchange without a file: %v", err)
	}
	must(t, os.WriteFile(path, []byte("spoiled"), 0o600))
	_, err := k.Seal(t.Context(), core.Place{Environment: "new", Resource: "r"}, secret.FromString(canary))
	if fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("a key file that is spoiled: %v", err)
	}
}

func TestDataKeysAreExchangedInSteps(t *testing.T) {
	s := newShelf()
	k, _ := unlocked(t, s)
	blob, place := sealed(t, k, here(), canary), owned(t, k)
	inner := sealed(t, k, place, canary)
	version, err := k.KeysetVersion(t.Context(), "default")
	must(t, err)
	must(t, k.AddDataKey(t.Context(), "default", version))
	must(t, k.AddDataKey(t.Context(), "default", version)) // again after a kill
	after, err := k.KeysetVersion(t.Context(), "default")
	must(t, err)
	if after != version+1 {
		t.Errorf("the keyset went from version %d to %d, want one change", version, after)
	}
	r, version, err := k.Rewrapper(t.Context(), "default")
	must(t, err)
	fresh, err := r.Rewrap(here(), blob)
	must(t, err)
	key, err := r.Rewrap(core.KeyPlace("default", place.Resource), place.Key)
	must(t, err)
	if bytes.Equal(fresh, blob) || bytes.Equal(key, place.Key) {
		t.Error("something was not encrypted anew")
	}
	again, err := r.Rewrap(here(), fresh)
	if err != nil || !bytes.Equal(again, fresh) {
		t.Errorf("what is under the newest key was changed: %v", err)
	}
	if err := k.RetireDataKeys(t.Context(), "default", version-1); !errors.Is(err, core.ErrChanged) {
		t.Errorf("retired with another keyset than the one that was checked: %v", err)
	}
	opens(t, k, here(), blob)
	must(t, k.RetireDataKeys(t.Context(), "default", version))
	must(t, k.RetireDataKeys(t.Context(), "default", version)) // one key is left
	cold := New(k.kek, s)
	opens(t, cold, here(), fresh)
	old := place
	place.Key = key
	opens(t, cold, place, inner) // the resource's own key is the same
	got, err := cold.Open(t.Context(), here(), blob)
	wantUnreadable(t, got, err, here().Resource)
	got, err = cold.Open(t.Context(), old, inner)
	wantUnreadable(t, got, err, here().Resource)
}

func TestARewrapperRefusesWhatIsNotIntact(t *testing.T) {
	k, _ := unlocked(t, newShelf())
	blob, place := sealed(t, k, here(), canary), owned(t, k)
	version, _ := k.KeysetVersion(t.Context(), "default")
	must(t, k.AddDataKey(t.Context(), "default", version))
	r, _, err := k.Rewrapper(t.Context(), "default")
	must(t, err)
	elsewhere := here()
	elsewhere.Resource += "2"
	for name, c := range map[string]struct {
		at   core.Place
		blob []byte
	}{
		"another place": {elsewhere, blob}, "no blob": {here(), nil}, "one byte": {here(), []byte{blobFormat}},
		"another format": {here(), append([]byte{2}, blob[1:]...)}, "damaged": {here(), append(bytes.Clone(blob), 0)},
	} {
		if _, err := r.Rewrap(c.at, c.blob); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
			t.Errorf("rewrap %s: got %v", name, err)
		}
		if _, err := r.Move(c.at, place, c.blob); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
			t.Errorf("move %s: got %v", name, err)
		}
	}
	broken := place
	broken.Key = append(bytes.Clone(place.Key), 0)
	if _, err := r.Move(here(), broken, blob); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		t.Errorf("move under a damaged key: got %v", err)
	}
}

func TestASecretMovesUnderAKeyAndBack(t *testing.T) {
	k, _ := unlocked(t, newShelf())
	blob := sealed(t, k, here(), canary)
	r, _, err := k.Rewrapper(t.Context(), "default")
	must(t, err)
	own := here()
	own.Key, err = r.NewKey(own.Resource)
	must(t, err)
	under, err := r.Move(here(), own, blob)
	must(t, err)
	opens(t, k, own, under)
	back, err := r.Move(own, here(), under)
	must(t, err)
	opens(t, k, here(), back)
}

func TestKeysetsMoveFromOneKeyToAnother(t *testing.T) {
	s := newShelf()
	old, oldPath := unlocked(t, s)
	blob := sealed(t, old, here(), canary)
	path := filepath.Join(t.TempDir(), "new.json")
	_, err := CreateFile(path)
	must(t, err)
	if _, err := Unlock(t.Context(), path, s); err == nil {
		t.Fatal("the new key alone opened everything")
	}
	previous, err := Open(t.Context(), "file:"+oldPath, Source{})
	must(t, err)
	both, err := Unlock(t.Context(), path, s, WithPrevious(previous))
	must(t, err)
	opens(t, both, here(), blob)
	must(t, both.RewrapKeyset(t.Context(), "default"))
	alone, err := Unlock(t.Context(), path, s)
	must(t, err)
	opens(t, alone, here(), blob)
	if _, err := Unlock(t.Context(), oldPath, s); err == nil {
		t.Error("the old key still opens everything")
	}
	opens(t, both, here(), blob)
	must(t, both.Close())
}

func TestABackupWithoutTheKeyGivesNothing(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	place := owned(t, k)
	blob := sealed(t, k, place, canary)
	for _, stored := range [][]byte{s.sets["default"].Blob, place.Key, blob} {
		if bytes.Contains(stored, []byte(canary)) {
			t.Error("the store holds the secret")
		}
	}
	stranger := filepath.Join(t.TempDir(), "kek.json")
	_, err := Unlock(t.Context(), stranger, s)
	wantText(t, err, "is missing", "put it back from its backup")
	_, err = CreateFile(stranger)
	must(t, err)
	_, err = Unlock(t.Context(), stranger, s)
	wantText(t, err, "not the one that the stored secrets need")
	key, err := os.ReadFile(path)
	must(t, err)
	must(t, os.WriteFile(stranger, key, 0o600)) // the backup of the key
	restored, err := Unlock(t.Context(), stranger, s)
	must(t, err)
	opens(t, restored, place, blob)
}

// broken is a key in a service that cannot be used.
type broken struct{ KEK }

func (broken) ID() string { return "broken://key" }

func (broken) EncryptWithContext(context.Context, []byte, []byte) ([]byte, error) {
	return nil, fault.Unavailable(fault.ReasonKeyUnavailable, "the service is away")
}

func (b broken) DecryptWithContext(ctx context.Context, x, y []byte) ([]byte, error) {
	return b.EncryptWithContext(ctx, x, y)
}

func TestAServiceThatIsAwayIsNotAWrongKey(t *testing.T) {
	s := newShelf()
	k, _ := unlocked(t, s)
	blob := sealed(t, k, here(), canary)
	away := New(broken{}, s)
	if _, err := away.Open(t.Context(), here(), blob); fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("open: got %v", err)
	}
	if _, err := away.NewKey(t.Context(), "new", "r"); fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("seal: got %v", err)
	}
	if _, _, err := away.Rewrapper(t.Context(), "default"); fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("rewrap: got %v", err)
	}
	wantText(t, away.Prove(t.Context()), "broken://key cannot be used", "the service is away")
	wantText(t, New(broken{}, newShelf()).Prove(t.Context()), "broken://key cannot be used", "the service is away")
	// The previous key is asked as well, and its loss is not a wrong key either.
	moved := New(newKEK(t), s, WithPrevious(broken{}))
	if _, err := moved.Open(t.Context(), here(), blob); fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("with the previous key away: got %v", err)
	}
	strange := New(newKEK(t), s)
	if err := strange.RewrapKeyset(t.Context(), "default"); fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		t.Errorf("with a wrong key: got %v", err)
	}
}

func TestDecryptedKeysAreUsedForAMinuteAndForgottenWithTheirResource(t *testing.T) {
	clk := clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	k, _ := unlocked(t, newShelf(), WithClock(clk))
	place := owned(t, k)
	blob := sealed(t, k, place, canary)
	known := func() bool { _, ok := k.unwrapped.get(place); return ok }
	if !known() {
		t.Fatal("the key was not remembered")
	}
	elsewhere := place
	elsewhere.Resource += "2"
	got, err := k.Open(t.Context(), elsewhere, blob)
	wantUnreadable(t, got, err, elsewhere.Resource)
	k.Forget(place.Key)
	if known() {
		t.Error("it was not forgotten")
	}
	opens(t, k, place, blob)
	for age := time.Duration(0); age < 2*generationAge; age += generationAge {
		clk.Advance(generationAge)
		for range clockEvery {
			known()
		}
	}
	if known() {
		t.Error("it is still used after a minute")
	}
	opens(t, k, place, blob)
	clk.Advance(time.Hour)
	k.unwrapped.grow(k.unwrapped.clock.Now())
	if known() {
		t.Error("it is still used after an hour without questions")
	}
	opens(t, k, place, blob)
	must(t, k.Close())
	if known() {
		t.Error("it outlives the keyring")
	}
}

func TestNoMoreThanTenThousandKeysAreHeld(t *testing.T) {
	u := newUnwrapped(clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)))
	at := core.Place{Environment: "default", Resource: "r"}
	for i := range 3 * generationSize {
		at.Key = []byte{byte(i), byte(i >> 8)}
		u.put(at, nil)
		if n := len(u.young) + len(u.old); n > 2*generationSize {
			t.Fatalf("%d keys are held", n)
		}
	}
	if _, ok := u.get(at); !ok {
		t.Error("the newest is gone")
	}
}

func TestAKeyThatIsTooLargeIsNoKey(t *testing.T) {
	k, _ := unlocked(t, newShelf())
	place := owned(t, k)
	blob := sealed(t, k, place, canary)
	place.Key = bytes.Repeat(place.Key, 5)
	got, err := k.Open(t.Context(), place, blob)
	wantUnreadable(t, got, err, place.Resource)
	place.Key = sealed(t, k, core.KeyPlace("default", place.Resource), "short")
	got, err = k.Open(t.Context(), place, blob)
	wantUnreadable(t, got, err, place.Resource)
}

func TestURIsNameTheirKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kek.json")
	_, err := CreateFile(path)
	must(t, err)
	env := func(name string) string { return map[string]string{"VAULT_TOKEN": "not-a-real-token"}[name] }
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for uri, want := range map[string]string{
		path: "file:", "file:" + path: "file:", "file://" + path: "file:",
		"hcvault://vault.example.com:8200/transit/keys/ferrule":       "hcvault://vault.example.com:8200/transit/keys/ferrule",
		"aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/vault": "aws-kms://arn:aws:kms:eu-central-1:111122223333:alias/vault",
	} {
		kek, err := Open(t.Context(), uri, Source{Getenv: env})
		if err != nil || !strings.HasPrefix(kek.ID(), want) {
			t.Errorf("%s: got %v, %v", uri, kek, err)
		}
	}
	for uri, want := range map[string]string{
		"": "no such file", "file:" + path + "?": "no such file", "https://example.com/key": `"https://" are not supported`,
		"hcvault://vault.example.com/keys": "hcvault://HOST", "hcvault://h/transit/keys/k": "VAULT_TOKEN",
		"aws-kms://key": "aws-kms://arn:", "gcp-kms://key": "gcp-kms://projects", strings.Repeat("x", maxURI+1): "may take 2048",
	} {
		kek, err := Open(t.Context(), uri, Source{})
		if kek != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: got %v, %v; want %q", uri, kek, err, want)
		}
	}
}

func TestAnotherProcessEncryptsWithTheNewestKeyAtOnce(t *testing.T) {
	s := newShelf()
	k, path := unlocked(t, s)
	other, err := Unlock(t.Context(), path, s)
	must(t, err)
	blob := sealed(t, other, here(), canary) // it holds the keys of now
	must(t, k.AddDataKey(t.Context(), "default", 1))
	r, _, err := k.Rewrapper(t.Context(), "default")
	must(t, err)
	for name, c := range map[string]struct {
		blob    []byte
		changed bool
	}{"before": {blob, true}, "after": {sealed(t, other, here(), canary), false}} {
		got, err := r.Rewrap(here(), c.blob)
		if err != nil || bytes.Equal(got, c.blob) == c.changed {
			t.Errorf("what was sealed %s the new key came: %v", name, err)
		}
	}
}
