// Package awskms is a key-encryption key in the AWS Key Management Service. The
// key never leaves AWS: it is sent what is to be encrypted.
//
//	kek, err := awskms.Open(ctx, "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab")
//
// The SDK finds its credentials where AWS's own tools do (environment, shared
// files, the role of the machine), and AWS_ENDPOINT_URL_KMS replaces the region's
// endpoint. Both are the operator's, so the guard of package egress lets
// connections to private addresses pass; it still keeps them from proxies.
//
// The associated data is the encryption context, in hexadecimal, under the name
// "associatedData". AWS writes it to its audit log; it holds no secret.
package awskms

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/tink-crypto/tink-go-awskms/v3/integration/awskms"
	"github.com/tink-crypto/tink-go/v2/tink"

	"github.com/ferrule-dev/ferrule/pkg/egress"
	"github.com/ferrule-dev/ferrule/pkg/fault"
)

// timeout bounds one call, the SDK's own retries included.
const timeout = 10 * time.Second

// KEK is a key of AWS KMS. It is safe for concurrent use.
type KEK struct {
	arn  string
	aead tink.AEADWithContext
}

// Open returns the key with an ARN, of a key or of an alias, without calling
// AWS. Errors are sentences for the operator.
func Open(ctx context.Context, arn string) (*KEK, error) {
	parts := regexp.MustCompile(`^arn:aws[a-z-]*:kms:([a-z0-9-]{1,32}):[0-9]{12}:(?:key|alias)/[A-Za-z0-9/_-]{1,250}$`).FindStringSubmatch(arn)
	if parts == nil {
		return nil, errors.New("the URI of the key-encryption key is not aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID")
	}
	guard, err := egress.New(egress.Policy{AllowNetworks: []netip.Prefix{
		netip.PrefixFrom(netip.IPv4Unspecified(), 0), netip.PrefixFrom(netip.IPv6Unspecified(), 0),
	}})
	if err != nil {
		return nil, err
	}
	// The SDK adds the authorities of AWS_CA_BUNDLE to its own kind of client only.
	client := awshttp.NewBuildableClient().WithTimeout(timeout).WithTransportOptions(func(t *http.Transport) {
		t.DialContext, t.Proxy = guard.DialContext, nil
	})
	sdk, err := config.LoadDefaultConfig(ctx, config.WithRegion(parts[1]), config.WithHTTPClient(client))
	if err != nil {
		return nil, fmt.Errorf("read the configuration of the AWS SDK: %w", err)
	}
	aead, err := awskms.NewAEADWithContext(ctx, arn, awskms.WithKMS(kms.NewFromConfig(sdk)))
	if err != nil {
		return nil, fmt.Errorf("open the key %s: %w", arn, err)
	}
	return &KEK{arn: arn, aead: aead}, nil
}

// ID returns the URI of the key. It stays the same when AWS renews the key.
func (k *KEK) ID() string { return "aws-kms://" + k.arn }

// EncryptWithContext encrypts at AWS, with the newest version of the key, within
// ten seconds.
func (k *KEK) EncryptWithContext(ctx context.Context, plaintext, associatedData []byte) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	out, err := k.aead.EncryptWithContext(ctx, plaintext, associatedData)
	return out, k.explain(err)
}

// DecryptWithContext decrypts at AWS within ten seconds.
func (k *KEK) DecryptWithContext(ctx context.Context, ciphertext, associatedData []byte) ([]byte, error) {
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	out, err := k.aead.DecryptWithContext(ctx, ciphertext, associatedData)
	return out, k.explain(err)
}

// explain keeps apart a key that cannot be used and bytes that are not its own.
func (k *KEK) explain(err error) error {
	if err == nil {
		return nil
	}
	_, invalid := errors.AsType[*types.InvalidCiphertextException](err)
	_, other := errors.AsType[*types.IncorrectKeyException](err)
	if invalid || other {
		return fmt.Errorf("%s does not accept it: %w", k.ID(), err)
	}
	return fault.Unavailable(fault.ReasonKeyUnavailable,
		"the key management service of the vault cannot be used; have the operator look at it").Because(err)
}
