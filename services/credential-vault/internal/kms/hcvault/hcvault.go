// Package hcvault is a key-encryption key in the transit engine of HashiCorp
// Vault or OpenBao. The key never leaves that server: it is sent what is to be
// encrypted.
//
//	kek, err := hcvault.Open("vault.example.com:8200/transit/keys/ferrule", os.Getenv)
//
// The server is the operator's own and is usually in a private network, so the
// guard of package egress lets its connections pass; it still keeps them from
// proxies and checks certificates. What a key encrypted is bound to its
// associated data by the server, which needs Vault 1.9 or newer and a key of type
// aes256-gcm96, aes128-gcm96 or chacha20-poly1305 that is not derived.
package hcvault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
	"github.com/tink-crypto/tink-go-hcvault/v2/integration/hcvault"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// timeout bounds one call.
	timeout = 10 * time.Second
	// maxFile bounds the files of the token and of the certificates, in bytes.
	maxFile = 1 << 20
	// maxAnswer bounds an answer in bytes. A keyset takes a few hundred.
	maxAnswer = 1 << 20
)

// The environment variables that Open reads: those of Vault's own tools, and one
// for a token in a file, which an agent keeps fresh.
const (
	envToken     = "VAULT_TOKEN"
	envTokenFile = "VAULT_TOKEN_FILE"
	envCACert    = "VAULT_CACERT"
	envNamespace = "VAULT_NAMESPACE"
)

// KEK is a key of a transit engine. It is safe for concurrent use.
type KEK struct {
	location  string // HOST[:PORT]/MOUNT/keys/NAME
	client    *api.Client
	tokenFile string // empty if the token is fixed
	aead      tink.AEAD
}

// Open returns the key at "HOST[:PORT]/MOUNT/keys/NAME", without calling the
// server. The token is in the environment variable VAULT_TOKEN, or in the file
// that VAULT_TOKEN_FILE names, which is then read for each call. VAULT_CACERT
// names a file with the certificates to trust instead of the system's, and
// VAULT_NAMESPACE a namespace. Errors are sentences for the operator and hold no
// token.
func Open(location string, getenv func(string) string) (*KEK, error) {
	host, path, err := split(location)
	if err != nil {
		return nil, err
	}
	roots, err := trusted(getenv(envCACert))
	if err != nil {
		return nil, err
	}
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}})
	if err != nil {
		return nil, err
	}
	client, err := api.NewClient(&api.Config{
		Address: "https://" + host, Timeout: timeout, DisableRedirects: true,
		HttpClient: guard.Client(egress.ClientOptions{
			Timeout: timeout, MaxBody: maxAnswer,
			Transport: egress.TransportOptions{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}},
		}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the client of %s: %w", host, err)
	}
	k := &KEK{location: location, client: client, tokenFile: getenv(envTokenFile)}
	if err := k.prepare(path, getenv); err != nil {
		return nil, err
	}
	return k, nil
}

// prepare gives the client what the environment says.
func (k *KEK) prepare(path string, getenv func(string) string) (err error) {
	k.client.SetToken(getenv(envToken))
	if namespace := getenv(envNamespace); namespace != "" {
		k.client.SetNamespace(namespace)
	}
	switch {
	case k.tokenFile != "":
		err = k.freshToken()
	case k.client.Token() == "":
		err = fmt.Errorf("there is no token for %s: set %s, or %s to the path of a file with one", k.ID(), envToken, envTokenFile)
	}
	if err != nil {
		return err
	}
	k.aead, err = hcvault.NewAEAD(path, k.client.Logical())
	return err
}

// split takes a location apart.
func split(location string) (host, path string, err error) {
	u, err := url.Parse("https://" + location)
	if err == nil {
		parts := strings.Split(u.Path, "/")
		whole := len(parts) >= 4 && parts[len(parts)-2] == "keys" && !strings.Contains(u.Path, "//") && parts[len(parts)-1] != ""
		if whole && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && !strings.ContainsAny(u.Path, ".%") {
			return u.Host, u.Path, nil
		}
	}
	return "", "", errors.New("the URI of the key-encryption key is not hcvault://HOST[:PORT]/MOUNT/keys/NAME")
}

// trusted reads the certificates to trust; nil means the system's.
func trusted(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // nil is the system's pool
	}
	pem, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the file that %s names: %w", envCACert, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("file %s, which %s names, holds no certificate in PEM", path, envCACert)
	}
	return roots, nil
}

// freshToken takes the token from its file.
func (k *KEK) freshToken() error {
	token, err := read(k.tokenFile)
	if err != nil {
		return fmt.Errorf("read the file that %s names: %w", envTokenFile, err)
	}
	k.client.SetToken(strings.TrimSpace(string(token)))
	clear(token)
	if k.client.Token() == "" {
		return fmt.Errorf("file %s, which %s names, is empty", k.tokenFile, envTokenFile)
	}
	return nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return egress.ReadAll(f, maxFile)
}

// ID returns the URI of the key. It stays the same when the server renews the
// key.
func (k *KEK) ID() string { return "hcvault://" + k.location }

// Close ends idle connections.
func (k *KEK) Close() error {
	k.client.CloneConfig().HttpClient.CloseIdleConnections()
	return nil
}

// EncryptWithContext encrypts on the server, with the newest version of the key.
// The call ends after ten seconds, and not earlier with ctx.
func (k *KEK) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	return k.call(ctx, k.aead.Encrypt, plaintext, associatedData)
}

// DecryptWithContext decrypts on the server, with the version of the key that
// encrypted. The call ends after ten seconds, and not earlier with ctx.
func (k *KEK) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	return k.call(ctx, k.aead.Decrypt, ciphertext, associatedData)
}

func (k *KEK) call(ctx context.Context, do func(text, associatedData []byte) ([]byte, error), text, associatedData []byte) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if k.tokenFile != "" {
		if err := k.freshToken(); err != nil {
			return nil, k.unavailable("its token cannot be read", err)
		}
	}
	out, err := do(text, associatedData)
	switch {
	case err != nil:
		return nil, k.explain(err)
	case len(out) == 0: // the library takes any answer without data, a redirect too, for an empty text
		return nil, k.unavailable("the server answers without data", nil)
	}
	return out, nil
}

// explain keeps apart a key that cannot be used and bytes that are not its own.
func (k *KEK) explain(err error) error {
	answer, ok := errors.AsType[*api.ResponseError](err)
	switch {
	case !ok:
		return k.unavailable("the server cannot be reached", err)
	case answer.StatusCode == http.StatusBadRequest:
		return fmt.Errorf("%s does not accept it: %w", k.ID(), err)
	case answer.StatusCode == http.StatusForbidden:
		return k.unavailable("the server refuses the token", err)
	case answer.StatusCode == http.StatusNotFound:
		return k.unavailable("the server has no transit engine there", err)
	}
	return k.unavailable(fmt.Sprintf("the server answers with status %d", answer.StatusCode), err)
}

func (k *KEK) unavailable(why string, cause error) error {
	return fault.Unavailable(fault.ReasonKeyUnavailable,
		"the key management service of the vault cannot be used: %s; have the operator look at it", why).Because(cause)
}
