package upstream

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// maxIdentities is how many client certificates have connections open at a time;
// past it those of the one that was not used for longest are closed.
const maxIdentities = 256

// identityAge is how long a certificate that nobody uses is kept: several times
// a lease, so that one that was taken back or replaced does not stay.
const identityAge = 5 * time.Minute

// Identity is a client certificate with its key. It is immutable, safe for
// concurrent use, and prints nothing.
type Identity struct {
	hash        [sha256.Size]byte
	certificate tls.Certificate
}

// NewIdentity reads a private key and a chain of certificates in PEM, in any
// order, the leaf first among the certificates. The error says what is wrong
// without repeating anything.
func NewIdentity(text []byte) (*Identity, error) {
	var chain, key []byte
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type == "CERTIFICATE" {
			chain = append(chain, pem.EncodeToMemory(block)...)
		} else {
			key = append(key, pem.EncodeToMemory(block)...)
		}
		clear(block.Bytes)
	}
	defer clear(key)
	switch {
	case len(key) == 0:
		return nil, errors.New("it has no private key in PEM")
	case len(chain) == 0:
		return nil, errors.New("it has no certificate in PEM")
	}
	certificate, err := tls.X509KeyPair(chain, key)
	if err != nil { // the library's words may quote
		return nil, errors.New("its private key and its certificate cannot be read or do not belong together")
	}
	return &Identity{hash: sha256.Sum256(bytes.TrimSpace(text)), certificate: certificate}, nil
}

// Format implements [fmt.Formatter]: a certificate is never shown.
func (*Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[client certificate]") }

// transports is a pair of transports: one that may decompress, one that passes
// bytes through.
type transports struct{ whole, raw *http.Transport }

func (t transports) close() {
	t.whole.CloseIdleConnections()
	t.raw.CloseIdleConnections()
}

// identities keeps the connections of client certificates apart: what one proved
// is not for another. It is safe for concurrent use.
type identities struct {
	create func(*tls.Config) transports
	clock  clock.Clock

	mu   sync.Mutex
	open map[[sha256.Size]byte]*used
}

// used is a pair of transports and when it was last asked for.
type used struct {
	transports

	last time.Time
}

// of returns the transports of a certificate, and drops those of others that
// nobody has used for long.
func (i *identities) of(identity *Identity) transports {
	now := i.clock.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	found := i.open[identity.hash]
	if found == nil {
		i.makeRoom(now)
		found = &used{transports: i.create(identity.settings())}
		i.open[identity.hash] = found
	}
	found.last = now
	return found.transports
}

// settings present the certificate to every server that asks for one, also if it
// names other issuers: its own words say best what it does not like.
func (identity *Identity) settings() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return &identity.certificate, nil
		},
	}
}

// makeRoom drops what is old, and the oldest if there is no room otherwise.
func (i *identities) makeRoom(now time.Time) {
	var oldest [sha256.Size]byte
	var least *used
	for hash, one := range i.open {
		if now.Sub(one.last) >= identityAge {
			i.drop(hash, one)
		} else if least == nil || one.last.Before(least.last) {
			oldest, least = hash, one
		}
	}
	if least != nil && len(i.open) >= maxIdentities {
		i.drop(oldest, least)
	}
}

func (i *identities) drop(hash [sha256.Size]byte, one *used) {
	one.close()
	delete(i.open, hash)
}

func (i *identities) close() {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, one := range i.open {
		one.close()
	}
	clear(i.open)
}
