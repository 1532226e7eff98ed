package vault_test

import (
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"

	"google.golang.org/grpc"

	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/clock"
	"github.com/ferrule-dev/ferrule/pkg/health"
	"github.com/ferrule-dev/ferrule/pkg/kv/boltkv"
	"github.com/ferrule-dev/ferrule/pkg/kv/memkv"
	"github.com/ferrule-dev/ferrule/pkg/service"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
	vault "github.com/ferrule-dev/ferrule/services/credential-vault"
)

func TestARestartKeepsEverything(t *testing.T) {
	r := newRig(t)
	r.create()
	key := r.read("kek.json")
	r.stop()
	r.start()
	if string(key) != string(r.read("kek.json")) {
		t.Error("the key file was rewritten")
	}
	got, err := r.as(service.Runtime).ResolveCredential(r.user("ann"), &vaultv1.ResolveCredentialRequest{Name: crm1})
	if err != nil || string(got.GetSecrets()[0].GetValue()) != "s3cret" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestTheVaultIsReadyWhenItRuns(t *testing.T) {
	r := newRig(t)
	testkit.Await(t, "the vault to be ready", func() bool { return r.health.Report().Ready })
}

func TestAVaultThatCannotReadItsSecretsDoesNotStart(t *testing.T) {
	for title, c := range map[string]struct {
		spoil func(path string) error
		want  string
	}{
		"the key file is missing":      {os.Remove, "is missing"},
		"others can read the key file": {func(path string) error { return os.Chmod(path, 0o644) }, "chmod 600"},
		"the key file is damaged":      {func(path string) error { return os.WriteFile(path, []byte("{"), 0o600) }, "does not hold a key"},
		"the key file is another one": {func(path string) error {
			other := newRig(t).read("kek.json")
			return os.WriteFile(path, other, 0o600)
		}, "not the one"},
	} {
		t.Run(title, func(t *testing.T) {
			r := newRig(t)
			r.create()
			r.stop()
			if err := c.spoil(r.file("kek.json")); err != nil {
				t.Fatal(err)
			}
			store, err := boltkv.Open(r.file("vault.db"), boltkv.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			_, err = vault.New(service.Env{
				Log: testkit.Logger(t), Clock: clock.System(), Store: store, Bus: r.bus, Health: health.New(testkit.Logger(t)), DataDir: r.dir,
				Guard: guard(t), Client: func(string) grpc.ClientConnInterface { return nil },
			}, config())
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "kek.json") {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

func TestAVaultWhoseKeyServiceIsAwayStartsAndSaysWhyItIsNotReady(t *testing.T) {
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := nobody.Addr().String()
	_ = nobody.Close()
	t.Setenv("VAULT_TOKEN", "canary-token")
	r := newRig(t)
	cfg := config()
	cfg.KEK = "hcvault://" + address + "/transit/keys/ferrule"
	log := &lines{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	checks := health.New(logger)
	_, err = vault.New(service.Env{
		Log: logger, Clock: clock.System(), Store: memkv.New(), Bus: r.bus, Health: checks, DataDir: t.TempDir(),
		Guard: guard(t), Client: func(string) grpc.ClientConnInterface { return nil },
	}, cfg)
	if err != nil || checks.Report().Ready {
		t.Fatalf("ready %t, %v", checks.Report().Ready, err)
	}
	for _, part := range []string{address, "cannot be reached", "connection refused"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("%q does not say %q", log.String(), part)
		}
	}
	if strings.Contains(log.String(), "canary") {
		t.Errorf("%q tells the token", log.String())
	}
}
