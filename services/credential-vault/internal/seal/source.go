package seal

import (
	"context"
	"fmt"
	"strings"

	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/kms/awskms"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/kms/gcpkms"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/kms/hcvault"
)

// maxURI bounds the URI of a key in bytes.
const maxURI = 2048

// filePrefix begins the URI of a key in a file.
const filePrefix = "file:"

var (
	_ KEK = (*hcvault.KEK)(nil)
	_ KEK = (*awskms.KEK)(nil)
	_ KEK = (*gcpkms.KEK)(nil)
)

// Source is what a key needs beside its URI. The zero value is enough for a
// file, AWS and Google Cloud, whose libraries find credentials by themselves.
type Source struct {
	// Getenv reads an environment variable: those of HashiCorp Vault's own tools
	// say where its token and its certificate authority are. nil knows none.
	Getenv func(string) string
}

// Open returns the key-encryption key that a URI names:
//
//	file:PATH, or a path alone                    a file, see [LoadFile]
//	hcvault://HOST[:PORT]/MOUNT/keys/NAME         HashiCorp Vault or OpenBao, transit engine
//	aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID   AWS KMS
//	gcp-kms://projects/…/cryptoKeys/NAME          Google Cloud KMS
//
// A file has to be there. A service is not called before the key is used.
// Errors are sentences for the operator.
func Open(ctx context.Context, uri string, source Source) (KEK, error) {
	if len(uri) > maxURI {
		return nil, fmt.Errorf("the URI of the key-encryption key takes %d bytes and may take %d", len(uri), maxURI)
	}
	if path, ok := fileOf(uri); ok {
		return LoadFile(path)
	}
	scheme, rest, _ := strings.Cut(uri, "://")
	if source.Getenv == nil {
		source.Getenv = func(string) string { return "" }
	}
	switch scheme {
	case "hcvault":
		return opened(hcvault.Open(rest, source.Getenv))
	case "aws-kms":
		return opened(awskms.Open(ctx, rest))
	case "gcp-kms":
		return opened(gcpkms.Open(ctx, rest))
	}
	return nil, fmt.Errorf("keys from %q are not supported: write file:PATH, hcvault://HOST/MOUNT/keys/NAME, aws-kms://ARN or gcp-kms://NAME", scheme+"://")
}

// opened keeps a nil pointer from becoming a KEK.
func opened[K KEK](kek K, err error) (KEK, error) {
	if err != nil {
		return nil, err
	}
	return kek, nil
}

// fileOf returns the path of a URI that names a file.
func fileOf(uri string) (path string, ok bool) {
	if path, ok = strings.CutPrefix(uri, filePrefix); ok {
		return strings.TrimPrefix(path, "//"), true
	}
	return uri, !strings.Contains(uri, "://")
}
