package awskms

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ferrule-dev/ferrule/pkg/fault"
)

const arn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"

// cloud speaks the documented protocol of AWS KMS: JSON 1.1, the operation in
// X-Amz-Target, binary values in base64, the encryption context authenticated.
type cloud struct {
	*httptest.Server
	cipher cipher.AEAD

	mu      sync.Mutex
	refuse  string // the exception of every answer, unless empty
	context map[string]string
	auth    string
	calls   int
}

func newCloud(t *testing.T) *cloud {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	c := &cloud{}
	if c.cipher, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		t.Fatal(err)
	}
	c.Server = httptest.NewServer(c)
	t.Cleanup(c.Close)
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_KMS": c.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-a-real-key",
		"AWS_CONFIG_FILE": nowhere, "AWS_SHARED_CREDENTIALS_FILE": nowhere, "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		t.Setenv(name, value)
	}
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	var body struct {
		KeyID             string `json:"KeyId"`
		Plaintext         string
		CiphertextBlob    string
		EncryptionContext map[string]string
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if json.NewDecoder(r.Body).Decode(&body) != nil || r.Header.Get("Content-Type") != "application/x-amz-json-1.1" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.context, c.auth = body.EncryptionContext, r.Header.Get("Authorization")
	place, _ := json.Marshal(body.EncryptionContext)
	answer := map[string]string{"KeyId": body.KeyID}
	exception := c.refuse
	switch target := r.Header.Get("X-Amz-Target"); {
	case exception != "":
	case body.KeyID != arn:
		exception = "NotFoundException"
	case target == "TrentService.Encrypt":
		plain, _ := base64.StdEncoding.DecodeString(body.Plaintext)
		answer["CiphertextBlob"] = base64.StdEncoding.EncodeToString(c.cipher.Seal(nil, nil, plain, place))
	case target == "TrentService.Decrypt":
		sealed, _ := base64.StdEncoding.DecodeString(body.CiphertextBlob)
		plain, err := c.cipher.Open(nil, nil, sealed, place)
		if err != nil {
			exception = "InvalidCiphertextException"
		}
		answer["Plaintext"] = base64.StdEncoding.EncodeToString(plain)
	default:
		exception = "UnknownOperationException"
	}
	if exception != "" {
		w.WriteHeader(http.StatusBadRequest)
		answer = map[string]string{"__type": exception, "message": "planned"}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func opened(t *testing.T, name string) *KEK {
	t.Helper()
	k, err := Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestTheDocumentedProtocol(t *testing.T) {
	c := newCloud(t)
	k := opened(t, arn)
	secret, place := []byte("a keyset"), []byte("environments/default\x001")
	sealed, err := k.EncryptWithContext(t.Context(), secret, place)
	if err != nil || bytes.Contains(sealed, secret) {
		t.Fatalf("got %q, %v", sealed, err)
	}
	if got := c.context["associatedData"]; got != "656e7669726f6e6d656e74732f64656661756c740031" || len(c.context) != 1 {
		t.Errorf("the encryption context is %v", c.context)
	}
	if !strings.Contains(c.auth, "Credential=AKIDEXAMPLE/") || !strings.Contains(c.auth, "/eu-central-1/kms/aws4_request") {
		t.Errorf("the request is signed as %q", c.auth)
	}
	if got, err := k.DecryptWithContext(t.Context(), sealed, place); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("got %q, %v", got, err)
	}
	for title, c := range map[string]struct{ sealed, place []byte }{
		"another place": {sealed, []byte("environments/other\x001")},
		"no place":      {sealed, nil},
		"damaged":       {append(bytes.Clone(sealed), 0), place},
	} {
		_, err := k.DecryptWithContext(t.Context(), c.sealed, c.place)
		if err == nil || fault.ReasonOf(err) == fault.ReasonKeyUnavailable {
			t.Errorf("%s: got %v, want that it is not the key's", title, err)
		}
	}
	if k.ID() != "aws-kms://"+arn {
		t.Errorf("its id is %s", k.ID())
	}
}

func TestAKeyThatCannotBeUsedIsUnavailable(t *testing.T) {
	for title, exception := range map[string]string{
		"a disabled key": "DisabledException", "no permission": "AccessDeniedException", "too many requests": "ThrottlingException",
		"a key to be deleted": "KMSInvalidStateException", "an old token": "ExpiredTokenException",
	} {
		t.Run(title, func(t *testing.T) {
			c := newCloud(t)
			c.refuse = exception
			k := opened(t, arn)
			_, err := k.EncryptWithContext(t.Context(), []byte("a keyset"), nil)
			wantUnavailable(t, err)
			_, err = k.DecryptWithContext(t.Context(), []byte("sealed"), nil)
			wantUnavailable(t, err)
		})
	}
}

func TestAServiceThatIsGoneIsUnavailable(t *testing.T) {
	c := newCloud(t)
	k := opened(t, arn)
	c.Close()
	_, err := k.EncryptWithContext(t.Context(), []byte("a keyset"), nil)
	wantUnavailable(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = k.DecryptWithContext(ctx, []byte("sealed"), nil)
	if err == nil {
		t.Error("a call of somebody who left succeeded")
	}
}

func wantUnavailable(t *testing.T, err error) {
	t.Helper()
	if fault.ReasonOf(err) != fault.ReasonKeyUnavailable {
		t.Errorf("got %v, want KEY_UNAVAILABLE", err)
	}
	if err != nil && (strings.Contains(err.Error(), "a keyset") || strings.Contains(err.Error(), "not-a-real-key")) {
		t.Errorf("the error holds a secret: %v", err)
	}
}

func TestOnlyARNsAreOpened(t *testing.T) {
	newCloud(t)
	for _, name := range []string{
		"", "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:s3:::bucket", "arn:aws:kms:eu-central-1:1:key/x",
		"arn:aws:kms::111122223333:key/x", arn + "?x", arn + "\n", strings.Replace(arn, "key/", "grant/", 1),
	} {
		if _, err := Open(t.Context(), name); err == nil || !strings.Contains(err.Error(), "aws-kms://arn:aws:kms:REGION") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	for _, name := range []string{strings.Replace(arn, ":aws:", ":aws-cn:", 1), "arn:aws:kms:us-east-1:111122223333:alias/ferrule"} {
		if _, err := Open(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
