package seal

import (
	"bytes"
	"testing"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// The baseline of sealing and opening is the same cipher without the envelope.

func bare(b *testing.B) tink.AEAD {
	b.Helper()
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		b.Fatal(err)
	}
	primitive, err := aead.New(handle)
	if err != nil {
		b.Fatal(err)
	}
	return primitive
}

func kilobyte() []byte { return bytes.Repeat([]byte("s"), 1<<10) }

func BenchmarkSeal1KiB(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		cipher, value := bare(b), kilobyte()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := cipher.Encrypt(value, associated(here())); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("keyring", func(b *testing.B) {
		k, value := New(newKEK(b), newShelf()), secret.New(kilobyte())
		b.ReportAllocs()
		for b.Loop() {
			if _, err := k.Seal(b.Context(), here(), value); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkOpen1KiB(b *testing.B) {
	b.Run("bare", func(b *testing.B) {
		cipher := bare(b)
		blob, err := cipher.Encrypt(kilobyte(), associated(here()))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := cipher.Decrypt(blob, associated(here())); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("keyring", func(b *testing.B) {
		k := New(newKEK(b), newShelf())
		blob := sealed(b, k, here(), string(kilobyte()))
		b.ReportAllocs()
		for b.Loop() {
			value, err := k.Open(b.Context(), here(), blob)
			if err != nil {
				b.Fatal(err)
			}
			value.Clear()
		}
	})
}
