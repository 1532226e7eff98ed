package seal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

const canary = "c4nary-correct-horse-battery-staple"

func TestWhatWasSealedOpensInItsPlace(t *testing.T) {
	for name, value := range map[string]string{
		"a password":               canary,
		"an empty secret":          "",
		"bytes that are not text":  "\x00\xff\x00",
		"the longest that we take": strings.Repeat("k", 64<<10),
	} {
		t.Run(name, func(t *testing.T) {
			k := New(newKEK(t), newShelf())
			got, err := k.Open(t.Context(), here(), sealed(t, k, here(), value))
			if err != nil {
				t.Fatal(err)
			}
			if plain(t, got) != value {
				t.Error("the secret came back changed")
			}
		})
	}
}

func TestNothingStoredShowsTheSecret(t *testing.T) {
	s := newShelf()
	blob := sealed(t, New(newKEK(t), s), here(), canary)
	for _, stored := range [][]byte{blob, s.sets["default"].Blob} {
		if bytes.Contains(stored, []byte(canary)) {
			t.Error("the secret is readable in what is stored")
		}
	}
}

func TestSealingTheSameSecretTwiceGivesDifferentBlobs(t *testing.T) {
	k := New(newKEK(t), newShelf())
	if bytes.Equal(sealed(t, k, here(), canary), sealed(t, k, here(), canary)) {
		t.Error("equal secrets can be recognised by their blobs")
	}
}

func TestABlobOpensNowhereElse(t *testing.T) {
	k := New(newKEK(t), newShelf())
	blob := sealed(t, k, here(), canary)
	sealed(t, k, core.Place{Environment: "other", Resource: "c", Parameter: "p", Version: "1"}, "so that the environment has keys")
	for name, move := range map[string]func(*core.Place){
		"another connection":                        func(p *core.Place) { p.Resource = "environments/default/connections/erp" },
		"another parameter":                         func(p *core.Place) { p.Parameter = "user" },
		"another version":                           func(p *core.Place) { p.Version = "4f2a-2" },
		"the keys of another environment":           func(p *core.Place) { p.Environment = "other" },
		"an environment without keys":               func(p *core.Place) { p.Environment = "none" },
		"a parameter that swallows the version":     func(p *core.Place) { p.Parameter, p.Version = "password\x004f2a-1", "" },
		"a connection that swallows the parameter":  func(p *core.Place) { p.Resource, p.Parameter = p.Resource+"\x00password", "" },
		"a parameter with the separator at its end": func(p *core.Place) { p.Parameter = "password\x00" },
	} {
		t.Run(name, func(t *testing.T) {
			at := here()
			move(&at)
			got, err := k.Open(t.Context(), at, blob)
			wantUnreadable(t, got, err, at.Resource)
		})
	}
}

func TestADamagedBlobIsUnreadable(t *testing.T) {
	k := New(newKEK(t), newShelf())
	blob := sealed(t, k, here(), canary)
	flipped := bytes.Clone(blob)
	flipped[len(flipped)-1] ^= 1
	otherKey := bytes.Clone(blob)
	otherKey[2] ^= 1
	for name, damaged := range map[string][]byte{
		"nothing":             nil,
		"only the format":     {blobFormat},
		"a format to come":    append([]byte{blobFormat + 1}, blob[1:]...),
		"cut short":           blob[:len(blob)-1],
		"one bit changed":     flipped,
		"another key's id":    otherKey,
		"the plaintext alone": []byte(canary),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := k.Open(t.Context(), here(), damaged)
			wantUnreadable(t, got, err, here().Resource)
		})
	}
}

func TestAnotherKeyEncryptionKeyOpensNothing(t *testing.T) {
	s := newShelf()
	blob := sealed(t, New(newKEK(t), s), here(), canary)
	other := New(newKEK(t), s)

	got, err := other.Open(t.Context(), here(), blob)
	wantUnreadable(t, got, err, here().Resource)

	if _, err := other.Seal(t.Context(), here(), secret.FromString(canary)); err == nil {
		t.Error("a key that cannot read the environment's keyset must not replace it")
	}
	if s.sets["default"].Version != 1 {
		t.Error("the keyset was replaced")
	}
}

