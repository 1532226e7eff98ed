package hcvault

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// envBinary names a program of HashiCorp Vault or OpenBao to test with.
const envBinary = "FERRULE_TEST_VAULT"

func TestARealServer(t *testing.T) {
	binary := os.Getenv(envBinary)
	if binary == "" {
		t.Skipf("%s is not set; set it to the program of HashiCorp Vault or OpenBao to test with a real server", envBinary)
	}
	address, environ := serve(t, binary)
	admin := administrator(t, address, environ)
	for path, body := range map[string]map[string]any{
		"sys/mounts/transit": {"type": "transit"},
	} {
		if _, err := admin.Logical().Write(path, body); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := admin.Logical().Write("transit/keys/ferrule", nil); err != nil {
		t.Fatal(err)
	}
	location := address + "/transit/keys/ferrule"
	usable(t, opened(t, location, environ), func() {
		if _, err := admin.Logical().Write("transit/keys/ferrule/rotate", nil); err != nil {
			t.Fatal(err)
		}
	})
	wrong := map[string]string{envToken: "an-old-token", envCACert: environ[envCACert]}
	_, err := opened(t, location, wrong).EncryptWithContext(t.Context(), []byte("a keyset"), nil)
	wantUnavailable(t, err, "an-old-token")
	_, err = opened(t, address+"/elsewhere/keys/ferrule", environ).EncryptWithContext(t.Context(), []byte("a keyset"), nil)
	wantUnavailable(t, err)
	limited := onlyDecrypts(t, admin)
	_, err = opened(t, location, map[string]string{envToken: limited, envCACert: environ[envCACert]}).EncryptWithContext(t.Context(), []byte("a keyset"), nil)
	wantUnavailable(t, err, limited)
}

// serve starts a server in memory and returns its address and the environment of
// its root.
func serve(t *testing.T, binary string) (address string, environ map[string]string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = free.Addr().String()
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	server := exec.CommandContext(t.Context(), binary, "server", "-dev", "-dev-tls", "-dev-tls-cert-dir="+dir,
		"-dev-root-token-id="+token, "-dev-listen-address="+address, "-dev-no-store-token")
	server.Env = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	certificates := ""
	testkit.Await(t, "the server to listen", func() bool {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return false
		}
		_ = conn.Close()
		found, _ := filepath.Glob(filepath.Join(dir, "*-ca.pem"))
		if len(found) == 1 {
			certificates = found[0]
		}
		return certificates != ""
	})
	environ = map[string]string{envToken: token, envCACert: certificates}
	admin := administrator(t, address, environ)
	testkit.Await(t, "the server to be unsealed", func() bool {
		health, err := admin.Sys().Health()
		return err == nil && !health.Sealed
	})
	return address, environ
}

func administrator(t *testing.T, address string, environ map[string]string) *api.Client {
	t.Helper()
	return opened(t, address+"/transit/keys/ferrule", environ).client
}

// onlyDecrypts returns a token with which nothing can be encrypted.
func onlyDecrypts(t *testing.T, admin *api.Client) string {
	t.Helper()
	if err := admin.Sys().PutPolicy("reader", `path "transit/decrypt/ferrule" { capabilities = ["update"] }`); err != nil {
		t.Fatal(err)
	}
	made, err := admin.Auth().Token().Create(&api.TokenCreateRequest{Policies: []string{"reader"}})
	if err != nil {
		t.Fatal(err)
	}
	return made.Auth.ClientToken
}
