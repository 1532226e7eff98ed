package e2e_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	triggerv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/trigger/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
)

const (
	environment = "environments/default"
	// apiKey is the key of APIs whose secrecy is not what a test is about.
	apiKey = "key-of-the-store-room"
)

func connectorName(id string) string    { return environment + "/connectors/" + id }
func connectionName(id string) string   { return environment + "/connections/" + id }
func subscriptionName(id string) string { return environment + "/subscriptions/" + id }

// clients are the services as a user sees them, over one transport.
type clients struct {
	registry registryv1.RegistryServiceClient
	vault    vaultv1.VaultServiceClient
	runtime  runtimev1.RuntimeServiceClient
	trigger  triggerv1.TriggerServiceClient
}

func clientsOn(conn grpc.ClientConnInterface) clients {
	return clients{
		registryv1.NewRegistryServiceClient(conn), vaultv1.NewVaultServiceClient(conn),
		runtimev1.NewRuntimeServiceClient(conn), triggerv1.NewTriggerServiceClient(conn),
	}
}

// overREST returns clients that speak REST.
func (s *suite) overREST() clients { return clientsOn(&restConn{base: s.rest, token: s.token}) }

// overGRPC returns clients that speak gRPC and send token.
func (s *suite) overGRPC(t *testing.T, token string) clients {
	t.Helper()
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(128<<20), grpc.MaxCallSendMsgSize(64<<20)),
	}
	if token != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer(token)))
	}
	conn, err := grpc.NewClient("passthrough:///"+s.grpc, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return clientsOn(conn)
}

// bearer sends a token with each call. The connection is plain: it is loopback.
type bearer string

func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + string(b)}, nil
}

func (bearer) RequireTransportSecurity() bool { return false }

// must returns the answer of a call that has to succeed.
func must[T any](t *testing.T, what string) func(T, error) T {
	t.Helper()
	return func(answer T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return answer
	}
}

// connect imports the description at url and makes a connection with a key.
// Connector and connection get the same id.
func (c clients) connect(t *testing.T, id, url, key string) {
	t.Helper()
	must[*registryv1.ImportConnectorResponse](t, "import")(c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
		Parent: environment, ConnectorId: id, Source: &registryv1.ImportConnectorRequest_Url{Url: url + "/swagger.json"},
	}))
	must[*vaultv1.Connection](t, "connect")(c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: id, Connection: &vaultv1.Connection{Connector: connectorName(id)},
		Secrets: map[string]string{"api_key": key},
	}))
}

// invoke calls an operation with the given input, as JSON.
func (c clients) invoke(t *testing.T, connection, operation, input string) (*runtimev1.InvokeResponse, error) {
	t.Helper()
	return c.runtime.Invoke(t.Context(), &runtimev1.InvokeRequest{
		Connection: connectionName(connection), OperationId: operation,
		Input: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(input)},
	})
}

// events returns all events of a subscription, page by page.
func (c clients) events(ctx context.Context, subscription string) ([]*triggerv1.Event, error) {
	var all []*triggerv1.Event
	for token := ""; ; {
		page, err := c.trigger.ListEvents(ctx, &triggerv1.ListEventsRequest{
			Parent: subscriptionName(subscription), PageSize: 100, PageToken: token,
		})
		if err != nil {
			return nil, err
		}
		all = append(all, page.GetEvents()...)
		if token = page.GetNextPageToken(); token == "" {
			return all, nil
		}
	}
}

// plain shows answers as they are: it follows no redirects and knows no proxies.
var plain = &http.Client{
	Transport:     &http.Transport{MaxIdleConnsPerHost: 16},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// answer is a plain HTTP answer.
type answer struct {
	status int
	header http.Header
	body   string
}

// request sends a plain HTTP request to the REST edge. An empty token sends
// none.
func (s *suite) request(t *testing.T, method, path, token, body string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.rest+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := plain.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	data, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res.StatusCode, res.Header, string(data)}
}

// reason returns the stable reason of an error, or "" if the answer is none of
// ours.
func (a answer) reason() string {
	var wire struct {
		Details []struct{ Reason, Domain string }
	}
	if json.Unmarshal([]byte(a.body), &wire) != nil {
		return ""
	}
	for _, d := range wire.Details {
		if d.Domain == "ferrule.dev" {
			return d.Reason
		}
	}
	return ""
}

// follow listens to a subscription over gRPC until the test ends.
func follow(t *testing.T, s *suite, subscription string) {
	t.Helper()
	stream, err := s.overGRPC(t, s.token).trigger.StreamEvents(t.Context(), &triggerv1.StreamEventsRequest{Parent: subscriptionName(subscription)})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for err := error(nil); err == nil; {
			_, err = stream.Recv()
		}
	}()
}
