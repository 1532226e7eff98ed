package intake

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/ferrule-dev/ferrule/pkg/secret"
	"github.com/ferrule-dev/ferrule/pkg/secret/reveal"
)

// maxChain is the greatest number of certificates that one value may hold.
const maxChain = 16

// problem is what is wrong with a value, in words for its owner.
type problem string

// Error implements error.
func (p problem) Error() string { return string(p) }

// bundle is a private key with its certificates.
type bundle struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// Certificate returns a client certificate as it is kept, and what is wrong with
// it, "" if nothing is. It takes PEM, key and certificates in any order, and
// PKCS#12 (RFC 7292), as it is or in base64, which the password opens. It is kept
// as PEM: the private key (PKCS#8), the certificate, and what certifies it.
func Certificate(value, password secret.Text, now time.Time) (kept secret.Text, wrong string) {
	err := value.Use(reveal.Grant(), func(sent []byte) error {
		b, err := read(sent, password)
		if err != nil {
			return err
		}
		if err := b.arrange(now); err != nil {
			return err
		}
		text, err := b.encode()
		if err != nil {
			return err
		}
		defer clear(text)
		kept = secret.New(text)
		return nil
	})
	var p problem
	switch {
	case err == nil:
		return kept, ""
	case errors.As(err, &p):
		return secret.Text{}, string(p)
	}
	return secret.Text{}, "cannot be read as a certificate" // the error may quote it
}

func read(sent []byte, password secret.Text) (bundle, error) {
	if bytes.Contains(sent, pemBegin) {
		return readPEM(sent)
	}
	return readPKCS12(binary(sent), password)
}

// binary undoes base64, if it is that.
func binary(sent []byte) []byte {
	text := bytes.Join(bytes.Fields(sent), nil)
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		if raw, err := encoding.DecodeString(string(text)); err == nil {
			return raw
		}
	}
	return sent
}

func readPEM(sent []byte) (bundle, error) {
	var b bundle
	rest := sent
	for range 2 * maxChain {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if err := b.add(block); err != nil {
			return bundle{}, err
		}
	}
	if b.key == nil {
		return bundle{}, problem("holds no private key: paste the key and the certificate, one after the other")
	}
	return b, nil
}

// add takes one PEM block. Kinds that do not matter here are passed over.
func (b *bundle) add(block *pem.Block) error {
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["Proc-Type"] != "":
		return problem("holds a private key that is encrypted: decrypt it first, for instance with openssl pkey -in key.pem, or send PKCS#12 with its password")
	case block.Type == "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return problem("holds a certificate that cannot be read")
		}
		b.chain = append(b.chain, c)
		return nil
	case block.Type != "PRIVATE KEY" && block.Type != "RSA PRIVATE KEY" && block.Type != "EC PRIVATE KEY":
		return nil
	case b.key != nil:
		return problem("holds more than one private key")
	}
	key, err := parseKey(block.Bytes)
	if err != nil {
		return problem("holds a private key that cannot be read: RSA, ECDSA and Ed25519 keys are known")
	}
	b.key = key
	return nil
}

func parseKey(der []byte) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("read private key: %w", err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key cannot sign")
	}
	return signer, nil
}

func readPKCS12(der []byte, password secret.Text) (b bundle, err error) {
	if !cheap(der) {
		return bundle{}, problem("is neither PEM nor PKCS#12 (in base64), or takes too much work to open")
	}
	err = password.Use(reveal.Grant(), func(secret []byte) error {
		key, leaf, others, err := pkcs12.DecodeChain(der, string(secret))
		if errors.Is(err, pkcs12.ErrIncorrectPassword) {
			return problem("cannot be opened with the password that was sent with it")
		}
		if err != nil {
			return problem("is neither PEM nor PKCS#12 (in base64) with one private key")
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return problem("holds a private key of a kind that cannot sign")
		}
		b = bundle{key: signer, chain: append([]*x509.Certificate{leaf}, others...)}
		return nil
	})
	return b, err
}

// arrange puts the certificate of the key first and those that certify it
// behind, and judges them.
func (b *bundle) arrange(now time.Time) error {
	if len(b.chain) > maxChain {
		return problem(fmt.Sprintf("holds more than %d certificates", maxChain))
	}
	i := slices.IndexFunc(b.chain, b.fits)
	switch {
	case len(b.chain) == 0:
		return problem("holds no certificate: paste the key and the certificate, one after the other")
	case i < 0:
		return problem("holds a private key that does not belong to any of its certificates")
	}
	leaf := b.chain[i]
	if now.After(leaf.NotAfter) {
		return problem("expired on " + leaf.NotAfter.UTC().Format(time.DateOnly))
	}
	rest := slices.DeleteFunc(slices.Clone(b.chain), func(c *x509.Certificate) bool { return c.Equal(leaf) })
	b.chain = []*x509.Certificate{leaf}
	for len(rest) > 0 {
		last := b.chain[len(b.chain)-1]
		next := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return bytes.Equal(c.RawSubject, last.RawIssuer) })
		if next < 0 {
			break // what certifies nothing here is left out
		}
		b.chain = append(b.chain, rest[next])
		rest = slices.Delete(rest, next, next+1)
	}
	return nil
}

// fits reports whether a certificate is the key's.
func (b *bundle) fits(c *x509.Certificate) bool {
	public, ok := b.key.Public().(interface {
		Equal(other crypto.PublicKey) bool
	})
	return ok && public.Equal(c.PublicKey)
}

func (b *bundle) encode() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(b.key)
	if err != nil {
		return nil, problem("holds a private key of a kind that cannot be kept")
	}
	defer clear(der)
	text := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	for _, c := range b.chain {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})...)
	}
	return text, nil
}
