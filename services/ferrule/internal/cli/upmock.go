package cli

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/fault"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/rest"
	"github.com/ferrule-dev/ferrule/services/ferrule/internal/suite"
)

// maxID is the longest id of a resource.
const maxID = 63

var connectorID = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// checkMocks finds out before anything is started whether there is what is to be
// imported.
func checkMocks(mocks []string) error {
	for _, arg := range mocks {
		if !connectorID.MatchString(arg) && !isURL(arg) && !exists(arg) {
			return usage("--mock %s is neither the id of a connector nor a file or directory that exists", arg)
		}
	}
	return nil
}

// makeMocks makes the mocks that are not there yet, as the first administrator.
func (a *app) makeMocks(ctx context.Context, at suite.Endpoints, mocks []string) error {
	if len(mocks) == 0 {
		return nil
	}
	token, err := os.ReadFile(at.TokenFile)
	if err != nil {
		return fmt.Errorf("read token: %w", err)
	}
	client, err := rest.New(at.HTTP, strings.TrimSpace(string(token)))
	if err != nil {
		return err
	}
	for _, arg := range mocks {
		if err := a.makeMock(ctx, client, arg); err != nil {
			if ctx.Err() == nil {
				a.progress("no mock of %s can be made, so the server stops", arg)
			}
			return err
		}
	}
	return nil
}

func (a *app) makeMock(ctx context.Context, client *rest.Client, arg string) error {
	connector := a.resource("connectors", arg)
	if !connectorID.MatchString(arg) {
		imported, err := a.importForMock(ctx, client, arg)
		if err != nil {
			return err
		}
		connector = imported
	}
	connection, err := a.mockOf(ctx, client, connector)
	if err != nil {
		return err
	}
	operation := "OPERATION"
	revision, err := a.currentRevision(ctx, client, connector)
	if err != nil {
		return err
	}
	ops, err := a.listOperations(ctx, client, revision)
	if err != nil {
		return err
	}
	if example := easiest(ops); example != "" {
		operation = example
	}
	a.printf("  mock   %s: ferrule invoke %s %s%s\n", id(connector), id(connection), operation, a.reaching(client.Server()))
	return nil
}

// reaching is the flags by which commands find a server that this process runs, and its
// token; none if they find both by themselves.
func (a *app) reaching(server string) string {
	flags := ""
	if server != DefaultServer {
		flags += " --server " + server
	}
	if a.data != defaultData() {
		flags += " --data " + a.data
	}
	return flags
}

// importForMock imports a description and returns the name of its connector.
func (a *app) importForMock(ctx context.Context, client *rest.Client, arg string) (string, error) {
	req := &registryv1.ImportConnectorRequest{Parent: a.parent(), ConnectorId: idsOf([]string{arg})[0]}
	if isURL(arg) {
		req.Source = &registryv1.ImportConnectorRequest_Url{Url: arg}
	} else {
		files, err := a.read(arg)
		if err != nil {
			return "", err
		}
		req.Source = &registryv1.ImportConnectorRequest_Files{Files: files}
	}
	var res registryv1.ImportConnectorResponse
	if err := client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connectors")+":import", nil, req, &res); err != nil {
		return "", err
	}
	a.printImport(&res, false)
	return res.GetConnector().GetName(), nil
}

// mockOf returns the name of a connector's mock, which it makes if it is not
// there. A connection that is none keeps its name.
func (a *app) mockOf(ctx context.Context, client *rest.Client, connector string) (string, error) {
	for _, wanted := range []string{id(connector), strings.TrimRight(id(connector)[:min(len(id(connector)), maxID-len("-mock"))], "-") + "-mock"} {
		var c vaultv1.Connection
		name := a.resource("connections", wanted)
		err := client.Call(ctx, http.MethodGet, rest.Path(name), nil, nil, &c)
		switch {
		case err == nil && c.GetMock() && c.GetConnector() == connector:
			return name, nil
		case err == nil:
			continue
		case fault.CodeOf(err) != fault.CodeNotFound:
			return "", err
		}
		err = client.Call(ctx, http.MethodPost, rest.Path(a.parent(), "connections"), nil, &vaultv1.CreateConnectionRequest{
			Parent: a.parent(), ConnectionId: wanted, Connection: &vaultv1.Connection{Connector: connector, Mock: true},
		}, &c)
		return name, err
	}
	return "", fault.Exists(fault.ReasonConnectionExists, "the connections %[1]s and %[1]s-mock exist and are no mocks of it; delete one", id(connector))
}

// easiest is the operation that can be called with the least input: an action for
// people without required parameters, or else the first one; "" if there is none.
func easiest(ops []*connectorv1.Operation) string {
	first := ""
	for _, op := range ops {
		if op.GetKind() != connectorv1.OperationKind_OPERATION_KIND_ACTION || op.GetVisibility() == connectorv1.Visibility_VISIBILITY_INTERNAL {
			continue
		}
		if first == "" {
			first = op.GetOperationId()
		}
		if !needsInput(op) {
			return op.GetOperationId()
		}
	}
	return first
}

func needsInput(op *connectorv1.Operation) bool {
	for _, p := range op.GetParameters() {
		if p.GetRequired() {
			return true
		}
	}
	return op.GetRequestBody().GetRequired()
}
