package vault_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/ferrule-dev/ferrule/pkg/clock/clocktest"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/seal"
	"github.com/ferrule-dev/ferrule/services/credential-vault/internal/store"
)

// keyService speaks as much of the transit engine as the vault uses. It hides nothing:
// its ciphertexts name the key, and hold what they are bound to.
type keyService struct {
	*httptest.Server

	refuse atomic.Int64 // the status of every answer, unless 0
	key    atomic.Pointer[string]
}

func newKeyService(t *testing.T) *keyService {
	t.Helper()
	s := &keyService{}
	s.use("first")
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("VAULT_TOKEN", "canary-token")
	t.Setenv("VAULT_CACERT", ca)
	return s
}

func (s *keyService) use(key string) { s.key.Store(&key) }

func (s *keyService) uri() string {
	return "hcvault://" + strings.TrimPrefix(s.URL, "https://") + "/transit/keys/ferrule"
}

func (s *keyService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in map[string]string
	_ = json.NewDecoder(r.Body).Decode(&in)
	status, data := http.StatusOK, map[string]any{}
	whole, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(in["ciphertext"], "vault:v1:"))
	parts := strings.SplitN(string(whole), "|", 3)
	switch {
	case s.refuse.Load() != 0:
		status = int(s.refuse.Load())
	case strings.HasSuffix(r.URL.Path, "/encrypt/ferrule"):
		data["ciphertext"] = "vault:v1:" + base64.StdEncoding.EncodeToString([]byte(*s.key.Load()+"|"+in["associated_data"]+"|"+in["plaintext"]))
	case len(parts) == 3 && parts[0] == *s.key.Load() && parts[1] == in["associated_data"]:
		data["plaintext"] = parts[2]
	default:
		status = http.StatusBadRequest
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"data": data})
}

// waiting is a vault whose key is at a service.
type waiting struct {
	clock  *clocktest.Fake
	health *health.Registry
	log    *lines
	done   chan error
}

// startWith starts a vault on a store, and runs it until the test ends.
func startWith(t *testing.T, s *keyService, inner kv.Store) (*waiting, error) {
	t.Helper()
	w := &waiting{clock: clocktest.New(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)), log: &lines{}, done: make(chan error, 1)}
	log := slog.New(slog.NewTextHandler(w.log, nil))
	w.health = health.New(log)
	cfg := config()
	cfg.KEK = s.uri()
	v, err := vault.New(service.Env{
		Log: log, Clock: w.clock, Store: inner, Bus: testkit.NewNATS(t), Health: w.health, DataDir: t.TempDir(),
		Guard: guard(t), Client: func(string) grpc.ClientConnInterface { return nil },
	}, cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() { defer close(stopped); w.done <- v.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-stopped })
	return w, nil
}

// until lets time pass until something is so.
func (w *waiting) until(t *testing.T, what string, is func() bool) {
	t.Helper()
	testkit.Await(t, what, func() bool {
		w.clock.Advance(30 * time.Second)
		return is()
	})
}

func (w *waiting) complaints() int {
	return strings.Count(w.log.String(), "waits for its key management service")
}

func TestAVaultWaitsForItsKeyServiceAndIsNotReadyMeanwhile(t *testing.T) {
	s := newKeyService(t)
	s.refuse.Store(http.StatusForbidden)
	w, err := startWith(t, s, memkv.New())
	if err != nil {
		t.Fatal(err)
	}
	if got := w.health.Report(); got.Ready || !slices.Contains(got.Failing, "key management service") {
		t.Errorf("it reports %+v", got)
	}
	for range 5 {
		w.clock.Advance(30 * time.Second)
	}
	if n := w.complaints(); n != 1 {
		t.Errorf("it complained %d times of one reason:\n%s", n, w.log.String())
	}
	s.refuse.Store(http.StatusNotFound)
	w.until(t, "the other reason", func() bool { return w.complaints() == 2 })
	s.refuse.Store(0)
	w.until(t, "it to be ready", func() bool { return w.health.Report().Ready })
	for _, want := range []string{"level=WARN", strings.TrimPrefix(s.URL, "https://"), "refuses the token", "no transit engine"} {
		if !strings.Contains(w.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, w.log.String())
		}
	}
	if strings.Contains(w.log.String(), "canary") {
		t.Error("the token is in the log")
	}
}

// encrypted returns a store in which an environment has keys, wrapped by the service.
func encrypted(t *testing.T, s *keyService) kv.Store {
	t.Helper()
	inner := memkv.New()
	keys, err := seal.Unlock(t.Context(), s.uri(), store.New(inner, func() {}), seal.WithSource(seal.Source{Getenv: os.Getenv}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = keys.Close() }()
	if _, err := keys.NewKey(t.Context(), "default", "environments/default/connections/crm"); err != nil {
		t.Fatal(err)
	}
	return inner
}

func TestAKeyServiceWithAnotherKeyEndsTheVaultWheneverItAnswers(t *testing.T) {
	t.Run("at the start", func(t *testing.T) {
		s := newKeyService(t)
		inner := encrypted(t, s)
		s.use("second")
		if _, err := startWith(t, s, inner); err == nil || !strings.Contains(err.Error(), "not the one that the stored secrets need") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("later", func(t *testing.T) {
		s := newKeyService(t)
		inner := encrypted(t, s)
		s.use("second")
		s.refuse.Store(http.StatusForbidden)
		w, err := startWith(t, s, inner)
		if err != nil {
			t.Fatal(err)
		}
		s.refuse.Store(0)
		w.until(t, "it to end", func() bool { return len(w.done) == 1 })
		if err := <-w.done; err == nil || !strings.Contains(err.Error(), "not the one that the stored secrets need") {
			t.Errorf("got %v", err)
		}
		if w.health.Report().Ready {
			t.Error("it is ready")
		}
	})
}

func TestAKeyThatCannotBeNamedEndsTheVaultAtOnce(t *testing.T) {
	for title, uri := range map[string]string{
		"an address of a service that is none": "hcvault://vault.example/nothing",
		"a service that is not supported":      "other-kms://key",
	} {
		t.Run(title, func(t *testing.T) {
			t.Setenv("VAULT_TOKEN", "canary-token")
			cfg := config()
			cfg.KEK = uri
			_, err := vault.New(service.Env{
				Log: testkit.Logger(t), Clock: clocktest.New(time.Unix(0, 0)), Store: memkv.New(), Bus: testkit.NewNATS(t), Health: health.New(testkit.Logger(t)),
				DataDir: t.TempDir(), Guard: guard(t), Client: func(string) grpc.ClientConnInterface { return nil },
			}, cfg)
			if err == nil {
				t.Error("it starts")
			}
		})
	}
}
