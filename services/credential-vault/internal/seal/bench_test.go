package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"testing"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/core"
)

// maxRatio is how much longer than the bare cipher sealing and opening 1 KiB may
// take, the unwrapping of the resource's key included.
const maxRatio = 1.5

// bare is the cipher alone, with a key that is in memory already.
func bare(b testing.TB) cipher.AEAD {
	b.Helper()
	key := make([]byte, resourceKeySize)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		b.Fatal(err)
	}
	c, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func kilobyte() []byte { return bytes.Repeat([]byte("s"), 1<<10) }

// nanoseconds returns how long one call of f takes, the best of several tries:
// what is slower is what else the machine does.
func nanoseconds(b *testing.B, f func() error) float64 {
	b.Helper()
	const tries, calls = 20, 2000
	best := 0.0
	for range tries {
		begin := time.Now()
		for range calls {
			if err := f(); err != nil {
				b.Fatal(err)
			}
		}
		if took := float64(time.Since(begin).Nanoseconds()) / calls; best == 0 || took < best {
			best = took
		}
	}
	return best
}

func TestEachBenchmarkRuns(t *testing.T) { testkit.Benchmarks(t) }

// BenchmarkRatio prints how much longer than the bare cipher everything takes,
// and says where that is too long. On a machine that does other things as well it
// proves nothing, so it does not fail.
func BenchmarkRatio(b *testing.B) {
	c, value, plain, at := bare(b), secret.New(kilobyte()), kilobyte(), here()
	k := New(newKEK(b), newShelf())
	own := owned(b, k)
	sealBare := nanoseconds(b, func() error { c.Seal(nil, nil, plain, associated(at)); return nil })
	sealOurs := nanoseconds(b, func() error { _, err := k.Seal(b.Context(), own, value); return err })
	blob, ours := c.Seal(nil, nil, plain, associated(at)), sealed(b, k, own, string(plain))
	openBare := nanoseconds(b, func() error { _, err := c.Open(nil, nil, blob, associated(at)); return err })
	openOurs := nanoseconds(b, func() error { return openedOnce(b, k, own, ours) })
	cold := nanoseconds(b, func() error {
		k.Forget(own.Key)
		return openedOnce(b, k, own, ours)
	})
	b.ReportMetric(sealOurs/sealBare, "seal/bare")
	b.ReportMetric(openOurs/openBare, "open/bare")
	b.ReportMetric(cold/openBare, "cold-open/bare")
	b.ReportMetric(sealOurs, "ns/seal")
	b.ReportMetric(openOurs, "ns/open")
	if sealOurs > maxRatio*sealBare || openOurs > maxRatio*openBare {
		b.Logf("sealing takes %.0f ns for %.0f of the bare cipher, opening %.0f for %.0f; at most %.1f times as long is allowed",
			sealOurs, sealBare, openOurs, openBare, maxRatio)
	}
}

func openedOnce(b *testing.B, k *Keyring, at core.Place, blob []byte) error {
	b.Helper()
	value, err := k.Open(b.Context(), at, blob)
	value.Clear()
	return err
}
