// Package remote is the trigger service's view of the other services: the
// runtime that calls APIs, the vault that knows connections, the registry that
// knows definitions. It implements the ports of package core with their gRPC
// clients.
//
// Whether a call is made for the present caller or for the service itself is the
// core's decision, see core.Behalf.
package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/types/known/durationpb"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	registryv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/registry/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	vaultv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/vault/v1"
	"github.com/ferrule-dev/ferrule/pkg/grpcx"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/trigger/internal/core"
)

const (
	// callTime is what an API gets for one call.
	callTime = 60 * time.Second
	// askTime bounds one question to another service of the suite.
	askTime = 10 * time.Second
	// maxListItems is the most that the runtime follows a list for; what is read of it
	// is bounded by whoever takes the pages.
	maxListItems = 1_000_000
)

var (
	_ core.Runtime     = (*Runtime)(nil)
	_ core.Lists       = (*Runtime)(nil)
	_ core.Inputs      = (*Runtime)(nil)
	_ core.Connections = (*Connections)(nil)
	_ core.Definitions = (*Definitions)(nil)
)

// on returns the context for a call on somebody's behalf.
func on(ctx context.Context, behalf core.Behalf) context.Context {
	if behalf == core.BehalfOfCaller {
		return ctx
	}
	return grpcx.AsService(ctx)
}

// Runtime calls APIs. It implements core.Runtime.
type Runtime struct {
	client runtimev1.RuntimeServiceClient
}

// NewRuntime returns a runtime behind a client.
func NewRuntime(client runtimev1.RuntimeServiceClient) *Runtime { return &Runtime{client: client} }

// Invoke implements core.Runtime.
func (r *Runtime) Invoke(ctx context.Context, c core.Call) (core.Answer, error) {
	req := &runtimev1.InvokeRequest{
		Connection: c.Connection.String(), OperationId: c.Operation, Revision: c.Revision, Timeout: durationpb.New(callTime),
		IdempotencyKey: c.IdempotencyKey, Link: c.Link, NoCache: c.Fresh,
	}
	if c.Behalf == core.BehalfOfService {
		req.OnBehalfOf = c.Owner
	}
	if c.Input != "" {
		req.Input = &httpbody.HttpBody{ContentType: "application/json", Data: []byte(c.Input)}
	}
	res, err := r.client.Invoke(on(ctx, c.Behalf), req)
	if err != nil {
		return core.Answer{}, fmt.Errorf("invoke %s of %s: %w", c.Operation, c.Connection, err)
	}
	answer := core.Answer{
		Status: int(res.GetStatusCode()), Header: http.Header{}, Body: bodyOf(res.GetBody()), Revision: res.GetRevision(),
		NextLink: res.GetNextLink(), Replayed: res.GetReplayed(), LocationFault: res.GetLocationFault(),
	}
	for _, h := range res.GetHeaders() {
		answer.Header.Add(h.GetName(), h.GetValue())
	}
	answer.Refusal = refusalOf(answer.Status, res.GetError())
	return answer, nil
}

// bodyOf returns the body of an answer: JSON without a byte order mark, which is no part
// of it (RFC 8259, section 8.1), and everything else as it is.
func bodyOf(body *httpbody.HttpBody) []byte {
	media, _, err := mime.ParseMediaType(body.GetContentType())
	if body.GetContentType() == "" || err == nil && (media == "application/json" || strings.HasSuffix(media, "+json")) {
		return bytes.TrimPrefix(body.GetData(), []byte("\ufeff"))
	}
	return body.GetData()
}

// refusalOf returns what a status of 400 or more means; nil for others.
func refusalOf(status int, refusal *runtimev1.UpstreamError) *core.Refusal {
	switch {
	case refusal != nil:
		return &core.Refusal{
			Reason: refusal.GetReason(), Message: refusal.GetMessage(), Retryable: refusal.GetRetryable(),
			RetryAfter: refusal.GetRetryAfter().AsDuration(),
		}
	case status >= http.StatusBadRequest:
		return &core.Refusal{Message: http.StatusText(status), Retryable: status >= http.StatusInternalServerError}
	}
	return nil
}

