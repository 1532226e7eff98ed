// Package gcpkms is a key-encryption key in Google Cloud KMS. The key never
// leaves Google: it is sent what is to be encrypted.
//
//	kek, err := gcpkms.Open(ctx, "projects/p/locations/europe/keyRings/r/cryptoKeys/ferrule")
//
// Credentials are found where Google's own tools find them (Application Default
// Credentials). The connection to the service passes the guard of package egress,
// which lets the operator's private endpoints pass; the library that fetches
// tokens makes its own.
package gcpkms

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"time"

	"github.com/tink-crypto/tink-go-gcpkms/v2/integration/gcpkms"
	"github.com/tink-crypto/tink-go/v2/tink"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const (
	// timeout bounds one call, the library's own retries included.
	timeout = 10 * time.Second
	// scheme begins the URI of a key.
	scheme = "gcp-kms://"
)

// KEK is a key of Google Cloud KMS. It is safe for concurrent use.
type KEK struct {
	name   string
	client *gcpkms.Client
	aead   tink.AEADWithContext
}

// Open returns the key with the name
// "projects/{}/locations/{}/keyRings/{}/cryptoKeys/{}". It looks for credentials
// and does not call the service. Errors are sentences for the operator.
func Open(ctx context.Context, name string) (*KEK, error) {
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}})
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, addr string) (net.Conn, error) { return guard.DialContext(ctx, "tcp", addr) }
	return open(ctx, name, option.WithGRPCDialOption(grpc.WithContextDialer(dial)))
}

func open(ctx context.Context, name string, options ...option.ClientOption) (*KEK, error) {
	if !regexp.MustCompile(`^projects/[^/]{1,63}/locations/[^/]{1,63}/keyRings/[^/]{1,63}/cryptoKeys/[^/]{1,63}$`).MatchString(name) {
		return nil, errors.New("the URI of the key-encryption key is not gcp-kms://projects/PROJECT/locations/PLACE/keyRings/RING/cryptoKeys/NAME")
	}
	client, err := gcpkms.NewClient(ctx, scheme+name, gcpkms.WithGoogleAPIClientOptions(options...))
	if err != nil {
		return nil, fmt.Errorf("make the client of Google Cloud KMS: %w", err)
	}
	aead, err := client.GetAEAD(scheme + name)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the key %s: %w", name, err), client.Close())
	}
	contextual, ok := aead.(tink.AEADWithContext) // over gRPC it is
	if !ok {
		return nil, errors.Join(errors.New("the library of Google Cloud KMS cannot end a call in time"), client.Close())
	}
	return &KEK{name: name, client: client, aead: contextual}, nil
}

// ID returns the URI of the key. It stays the same when Google renews the key.
func (k *KEK) ID() string { return scheme + k.name }

// Close ends the connection.
func (k *KEK) Close() error { return k.client.Close() }

// EncryptWithContext encrypts at Google, with the primary version of the key,
// within ten seconds.
func (k *KEK) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	out, err := k.aead.EncryptWithContext(ctx, plaintext, associatedData)
	return out, k.explain(err)
}

// DecryptWithContext decrypts at Google within ten seconds.
func (k *KEK) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	out, err := k.aead.DecryptWithContext(ctx, ciphertext, associatedData)
	return out, k.explain(err)
}

// explain keeps apart a key that cannot be used and bytes that are not its own.
func (k *KEK) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case status.Code(err) == codes.InvalidArgument:
		return fmt.Errorf("%s does not accept it: %w", k.ID(), err)
	}
	return fault.Unavailable(fault.ReasonKeyUnavailable,
		"the key management service of the vault cannot be used; have the operator look at it").Because(err)
}
