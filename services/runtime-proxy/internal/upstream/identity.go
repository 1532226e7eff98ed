package upstream

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/upstream/h1"
)

// maxIdentities is how many identities have connections open at a time; past it
// those of the one that was not used for longest are closed.
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

// Identity is how a connection differs from others in the TLS handshake: the
// certificate it presents, the authorities it trusts, the oldest version it
// speaks. It is immutable, safe for concurrent use, and prints nothing.
type Identity struct {
	hash        [sha256.Size]byte
	certificate *tls.Certificate // nil for none
	authorities *x509.CertPool   // nil for the public ones
	minVersion  uint16
}

// Trust says whom a connection trusts. The zero value is for the public
// authorities and at least TLS 1.2.
type Trust struct {
	// CACertificates are the authorities to trust instead of the public ones, in
	// PEM; empty for the public ones.
	CACertificates string
	// MinVersion is the oldest version to speak, "1.2" or "1.3"; empty for "1.2".
	MinVersion string
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
	return &Identity{hash: sha256.Sum256(bytes.TrimSpace(text)), certificate: &certificate, minVersion: tls.VersionTLS12}, nil
}

// Trusting returns an identity that presents the same, which for nil is nothing,
// and trusts as given.
func (identity *Identity) Trusting(trust Trust) (*Identity, error) {
	if trust == (Trust{}) {
		return identity, nil
	}
	out := &Identity{minVersion: tls.VersionTLS12}
	if identity != nil {
		*out = *identity
	}
	switch trust.MinVersion {
	case "", "1.2":
	case "1.3":
		out.minVersion = tls.VersionTLS13
	default:
		return nil, errors.New("the oldest TLS version must be 1.2 or 1.3")
	}
	if trust.CACertificates != "" {
		out.authorities = x509.NewCertPool()
		if !out.authorities.AppendCertsFromPEM([]byte(trust.CACertificates)) {
			return nil, errors.New("the authorities to trust are no certificates in PEM")
		}
	}
	sum := sha256.New()
	sum.Write(out.hash[:])
	sum.Write([]byte(trust.MinVersion + "\x00" + trust.CACertificates))
	out.hash = [sha256.Size]byte(sum.Sum(nil))
	return out, nil
}

// Format implements [fmt.Formatter]: a certificate is never shown.
func (*Identity) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[TLS identity]") }

// transports is a pair of transports: one that may decompress, one that passes
// bytes through.
type transports struct{ whole, raw *h1.Transport }

func (t transports) close() {
	t.whole.CloseIdleConnections()
	t.raw.CloseIdleConnections()
}

// identities keeps the connections of identities apart: what one proved is not for
// another, and what one trusts is not good enough for all. It is safe for concurrent use.
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
	settings := &tls.Config{MinVersion: identity.minVersion, RootCAs: identity.authorities}
	if identity.certificate != nil {
		settings.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			return identity.certificate, nil
		}
	}
	return settings
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