// Pages implements core.Lists.
func (r *Runtime) Pages(ctx context.Context, c core.Call, limit int, take func(core.ListPage) bool) error {
	ctx, cancel := context.WithCancel(on(ctx, c.Behalf)) // so that the stream ends when nobody takes any more
	defer cancel()
	req := &runtimev1.InvokePagesRequest{
		Connection: c.Connection.String(), OperationId: c.Operation, Input: []byte(c.Input), Timeout: durationpb.New(callTime),
		Revision: c.Revision, Link: c.Link, Limits: &runtimev1.PageLimits{MaxPages: int32(limit), MaxItems: maxListItems},
	}
	if c.Behalf == core.BehalfOfService {
		req.OnBehalfOf = c.Owner
	}
	stream, err := r.client.InvokePages(ctx, req)
	for err == nil {
		var res *runtimev1.InvokePagesResponse
		if res, err = stream.Recv(); err != nil {
			break
		}
		page := core.ListPage{Status: int(res.GetStatusCode()), Items: make([]json.RawMessage, 0, len(res.GetItems()))}
		for _, item := range res.GetItems() {
			page.Items = append(page.Items, item)
		}
		page.Refusal = refusalOf(page.Status, res.GetError())
		if !take(page) {
			return nil
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return fmt.Errorf("follow the list %s of %s: %w", c.Operation, c.Connection, err)
}

// Connections asks the vault. It implements core.Connections.
type Connections struct{ client vaultv1.VaultServiceClient }

// NewConnections returns the vault behind a client.
func NewConnections(client vaultv1.VaultServiceClient) *Connections {
	return &Connections{client: client}
}

// Connection implements core.Connections.
func (c *Connections) Connection(ctx context.Context, name resource.Connection, behalf core.Behalf) (core.Connection, error) {
	ctx, cancel := context.WithTimeout(on(ctx, behalf), askTime)
	defer cancel()
	res, err := c.client.GetConnection(ctx, &vaultv1.GetConnectionRequest{Name: name.String()})
	if err != nil {
		return core.Connection{}, err
	}
	connector, err := resource.ParseConnector(res.GetConnector())
	if err != nil {
		return core.Connection{}, fmt.Errorf("read the connector of %s: %w", name, err)
	}
	return core.Connection{
		Owner: res.GetOwner(), Connector: connector, PinnedRevision: res.GetPinnedRevision(), ServerURL: res.GetServerUrl(), Parameters: res.GetParameters(),
	}, nil
}

// Definitions asks the registry. It implements core.Definitions.
type Definitions struct {
	client registryv1.RegistryServiceClient
}

// NewDefinitions returns the registry behind a client.
func NewDefinitions(client registryv1.RegistryServiceClient) *Definitions {
	return &Definitions{client: client}
}

// Definition implements core.Definitions.
func (d *Definitions) Definition(ctx context.Context, connector resource.Connector, revision string, behalf core.Behalf) (*connectorv1.Definition, string, error) {
	ctx, cancel := context.WithTimeout(on(ctx, behalf), askTime)
	defer cancel()
	name := resource.Revision{Environment: connector.Environment, Connector: connector.ID, ID: revision}
	res, err := d.client.GetRevision(ctx, &registryv1.GetRevisionRequest{
		Name: name.String(), View: registryv1.RevisionView_REVISION_VIEW_FULL,
	})
	if err != nil {
		return nil, "", err
	}
	found, err := resource.ParseRevision(res.GetName())
	if err != nil {
		return nil, "", fmt.Errorf("read the revision of %s: %w", connector, err)
	}
	if res.GetDefinition() == nil {
		return nil, "", fmt.Errorf("read %s: %w", found, errNoDefinition)
	}
	return res.GetDefinition(), found.ID, nil
}

var errNoDefinition = errors.New("the registry's answer has no definition")
