package suite_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/suite"
)

// settings are the defaults with what a test may choose.
func settings(t *testing.T, dir string, args ...string) suite.Config {
	t.Helper()
	cfg := suite.Config{Data: dir}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	cfg.Flags(flags)
	if err := flags.Parse(append([]string{"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-level", "error"}, args...)); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// start runs a suite until the returned function is called, which returns how
// it ended.
func start(t *testing.T, cfg suite.Config) (suite.Endpoints, func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan suite.Endpoints, 1), make(chan error, 1)
	go func() { ended <- suite.Run(ctx, cfg, func(at suite.Endpoints) { ready <- at }) }()
	stop := func() error {
		cancel()
		return <-ended
	}
	select {
	case at := <-ready:
		return at, stop
	case err := <-ended:
		cancel()
		t.Fatalf("the suite ended before it was ready: %v", err)
		return suite.Endpoints{}, nil
	}
}

func TestTheSuiteStartsServesStopsAndStartsAgain(t *testing.T) {
	dir := t.TempDir()
	var token string
	for _, round := range []string{"first start", "second start"} {
		t.Run(round, func(t *testing.T) {
			at, stop := start(t, settings(t, dir))
			res, err := http.Get(at.HTTP + "/readyz")
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatalf("readyz = %v, %v", res, err)
			}
			_ = res.Body.Close()
			left, err := os.ReadFile(at.TokenFile)
			if err != nil || token != "" && token != string(left) {
				t.Errorf("the token changed or is gone: %v", err)
			}
			token = string(left)
			listed(t, at.GRPC, token)
			if err := stop(); err != nil {
				t.Errorf("the suite ended with %v", err)
			}
		})
	}
}

// dial connects as a program outside the suite does.
func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func listed(t *testing.T, addr, token string) {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+token)
	_, err := registryv1.NewRegistryServiceClient(dial(t, addr)).ListConnectors(ctx, &registryv1.ListConnectorsRequest{Parent: "environments/default"})
	if err != nil {
		t.Errorf("list connectors over gRPC: %v", err)
	}
}

func TestASuiteOnAllAddressesNamesOneThatWorks(t *testing.T) {
	at, stop := start(t, settings(t, t.TempDir(), "--http", "0.0.0.0:0"))
	defer func() { _ = stop() }()
	if !strings.HasPrefix(at.HTTP, "http://127.0.0.1:") {
		t.Errorf("it says it is at %s", at.HTTP)
	}
}

func TestNobodyOutsideGetsSecretsOrComesInWithoutAToken(t *testing.T) {
	at, stop := start(t, settings(t, t.TempDir()))
	defer func() { _ = stop() }()
	token, err := os.ReadFile(at.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	vault := vaultv1.NewVaultServiceClient(dial(t, at.GRPC))
	ask := &vaultv1.ResolveCredentialRequest{Name: "environments/default/connections/shop"}
	admin := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+string(token))
	if _, err := vault.ResolveCredential(admin, ask); fault.ReasonOf(grpcx.FromStatus(err)) != fault.ReasonServiceOnly {
		t.Errorf("an administrator asking for secrets got %v, want SERVICE_ONLY", err)
	}
	if _, err := vault.ResolveCredential(t.Context(), ask); status.Code(err) != codes.Unauthenticated {
		t.Errorf("nobody asking for secrets got %v, want Unauthenticated", err)
	}
	forged := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+string(token)+"x")
	if _, err := vault.GetConnection(forged, &vaultv1.GetConnectionRequest{Name: ask.GetName()}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a forged token got %v, want Unauthenticated", err)
	}
}

func TestASecondSuiteOnTheSameDataIsRefused(t *testing.T) {
	dir := t.TempDir()
	_, stop := start(t, settings(t, dir))
	defer func() { _ = stop() }()
	err := suite.Run(t.Context(), settings(t, dir), func(suite.Endpoints) { t.Error("it became ready") })
	if err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("Run() = %v, want an error that names the directory", err)
	}
}

func TestWrongSettingsAreRefusedByName(t *testing.T) {
	for _, row := range []struct {
		name string
		args []string
		want string
	}{
		{"an unknown log level", []string{"--log-level", "loud"}, "--log-level"},
		{"an address that cannot be", []string{"--http", "256.0.0.1:0"}, "--http"},
		{"no address of the edge, which would be every address", []string{"--http", ""}, "--http must be an address"},
		{"a network that is none", []string{"--allow-network", "10.0.0.0/99"}, "--allow-network"},
		{"an unknown way to sync", []string{"--events-sync", "never"}, "--events-sync"},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			err := suite.Run(ctx, settings(t, filepath.Join(t.TempDir(), "data"), row.args...), func(suite.Endpoints) { stop() })
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Run() = %v, want an error with %q", err, row.want)
			}
		})
	}
}
