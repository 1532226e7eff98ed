package core_test

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"slices"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/secret"
)

// half is how much of a secret is enough to recognise it.
const half = 16

// seed is a secret that can be told and recognised without being in memory: two
// texts that mean nothing, each without the other.
type seed struct{ one, two [2 * half]byte }

func newSeed() *seed {
	s := &seed{}
	_, _ = rand.Read(s.one[:]) // never fails
	_, _ = rand.Read(s.two[:])
	return s
}

// reveal writes the secret, in lower-case letters, into a buffer that the caller
// clears.
func (s *seed) reveal(into []byte) {
	for i := range s.one {
		into[i] = 'a' + (s.one[i]^s.two[i])&15
	}
}

// text returns the secret as the vault knows secrets.
func (s *seed) text() secret.Text {
	var plain [2 * half]byte
	defer clear(plain[:])
	s.reveal(plain[:])
	return secret.New(plain[:])
}

// seeds are the secrets of a run by what they are.
type seeds map[string]*seed

// plant makes one more secret.
func (s seeds) plant(what string) secret.Text {
	s[what] = newSeed()
	return s[what].text()
}

// found returns which secrets a file holds, as a whole or one half of them. They
// are revealed one after the other, while the file is read.
func (s seeds) found(t *testing.T, path string) (what []string) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	plain, block := map[string][]byte{}, make([]byte, 1<<20)
	for name, seed := range s {
		plain[name] = make([]byte, 2*half)
		seed.reveal(plain[name])
		defer clear(plain[name])
	}
	kept := 0 // of the block before, in case that a secret lies across
	for {
		n, err := io.ReadFull(file, block[kept:])
		content := block[:kept+n]
		for name, text := range plain {
			if bytes.Contains(content, text[:half]) || bytes.Contains(content, text[half:]) {
				what = append(what, name)
				delete(plain, name)
			}
		}
		if err != nil { // the end
			slices.Sort(what)
			return what
		}
		kept = copy(block, content[len(content)-2*half:])
	}
}
