package api

import (
	"context"
	"crypto/sha256"
	"fmt"

	connectorv1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/connector/v1"
	runtimev1 "github.com/ferrule-dev/ferrule/gen/go/ferrule/runtime/v1"
	"github.com/ferrule-dev/ferrule/pkg/authn"
	"github.com/ferrule-dev/ferrule/pkg/resource"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/dynamic"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/paging"
	"github.com/ferrule-dev/ferrule/services/runtime-proxy/internal/pipeline"
)

// Dynamic implements the methods ResolveDynamicValues and ResolveDynamicSchema.
type Dynamic struct {
	calls    Calls
	resolver *dynamic.Resolver
}

// NewDynamic returns the implementation.
func NewDynamic(calls Calls, resolver *dynamic.Resolver) *Dynamic {
	return &Dynamic{calls: calls, resolver: resolver}
}

// ResolveDynamicValues implements the method of that name.
func (d *Dynamic) ResolveDynamicValues(ctx context.Context, req *runtimev1.ResolveDynamicValuesRequest) (*runtimev1.ResolveDynamicValuesResponse, error) {
	ctx, cancel := limited(ctx, 0)
	defer cancel()
	q, err := d.question(ctx, req.GetConnection(), req.GetOperationId(), req.GetRevision())
	if err != nil {
		return nil, err
	}
	q.Side = connectorv1.DynamicSide_DYNAMIC_SIDE_INPUT
	q.Pointer, q.Input, q.Item, q.Fresh = req.GetPointer(), req.GetInput(), req.GetItem(), req.GetNoCache()
	found, err := d.resolver.Values(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &runtimev1.ResolveDynamicValuesResponse{Truncated: found.Truncated, Values: make([]*runtimev1.DynamicValue, 0, len(found.Values))}
	for i := range found.Values {
		v := &found.Values[i]
		out.Values = append(out.Values, &runtimev1.DynamicValue{
			Value: v.Value, Title: valid(v.Title), Description: valid(v.Description), FullTitle: valid(v.FullTitle),
			Parent: v.Parent, Selectable: new(v.Selectable), Item: v.Item,
		})
	}
	return out, nil
}

// ResolveDynamicSchema implements the method of that name.
func (d *Dynamic) ResolveDynamicSchema(ctx context.Context, req *runtimev1.ResolveDynamicSchemaRequest) (*runtimev1.ResolveDynamicSchemaResponse, error) {
	ctx, cancel := limited(ctx, 0)
	defer cancel()
	q, err := d.question(ctx, req.GetConnection(), req.GetOperationId(), req.GetRevision())
	if err != nil {
		return nil, err
	}
	q.Side = connectorv1.DynamicSide_DYNAMIC_SIDE_INPUT
	if req.GetSide() == runtimev1.DynamicSide_DYNAMIC_SIDE_OUTPUT {
		q.Side = connectorv1.DynamicSide_DYNAMIC_SIDE_OUTPUT
	}
	q.Pointer, q.Input, q.Fresh = req.GetPointer(), req.GetInput(), req.GetNoCache()
	schema, err := d.resolver.Schema(ctx, q)
	if err != nil {
		return nil, err
	}
	return &runtimev1.ResolveDynamicSchemaResponse{Schema: schema}, nil
}

// question prepares what both methods ask. Whoever asks has to be allowed to use
// the connection now, also for what is remembered.
func (d *Dynamic) question(ctx context.Context, name, operation, revision string) (*dynamic.Question, error) {
	connection, err := resource.ParseConnection(name)
	if err != nil {
		return nil, err
	}
	subject, err := subjectOf(ctx)
	if err != nil {
		return nil, err
	}
	template := pipeline.Call{Connection: connection, OperationID: operation, Revision: revision, Subject: subject}
	bound, err := d.calls.Bound(ctx, &template)
	if err != nil {
		return nil, err
	}
	principal, _ := authn.FromContext(ctx) // Bound refuses those who are nobody
	return &dynamic.Question{
		Connection: connection,
		Revision:   bound.RevisionID,
		Caller:     fmt.Sprintf("%v %q %q %x", principal.Kind, principal.Name, principal.Roles, sha256.Sum256([]byte(subject.Token()))),
		Definition: bound.Revision.Definition(),
		Operation:  operation,
		Call: func(ctx context.Context, id string, constants []byte, ask paging.Ask) (*paging.Answer, error) {
			one := template
			one.OperationID, one.Constants = id, constants
			return call(ctx, d.calls, &one, ask)
		},
	}, nil
}
