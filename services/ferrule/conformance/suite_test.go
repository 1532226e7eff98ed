package conformance_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/pflag"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/suite"
)

const environment = "environments/default"

// clients are the services of a running suite.
type clients struct {
	registry registryv1.RegistryServiceClient
	vault    vaultv1.VaultServiceClient
	runtime  runtimev1.RuntimeServiceClient
	triggers triggerv1.TriggerServiceClient
	// url is that of the HTTP edge, which is also where callbacks arrive.
	url string
}

// startSuite runs all services in this process until the test ends.
func startSuite(t *testing.T) clients {
	t.Helper()
	cfg := suite.Config{Data: t.TempDir()}
	flags := pflag.NewFlagSet("conformance", pflag.ContinueOnError)
	cfg.Flags(flags)
	if err := flags.Parse([]string{
		"--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--log-level", "error",
		"--events-sync", "interval", "--allow-network", "127.0.0.0/8",
	}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan suite.Endpoints, 1), make(chan error, 1)
	go func() { ended <- suite.Run(ctx, cfg, func(at suite.Endpoints) { ready <- at }) }()
	select {
	case at := <-ready:
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the suite ended with %v", err)
			}
		})
		return dial(t, at)
	case err := <-ended:
		cancel()
		t.Fatalf("the suite ended before it was ready: %v", err)
		return clients{}
	}
}

func dial(t *testing.T, at suite.Endpoints) clients {
	t.Helper()
	token, err := os.ReadFile(at.TokenFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := grpc.NewClient("passthrough:///"+at.GRPC,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(128<<20), grpc.MaxCallSendMsgSize(64<<20)),
		grpc.WithPerRPCCredentials(bearer(strings.TrimSpace(string(token)))))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return clients{
		registryv1.NewRegistryServiceClient(conn), vaultv1.NewVaultServiceClient(conn), runtimev1.NewRuntimeServiceClient(conn),
		triggerv1.NewTriggerServiceClient(conn), at.HTTP,
	}
}

// bearer sends a token with each call. The connection is plain: it is loopback.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// connect imports files as a connector and makes a connection, both named id. It
// returns the operations by method and path, and by id.
func (c clients) connect(ctx context.Context, id string, files map[string][]byte) (map[string]*connectorv1.Operation, error) {
	source := &registryv1.SourceFiles{}
	for path, content := range files {
		source.Files = append(source.Files, &registryv1.SourceFile{Path: path, Content: content})
	}
	slices.SortFunc(source.Files, func(a, b *registryv1.SourceFile) int { return strings.Compare(a.GetPath(), b.GetPath()) })
	made, err := c.registry.ImportConnector(ctx, &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Files{Files: source},
	})
	if err != nil {
		return nil, err
	}
	operations := map[string]*connectorv1.Operation{}
	for token := ""; ; {
		page, err := c.registry.ListOperations(ctx, &registryv1.ListOperationsRequest{
			Parent: made.GetRevision().GetName(), PageSize: 1000, PageToken: token,
		})
		if err != nil {
			return nil, err
		}
		for _, op := range page.GetOperations() {
			operations[op.GetMethod()+" "+op.GetPath()] = op
			operations[op.GetOperationId()] = op
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	_, err = c.vault.CreateConnection(ctx, &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: id, Connection: &vaultv1.Connection{Connector: environment + "/connectors/" + id},
	})
	return operations, err
}

// invoke calls an operation with an input in JSON.
func (c clients) invoke(ctx context.Context, connection, operation string, input []byte) error {
	_, err := c.runtime.Invoke(ctx, &runtimev1.InvokeRequest{
		Connection: environment + "/connections/" + connection, OperationId: operation,
		Input: &httpbody.HttpBody{ContentType: "application/json", Data: input},
	})
	return err
}

// received is a request as an API saw it.
type received struct {
	method, target string
	header         http.Header
	body           []byte
}

// recorder is an API that answers everything and keeps what it was sent last. One
// caller at a time uses it.
type recorder struct {
	host string

	mu   sync.Mutex
	seen []received
	next []byte // what the next request is answered with; nil for "{}"
}

func startRecorder(t *testing.T) *recorder {
	t.Helper()
	r := &recorder{}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	r.host = strings.TrimPrefix(server.URL, "http://")
	return r
}

// ServeHTTP implements [http.Handler].
func (r *recorder) ServeHTTP(res http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body) // a body that breaks off does not match
	r.mu.Lock()
	r.seen = append(r.seen, received{req.Method, req.RequestURI, req.Header.Clone(), body})
	answer := r.next
	r.next = nil
	r.mu.Unlock()
	if answer == nil {
		answer = []byte("{}")
	}
	res.Header().Set("Content-Type", "application/json")
	_, _ = res.Write(answer)
}

// answer says what the next request is answered with.
func (r *recorder) answer(body []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = body
}

// take returns what was received since the last time.
func (r *recorder) take() []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen, r.next = nil, nil
	return seen
}
