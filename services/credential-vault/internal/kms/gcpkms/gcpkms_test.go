package gcpkms

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"hash/crc32"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cloud.google.com/go/kms/apiv1/kmspb"
	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const name = "projects/p/locations/europe-west3/keyRings/ring/cryptoKeys/ferrule"

// cloud speaks the documented protocol of Google Cloud KMS, checksums included.
type cloud struct {
	kmspb.UnimplementedKeyManagementServiceServer
	cipher cipher.AEAD

	mu      sync.Mutex
	refuse  codes.Code // of every answer, unless OK
	corrupt bool       // whether answers are damaged on their way
	wait    bool       // whether nothing is answered at all
	server  *grpc.Server
	address string
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{server: grpc.NewServer()}
	if c.cipher, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c.address = listener.Addr().String()
	kmspb.RegisterKeyManagementServiceServer(c.server, c)
	done := make(chan error, 1)
	go func() { done <- c.server.Serve(listener) }()
	t.Cleanup(func() {
		c.server.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return c
}

func sum(b []byte) int64 { return int64(crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli))) }

func (c *cloud) planned(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wait {
		<-ctx.Done()
	}
	if c.refuse != codes.OK {
		return status.Error(c.refuse, "planned")
	}
	return nil
}

func (c *cloud) Encrypt(ctx context.Context, r *kmspb.EncryptRequest) (*kmspb.EncryptResponse, error) {
	if err := c.planned(ctx); err != nil {
		return nil, err
	}
	if r.GetName() != name || sum(r.GetPlaintext()) != r.GetPlaintextCrc32C().GetValue() ||
		sum(r.GetAdditionalAuthenticatedData()) != r.GetAdditionalAuthenticatedDataCrc32C().GetValue() {
		return nil, status.Error(codes.InvalidArgument, "wrong name or checksum")
	}
	sealed := c.cipher.Seal(nil, nil, r.GetPlaintext(), r.GetAdditionalAuthenticatedData())
	answer := &kmspb.EncryptResponse{
		Name: name + "/cryptoKeyVersions/1", Ciphertext: sealed, CiphertextCrc32C: wrapperspb.Int64(sum(sealed)),
		VerifiedPlaintextCrc32C: true, VerifiedAdditionalAuthenticatedDataCrc32C: true,
	}
	if c.corrupt {
		answer.Ciphertext[0] ^= 1
	}
	return answer, nil
}

func (c *cloud) Decrypt(ctx context.Context, r *kmspb.DecryptRequest) (*kmspb.DecryptResponse, error) {
	if err := c.planned(ctx); err != nil {
		return nil, err
	}
	plain, err := c.cipher.Open(nil, nil, r.GetCiphertext(), r.GetAdditionalAuthenticatedData())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, "Decryption failed: the ciphertext is invalid.")
	}
	answer := &kmspb.DecryptResponse{Plaintext: plain, PlaintextCrc32C: wrapperspb.Int64(sum(plain))}
	if c.corrupt {
		answer.Plaintext = []byte("something else")
	}
	return answer, nil
}

func (c *cloud) open(t *testing.T) *KEK {
	t.Helper()
	k, err := open(t.Context(), name, option.WithEndpoint(c.address), option.WithoutAuthentication(),
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestTheDocumentedProtocol(t *testing.T) {
	k := newCloud(t).open(t)
	secret, place := []byte("a keyset"), []byte("environments/default\x001")
	sealed, err := k.EncryptWithContext(t.Context(), secret, place)
	if err != nil || bytes.Contains(sealed, secret) {
		t.Fatalf("got %q, %v", sealed, err)
	}
	if got, err := k.DecryptWithContext(t.Context(), sealed, place); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("got %q, %v", got, err)
	}
	for title, c := range map[string]struct{ sealed, place []byte }{
		"another place": {sealed, []byte("environments/other\x001")},
		"damaged":       {append(bytes.Clone(sealed), 0), place},
	} {
		_, err := k.DecryptWithContext(t.Context(), c.sealed, c.place)
		if err == nil || fault.ReasonOf(err) == fault.ReasonKeyUnavailable {
			t.Errorf("%s: got %v, want that it is not the key's", title, err)
		}
	}
	if k.ID() != "gcp-kms://"+name {
		t.Errorf("its id is %s", k.ID())
	}
}

func TestAKeyThatCannotBeUsedIsUnavailable(t *testing.T) {
	for title, change := range map[string]func(c *cloud){
		"no permission":     func(c *cloud) { c.refuse = codes.PermissionDenied },
		"a disabled key":    func(c *cloud) { c.refuse = codes.FailedPrecondition },
		"no such key":       func(c *cloud) { c.refuse = codes.NotFound },
		"too many requests": func(c *cloud) { c.refuse = codes.ResourceExhausted },
		"damaged answers":   func(c *cloud) { c.corrupt = true },
	} {
		t.Run(title, func(t *testing.T) {
			c := newCloud(t)
			k := c.open(t)
			sealed, err := k.EncryptWithContext(t.Context(), []byte("a keyset"), nil)
			if err != nil {
				t.Fatal(err)
			}
			change(c)
			_, err = k.EncryptWithContext(t.Context(), []byte("a keyset"), nil)
			wantUnavailable(t, err)
			_, err = k.DecryptWithContext(t.Context(), sealed, nil)
			wantUnavailable(t, err)
		})
	}
}

func TestACallEndsWithItsCaller(t *testing.T) {
	c := newCloud(t)
	c.wait = true
	k := c.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := k.EncryptWithContext(ctx, []byte("a keyset"), nil)
	wantUnavailable(t, err)
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if fault.ReasonOf(err) != fault.ReasonKeyUnavailable || strings.Contains(err.Error(), "a keyset") {
		t.Errorf("got %v, want KEY_UNAVAILABLE", err)
	}
}

func TestOnlyKeysAreOpened(t *testing.T) {
	for _, wrong := range []string{"", "projects/p", name + "/cryptoKeyVersions/1", "/" + name, strings.Replace(name, "ferrule", "", 1)} {
		if _, err := Open(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), "gcp-kms://projects/PROJECT") {
			t.Errorf("%q: got %v", wrong, err)
		}
	}
}

func TestWithoutCredentialsNothingIsOpened(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(broken, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", broken)
	if _, err := Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), "Google Cloud KMS") {
		t.Errorf("got %v", err)
	}
}
