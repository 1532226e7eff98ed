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
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
)

// maxIdentities is how many client certificates have connections open at a time;
// past it those of the one that was not used for longest are closed.
const maxIdentities = 256

const (
	// identityAge is how long the connections of a certificate that nobody uses are
	// kept: several times a lease.
	identityAge = 5 * time.Minute
	// identitySweep is how often such ones are looked for. So one that was taken
	// back or replaced is gone after identityAge and identitySweep, if requests are
	// sent at all, with whatever certificate or none.
	identitySweep = time.Minute
)

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

	due atomic.Int64 // when to look for old ones, as nanoseconds since 1970; 0 for at once

	mu   sync.Mutex
	open map[[sha256.Size]byte]*used
}

// used is a pair of transports and when it was last asked for.
type used struct {
	transports

	last time.Time
}

// sweep drops the certificates that nobody has used for long. Every request comes
// by: almost always there is nothing to do.
func (i *identities) sweep() {
	now := i.clock.Now()
	due := i.due.Load()
	if now.UnixNano() < due || !i.due.CompareAndSwap(due, now.Add(identitySweep).UnixNano()) {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	for hash, one := range i.open {
		if now.Sub(one.last) >= identityAge {
			i.drop(hash, one)
		}
	}
}

// of returns the transports of a certificate.
func (i *identities) of(identity *Identity) transports {
	now := i.clock.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	found := i.open[identity.hash]
	if found == nil {
		i.makeRoom()
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

// makeRoom drops the one that was not used for longest if there are too many.
func (i *identities) makeRoom() {
	if len(i.open) < maxIdentities {
		return
	}
	var oldest [sha256.Size]byte
	var least *used
	for hash, one := range i.open {
		if least == nil || one.last.Before(least.last) {
			oldest, least = hash, one
		}
	}
	i.drop(oldest, least)
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
