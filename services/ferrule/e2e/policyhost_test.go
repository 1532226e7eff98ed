package e2e_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"google.golang.org/genproto/googleapis/api/httpbody"

	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/testkit"
)

// heard is an API that remembers what it was asked, and with which key.
type heard struct {
	*httptest.Server
	mu    sync.Mutex
	asked []string
}

func listen(t *testing.T) *heard {
	t.Helper()
	h := &heard{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asked = append(h.asked, r.Method+" "+r.URL.Path+" "+r.Header.Get("X-Key"))
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write([]byte(`{}`))
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *heard) take() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	asked := strings.Join(h.asked, ", ")
	h.asked = nil
	return asked
}

// TestAPackageIsCalledAtTheHostThatItsConnectionNames: one of six public packages has a
// host that the owners of connections fill in, by a policy.
func TestAPackageIsCalledAtTheHostThatItsConnectionNames(t *testing.T) {
	t.Parallel()
	s := up(t, suiteOptions{data: t.TempDir()})
	c := s.overREST()
	publish := func(template string) {
		t.Helper()
		properties, err := json.Marshal(map[string]any{"properties": map[string]any{
			"connectionParameters": map[string]any{"api_key": map[string]any{"type": "securestring"}, "siteUrl": map[string]any{"type": "string"}},
			"policyTemplateInstances": []any{map[string]any{
				"templateId": "dynamichosturl", "title": "Host", "parameters": map[string]any{"x-ms-apimTemplateParameter.urlTemplate": template},
			}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		must[*registryv1.ImportConnectorResponse](t, "import")(c.registry.ImportConnector(t.Context(), &registryv1.ImportConnectorRequest{
			Parent: environment, ConnectorId: "site", Publish: true, AllowBreaking: true,
			Source: &registryv1.ImportConnectorRequest_Files{Files: &registryv1.SourceFiles{Files: []*registryv1.SourceFile{
				{Path: "apiProperties.json", Content: properties},
				{Path: "apiDefinition.swagger.json", Content: []byte(`{"swagger": "2.0", "info": {"title": "Site", "version": "1"}, "host": "unused.example", "schemes": ["https"],
					"securityDefinitions": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}}, "security": [{"key": []}],
					"paths": {"/things": {"get": {"operationId": "List", "responses": {"200": {"description": "OK"}}}}}}`)},
			}}},
		}))
	}
	invoke := func() error {
		_, err := c.runtime.Invoke(t.Context(), &runtimev1.InvokeRequest{
			Connection: connectionName("mine"), OperationId: "List", Input: &httpbody.HttpBody{ContentType: "application/json", Data: []byte(`{}`)},
		})
		return err
	}
	api, other := listen(t), listen(t)

	publish("@connectionParameters('siteUrl')/v2")
	made := must[*vaultv1.Connection](t, "connect")(c.vault.CreateConnection(t.Context(), &vaultv1.CreateConnectionRequest{
		Parent: environment, ConnectionId: "mine", Secrets: map[string]string{"api_key": "k-1234"},
		Connection: &vaultv1.Connection{Connector: connectorName("site"), Parameters: map[string]string{"siteUrl": api.URL + "/app"}},
	}))
	if got, want := strings.Join(made.GetApiOrigins(), " "), api.URL+" https://unused.example"; got != want {
		t.Errorf("the connection says that it leads to %s, want %s", got, want)
	}
	if err := invoke(); err != nil || api.take() != "GET /app/v2/things k-1234" {
		t.Errorf("called: %v", err)
	}

	// What was entrusted for one host goes to no other that a later revision names.
	publish(other.URL)
	testkit.Await(t, "a call of the other revision", func() bool { return invoke() != nil })
	api.take()
	if err := invoke(); fault.ReasonOf(grpcx.FromStatus(err)) != fault.ReasonHostNotAllowed || api.take()+other.take() != "" {
		t.Errorf("after another publication: %v", err)
	}
	publish("@connectionParameters('siteUrl')/v3")
	testkit.Await(t, "a call that is allowed again", func() bool { return invoke() == nil })
	if asked := api.take(); asked != "GET /app/v3/things k-1234" {
		t.Errorf("called again: %s", asked)
	}
}