func TestAKeysetIsBoundToItsEnvironmentAndVersion(t *testing.T) {
	for name, tamper := range map[string]func(s *shelf){
		"moved to another environment": func(s *shelf) { s.sets["other"] = s.sets["default"] },
		"given another version": func(s *shelf) {
			w := s.sets["default"]
			w.Version = 7
			s.sets["other"] = w
		},
	} {
		t.Run(name, func(t *testing.T) {
			kek, s := newKEK(t), newShelf()
			sealed(t, New(kek, s), here(), canary)
			tamper(s)
			at := here()
			at.Environment = "other"
			if _, err := New(kek, s).Seal(t.Context(), at, secret.FromString(canary)); err == nil {
				t.Error("a keyset was accepted where it does not belong")
			}
		})
	}
}

func TestRotatedKeysReadTheOldAndWriteTheNew(t *testing.T) {
	kek, s := newKEK(t), newShelf()
	before := New(kek, s)
	old := sealed(t, before, here(), canary)
	rotate(t, kek, s, "default")

	after := New(kek, s)
	got, err := after.Open(t.Context(), here(), old)
	if err != nil || plain(t, got) != canary {
		t.Fatalf("the old secret does not open with the rotated keyset: %v", err)
	}
	fresh := sealed(t, after, here(), canary)
	if bytes.Equal(fresh[:6], old[:6]) {
		t.Error("the new secret was sealed with the old key")
	}

	// A process that started before the rotation meets a secret of one that
	// started after it.
	got, err = before.Open(t.Context(), here(), fresh)
	if err != nil || plain(t, got) != canary {
		t.Errorf("a process with older keys cannot read the new secret: %v", err)
	}
}

func TestKeysAreReadOnceAndNotForEachSecret(t *testing.T) {
	s := newShelf()
	k := New(newKEK(t), s)
	at := owned(t, k)
	blob := sealed(t, k, at, canary)
	reads := s.reads
	for range 10 {
		if _, err := k.Open(t.Context(), at, blob); err != nil {
			t.Fatal(err)
		}
		sealed(t, k, at, canary)
	}
	if s.reads != reads {
		t.Errorf("the keyset was read %d more times", s.reads-reads)
	}
}

func TestManyFirstSecretsAtOnceMakeOneKeyset(t *testing.T) {
	s := newShelf()
	kek := newKEK(t)
	rings := []*Keyring{New(kek, s), New(kek, s)} // two processes
	blobs := make([][]byte, 16)
	var all sync.WaitGroup
	for i := range blobs {
		all.Go(func() { blobs[i] = sealed(t, rings[i%2], here(), fmt.Sprint(i)) })
	}
	all.Wait()
	if v := s.sets["default"].Version; v != 1 {
		t.Fatalf("the keyset has version %d, want 1", v)
	}
	for i, blob := range blobs {
		got, err := New(kek, s).Open(t.Context(), here(), blob)
		if err != nil || plain(t, got) != fmt.Sprint(i) {
			t.Errorf("secret %d is lost: %v", i, err)
		}
	}
}

func TestAStoreThatFailsIsNotAWrongKey(t *testing.T) {
	s := newShelf()
	kek := newKEK(t)
	blob := sealed(t, New(kek, s), here(), canary)
	s.fail = errors.New("the disk is gone")
	_, err := New(kek, s).Open(t.Context(), here(), blob)
	if !errors.Is(err, s.fail) || fault.ReasonOf(err) == fault.ReasonCredentialUnreadable {
		t.Errorf("got %v, want the store's error: the secret may be fine", err)
	}
}

func TestACallThatIsCanceledIsNotAWrongKey(t *testing.T) {
	s := newShelf()
	blob := sealed(t, New(newKEK(t), s), here(), canary)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := New(remote{}, s).Open(ctx, here(), blob)
	if fault.CodeOf(err) != fault.CodeCanceled {
		t.Errorf("got %v, want the end of the context", err)
	}
}

// remote is a key that is asked over the network.
type remote struct{}

func (remote) ID() string { return "remote" }

func (remote) EncryptWithContext(ctx context.Context, _, _ []byte) ([]byte, error) {
	return nil, ctx.Err()
}

func (remote) DecryptWithContext(ctx context.Context, _, _ []byte) ([]byte, error) {
	return nil, ctx.Err()
}

// wantUnreadable checks the refusal, and that it says nothing about the secret.
func wantUnreadable(t *testing.T, got secret.Text, err error, connection string) {
	t.Helper()
	if fault.ReasonOf(err) != fault.ReasonCredentialUnreadable {
		t.Fatalf("got %v, want CREDENTIAL_UNREADABLE", err)
	}
	if !got.Empty() {
		t.Error("something came out all the same")
	}
	if strings.Contains(err.Error(), canary) {
		t.Error("the error holds the secret")
	}
	if m := fault.From(err).Meta()["connection"]; m != connection {
		t.Errorf("metadata names connection %q", m)
	}
}
